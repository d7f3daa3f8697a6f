"""Texts with spans, many of them."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from workbench.core.documents import Span, SpannedText
from workbench.gui.views.spans import SpansView

from . import artifacts


@pytest.fixture
def view(qtbot, tmp_path):
    shown = SpansView()
    qtbot.addWidget(shown)
    shown.resize(520, 300)
    shown.show()
    shown.show_artifact(tmp_path, artifacts.spans(tmp_path, 30))
    return shown


def test_that_a_clicked_text_is_picked_with_its_entities_in_words(qtbot, view):
    view.grab()
    with qtbot.waitSignal(view.picked) as caught:
        qtbot.mouseClick(view.page.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(60, 30))
    item = caught.args[0][0]
    assert item.text.startswith("Ada Lovelace")
    assert "ORG: London" in item.predicted and "LOC: London" in item.label
    assert view.picked_title == "row 12"


def test_that_arrows_and_enter_pick_too_and_scroll(qtbot, view):
    view.page.setFocus()
    for _ in range(20):
        qtbot.keyClick(view.page, Qt.Key.Key_Down)
    assert view.page.current == 19
    assert view.page.verticalScrollBar().value() > 0
    with qtbot.waitSignal(view.picked):
        qtbot.keyClick(view.page, Qt.Key.Key_Return)


def test_that_mistakes_can_be_seen_alone(view):
    assert view.caption == "30 texts · 20 with mistakes"
    view.mistakes.setChecked(True)
    assert len(view.page.texts) == 20


def test_that_a_label_can_be_seen_alone(view):
    view.legend.single_out(view.labels().index("PER"))
    assert len(view.page.texts) == 10


def test_that_chips_are_found_under_the_pointer(view):
    view.grab()
    box = next(iter(view.page.block(0).rectangles(0)))
    place = box.center() + QPointF(10, 7)
    assert view.page.chip_at(place).words == "PER 0.98"


def test_that_heat_has_no_legend_and_no_mistakes(view, tmp_path):
    view.show_artifact(tmp_path, artifacts.heat(tmp_path))
    assert view.strip.isHidden()
    assert view.caption == "2 texts"


def test_that_two_thousand_texts_are_laid_out_only_where_seen(view):
    text = SpannedText("Some words about Ada and others. " * 6, [Span(17, 20, "PER")])
    view.show_texts([text] * 2000)
    view.grab()
    assert len(view.page._blocks) < 40
    bar = view.page.verticalScrollBar()
    bar.setValue(bar.maximum())
    view.grab()
    assert view.page.text_at(QPointF(10, view.page.viewport().height() - 20)) == 1999
    assert len(view.page._blocks) < 80


def test_that_a_narrower_page_makes_texts_higher(qtbot, view):
    view.grab()
    before = view.page.block(0).height
    view.resize(260, 300)
    qtbot.waitUntil(lambda: view.page.block(0).height > before, timeout=2000)
