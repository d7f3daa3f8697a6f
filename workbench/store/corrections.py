"""What people corrected in transcripts, as training data: a record that only grows, and sets made from it.

`<home>/corrections/speech/transcripts.tsv` holds a line per corrected segment: path, start_s, end_s, speaker, text,
separated by tabs. A later line on the same stretch of the same sound stands for the earlier ones, which stay.
Nothing here trains anything.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from workbench.core.audio import Segment
from workbench.core.problem import InputError, KnownTrouble
from workbench.store.home import Home

NAME = "transcripts.tsv"
SAME = 0.5
"""A stretch that shares at least so much of the shorter one's time is the same."""


class Row(NamedTuple):
    """A corrected segment of a sound."""

    path: str
    start_s: float
    end_s: float
    speaker: str
    text: str

    @property
    def line(self) -> str:
        """As it stands in the record."""
        return "\t".join((self.path, f"{self.start_s:.6f}", f"{self.end_s:.6f}", _flat(self.speaker), _flat(self.text)))


def _flat(text: str) -> str:
    return " ".join(text.split())


def record_of(home: Home) -> Path:
    """Where corrections of speech are kept."""
    return home.root / "corrections" / "speech" / NAME


def add(home: Home, sound: Path, segments: Iterable[Segment]) -> int:
    """Append corrected segments of a sound that the record does not hold as they are; returns how many those were.

    Raises InputError for a path that a line cannot hold, KnownTrouble when nothing can be written.
    """
    path = str(sound.absolute())
    if any(mark in path for mark in "\t\n\r"):
        raise InputError("The path of this sound cannot stand in a table.", expected="a path without tabs and breaks",
                         received=repr(path), fix="Rename the file or its folder.", field="path")  # fmt: skip
    record = record_of(home)
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(record.with_suffix(".lock")):
            known = {row.line for row in effective(read(record))}
            new = [row.line for one in segments if _flat(one.text)
                   and (row := Row(path, one.start_s, one.end_s, one.speaker, one.text)).line not in known]  # fmt: skip
            if new:
                with record.open("a", encoding="utf-8", newline="\n") as file:
                    file.write("".join(f"{line}\n" for line in new))
                    file.flush()
                    os.fsync(file.fileno())
    except OSError as error:
        raise KnownTrouble(
            "The corrections cannot be written.", expected=f"a writable file {record}", received=str(error),
            fix="Free some space, or mend the rights of that folder.",
        ) from None  # fmt: skip
    return len(new)


def read(record: Path) -> list[Row]:
    """Every line of a record, oldest first; none where there is no record. A torn last line is passed by."""
    try:
        lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        parts = line.split("\t")
        try:
            found.append(Row(parts[0], float(parts[1]), float(parts[2]), parts[3], parts[4]))
        except (IndexError, ValueError):
            continue
    return found


def effective(rows: Sequence[Row]) -> list[Row]:
    """The rows that stand: of those on the same stretch the last one; in the order of their sounds and times."""
    by_path: dict[str, list[Row]] = {}
    for row in rows:
        kept = by_path.setdefault(row.path, [])
        kept[:] = [one for one in kept if not _same(one, row)]
        kept.append(row)
    return [row for path in sorted(by_path) for row in sorted(by_path[path], key=lambda one: one.start_s)]


def _same(one: Row, other: Row) -> bool:
    shared = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    shorter = min(one.end_s - one.start_s, other.end_s - other.start_s)
    return shared > 0 and shared >= SAME * shorter


def training_set(home: Home) -> tuple[Path, int]:
    """A folder of its own with the rows that stand and whose sounds are still there, and how many those are.

    Raises InputError when there are none, naming the sounds that are gone.
    """
    rows = effective(read(record_of(home)))
    there = {path: Path(path).is_file() for path in {row.path for row in rows}}
    usable = [row for row in rows if there[row.path]]
    if not usable:
        gone = [path for path, found in there.items() if not found]
        raise InputError(
            "There are no corrections to train on.", expected="corrected segments of sounds that are still there",
            received=f"{len(gone)} sounds that are gone: {', '.join(gone[:5])}" if gone else "none",
            fix="Put the sounds back." if gone else "Correct or confirm segments, then 'Use as training data'.",
        )  # fmt: skip
    folder = record_of(home).parent / "training" / time.strftime("%Y-%m-%d-%H%M%S")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = folder / f"{NAME}.tmp"
        scratch.write_text("".join(f"{row.line}\n" for row in usable), encoding="utf-8", newline="\n")
        scratch.replace(folder / NAME)
    except OSError as error:
        raise KnownTrouble("The training set cannot be written.", expected=f"a writable folder {folder}",
                           received=str(error), fix="Free some space.") from None  # fmt: skip
    return folder, len(usable)
