"""One text with its spans, laid out by Qt's own text engine: words wrap, every script reads right."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPen,
    QTextCharFormat,
    QTextLayout,
    QTextLine,
    QTextOption,
)

from workbench.core.documents import Span, SpannedText
from workbench.core.words import spaced
from workbench.gui.theme import Tokens
from workbench.gui.views import palette
from workbench.gui.views.words import small

LINE_SPACING = 1.32
LONGEST_TEXT = 6_000
"""Characters; of a longer text the beginning is shown and the rest counted."""
_NARROW_NBSP, _THIN_SPACE = "\u202f", "\u2009"
_BREAKS = re.compile("[ \t\u2009\u2028]")
_CONTROL = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {
    10: 0x2028,
    0x2029: 0x2028,
    127: 0x2421,
}


@dataclasses.dataclass(frozen=True)
class Chip:
    """A stretch to be marked: characters of the text, what is said of it, how it is drawn."""

    start: int
    end: int
    label: str
    tag: str
    words: str
    state: str
    """'' plain, 'right', 'wrong' (predicted, not true), 'missed' (true, not predicted), 'heat'."""
    score: float = 1.0


def chips(text: SpannedText, *, mode: str, judged: bool) -> list[Chip]:
    """What to mark in a text: heat stretches, or predicted spans with the true ones they missed."""
    if mode == "scores":
        return [
            Chip(one.start, one.end, one.label, "", f"{one.score:+.2f}", "heat", max(-1.0, min(1.0, one.score)))
            for one in text.spans if one.end > one.start
        ]  # fmt: skip
    true = {(one.start, one.end): one.label for one in text.gold}
    found = [_predicted(one, true, judged) for one in text.spans if one.end > one.start]
    known = {(one.start, one.end) for one in text.spans}
    missed = [one for one in text.gold if (one.start, one.end) not in known and one.end > one.start]
    found += [
        Chip(one.start, one.end, one.label, f"{one.label} missed", f"{one.label} was not found", "missed")
        for one in missed
    ]
    return sorted(found, key=lambda chip: (chip.start, -chip.end))


def _predicted(one: Span, true: dict[tuple[int, int], str], judged: bool) -> Chip:
    score = f" {one.score:.2f}" if one.score != 1.0 else ""
    label = true.get((one.start, one.end))
    tag, words = f"{one.label}{score}".strip(), f"{one.label}{score}".strip()
    if not judged or label == one.label:
        return Chip(one.start, one.end, one.label, tag, words, "right" if judged else "")
    truth = f"is {label}" if label else "is none"
    return Chip(one.start, one.end, one.label, f"{tag} · {truth}", f"{words}, in truth {truth[3:]}", "wrong")


def is_mistaken(text: SpannedText) -> bool:
    """Whether the predicted spans differ from the true ones."""
    return {(s.start, s.end, s.label) for s in text.spans} != {(s.start, s.end, s.label) for s in text.gold}


class Block:
    """A text laid out for a width; knows its height and what lies under a point."""

    def __init__(self, text: SpannedText, marks: Sequence[Chip], *, width: float, font: QFont) -> None:
        self.text, self.chips, self.font, self.width = text, list(marks), font, width
        self._tag_font = small(font)
        self._tag_font.setWeight(QFont.Weight.DemiBold)
        shown, self._places, tags = _displayed(text.text, self.chips)
        for start, length in tags:
            shown = self._loosened(shown, start, length)
        self.layout = QTextLayout(shown, font)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.layout.setTextOption(option)
        self._tags = tags
        self._format(tags)
        self.head = QFontMetricsF(self._tag_font).height() + 4 if text.title or text.note else 0.0
        self.height = self._break() + self.head

    def _loosened(self, shown: str, start: int, length: int) -> str:
        """The text with a break allowed before a tag, or within it, where both do not fit on one line.

        A tag belongs beside its word; but what is too long for a line would be broken within a word.
        """
        units = shown.encode("utf-16-le", "surrogatepass")
        before, tag, after = (
            part.decode("utf-16-le", "surrogatepass")
            for part in (units[: 2 * start], units[2 * start : 2 * (start + length)], units[2 * (start + length) :])
        )
        word = _BREAKS.split(before)[-1] + _BREAKS.split(after, maxsplit=1)[0]
        width = QFontMetricsF(self._tag_font).horizontalAdvance(tag)
        if width + QFontMetricsF(self.font).horizontalAdvance(word) <= self.width:
            return shown
        whole = tag[1:] if width <= self.width else tag[1:].replace("\u00a0", " ")
        return f"{before}{_THIN_SPACE}{whole}{after}"

    def _format(self, tags: Sequence[tuple[int, int]]) -> None:
        ranges = []
        for start, length in tags:
            look = QTextCharFormat()
            look.setFont(self._tag_font)
            ranges.append(_range(start, length, look))
        self.layout.setFormats(ranges)

    def _break(self) -> float:
        y = 0.0
        self.layout.beginLayout()
        while (line := self.layout.createLine()).isValid():
            line.setLineWidth(self.width)
            line.setPosition(QPointF(0, y + line.height() * (LINE_SPACING - 1) / 2))
            y += line.height() * LINE_SPACING
        self.layout.endLayout()
        return y

    def rectangles(self, at: int) -> Iterator[QRectF]:
        """Where a chip lies, one rectangle on each of its lines, relative to the block."""
        start, end = self._places[at]
        for number in range(self.layout.lineCount()):
            line = self.layout.lineAt(number)
            first, last = max(start, line.textStart()), min(end, line.textStart() + line.textLength())
            if first < last:
                a, b = _x(line, first), _x(line, last)
                yield QRectF(min(a, b) - 2, line.y() + self.head - 1, abs(b - a) + 4, line.height() + 2)

    def chip_at(self, point: QPointF) -> Chip | None:
        """The innermost chip under a point of the block."""
        hits = [chip for at, chip in enumerate(self.chips) if any(box.contains(point) for box in self.rectangles(at))]
        return min(hits, key=lambda chip: chip.end - chip.start, default=None)

    def paint(self, painter: QPainter, origin: QPointF, colours: dict[str, QColor], now: Tokens) -> None:
        """Draw the block with its top left corner at a point."""
        painter.save()
        painter.translate(origin)
        self._paint_head(painter, now)
        for at, chip in enumerate(self.chips):
            colour = colours.get(chip.label, QColor(now.accent))
            for box in self.rectangles(at):
                _paint_chip(painter, box, chip, colour, now)
        painter.setPen(QColor(now.text))
        self.layout.draw(painter, QPointF(0, self.head), self._tinted(colours, now))
        painter.restore()

    def _tinted(self, colours: dict[str, QColor], now: Tokens) -> list[QTextLayout.FormatRange]:
        """The tags in their labels' colours; formats of their own, since changing the layout's undoes it."""
        tagged = [chip for chip in self.chips if chip.tag]
        ranges = []
        for (start, length), chip in zip(self._tags, tagged, strict=True):
            look = QTextCharFormat()
            look.setForeground(palette.ink(colours.get(chip.label, QColor(now.accent)), now))
            ranges.append(_range(start, length, look))
        return ranges

    def _paint_head(self, painter: QPainter, now: Tokens) -> None:
        if not self.head:
            return
        painter.setFont(small(self.font))
        painter.setPen(QColor(now.dim))
        box = QRectF(0, 0, self.width, self.head)
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, self.text.title)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, self.text.note)


def _paint_chip(painter: QPainter, box: QRectF, chip: Chip, colour: QColor, now: Tokens) -> None:
    if chip.state == "heat":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(heat_colour(chip.score, now))
        painter.drawRoundedRect(box, 3, 3)
        return
    fill, line = QColor(colour), QPen(Qt.PenStyle.NoPen)
    fill.setAlphaF(0.26 if now.dark else 0.22)
    if chip.state == "wrong":
        line = QPen(QColor(now.error), 1.4)
    elif chip.state == "missed":
        fill, line = QColor(Qt.GlobalColor.transparent), QPen(colour, 1.2, Qt.PenStyle.DashLine)
    painter.setPen(line)
    painter.setBrush(fill)
    painter.drawRoundedRect(box, 4, 4)


def heat_colour(score: float, now: Tokens) -> QColor:
    """Blue speaks for, vermilion against; strength is the score's size."""
    colour = QColor(now.accent if score >= 0 else palette.category(5, now))
    colour.setAlphaF(min(abs(score), 1.0) * 0.62)
    return colour


def _range(start: int, length: int, look: QTextCharFormat) -> QTextLayout.FormatRange:
    one = QTextLayout.FormatRange()
    one.start, one.length, one.format = start, length, look
    return one


def _x(line: QTextLine, at: int) -> float:
    found: Any = line.cursorToX(at)  # a pair: the place and the cursor's, whatever the stubs say
    return float(found[0] if isinstance(found, tuple) else found)


def _displayed(text: str, marks: Sequence[Chip]) -> tuple[str, list[tuple[int, int]], list[tuple[int, int]]]:
    """The text with tags put in, each chip's place and each tag's (start, length), in UTF-16 units.

    Qt counts in UTF-16, the documents in characters; a letter beyond the basic plane is one there
    and two here.
    """
    cuts = sorted({0, len(text)} | {chip.start for chip in marks} | {chip.end for chip in marks})
    pieces: list[str] = []
    length, starts, ends = 0, {}, {}
    tags: dict[int, tuple[int, int]] = {}
    order = sorted(range(len(marks)), key=lambda at: (marks[at].end, -marks[at].start))
    for cut, following in zip(cuts, [*cuts[1:], len(text)], strict=True):
        for at in (at for at in order if marks[at].end == cut):
            tag = _NARROW_NBSP + marks[at].tag.replace(" ", "\u00a0") if marks[at].tag else ""
            if tag:
                tags[at] = (length, _units(tag))
                pieces.append(tag)
                length += _units(tag)
            ends[at] = length
            if tag and not text[cut : cut + 1].isspace():
                pieces.append(_NARROW_NBSP)
                length += 1
        for at, mark in enumerate(marks):
            if mark.start == cut:
                starts[at] = length
        piece = text[cut:following].translate(_CONTROL)
        pieces.append(piece)
        length += _units(piece)
    places = [(starts[at], ends[at]) for at in range(len(marks))]
    return "".join(pieces), places, [tags[at] for at in range(len(marks)) if at in tags]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shortened(text: SpannedText) -> SpannedText:
    """A very long text's beginning, its spans cut to it, the rest counted in the note."""
    if len(text.text) <= LONGEST_TEXT:
        return text
    rest = f"{spaced(len(text.text) - LONGEST_TEXT)} more characters"
    return SpannedText(
        text.text[:LONGEST_TEXT] + " …",
        [one for one in text.spans if one.end <= LONGEST_TEXT],
        [one for one in text.gold if one.end <= LONGEST_TEXT],
        title=text.title,
        note=f"{text.note} · {rest}" if text.note else rest,
        source=text.source,
    )
