"""Ways of the keyboard: Tab goes through fields as they are read, Down from a filter into its list."""

from __future__ import annotations

import itertools

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QWidget


def tab_through(*places: QWidget) -> None:
    """Let Tab visit the fields of these places one place after the other; within one its order stays."""
    fields = [field for place in places for field in _fields(place)]
    for before, after in itertools.pairwise(fields):
        QWidget.setTabOrder(before, after)


def down_into(field: QLineEdit, rows: QAbstractItemView) -> None:
    """Let Down go from a filter to the rows that it left; the first is chosen where none is."""

    def go() -> None:
        rows.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if not rows.selectionModel().hasSelection():
            rows.setCurrentIndex(rows.model().index(0, 0))

    key = QShortcut(QKeySequence(Qt.Key.Key_Down), field)
    key.setContext(Qt.ShortcutContext.WidgetShortcut)
    key.activated.connect(go)


def _fields(place: QWidget) -> list[QWidget]:
    """The place itself and what is in it, as Tab visits them now; what stands behind another's focus is left out."""
    found, one = [place], place.nextInFocusChain()
    while one is not None and one is not place:
        if place.isAncestorOf(one):
            found.append(one)
        one = one.nextInFocusChain()
    return [one for one in found if one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.focusProxy() is None]
