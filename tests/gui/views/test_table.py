"""Tables and the list of items."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QGuiApplication

from workbench.core import events as ev
from workbench.core.documents import Column, Item, ItemsDoc, TableDoc, write
from workbench.gui.theme import DARK, LIGHT
from workbench.gui.views.items import ItemsList
from workbench.gui.views.table import TableModel, TableView, shared, written

from . import artifacts


@pytest.fixture
def view(qtbot, tmp_path):
    shown = TableView()
    qtbot.addWidget(shown)
    shown.resize(400, 300)
    shown.show()
    shown.show_artifact(tmp_path, artifacts.table(tmp_path))
    return shown


def column(model, number):
    return [model.data(model.index(row, number)) for row in range(model.rowCount())]


def test_that_sorting_puts_missing_values_last_either_way(view):
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        view.model.sort(2, order)
        shown = column(view.model, 2)
        assert shown[-1] == "–"
        assert shown[:-1] == sorted(shown[:-1], reverse=order == Qt.SortOrder.DescendingOrder)


def test_that_numbers_sort_by_value_and_keep_their_digits():
    model = TableModel()
    model.show(TableDoc([Column("n", digits=1), Column("s", unit="%")], [[10.0, 1], [9.25, 2000], [100.0, 3]]))
    model.sort(0)
    assert column(model, 0) == ["9.2", "10.0", "100.0"]
    assert column(model, 1)[0] == "2\u202f000"
    assert model.headerData(1, Qt.Orientation.Horizontal) == "s (%)"


def test_that_numbers_stand_right_and_the_best_is_set_off(view):
    index = view.model.index(0, 1)
    assert view.model.data(index, Qt.ItemDataRole.TextAlignmentRole) & Qt.AlignmentFlag.AlignRight
    bold = [
        row
        for row in range(10)
        if (font := view.model.data(view.model.index(row, 1), Qt.ItemDataRole.FontRole)) and font.bold()
    ]
    values = [view.model.value(view.model.index(row, 1)) for row in range(10)]
    assert bold == [values.index(max(values))]


def test_that_the_order_stays_when_newer_numbers_arrive(view, tmp_path):
    view.table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    view.show_artifact(tmp_path, artifacts.table(tmp_path))
    shown = column(view.model, 3)
    assert shown == sorted(shown, reverse=True)


def test_that_enter_and_double_click_pick_the_rows_item(qtbot, view, tmp_path):
    rows = [["a text", "x", "y", 0.9], ["another", "y", "x", 0.8]]
    columns = [Column(name, kind="text") for name in ("text", "true", "predicted")] + [Column("score")]
    write(tmp_path / "worst.json", TableDoc(columns, rows))
    view.show_artifact(tmp_path, ev.Artifact(slot="worst", kind="table", path="worst.json"))
    view.table.selectRow(1)
    with qtbot.waitSignal(view.picked) as caught:
        qtbot.keyClick(view.table, Qt.Key.Key_Return)
    assert caught.args[0] == [Item("another", "y", "x", 0.8)]
    place = view.table.visualRect(view.model.index(0, 0)).center()
    qtbot.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    with qtbot.waitSignal(view.picked) as caught:
        qtbot.mouseDClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert caught.args[0][0].text == "a text"


def test_that_the_items_part_says_what_a_row_is(qtbot, view, tmp_path):
    artifact = artifacts.table(tmp_path)
    write(tmp_path / "rows.json", ItemsDoc([Item(f"text {number}", source=number) for number in range(10)]))
    view.show_artifact(tmp_path, ev.Artifact(slot="t", kind="table", path=artifact.path, parts={"items": "rows.json"}))
    view.model.sort(0, Qt.SortOrder.DescendingOrder)
    with qtbot.waitSignal(view.picked) as caught:
        view._choose([view.model.index(0, 0)])
    assert caught.args[0][0].source == 9


def test_that_a_row_of_another_width_is_said(view, tmp_path):
    write(tmp_path / "bad.json", TableDoc([Column("a")], [[1], [1, 2]]))
    view.show_artifact(tmp_path, ev.Artifact(slot="t", kind="table", path="bad.json"))
    assert "row 1" in view.problem.received


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (np.nan, "–"), (True, "yes"), (1234, "1\u202f234"), (0.5, "0.500"), ("a\nb", "a b")],
)
def test_that_values_are_written_as_people_read_them(value, expected):
    assert written(value, Column("c")) == expected


@pytest.fixture
def listed(qtbot):
    shown = ItemsList()
    qtbot.addWidget(shown)
    shown.resize(600, 320)
    shown.show()
    shown.show_items(artifacts.items(200))
    return shown


def test_that_the_list_filters_by_all_words(qtbot, listed):
    with qtbot.waitSignal(listed.captioned) as caught:
        listed.search.setText("numpy decomposition")
    assert caught.args[0].endswith("of 200 examples")
    assert 0 < len(listed.model.shown) < 200
    for row in range(len(listed.model.shown)):
        item = listed.model.item(row)
        assert "decomposition" in item.text and "numpy" in (item.label, item.predicted)


def test_that_the_chosen_text_can_be_read_whole(listed):
    listed.table.selectRow(4)
    assert listed.reader.text() == listed.model.item(4).text


def test_that_several_chosen_rows_are_copied_and_otherwise_all(listed):
    listed.search.setText("scipy")
    listed.table.clearSelection()
    listed.copy()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t") == ["text", "true", "predicted", "score"]
    assert len(lines) == 1 + len(listed.model.shown)


def test_that_relabel_hands_over_the_chosen_items(qtbot, listed):
    listed.search.setText("scipy")
    listed.table.selectAll()
    with qtbot.waitSignal(listed.relabel) as caught:
        qtbot.mouseClick(listed.relabel_button, Qt.MouseButton.LeftButton)
    assert len(caught.args[0]) == len(listed.model.shown)


def test_that_scores_sort_as_numbers(listed):
    listed.table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    scores = [listed.model.item(row).score for row in range(20)]
    assert scores == sorted(scores, reverse=True)


def test_that_texts_take_what_is_left_and_give_way_while_numbers_are_never_cut():
    assert shared([100, 50, 50], [96, 40, 40], [0], 300) == [200, 50, 50]
    assert shared([200, 50, 50], [96, 50, 50], [0], 220) == [120, 50, 50]
    assert shared([200, 50, 50], [96, 40, 40], [0], 100) == [96, 40, 40]
    assert shared([], [], [], 100) == []


def test_that_no_value_is_best_where_all_are_equal():
    model = TableModel()
    model.show(TableDoc([Column("F1", best="high")], [[0.0], [0.0]]))
    assert model.data(model.index(0, 0), Qt.ItemDataRole.FontRole) is None


def test_that_columns_fill_the_table_when_it_is_resized(qtbot, view):
    header = view.table.horizontalHeader()
    for width in (420, 700):
        view.resize(width, 300)
        qtbot.waitUntil(lambda: abs(header.length() - view.table.viewport().width()) <= 5, timeout=2000)


def test_that_headings_break_between_words_before_they_or_names_are_cut(qtbot, tmp_path):
    columns = [Column("features", "text"), *(Column(f"{one} accuracy share") for one in ("phones", "speaker", "word"))]
    write(tmp_path / "wide.json", TableDoc(columns, [["most frequent class", 0.1, 0.2, 0.3]]))
    shown = TableView()
    qtbot.addWidget(shown)
    shown.resize(900, 300)
    shown.show()
    shown.show_artifact(tmp_path, ev.Artifact(slot="wide", kind="table", path="wide.json"))
    QGuiApplication.processEvents()
    header, metrics = shown.table.horizontalHeader(), shown.table.horizontalHeader().fontMetrics()
    flat = header.height()
    assert header.sectionSize(1) >= metrics.horizontalAdvance("phones accuracy share")
    shown.resize(480, 300)
    QGuiApplication.processEvents()
    assert header.height() > flat
    assert metrics.horizontalAdvance("accuracy") < header.sectionSize(2) < metrics.horizontalAdvance(
        "speaker accuracy share")  # fmt: skip
    assert header.sectionSize(0) >= shown.table.sizeHintForColumn(0)
    assert shown.model.headerData(2, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole) == "speaker accuracy share"


def test_that_a_shaded_column_runs_from_its_lowest_to_its_highest_in_both_themes():
    model = TableModel()
    rows = [["a", 0.2, 3], ["b", 0.9, 1], ["c", None, 2], ["d", 0.55, 2]]
    model.show(TableDoc([Column("name", "text"), Column("score", best="high", shade=True), Column("n")], rows))
    for look in (DARK, LIGHT):
        model.tokens = look
        grounds = [model.data(model.index(row, 1), Qt.ItemDataRole.BackgroundRole) for row in range(4)]
        assert grounds[2] is None  # nothing is known there
        lightness = [grounds[at].lightnessF() - QColor(look.surface).lightnessF() for at in (0, 3, 1)]
        assert abs(lightness[0]) < abs(lightness[1]) < abs(lightness[2])
        assert model.data(model.index(1, 2), Qt.ItemDataRole.BackgroundRole) is None
        for row in (0, 1, 3):
            ink = model.data(model.index(row, 1), Qt.ItemDataRole.ForegroundRole)
            assert contrast(ink, grounds[row]) > 4.5


def contrast(one: QColor, other: QColor) -> float:
    """WCAG's contrast ratio of two colours."""

    def luminance(colour: QColor) -> float:
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.getRgbF()[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_that_shaded_cells_are_painted_with_the_style_sheet_on(qtbot, tmp_path):
    rows = [["a", 0.2], ["b", 0.9]]
    write(tmp_path / "t.json", TableDoc([Column("name", "text"), Column("score", shade=True)], rows))
    shown = TableView()
    qtbot.addWidget(shown)
    shown.setStyleSheet("QTableView::item { padding: 2px; border: none; }")
    shown.resize(400, 200)
    shown.show()
    shown.show_artifact(tmp_path, ev.Artifact(slot="t", kind="table", path="t.json"))
    picture = shown.table.viewport().grab().toImage()
    for row in (0, 1):
        index = shown.model.index(row, 1)
        corner = shown.table.visualRect(index).topLeft() + QPoint(3, 3)
        assert picture.pixelColor(corner) == shown.model.data(index, Qt.ItemDataRole.BackgroundRole)
