"""A row of label buttons; the first nine have number keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeySequence, QPixmap, QResizeEvent, QShortcut
from PySide6.QtWidgets import QLayout, QLayoutItem, QSizePolicy, QToolButton, QWidget

from workbench.gui.theme import Tokens, theme

MOST_BUTTONS = 40


class LabelKeys(QWidget):
    """Signal `pressed` carries the label whose button or number key was pressed."""

    pressed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.names: list[str] = []
        self._buttons: list[QToolButton] = []
        self._tokens: Tokens = theme().now
        self._flow = Flow(self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def bind(self, owner: QWidget) -> None:
        """Make the number keys work wherever in `owner` the focus is (but not while typing)."""
        for number in range(1, 10):
            shortcut = QShortcut(QKeySequence(str(number)), owner)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda at=number - 1: self.press(at))

    def press(self, at: int) -> None:
        """Choose a label by its position."""
        if at < len(self.names):
            self.pressed.emit(self.names[at])

    def show_names(self, names: Sequence[str], colours: Mapping[str, QColor]) -> None:
        """Offer these labels."""
        if list(names) == self.names and self._buttons:
            self._tint(colours)
            return
        self.names = list(names)
        for button in self._buttons:
            self._flow.removeWidget(button)
            button.deleteLater()
        self._buttons = [self._button(at, name) for at, name in enumerate(self.names[:MOST_BUTTONS])]
        self._tint(colours)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # Said outright instead of by height-for-width: a splitter would reserve the narrowest width's height.
        self.setFixedHeight(max(self._flow.height_at(self.width()), 1))

    def _button(self, at: int, name: str) -> QToolButton:
        button = QToolButton(self)
        key = str(at + 1) if at < 9 else ""
        button.setText(f"{key}  {name}".strip().replace("&", "&&"))
        button.setToolTip(f"Label as {name}" + (f" ({key})" if key else ""))
        button.setAccessibleName(f"Label as {name}")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda _checked=False: self.press(at))
        self._flow.addWidget(button)
        button.show()
        return button

    def _tint(self, colours: Mapping[str, QColor]) -> None:
        for button, name in zip(self._buttons, self.names, strict=False):
            swatch = QPixmap(10, 10)
            swatch.fill(colours.get(name, QColor(self._tokens.dim)))
            button.setIcon(swatch)

    def light(self, name: str) -> None:
        """Show which label the chosen example has."""
        for button, known in zip(self._buttons, self.names, strict=False):
            button.setChecked(known == name)

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self._tokens = now
        self.setStyleSheet(
            f"QToolButton {{ border: 1px solid {now.line}; border-radius: 4px; padding: 2px 6px; }}"
            f"QToolButton:hover {{ background: {now.raised}; }}"
            f"QToolButton:checked {{ background: {now.blend(now.accent, 0.18)}; border-color: {now.accent}; }}"
            f"QToolButton:focus {{ border-color: {now.accent}; }}"
        )


class Flow(QLayout):
    """Widgets side by side, wrapped into as many rows as they need."""

    gap_px = 6

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def height_at(self, width: int) -> int:
        """The height of all rows at a width."""
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _place(self, rect: QRect, *, move: bool) -> int:
        x, y, row = rect.x(), rect.y(), 0
        for item in self._items:
            hint = item.sizeHint()
            if x + hint.width() > rect.right() + 1 and row:
                x, y, row = rect.x(), y + row + self.gap_px, 0
            if move:
                item.setGeometry(QRect(x, y, hint.width(), hint.height()))
            x, row = x + hint.width() + self.gap_px, max(row, hint.height())
        return y + row - rect.y()
