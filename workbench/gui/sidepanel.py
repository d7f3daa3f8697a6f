"""Panels beside a page, and their pieces: how far work is, a row of equal widgets, words, a chooser, short lists."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPlainTextEdit,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from workbench.gui.card import Caption
from workbench.gui.theme import theme


class ShortList(QListWidget):
    """Asks for little height: the area around it grants what lists ask for before it scrolls."""

    def __init__(self, height_px: int) -> None:
        super().__init__()
        self._height_px = height_px

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), theme().pixels(self._height_px))


class ShortText(QPlainTextEdit):
    """Asks for little height, as a ShortList does."""

    def __init__(self, height_px: int) -> None:
        super().__init__()
        self._height_px = height_px

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), theme().pixels(self._height_px))


class SidePanel(QScrollArea):
    """A panel of one width beside a page; its column scrolls where the page is lower than it."""

    def __init__(self, name: str, width_px: int) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(theme().pixels(width_px))
        self.setAccessibleName(name)

    def make_column(self, *, left_px: int = 0, right_px: int = 4, gap_px: int = 8) -> QVBoxLayout:
        """The column that everything in the panel stands in."""
        px = theme().pixels
        body = QWidget()
        body.setObjectName("scrolled")
        column = QVBoxLayout(body)
        column.setContentsMargins(px(left_px), 0, px(right_px), 0)
        column.setSpacing(px(gap_px))
        self.setWidget(body)
        return column

    _foot: QWidget | None = None

    def make_foot(self, *, left_px: int = 0, right_px: int = 4, gap_px: int = 8) -> QVBoxLayout:
        """What stays in sight below the column while that scrolls: the deeds of a long form."""
        px = theme().pixels
        self._foot = QWidget(self)
        column = QVBoxLayout(self._foot)
        column.setContentsMargins(px(left_px), px(gap_px), px(right_px), 0)
        column.setSpacing(px(gap_px))
        self._foot.installEventFilter(self)
        return column

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_foot()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._foot and event.type() == QEvent.Type.LayoutRequest:
            self._place_foot()
        return super().eventFilter(watched, event)

    def _place_foot(self) -> None:
        if self._foot is None:
            return
        high = self._foot.sizeHint().height()
        self.setViewportMargins(0, 0, 0, high)
        beneath = self.viewport().geometry()
        self._foot.setGeometry(beneath.x(), beneath.bottom() + 1, beneath.width(), high)


class TellsWork:
    """For a panel of work that takes a while: a bar, and a line in words."""

    bar: QProgressBar
    progress: Caption
    waking = "waking the model"
    """What is said before anything is known of how far the work is."""

    def make_progress(self, name: str) -> None:
        """Make both; `name` is for screen readers."""
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(name)
        self.bar.hide()
        self.progress = Caption(role="small")

    @property
    def working(self) -> bool:
        """Whether work is told of."""
        return not self.bar.isHidden()

    def say(self, doing: str, fraction: float) -> None:
        """How far the work is, negative for unknown; nothing while there is none."""
        self.bar.setVisible(bool(doing))
        self.bar.setRange(0, 1000 if fraction >= 0 else 0)
        self.bar.setValue(round(1000 * max(fraction, 0)))
        self.progress.set_whole(doing)
        self.progress.setVisible(bool(doing))

    def say_far(self, doing: str, more: str, fraction: float) -> None:
        """The same with the share in words, and more words after it."""
        far = f"{100 * fraction:.0f} %" if fraction >= 0 else self.waking
        self.say(f"{doing}: {far}" + (f", {more}" if more else "") if doing else "", fraction)

    def conclude(self, said: str) -> None:
        """What came of the work, left to be read."""
        self.bar.hide()
        self.progress.set_whole(said)
        self.progress.setVisible(bool(said))


def chooser(name: str) -> QComboBox:
    """A combo box that a long entry does not widen; `name` is for screen readers."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def words(text: str, role: str) -> QLabel:
    """A label of plain text; all but headings wrap."""
    label = QLabel(text)
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(role != "heading")
    return label


def row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets of one width beside each other."""
    found = QHBoxLayout()
    found.setSpacing(theme().pixels(8))
    for widget in widgets:
        found.addWidget(widget, 1)
    return found


def indent(box: QAbstractSpinBox) -> None:
    """Keep a number box's words off its border: a style sheet's padding does not reach the line in it."""
    box.lineEdit().setTextMargins(theme().pixels(6), 0, 0, 0)
