"""One text with spans."""

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QFont, QImage, QPainter

from workbench.core.documents import Span, SpannedText
from workbench.gui.theme import DARK
from workbench.gui.views.spantext import LONGEST_TEXT, Block, chips, is_mistaken, shortened


def block(text, spans, *, gold=(), width=300, judged=False, mode="labels"):
    spanned = SpannedText(text, list(spans), list(gold))
    return Block(spanned, chips(spanned, mode=mode, judged=judged), width=width, font=QFont("Inter", 10))


def test_that_right_wrong_and_missed_spans_are_told_apart():
    text = SpannedText(
        "Ada in London at Intel",
        [Span(0, 3, "PER", 0.9), Span(7, 13, "ORG", 0.5), Span(4, 6, "LOC")],
        gold=[Span(0, 3, "PER"), Span(7, 13, "LOC"), Span(17, 22, "ORG")],
    )
    found = {(chip.start, chip.state): chip.tag for chip in chips(text, mode="labels", judged=True)}
    assert found == {
        (0, "right"): "PER 0.90",
        (4, "wrong"): "LOC · is none",
        (7, "wrong"): "ORG 0.50 · is LOC",
        (17, "missed"): "ORG missed",
    }
    assert is_mistaken(text)


def test_that_nothing_is_judged_where_the_truth_is_not_known():
    text = SpannedText("Ada", [Span(0, 3, "PER")])
    assert [chip.state for chip in chips(text, mode="labels", judged=False)] == [""]


def test_that_letters_beyond_the_basic_plane_do_not_shift_the_marks(qtbot):
    plain, rare = block("xx Ada", [Span(3, 6, "PER")]), block("😀 Ada", [Span(2, 5, "PER")])
    start, end = rare._places[0]
    shown = rare.layout.text().encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le")
    assert shown.startswith("Ada") and "PER" in shown
    assert len(list(plain.rectangles(0))) == len(list(rare.rectangles(0))) == 1


def test_that_markup_is_shown_and_not_obeyed(qtbot):
    made = block("<b>bold</b> & <script>", [])
    assert made.layout.text() == "<b>bold</b> & <script>"


def test_that_control_letters_are_made_visible(qtbot):
    assert block("a\x00b\nc", []).layout.text() == "a␀b\u2028c"


@pytest.mark.parametrize("width", [80, 200, 600])
def test_that_chips_stay_within_the_width_and_break_with_the_lines(qtbot, width):
    text = "The Royal Society of London for Improving Natural Knowledge met again."
    made = block(text, [Span(4, 59, "ORG", 0.7)], width=width)
    boxes = list(made.rectangles(0))
    assert all(box.right() <= width + 6 for box in boxes)
    assert (len(boxes) > 1) == (width < 600)
    hit = made.chip_at(boxes[0].center())
    assert hit is not None and hit.label == "ORG"
    assert made.chip_at(QPointF(-50, -50)) is None


def test_that_nested_spans_give_the_inner_one_under_the_pointer(qtbot):
    made = block("New York Times", [Span(0, 14, "ORG"), Span(0, 8, "LOC")])
    inner = next(at for at, chip in enumerate(made.chips) if chip.label == "LOC")
    assert made.chip_at(next(iter(made.rectangles(inner))).center()).label == "LOC"


def test_that_a_block_paints_words_and_chips(qtbot):
    made = block("Ada Lovelace", [Span(0, 3, "PER", 0.5)])
    image = QImage(320, 60, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    made.paint(painter, QPointF(4, 4), {}, DARK)
    painter.end()
    box = next(iter(made.rectangles(0)))
    inside = image.pixelColor(round(box.left() + 5), round(box.top() + 6))
    assert inside.alpha() > 0


def test_that_a_ten_thousand_word_document_is_shortened_and_says_so():
    long = SpannedText("word " * 10_000, [Span(0, 4, "A"), Span(40_000, 40_004, "B")])
    short = shortened(long)
    assert len(short.text) == LONGEST_TEXT + 2
    assert [one.label for one in short.spans] == ["A"]
    assert "44\u202f000 more" in short.note


@pytest.mark.parametrize("width", [120, 160, 240])
def test_that_no_word_is_broken_where_a_word_and_its_tag_are_wider_than_the_line(qtbot, width):
    text = "axes are reordered alphabetically."
    made = block(
        text, [Span(0, len(text), "sympy", 0.17)], gold=[Span(0, len(text), "numpy")], judged=True, width=width
    )
    shown = made.layout.text()
    for number in range(1, made.layout.lineCount()):
        assert shown[made.layout.lineAt(number).textStart() - 1] in " \u2009"


def test_that_a_tag_stays_beside_its_word_where_both_fit(qtbot):
    made = block("so they met Ada there", [Span(12, 15, "PER", 0.9)], width=120)
    assert "Ada\u202fPER\u00a00.90" in made.layout.text()
