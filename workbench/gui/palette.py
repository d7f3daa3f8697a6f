"""The command palette: every action of the program, and what else has a name, found by typing a part of it."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from workbench.gui.finding import BUTTON, Entry, name_of
from workbench.gui.fuzzy import NONE, fitness
from workbench.gui.theme import theme, tokens

WIDTH_PX, HEIGHT_PX = 640, 400
NOTE_ROLE = int(Qt.ItemDataRole.UserRole) + 1
KEPT = 12
"""How many commands are remembered as used of late."""
NEAR = 0.5
"""Lines that fit less than this share of the best are left out."""
BY_OTHER_WORDS = 0.6
"""Worth of a fit in the words beside the name, such as a paper's title."""
LATELY = 0.6
"""What the command used last is worth more; older ones less."""
MOST = 60


class _Line(QStyledItemDelegate):
    """Draws an entry's name, shortened where it must be, and its key or kind at the right end."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        self.initStyleOption(option, index)
        text, option.text = option.text, ""
        style, now, px = option.widget.style(), tokens(), theme().pixels
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        note, able = str(index.data(NOTE_ROLE) or ""), bool(index.flags() & Qt.ItemFlag.ItemIsEnabled)
        metrics, box = QFontMetrics(option.font), option.rect.adjusted(px(8), 0, -px(12), 0)
        painter.save()
        painter.setFont(option.font)
        painter.setPen(QColor(now.dim))
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, note)
        box.setRight(box.right() - metrics.horizontalAdvance(note) - px(16))
        painter.setPen(QColor(now.text if able else now.dim))
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, theme().pixels(28))


class Palette(QFrame):
    """Lies over the window; Escape or a click elsewhere closes it."""

    closed = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setObjectName("palette")
        self.setAccessibleName("Command palette")
        self._entries: list[Entry] = []
        self.recent: list[str] = []
        """Names of the commands used of late, the last one first."""
        self._line = QLineEdit()
        self._line.setPlaceholderText("Type a command, a recipe, a run, a setting")
        self._line.setAccessibleName("Command")
        self._line.textChanged.connect(lambda _: self._filter())
        self._line.returnPressed.connect(self._do)
        self._line.installEventFilter(self)
        self._list = QListWidget()
        self._list.setItemDelegate(_Line(self._list))
        self._list.setAccessibleName("Commands")
        self._list.setUniformItemSizes(True)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.itemClicked.connect(lambda _: self._do())
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._nothing = QLabel()
        self._nothing.setProperty("role", "dim")
        self._nothing.setContentsMargins(theme().pixels(8), 0, 0, 0)
        column = QVBoxLayout(self)
        px = theme().pixels
        column.setContentsMargins(px(8), px(8), px(8), px(8))
        column.addWidget(self._line)
        column.addWidget(self._nothing)
        column.addWidget(self._list, 1)
        self.hide()

    def open(self, entries: Iterable[Entry]) -> None:
        """Show these lines, those used of late first."""
        self._entries = sorted(entries, key=lambda one: one.text.lower())
        self._line.clear()
        self._filter()
        self.place()
        self.show()
        self.raise_()
        self._line.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def add(self, entries: Iterable[Entry]) -> None:
        """More lines, found while the palette was opening already."""
        self._entries += entries
        if self.isVisible() and self._line.text():
            self._filter()

    def place(self) -> None:
        """Under the top edge of the window, in the middle."""
        window, px = self._window, theme().pixels
        width = min(px(WIDTH_PX), window.width() - px(32))
        wanted = px(28) * max(1, self._list.count()) + px(64)
        height = min(px(HEIGHT_PX), window.height() - px(96), wanted)
        self.setGeometry((window.width() - width) // 2, px(48), width, height)

    def entries(self) -> list[str]:
        """The lines that are listed now."""
        return [self._list.item(row).text() for row in range(self._list.count())]

    def type(self, text: str) -> None:
        """Look for something."""
        self._line.setText(text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut:
            self.hide()
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -8, Qt.Key.Key_PageDown: 8}
            if event.key() == Qt.Key.Key_Escape:
                self.hide()
                self.closed.emit()
                return True
            if Qt.Key(event.key()) in steps:
                self._move(steps[Qt.Key(event.key())])
                return True
        return super().eventFilter(watched, event)

    def _move(self, by: int) -> None:
        self._list.setCurrentRow((self._list.currentRow() + by) % max(1, self._list.count()))

    def _filter(self) -> None:
        self._list.clear()
        for entry in self._ranked(self._line.text().strip()):
            item = QListWidgetItem(entry.text)
            item.setData(NOTE_ROLE, entry.why or entry.note)
            item.setData(Qt.ItemDataRole.UserRole, entry)
            item.setToolTip(entry.tip)
            if entry.why:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            self._list.addItem(item)
        able = (row for row in range(self._list.count()) if self._list.item(row).flags() & Qt.ItemFlag.ItemIsEnabled)
        self._list.setCurrentRow(next(able, 0))
        self._nothing.setText("Nothing has such a name. Try fewer letters, or Shift+F1 for the help.")
        self._nothing.setVisible(self._list.count() == 0)
        self.place()

    def _ranked(self, typed: str) -> list[Entry]:
        """What fits, best first."""
        lately = {name: place for place, name in enumerate(self.recent)}
        if not typed:
            loud = [one for one in self._entries if not one.quiet]
            return sorted(loud, key=lambda one: (lately.get(one.text, len(lately)), one.note == BUTTON))
        rated = [(_fit(typed, one) + LATELY * (one.text in lately), one) for one in self._entries]
        best = max((worth for worth, _ in rated), default=NONE)
        kept = [(worth, one) for worth, one in rated if worth > NONE and worth >= NEAR * best]
        return [one for _, one in sorted(kept, key=lambda pair: -pair[0])][:MOST]

    def _do(self) -> None:
        item = self._list.currentItem()
        entry = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        if isinstance(entry, Entry) and entry.why:
            return
        self.hide()
        self.closed.emit()
        if isinstance(entry, Entry):
            self.recent = [entry.text, *(name for name in self.recent if name != entry.text)][:KEPT]
            entry.do()


def _fit(typed: str, entry: Entry) -> float:
    worth = fitness(typed, entry.text)
    other = fitness(typed, f"{entry.text} {entry.also}") if entry.also else NONE
    return max(worth, BY_OTHER_WORDS * other if other > 0 else NONE)


__all__ = ["Palette", "name_of"]
