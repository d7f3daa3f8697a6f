"""Four steps through the window, on the widgets themselves; nothing is blocked while it is shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import shiboken6
from PySide6.QtCore import QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workbench.gui.actions import key_words, keymap
from workbench.gui.theme import theme, tokens

WIDTH_PX, GAP_PX = 320, 12
LOOK_AGAIN_MS = 150


@dataclasses.dataclass(frozen=True)
class Step:
    """A widget, found when the step is shown, and what there is to say about it."""

    target: Callable[[], QWidget]
    title: str
    text: str
    command: str = ""
    """The action whose key is told in the text, in the place of {key}."""


class Outline(QWidget):
    """A frame around the widget that is talked about; clicks go through it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme().follow(self, self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens().accent), 2))
        radius = theme().pixels(8)
        painter.drawRoundedRect(self.rect().adjusted(2, 2, -2, -2), radius, radius)
        painter.end()


class Tour(QFrame):
    """The words beside the outline. Return or Right goes on, Left goes back, Escape ends it."""

    ended = Signal()

    def __init__(self, window: QWidget, steps: Sequence[Step]) -> None:
        super().__init__(window)
        self.setObjectName("palette")
        self._window, self._steps, self.place_ = window, list(steps), 0
        self._outline = Outline(window)
        self._title, self._text, self._where = QLabel(), QLabel(), QLabel()
        self._title.setProperty("role", "heading")
        self._where.setProperty("role", "dim")
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._skip, self._back, self._next = QPushButton("Skip"), QPushButton("Back"), QPushButton("Next")
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_AGAIN_MS)
        self._timer.timeout.connect(self._stand)
        self.show_step(0)

    def show_step(self, place: int) -> None:
        """Go to a step; past the last one the tour is over."""
        if place >= len(self._steps):
            self.end()
            return
        self.place_ = max(0, place)
        step = self._steps[self.place_]
        self._title.setText(step.title)
        self._text.setText(step.text.format(key=key_words(keymap().key(step.command)).partition(" or ")[0]))
        self._where.setText(f"{self.place_ + 1} of {len(self._steps)}")
        self._back.setEnabled(self.place_ > 0)
        self._next.setText("Done" if self.place_ == len(self._steps) - 1 else "Next")
        self.setAccessibleName(f"Tour: {step.title}")
        self.setAccessibleDescription(self._text.text())
        self._timer.start()
        self.show()
        self._stand()
        self._next.setFocus(Qt.FocusReason.OtherFocusReason)

    def end(self) -> None:
        """Go away for good."""
        self._timer.stop()
        self._outline.hide()
        self._outline.deleteLater()
        self.hide()
        self.ended.emit()
        self.deleteLater()

    def title(self) -> str:
        """What the step shown is about."""
        return self._title.text()

    def outlined(self) -> QRect:
        """Where the outline stands, in the window."""
        return self._outline.geometry()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Return: 1, Qt.Key.Key_Enter: 1}
        if event.key() == Qt.Key.Key_Escape:
            self.end()
        elif Qt.Key(event.key()) in steps:
            self.show_step(self.place_ + steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._outline.show()

    def _stand(self) -> None:
        """Beside the widget, wherever it is by now; above everything else."""
        target = self._steps[self.place_].target()
        if not shiboken6.isValid(target) or not target.isVisible():
            self._outline.hide()
            return
        seen = target.visibleRegion().boundingRect()
        corner = target.mapTo(self._window, seen.topLeft())
        around = QRect(corner, seen.size()).adjusted(-4, -4, 4, 4)
        self._outline.setGeometry(around)
        self._outline.show()
        self._outline.raise_()
        self.setFixedWidth(min(theme().pixels(WIDTH_PX), self._window.width() - 2 * GAP_PX))
        self.adjustSize()
        self.move(beside(around, self.size().width(), self.size().height(), self._window.rect()))
        self.raise_()

    def _lay_out(self) -> None:
        px = theme().pixels
        self._skip.setToolTip("End the tour (Esc); the palette finds it again")
        self._back.setToolTip("The step before (Left)")
        self._next.setToolTip("The next step (Right)")
        self._next.setProperty("role", "primary")
        self._skip.clicked.connect(lambda _=False: self.end())
        self._back.clicked.connect(lambda _=False: self.show_step(self.place_ - 1))
        self._next.clicked.connect(lambda _=False: self.show_step(self.place_ + 1))
        head, foot = QHBoxLayout(), QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._where)
        foot.addWidget(self._skip)
        foot.addStretch(1)
        foot.addWidget(self._back)
        foot.addWidget(self._next)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(12), px(16), px(12))
        column.setSpacing(px(8))
        column.addLayout(head)
        column.addWidget(self._text)
        column.addLayout(foot)


def beside(target: QRect, width: int, height: int, window: QRect) -> QPoint:
    """The top left corner of a box at the first side of a target that has room for it, within the window."""
    right, left = target.right() + GAP_PX, target.left() - GAP_PX - width
    below, above = target.bottom() + GAP_PX, target.top() - GAP_PX - height
    x, y = target.left(), target.top()
    if target.height() < height // 2 and below + height <= window.bottom():
        y = below
    elif right + width <= window.right():
        x = right
    elif left >= window.left():
        x = left
    elif below + height <= window.bottom():
        y = below
    else:
        y = above
    return QPoint(
        max(GAP_PX, min(x, window.width() - width - GAP_PX)), max(GAP_PX, min(y, window.height() - height - GAP_PX))
    )
