"""What every reader of annotations needs: the text, numbers with their place, and spans gathered by video."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from workbench.core.problem import InputError
from workbench.core.spans import AnnotatedVideo, LabelFile, LabelledSpan, counted
from workbench.core.words import spaced

MOST_BYTES = 512 << 20
LONGEST_S = 1e7
_CLOCK = re.compile(r"^(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)$")
_SPLIT_OFF = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, or UTF-16 with its mark; raises InputError where it is none."""
    if not path.is_file():
        raise InputError(
            "There are no annotations at this path.", expected="a file", received=str(path),
            fix="Check the path; choose such a file.", field="path", place=path.name,
        )  # fmt: skip
    size = path.stat().st_size
    if not 0 < size <= MOST_BYTES:
        raise InputError(
            "This file cannot hold annotations." if size else "The file is empty.",
            expected=f"a text of 1 byte to {MOST_BYTES >> 20} MiB", received=f"{spaced(size)} bytes",
            fix="Choose the file of annotations; export it again.", field="path", place=path.name,
        )  # fmt: skip
    raw = path.read_bytes()
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            "This is not a text in UTF-8.", expected="a text in UTF-8, or in UTF-16 with a mark at its beginning",
            received=f"byte 0x{raw[error.start]:02x} at {spaced(error.start)}", fix="Save it as UTF-8.", field="path",
            place=f"{path.name}, line {line}",
        ) from None  # fmt: skip
    odd = _SPLIT_OFF.search(text)
    if odd is not None:
        raise InputError(
            "There are control characters in this text.", expected="a text without control characters",
            received=f"U+{ord(odd[0]):04X}", fix="It may be damaged, or no text: export it again.", field="path",
            place=f"{path.name}, line {text.count(chr(10), 0, odd.start()) + 1}",
        )  # fmt: skip
    return text


def table_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, with the line they end on; raises InputError where a quotation never ends."""
    # Quotation marks are letters to those who write tabs.
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" and '"' not in text else csv.QUOTE_MINIMAL
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, quoting=quoting)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise InputError(
                "This table is damaged.", expected="rows of fields, quoted where they hold the separator",
                received=str(error), fix="Export it again.", field="path", place=f"{path.name}, line {rows.line_num}",
            ) from None  # fmt: skip
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield rows.line_num, row


def seconds(word: str, place: str) -> float:
    """A time as seconds: '12.5', '0:12.5', '00:00:12,500'; raises InputError where it is none."""
    word = word.strip()
    clock = _CLOCK.match(word)
    if clock is not None:
        found = int(clock[1] or 0) * 3600.0 + int(clock[2]) * 60 + float(clock[3].replace(",", "."))
    else:
        found = number(word, place)
    if not abs(found) <= LONGEST_S:
        raise InputError(
            "A time is out of all bounds.", expected=f"seconds up to {spaced(LONGEST_S)}", received=word[:80],
            fix="Check the unit: seconds are meant.", field="path", place=place,
        )  # fmt: skip
    return found


def number(word: str, place: str, what: str = "a time in seconds") -> float:
    """A finite number; raises InputError where it is none."""
    try:
        found = float(word) if "_" not in word else math.nan
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise InputError(
            f"There should be {what}.", expected="a number", received=word[:80] or "nothing",
            fix="Check this place of the file.", field="path", place=place,
        )  # fmt: skip
    return found


class Gathering:
    """Spans as they are read, by video, and what could not be kept."""

    def __init__(self, path: Path, form: str) -> None:
        self.path, self.form = path, form
        self.videos: dict[tuple[str, str], AnnotatedVideo] = {}
        self.labels: list[str] = []
        self.notes: list[str] = []
        self._left: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def place(self, line: int) -> str:
        """Where a line is, in words."""
        return f"{self.path.name}, line {line}"

    def video(self, name: str, split: str = "") -> AnnotatedVideo:
        """The video of a name, in a split."""
        key = (name, split)
        if key not in self.videos:
            self.videos[key] = AnnotatedVideo(name, [], split=split)
        return self.videos[key]

    def add(
        self, video: AnnotatedVideo, label: str, start_s: float, end_s: float | None, place: str, *, score: float = 1.0,
        note: str = "",
    ) -> None:  # fmt: skip
        """Keep a span; raises InputError where it has no label, or a score that is none."""
        label = label.strip()
        if not label:
            raise InputError(
                "There is no label.", expected="what is seen in the stretch, in a word or more", received="nothing",
                fix="Fill it in, or take the row away.", field="path", place=place,
            )  # fmt: skip
        if not 0 <= score <= 1:
            raise InputError(
                "A score is out of its bounds.", expected="a number from 0 to 1", received=f"{score:g}",
                fix="Write probabilities, not logits or percentages.", field="path", place=place,
            )  # fmt: skip
        if end_s is not None and end_s < start_s:
            self.leave("annotation", "ending before beginning", f"{start_s:g} to {end_s:g} s, {place}")
            return
        video.spans.append(LabelledSpan(label, start_s, end_s, score, note.strip()))

    def leave(self, noun: str, why: str, first: str) -> None:
        """Count something that is not kept."""
        key = f"{noun}|{why}"
        self._left[key] += 1
        self._first.setdefault(key, first)

    def found(self, **more: object) -> LabelFile:
        """All of it; raises InputError where there is no span and no label."""
        for key, count in self._left.items():
            noun, why = key.split("|")
            self.notes.append(f"{counted(count, noun)} {why} left out; the first: {self._first[key]}")
        videos = list(self.videos.values())
        if not any(one.spans for one in videos) and not self.labels:
            raise InputError(
                "There are no annotations in this file.", expected="at least one labelled stretch or video",
                received="; ".join(self.notes) or "none", fix="Check that it is the file that was meant.",
                field="path", place=self.path.name,
            )  # fmt: skip
        file = LabelFile(self.form, videos, tuple(dict.fromkeys(self.labels)), notes=tuple(self.notes))
        for name, value in more.items():
            setattr(file, name, value)
        return file
