"""A run as one file: a zip of its folder that can be mailed and opened elsewhere, and its numbers as CSV."""

from __future__ import annotations

import contextlib
import csv
import re
import shutil
import stat
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from workbench.core import events as ev
from workbench.core.job import ENDED
from workbench.core.problem import InputError, KnownTrouble, ProblemRecord
from workbench.core.words import spaced
from workbench.store.notes import LOCK
from workbench.store.runfolder import RunFolder

MOST_BYTES = 64 << 30
MOST_FILES = 200_000
SPARE_BYTES = 256 << 20
"""Room that an import must leave on the disk."""
_NAME = re.compile(r"\w[\w.\- ]{0,180}")
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError,
)  # fmt: skip
"""What reading a damaged zip may raise."""
_STORED = {".npy", ".png", ".wav", ".mp4", ".safetensors"}


def export_run(folder: RunFolder, out: Path, *, checkpoint: bool = True) -> Path:
    """Write a run's folder into a zip at `out`, replacing it in one step; links are left out.

    Without `checkpoint` the run can be looked at elsewhere but not continued.
    """
    scratch = out.with_name(out.name + ".part")
    try:
        with zipfile.ZipFile(scratch, "w", strict_timestamps=False) as archive:
            for file in _files(folder, checkpoint=checkpoint):
                name = f"{folder.id}/{file.relative_to(folder.path).as_posix()}"
                packing = zipfile.ZIP_STORED if file.suffix in _STORED else zipfile.ZIP_DEFLATED
                archive.write(file, name, compress_type=packing)
        scratch.replace(out)
    except OSError as error:
        raise KnownTrouble(
            "The archive could not be written.", expected=f"a file at {out}", received=str(error),
            fix="Choose another place, or free some space.", place=str(out),
        ) from None  # fmt: skip
    finally:
        scratch.unlink(missing_ok=True)
    return out


def _files(folder: RunFolder, *, checkpoint: bool) -> Iterator[Path]:
    for file in sorted(folder.path.rglob("*")):
        inside = file.relative_to(folder.path).parts
        unwanted = inside[0] == "checkpoint" and (not checkpoint or inside[1:2] == ("unfinished",))
        unwanted |= inside == (LOCK,)
        if file.is_file() and not file.is_symlink() and not unwanted:
            yield file


def export_metrics(folder: RunFolder, out: Path) -> Path:
    """Write every metric of a run as CSV: seconds since its start, step, name, series, value."""
    began = 0.0
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["seconds", "step", "name", "series", "value"])
        for event in folder.events():
            if isinstance(event, ev.Started):
                began = began or event.t
            elif isinstance(event, ev.Metric):
                value = "" if event.value is None else repr(event.value)
                writer.writerow([f"{event.t - began:.3f}", event.step, event.name, event.series, value])
    return out


def import_run(archive: Path, runs: Path, *, most_bytes: int = MOST_BYTES) -> RunFolder:
    """Unpack an exported run below `runs`.

    Raises InputError for anything but an ordinary run: paths that lead outside, links, more
    files or bytes than allowed, damage, a run that is already here. Nothing is left behind then.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            name = _check(packed, archive, runs, most_bytes)
            with tempfile.TemporaryDirectory(dir=runs, prefix=".import-") as scratch:
                packed.extractall(scratch)
                folder = RunFolder(Path(scratch) / name)
                _settle(folder, archive)
                folder.path.replace(runs / name)
    except _DAMAGE as error:
        raise _refusal(archive, "cannot be read", "a zip made by 'runs export'", str(error)) from None
    return RunFolder(runs / name)


def _check(packed: zipfile.ZipFile, archive: Path, runs: Path, most_bytes: int) -> str:
    """The name of the one run inside, after looking at every entry before any is unpacked."""
    entries = packed.infolist()
    if len(entries) > MOST_FILES:
        raise _refusal(archive, "holds too many files", f"at most {MOST_FILES}", str(len(entries)))
    tops = set()
    for entry in entries:
        fault = _fault_of(entry)
        if fault:
            raise _refusal(archive, fault, "ordinary files below one folder", entry.filename[:200])
        tops.add(PurePosixPath(entry.filename).parts[0])
    if len(tops) != 1 or not _NAME.fullmatch(next(iter(tops))):
        raise _refusal(archive, "is not one run", "one folder with a run inside", f"{len(tops)} top folders")
    room = min(most_bytes, shutil.disk_usage(runs).free - SPARE_BYTES)
    total = sum(entry.file_size for entry in entries)
    if total > room:
        raise _refusal(
            archive, "unpacks to more than there is room for", f"at most {spaced(room)} bytes", f"{spaced(total)} bytes"
        )
    name = str(tops.pop())
    if (runs / name).exists():
        raise _refusal(archive, "is here already", "a run that is not in the history yet", name)
    return name


def _fault_of(entry: zipfile.ZipInfo) -> str:
    path, mode = PurePosixPath(entry.filename), entry.external_attr >> 16
    if path.is_absolute() or ".." in path.parts or not path.parts or re.search(r"[\\:\x00]", entry.orig_filename):
        return "has a path that leads outside"
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "holds a link or a device"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in an unusual way"
    return "is encrypted" if entry.flag_bits & 1 else ""


def _settle(folder: RunFolder, archive: Path) -> None:
    """Check what was unpacked, and end a run that was exported while it was going on."""
    try:
        folder.config()
    except InputError as problem:
        problem.place = str(archive)  # not the folder that is about to vanish
        raise
    for event in folder.events():
        files = [event.path, *event.parts.values()] if isinstance(event, ev.Artifact) else []
        if any(PurePosixPath(file).is_absolute() or re.search(r"(^|[/\\])\.\.([/\\]|$)|:", file) for file in files):
            raise _refusal(archive, "names a file outside of its run", "artifacts inside the run", str(files)[:200])
    state = folder.state()
    if state.phase not in ENDED:
        what = ProblemRecord("The run was exported before it had ended.", fix="Resume continues from its checkpoint.")
        folder.append(ev.Failed(t=time.time(), problem=what, resumable=state.checkpoint_step >= 0))
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder.checkpoint / "unfinished")


def _refusal(archive: Path, what: str, expected: str, received: str) -> InputError:
    return InputError(
        f"This archive {what}.", expected=expected, received=received,
        fix="Nothing was unpacked. Export the run again, or ask its sender to.", place=str(archive),
    )  # fmt: skip
