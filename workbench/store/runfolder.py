"""A run is a folder: run.json (the frozen configuration), events.jsonl (the truth), files beside.

runs/20260131-142501-berturk-nlu-3f9a/
    run.json  events.jsonl  log.txt  artifacts/  checkpoint/  model/
"""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from workbench.core import events as ev
from workbench.core.job import JobState, advance
from workbench.core.problem import InputError

FORMAT = 1


class RunConfig(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked for: enough to do the run again on another machine."""

    recipe: str
    params: dict[str, Any]
    inputs: dict[str, str] = {}
    seed: int = 0
    device: str = "auto"
    settings: dict[str, str] = {}
    """Settings of the start that asked for it (--set), such as its precision; the others come from the file."""
    preset: str = ""
    title: str = ""
    tags: tuple[str, ...] = ()
    forked_from: str = ""
    claim: str = ""
    """Shared by the runs of one claim; `arm` names this run's part in it."""
    sweep: str = ""
    """Shared by the runs of one sweep; `arm` names the trial."""
    arm: str = ""
    recipe_version: int = 1
    digests: dict[str, str] = {}
    packages: dict[str, str] = {}
    created: float = 0.0
    format: int = FORMAT


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Paths and reading of one run."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    def config(self) -> RunConfig:
        """run.json; raises InputError when missing, damaged or from a newer program."""
        try:
            config = msgspec.json.decode((self.path / "run.json").read_bytes(), type=RunConfig)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                "This folder is not a readable run.",
                expected="a run.json written by the workbench",
                received=str(error),
                fix="Its events and files are untouched; delete the folder or restore run.json.",
                place=str(self.path),
            ) from None
        if config.format > FORMAT:
            raise InputError(
                "This run was written by a newer version of the workbench.",
                expected=f"format {FORMAT} or older",
                received=f"format {config.format}",
                fix="Update the workbench to open it.",
                place=str(self.path),
            )
        return config

    def events(self) -> Iterator[ev.AnyEvent]:
        """All events, oldest first; a torn or garbled line is passed over."""
        yield from EventTail(self.events_path).read()

    def state(self) -> JobState:
        """The state after all events."""
        state = JobState()
        for event in self.events():
            state = advance(state, event)
        return state

    def append(self, *events: ev.AnyEvent) -> None:
        """Add events from outside the run's own process; only while that process is not alive."""
        append_events(self.events_path, events)

    def write_config(self, config: RunConfig) -> None:
        """Replace run.json in one step."""
        scratch = self.path / "run.json.tmp"
        scratch.write_bytes(msgspec.json.format(msgspec.json.encode(config)))
        scratch.replace(self.path / "run.json")


def append_events(path: Path, events: Iterable[ev.AnyEvent]) -> None:
    """Add lines to an event file, first closing a line that a crash left torn.

    All or nothing: on OSError (a full disk) the file is as long as before, so a retry never
    writes an event twice.
    """
    lines = b"".join(ev.encode(event) + b"\n" for event in events)
    with path.open("ab+", buffering=0) as file:
        size = file.seek(0, 2)
        if size > 0:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                lines = b"\n" + lines
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            file.truncate(size)
            raise


class EventTail:
    """Reads an event file from where it stopped last time; the live view and the replay share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.damaged = 0
        """Lines that could not be read so far."""

    def read(self, limit_bytes: int = -1) -> list[ev.AnyEvent]:
        """Events written since the last call; an unfinished last line is left for the next one."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                block = file.read(limit_bytes)
                if 0 < limit_bytes == len(block) and b"\n" not in block:
                    block += file.readline()  # a line longer than the limit comes whole
        except FileNotFoundError:
            return []
        whole = block[: block.rfind(b"\n") + 1]
        self.offset += len(whole)
        try:
            events: list[ev.AnyEvent] = ev.decode_events(whole)
            return events
        except (msgspec.DecodeError, UnicodeDecodeError):
            # One line is torn or from a newer program: look at each alone.
            return [event for line in whole.splitlines() if (event := self._decode(line)) is not None]

    def _decode(self, line: bytes) -> ev.AnyEvent | None:
        if not line.strip():
            return None
        try:
            event: ev.AnyEvent = ev.decode_event(line)
            return event
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.damaged += 1
            return None


def away_mark(folder: RunFolder) -> Path:
    """A file that stands while another machine does the run: this one's worker leaves it alone."""
    return folder.path / "away"


def create_run(runs: Path, config: RunConfig) -> RunFolder:
    """Make the folder of a new run and write its frozen configuration."""
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    folder = RunFolder(runs / f"{stamp}-{config.recipe}-{secrets.token_hex(3)}")
    folder.artifacts.mkdir(parents=True)
    folder.write_config(msgspec.structs.replace(config, created=now))
    return folder


def find_run(runs: Path, name: str) -> RunFolder:
    """A run by id, unique part of its id, path, or 'last'."""
    if Path(name).is_dir() and (Path(name) / "run.json").exists():
        return RunFolder(Path(name).resolve())
    known = sorted(path for path in runs.iterdir() if (path / "run.json").exists())
    matches = _newest(known) if name == "last" else [path for path in known if name in path.name]
    if len(matches) == 1:
        return RunFolder(matches[0])
    raise InputError(
        f"No single run is meant by {name!r}.",
        expected="a run's id, a unique part of it, its folder, or 'last'",
        received=f"{len(matches)} matches" + (": " + ", ".join(p.name for p in matches[:5]) if matches else ""),
        fix="'workbench runs list' shows the ids.",
        field="run",
    )


def _newest(known: list[Path]) -> list[Path]:
    # Names tell seconds; within the last one the configuration tells more.
    same_second = [path for path in known if path.name[:15] == known[-1].name[:15]]
    return sorted(same_second, key=lambda path: RunFolder(path).config().created)[-1:]


def digest(path: Path, *, limit_bytes: int = 64 << 20) -> str:
    """SHA-256 of a file (its first 64 MiB and size), or of a folder's names and sizes."""
    sha = hashlib.sha256()
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                sha.update(f"{file.relative_to(path).as_posix()}:{file.stat().st_size}\n".encode())
    elif path.is_file():
        sha.update(str(path.stat().st_size).encode())
        with path.open("rb") as file_:
            sha.update(file_.read(limit_bytes))
    else:
        return ""
    return sha.hexdigest()
