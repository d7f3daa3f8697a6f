"""Lines of words and tags: CoNLL-2003, IOB2, CoNLL-U, and one word and its mark a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from workbench.core.problem import InputError
from workbench.engine.text import encoding as enc
from workbench.engine.text.examples import SplitName, TaggedSentence
from workbench.engine.text.rowlog import RowLog, refuse_fault

LONGEST_SENTENCE = 5_000
STREAM_PIECE = 100
"""A file without sentence breaks is cut into pieces of so many words."""

LOOK_LINES = 400
_CONLLU = re.compile(r"^\d+([-.]\d+)?(\t[^\t]+){9}$")


def tagged_file(path: Path, log: RowLog, *, tags_column: str = "", split: SplitName = "") -> Iterator[TaggedSentence]:
    """Sentences of a file, the word in the first column and the tag in the last (or a chosen) one.

    CoNLL-U is told by its lines: FORM and UPOS, ranges and empty nodes left out. Raises InputError
    when the lines have no two columns, or when a sentence never ends.
    """
    field = log.field
    with enc.reading(path, field):
        encoding = enc.detect(path, field=field)
        with enc.open_text(path, encoding) as file:
            shape = _shape(list(islice(enc.lines(file, field=field, place=str(path)), LOOK_LINES)), path, log)
        with enc.open_text(path, encoding) as file:
            lines = enc.lines(file, field=field, place=str(path))
            rows = _fields(lines, shape, _position(tags_column, shape, path), log)
            yield from _sentences(rows, shape, log, split)


class Shape:
    """How a file's lines are laid out."""

    def __init__(self, *, separator: str | None, width: int, universal: bool, breaks: bool) -> None:
        self.separator, self.width, self.universal, self.breaks = separator, width, universal, breaks


def _shape(lines: list[str], path: Path, log: RowLog) -> Shape:
    filled = [line.rstrip("\r\n") for line in lines if line.strip() and not _aside(line)]
    universal = bool(filled) and sum(bool(_CONLLU.match(line)) for line in filled) > 0.8 * len(filled)
    tabs = sum("\t" in line for line in filled)
    separator = "\t" if filled and tabs > 0.8 * len(filled) else None
    widths = [len(line.split(separator)) for line in filled]
    commonest = max(set(widths), key=widths.count, default=0)
    if commonest < 2 or widths.count(commonest) < 0.5 * len(widths) or (separator is None and commonest > 10):
        raise InputError(
            "This is not a file of words and tags.",
            expected="a word and its tag on each line (a blank or tab between), a blank line between sentences",
            received=repr(filled[0][:80]) if filled else "no filled lines",
            fix="Choose a CoNLL-2003 or IOB2 file, or JSON lines with lists 'tokens' and 'tags'.",
            field=log.field,
            place=str(path),
        )
    return Shape(
        separator=separator, width=commonest, universal=universal, breaks=any(not line.strip() for line in lines)
    )


def _aside(line: str) -> bool:
    """Comments of CoNLL-U and document marks, which hold no words."""
    return line.startswith(("# ", "#\t", "-DOCSTART-")) or line.strip() == "#"


def _position(tags_column: str, shape: Shape, path: Path) -> int:
    if shape.universal and not tags_column:
        return 3
    if not tags_column:
        return -1
    number = tags_column.strip().lower().removeprefix("column").strip()
    if number.isdigit() and 2 <= int(number) <= shape.width:
        return int(number) - 1
    raise InputError(
        f"There is no column {tags_column!r}.",
        expected=f"a column from 2 to {shape.width}, counted from the left",
        received=repr(tags_column),
        fix="Leave it empty for the last column.",
        field="tags_column",
        place=str(path),
    )


Fields = tuple[int, str, str] | None


def _fields(lines: Iterable[str], shape: Shape, tag_at: int, log: RowLog) -> Iterator[Fields]:
    """(line, word, tag) of every filled line, None at every end of a sentence."""
    for number, ended in enumerate(lines):
        line = ended.rstrip("\r\n")
        if not line.strip() or line.startswith("-DOCSTART-"):
            yield None
        elif (shape.universal and re.match(r"#|\d+[-.]", line)) or (shape.breaks and line.startswith("# ")):
            continue
        elif fault := enc.fault(line):
            refuse_fault(log, number, fault)
        else:
            yield from _one_line(number, line, shape, tag_at, log)


def _one_line(number: int, line: str, shape: Shape, tag_at: int, log: RowLog) -> Iterator[Fields]:
    parts = [part.strip() for part in line.split(shape.separator)]
    if len(parts) < max(2, min(shape.width, tag_at + 1)) or not parts[1 if shape.universal else 0]:
        log.leave_out(number, f"has {len(parts)} columns instead of {shape.width}")
        return
    word, tag = parts[1 if shape.universal else 0], parts[tag_at]
    if tag:
        yield number, word, tag
    else:
        log.leave_out(number, "has no tag")


def _sentences(rows: Iterable[Fields], shape: Shape, log: RowLog, split: SplitName) -> Iterator[TaggedSentence]:
    words: list[str] = []
    tags: list[str] = []
    first = 0

    def done() -> TaggedSentence:
        sentence = TaggedSentence(tuple(words), tuple(tags), (), first, split)
        words.clear()
        tags.clear()
        return sentence

    for row in rows:
        if row is None:
            if words:
                yield done()
            continue
        number, word, tag = row
        first = first if words else number
        words.append(word)
        tags.append(tag)
        if not shape.breaks and len(words) >= STREAM_PIECE:
            yield done()
        elif len(words) > LONGEST_SENTENCE:
            fix = "Put a blank line between sentences."
            log.refuse(first, "begins a sentence that never ends", expected="sentences of up to 5,000 words", fix=fix)
            done()
    if words:
        yield done()
