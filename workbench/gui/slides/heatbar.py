"""What belongs to scores over a slide: which one, how opaque, what its colours mean."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSlider, QWidget

from workbench.gui.slides.heat import colour_table
from workbench.gui.theme import theme, tokens


class HeatBar(QWidget):
    """Hidden as long as there are no scores."""

    chosen = Signal(str)
    faded = Signal(float)
    """The new opacity, 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        px = theme().pixels
        self.names = QComboBox()
        self.names.setAccessibleName("Score")
        self.names.setToolTip("Which score the colours show")
        self.names.setMinimumWidth(px(140))
        self.names.currentTextChanged.connect(self.chosen.emit)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(50)
        self.opacity.setFixedWidth(px(120))
        self.opacity.setAccessibleName("Opacity of the scores")
        self.opacity.setToolTip("How much the colours hide of the slide")
        self.opacity.valueChanged.connect(lambda value: self.faded.emit(value / 100))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(px(8))
        label = QLabel("Opacity")
        label.setProperty("role", "small")
        for widget in (self.names, Legend(), label, self.opacity):
            row.addWidget(widget)
        row.addStretch(1)
        self.hide()

    def show_names(self, names: Sequence[str], now: str) -> None:
        """Offer these scores; without any, hide."""
        with QSignalBlocker(self.names):
            self.names.clear()
            self.names.addItems(list(names))
            self.names.setCurrentText(now)
        self.setVisible(bool(names))


class Legend(QWidget):
    """The colours from 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Colours of scores from 0 to 1")
        theme().follow(self, self.update)

    def sizeHint(self) -> QSize:
        return QSize(theme().pixels(160), theme().pixels(20))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        metrics = painter.fontMetrics()
        low, high = metrics.horizontalAdvance("0") + 6, metrics.horizontalAdvance("1") + 6
        bar = QRectF(low, self.height() / 2 - 5, self.width() - low - high, 10)
        shade = QLinearGradient(bar.topLeft(), bar.topRight())
        for at, colour in enumerate(colour_table()[::17]):
            shade.setColorAt(at / 15, QColor(*colour.tolist()))
        painter.fillRect(bar, shade)
        painter.setPen(QColor(tokens().dim))
        across = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, 0, low, self.height()), across, "0")
        painter.drawText(QRectF(0, 0, self.width(), self.height()), across | Qt.AlignmentFlag.AlignRight, "1")
        painter.end()
