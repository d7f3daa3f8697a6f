"""Sheets: what stands in them fits beside each other."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from workbench.gui.sheet import Sheet

STATEMENT = "An encoder that has learned from many speakers tells unheard ones apart better than one of few " * 2


def test_that_a_long_text_leaves_room_for_the_columns_beside_it(qtbot: QtBot) -> None:
    sheet = Sheet(("verdict", "statement", "margin", "interval"), numbers=("margin",), wide="statement", wrapped=True)
    qtbot.addWidget(sheet)
    sheet.resize(700, 300)
    sheet.show()
    sheet.set_rows([["holds", STATEMENT, "0.124", "0.055 … 0.193"]], keys=["a"])
    qtbot.waitUntil(lambda: sheet.rowHeight(0) > 2 * sheet.fontMetrics().height(), timeout=5000)
    assert sheet.horizontalScrollBar().maximum() == 0, "the interval lies outside the window"
    assert sum(sheet.columnWidth(at) for at in range(4)) <= sheet.viewport().width()
    assert sheet.columnWidth(3) >= sheet.fontMetrics().horizontalAdvance("0.055 … 0.193")
