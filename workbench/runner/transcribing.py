"""Transcribing from the client's side: one sound to its end, many files, and a folder that is watched.

Everything here is done in the client (a window's thread or a terminal); the worker answers one short question at a
time, so that whatever else is asked gets its turn between. A file is never left waiting without saying what for.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from workbench.core.audio import SOUND_SUFFIXES
from workbench.core.problem import InputError, KnownTrouble, Problem, ProblemRecord, did_you_mean, record_of
from workbench.core.transcripts import FORMATS, SUFFIX, Format, TranscribingWish, Transcript, joined
from workbench.core.words import count
from workbench.runner.answering import Stopped, one_answer, resolved
from workbench.runner.base import Runner

BUDGET_S = 2.0
"""How long the worker stays with a sound before others get their turn."""
SETTLED_S = 2.0
"""A file whose size and time stay so long is whole; whoever writes a recording adds to it more often."""
SCAN_S = 1.0
MOST_FILES = 20_000

State = Literal["waiting", "working", "done", "kept", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "kept", "failed", "cancelled")
Told: TypeAlias = Callable[[Transcript, float, str], object]
"""Hears what there is of a transcript, how far that is (0 to 1; negative: nobody knows), and in words."""


def transcript_of(
    runner: Runner, wish: TranscribingWish, stop: threading.Event, told: Told = lambda *_: None
) -> Transcript:
    """A sound to its end, in questions of `BUDGET_S`; `told` is called on this thread.

    A worker that is lost on the way is asked once more from where it stood. Raises Stopped when `stop` is set, else
    the worker's Problem.
    """
    parts: list[Transcript] = []
    lost_s = -1.0
    while not parts or not parts[-1].complete:
        at_s = parts[-1].reached_s if parts else wish.start_s
        asked = msgspec.structs.replace(wish, start_s=at_s, budget_s=BUDGET_S)
        try:
            parts.append(_answered(runner, asked, stop, parts, lambda so_far, fraction, words: told(
                so_far, _share(fraction, wish), words)))  # fmt: skip
        except KnownTrouble:
            if lost_s == at_s:
                raise
            lost_s = at_s
            continue
        whole = joined(parts)
        end_s = min(wish.end_s or whole.duration_s, whole.duration_s)
        fraction = min(whole.reached_s / max(end_s, 1e-6), 1.0)
        told(whole, _share(fraction, wish), f"{whole.reached_s:.0f} of {end_s:.0f} s")
    return joined(parts)


def _share(fraction: float, wish: TranscribingWish) -> float:
    """How far the wished stretch is, where `fraction` of all that lies before its end has been passed."""
    if fraction < 0 or wish.end_s <= wish.start_s:
        return fraction
    return max(0.0, (fraction * wish.end_s - wish.start_s) / (wish.end_s - wish.start_s))


def _answered(
    runner: Runner, wish: TranscribingWish, stop: threading.Event, before: Sequence[Transcript], told: Told
) -> Transcript:
    def heard(partial: Transcript | None, fraction: float, words: str) -> None:
        parts = [*before, *([partial] if partial is not None else [])]
        told(joined(parts) if parts else Transcript(), fraction, words)

    return one_answer(runner, "transcribe", wish, Transcript, stop, told=heard, reads="the sound")


# Many files


@dataclasses.dataclass
class Item:
    """A file of a batch, where it stands and why, and what was written."""

    path: Path
    root: Path
    """The folder that was named; outputs keep the places below it."""
    state: State = "waiting"
    words: str = ""
    fraction: float = -1.0
    files: tuple[str, ...] = ()
    heard: int = 0
    """Words so far."""
    problem: ProblemRecord | None = None

    @property
    def why(self) -> str:
        """What there is to say about it, in one line."""
        if self.problem is not None:
            received = self.problem.received.partition(" (")[0]
            return f"{self.problem.what.removesuffix('.')}: {received}" if received else self.problem.what
        return self.words


@dataclasses.dataclass(frozen=True)
class BatchWish:
    """How files are transcribed: model, formats, and a folder for what is written (None: beside each sound)."""

    model: str
    formats: tuple[Format, ...] = ("txt",)
    out: Path | None = None
    again: bool = False
    """Write anew what is there already; otherwise no file is ever written over."""
    beam: int = 1
    device: str = ""
    start_s: float = 0.0
    end_s: float = 0.0
    """The stretch of each file, its end for 0."""


def found_sounds(folder: Path) -> Iterator[Path]:
    """Sound files below a folder in the order of their names, hidden ones left out."""
    found = sorted(one for one in folder.rglob("*") if one.suffix.lower() in SOUND_SUFFIXES and one.is_file())
    for one in found[:MOST_FILES]:
        if not any(part.startswith(".") for part in one.relative_to(folder).parts):
            yield one


def items_of(paths: Iterable[Path]) -> list[Item]:
    """Items for files and for every sound below folders, each file once; what does not exist fails in its turn."""
    found: dict[Path, Item] = {}
    for path in (one.expanduser().absolute() for one in paths):
        for one in found_sounds(path) if path.is_dir() else (path,):
            found.setdefault(one, Item(one, path if path.is_dir() else path.parent))
    return list(found.values())


def base_of(item: Item, out: Path | None) -> str:
    """What the outputs of a file are called, without their ending; sounds of one name keep their endings apart."""
    place = item.path.parent if out is None else out / item.path.parent.relative_to(item.root)
    twins = [one for one in item.path.parent.glob(f"{_literal(item.path.stem)}.*")
             if one.suffix.lower() in SOUND_SUFFIXES and one.stem == item.path.stem and one != item.path]  # fmt: skip
    return str(place / (item.path.name if twins else item.path.stem))


def _literal(name: str) -> str:
    return "".join(f"[{one}]" if one in "[]*?" else one for one in name)


class Batch:
    """Transcribes items one after the other; `changed` is called, on the batch's thread, with each that changes."""

    def __init__(self, runner: Runner, wish: BatchWish, changed: Callable[[Item], object] = lambda _: None) -> None:
        self.runner, self.wish, self._changed = runner, wish, changed
        self.items: list[Item] = []
        self.stop = threading.Event()

    def reasons(self) -> list[str]:
        """For each item what there is to say of it; those that wait say what for."""
        found, before = [], 0
        for item in list(self.items):
            waits = item.state == "waiting" and not item.words
            found.append((f"behind {count(before, 'other')}" if before else "next") if waits else item.why)
            before += item.state in ("waiting", "working")
        return found

    def run(self, items: Iterable[Item]) -> list[Item]:
        """Each item to its end; a file that fails holds up no other. Ends early when `stop` is set."""
        mine = list(items)
        self._add(mine)
        for item in mine:
            if not self.stop.is_set():
                self._do(item)
        self._leave()
        return mine

    def watch(self, folder: Path, *, scan_s: float = SCAN_S, settled_s: float = SETTLED_S) -> None:
        """Everything below a folder, and whatever comes there, until `stop` is set.

        A file is taken once its size and time have stayed for `settled_s`; one that failed is tried again when
        it changes.
        """
        folder = folder.expanduser().absolute()
        known: dict[Path, Item] = {}
        marks: dict[Path, tuple[tuple[int, int], float]] = {}
        while not self.stop.is_set():
            for path in found_sounds(folder):
                self._look(path, folder, known, marks, settled_s)
            ready = next((item for item in self.items if item.state == "waiting" and item.path in known
                          and self._settled(item, marks, settled_s)), None)  # fmt: skip
            if ready is not None:
                self._do(ready)
            else:
                self.stop.wait(scan_s)
        self._leave()

    def _look(
        self, path: Path, folder: Path, known: dict[Path, Item], marks: dict[Path, tuple[tuple[int, int], float]],
        settled_s: float,
    ) -> None:  # fmt: skip
        try:
            facts = path.stat()
        except OSError:
            return  # gone again
        mark = (facts.st_size, facts.st_mtime_ns)
        item = known.get(path)
        changed = path not in marks or marks[path][0] != mark
        if changed:
            # What has not been touched for a while when it is first seen needs no waiting.
            old = item is None and time.time() - facts.st_mtime > settled_s
            marks[path] = mark, time.monotonic() - (settled_s if old else 0.0)
        if item is None:
            item = known[path] = Item(path, folder)
            self._add([item])
        elif changed and item.state == "failed":
            item.state, item.problem = "waiting", None
        if item.state == "waiting":
            written = "the file is still empty" if not mark[0] else "the file is still being written"
            self._say(item, "" if self._settled(item, marks, settled_s) else written)

    def _settled(self, item: Item, marks: dict[Path, tuple[tuple[int, int], float]], settled_s: float) -> bool:
        mark, since = marks.get(item.path, ((0, 0), time.monotonic()))
        return mark[0] > 0 and time.monotonic() - since >= settled_s

    def _add(self, items: Sequence[Item]) -> None:
        self.items += items
        for item in items:
            self._changed(item)

    def _say(self, item: Item, words: str) -> None:
        if words != item.words:
            item.words = words
            self._changed(item)

    def _end(self, item: Item, state: State, words: str = "") -> None:
        item.state, item.words, item.fraction = state, words, -1.0
        self._changed(item)

    def _leave(self) -> None:
        for item in self.items:
            if item.state not in ENDED:
                self._end(item, "cancelled", "stopped before its turn")

    def _do(self, item: Item) -> None:
        base = base_of(item, self.wish.out)
        there = [form for form in self.wish.formats if Path(base + SUFFIX.get(form, f".{form}")).exists()]
        wanted = [form for form in self.wish.formats if self.wish.again or form not in there]
        if not wanted:
            item.files = tuple(base + SUFFIX.get(form, f".{form}") for form in there)
            self._end(item, "kept", "was transcribed before; nothing is written over")
            return
        item.state, item.words, item.heard = "working", "", 0
        self._changed(item)
        try:
            self._write(item, base, wanted)
        except Stopped:
            self._end(item, "cancelled", "stopped")
        except Exception as error:
            item.problem = record_of(error)
            self._end(item, "failed")
            if isinstance(error, Problem) and error.field == "model":
                self._give_up(item.problem)

    def _write(self, item: Item, base: str, formats: Sequence[Format]) -> None:
        def told(partial: Transcript, fraction: float, words: str) -> None:
            item.heard, item.fraction, item.words = len(partial.words), fraction, words
            self._changed(item)

        wish = TranscribingWish(
            str(item.path), self.wish.model, self.wish.start_s, self.wish.end_s, beam=self.wish.beam,
            device=self.wish.device,
        )  # fmt: skip
        found = transcript_of(self.runner, wish, self.stop, told)
        future = self.runner.inspect(
            "transcript-export", transcript=msgspec.to_builtins(found), out=base, formats=list(formats),
            title=item.path.stem,
        )  # fmt: skip
        while not resolved(future):
            if self.stop.is_set():
                raise Stopped
        item.files = tuple(msgspec.json.decode(future.result(), type=list[str]))
        item.heard = len(found.words)
        notes = "; ".join(found.notes)
        said = count(item.heard, "word") if found.words else "no speech was heard"
        self._end(item, "done", f"{said}  ·  {notes}" if notes else said)

    def _give_up(self, why: ProblemRecord) -> None:
        """A model that cannot be loaded fails every file alike."""
        for item in self.items:
            if item.state == "waiting":
                item.problem = why
                self._end(item, "failed")
        self.stop.set()


def checked_formats(names: str) -> tuple[Format, ...]:
    """'txt,srt' as formats; raises InputError naming what is unknown."""
    found: list[Format] = []
    for name in (one.strip().lower() for one in names.split(",") if one.strip()):
        form = next((one for one in FORMATS if one == name), None)
        if form is None:
            raise InputError(
                f"Transcripts cannot be written as {name!r}.", expected=", ".join(FORMATS), received=name,
                fix=did_you_mean(name, FORMATS), field="--format",
            )  # fmt: skip
        found.append(form)
    return tuple(dict.fromkeys(found))
