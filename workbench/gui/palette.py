"""The command palette: every action of the program, found by typing a part of its name."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QAction, QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from workbench.gui.card import Card
from workbench.gui.theme import theme, tokens

WIDTH_PX, HEIGHT_PX = 560, 400
KEY_ROLE = int(Qt.ItemDataRole.UserRole) + 1


def name_of(action: QAction) -> str:
    """An action's text, with the card it belongs to where several cards offer the same."""
    text, owner = action.text().replace("&", "").rstrip("…"), action.parent()
    while owner is not None and not isinstance(owner, Card):
        owner = owner.parent()
    return f"{owner.title()}: {text}" if isinstance(owner, Card) else text


class _WithKeys(QStyledItemDelegate):
    """Draws an entry's key at its right end."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        key = index.data(KEY_ROLE)
        if key:
            painter.save()
            painter.setPen(QColor(tokens().dim))
            box = option.rect.adjusted(0, 0, -theme().pixels(12), 0)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(key))
            painter.restore()


class Palette(QFrame):
    """Lies over the window; Escape or a click elsewhere closes it."""

    closed = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setObjectName("palette")
        self._actions: list[tuple[str, QAction]] = []
        self._line = QLineEdit()
        self._line.setPlaceholderText("Type a command")
        self._line.setAccessibleName("Command")
        self._line.textChanged.connect(self._filter)
        self._line.returnPressed.connect(self._do)
        self._line.installEventFilter(self)
        self._list = QListWidget()
        self._list.setItemDelegate(_WithKeys(self._list))
        self._list.setAccessibleName("Commands")
        self._list.itemActivated.connect(lambda _: self._do())
        self._list.itemClicked.connect(lambda _: self._do())
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self)
        px = theme().pixels
        column.setContentsMargins(px(8), px(8), px(8), px(8))
        column.addWidget(self._line)
        column.addWidget(self._list)
        self.hide()

    def open(self, actions: Iterable[QAction]) -> None:
        """Show these actions; those that cannot be done now are left out."""
        able = (one for one in actions if one.isEnabled() and one.isVisible() and one.text())
        self._actions = sorted(((name_of(one), one) for one in able), key=lambda pair: pair[0])
        self._line.clear()
        self._filter("")
        self.place()
        self.show()
        self.raise_()
        self._line.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def place(self) -> None:
        """Under the top edge of the window, in the middle."""
        window, px = self._window, theme().pixels
        width = min(px(WIDTH_PX), window.width() - px(32))
        height = min(px(HEIGHT_PX), window.height() - px(96))
        self.setGeometry((window.width() - width) // 2, px(48), width, height)

    def entries(self) -> list[str]:
        """The commands that are listed now."""
        return [self._list.item(row).text() for row in range(self._list.count())]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut:
            self.hide()
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape:
                self.hide()
                self.closed.emit()
                return True
            if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
                self._move(1 if event.key() == Qt.Key.Key_Down else -1)
                return True
        return super().eventFilter(watched, event)

    def _move(self, by: int) -> None:
        self._list.setCurrentRow((self._list.currentRow() + by) % max(1, self._list.count()))

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        self._list.clear()
        for label, action in self._actions:
            if not all(word in label.lower() for word in words):
                continue
            key = action.shortcut().toString()
            entry = QListWidgetItem(label)
            entry.setData(KEY_ROLE, key)
            entry.setData(Qt.ItemDataRole.UserRole, action)
            entry.setToolTip(action.statusTip())
            self._list.addItem(entry)
        self._list.setCurrentRow(0)

    def _do(self) -> None:
        entry = self._list.currentItem()
        action = entry.data(Qt.ItemDataRole.UserRole) if entry is not None else None
        self.hide()
        self.closed.emit()
        if isinstance(action, QAction):
            action.trigger()
