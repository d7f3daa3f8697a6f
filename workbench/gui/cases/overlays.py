"""What may lie over the images after a segmentation: uncertainty, and each label's probability, with a colour bar."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QComboBox, QSizePolicy, QVBoxLayout, QWidget

from workbench.core.segmenting import CERTAIN
from workbench.gui.actions import keymap
from workbench.gui.card import Caption
from workbench.gui.theme import theme
from workbench.gui.volumes.canvas import heat
from workbench.gui.volumes.scene import Layer, Scene
from workbench.report.planes import Voxel

BAR_PX = 10
MARK_PX = 4


class Probability(Layer):
    """A probability map of bytes, CERTAIN for 1, told in per cent."""

    def words(self, voxel: Voxel) -> str:
        """'73 %'."""
        return f"{100 * int(self.array[voxel]) / CERTAIN:.0f} %"


class Overlays(QWidget):
    """A choice of one of the layers, its colours from least to most, and its value at the crosshair."""

    chosen = Signal(object)
    """A Layer, or None for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        self.combo = QComboBox()
        self.combo.setAccessibleName("Over the images")
        self.combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.combo.setMinimumContentsLength(8)
        keymap().explain(self.combo, "cases.probability")
        self.bar = ColourBar()
        self.told = Caption(role="small")
        self.told.setAccessibleName("At the crosshair")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().pixels(2))
        for widget in (self.combo, self.bar, self.told):
            column.addWidget(widget)
        self.combo.activated.connect(lambda at: self.chosen.emit(self.layers[at - 1] if at > 0 else None))
        self.offer([])

    def offer(self, layers: Sequence[Layer]) -> None:
        """These may be laid over the images."""
        self.layers = list(layers)
        with QSignalBlocker(self.combo):
            self.combo.clear()
            self.combo.addItem("Nothing over the images")
            for one in self.layers:
                name = one.title.capitalize() if not isinstance(one, Probability) else f"Probability of {one.title}"
                self.combo.addItem(name)
        self.combo.setEnabled(bool(self.layers))

    def follow(self, scene: Scene) -> None:
        """Show which one lies there, its colours and what it is at the crosshair."""
        shown = scene.overlay if scene.overlay in self.layers else None
        with QSignalBlocker(self.combo):
            self.combo.setCurrentIndex(self.layers.index(shown) + 1 if shown is not None else 0)
        for widget in (self.bar, self.told):
            widget.setVisible(shown is not None)
        if shown is None:
            return
        centre, width = shown.window
        value = float(shown.array[scene.cursor])
        self.bar.show_scale(heat(scene.overlay_share), (value - centre + width / 2) / width)
        ends = "0 % … 100 %" if isinstance(shown, Probability) else "0 sure … 1 undecided"
        self.told.set_whole(f"{ends}   ·   {shown.words(scene.cursor)} at the crosshair")


class ColourBar(QWidget):
    """Colours as they lie over black, least to most, and a mark at one share of the way."""

    def __init__(self) -> None:
        super().__init__()
        self.colours: list[int] = []
        self.at = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colours from least to most")

    def show_scale(self, colours: Sequence[int], at: float) -> None:
        """256 ARGB numbers; `at` from 0 to 1."""
        self.colours, self.at = list(colours), min(max(at, 0.0), 1.0)
        self.update()

    def sizeHint(self) -> QSize:
        px = theme().pixels
        return QSize(px(120), px(BAR_PX) + px(MARK_PX) + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        px, now = theme().pixels, theme().now
        mark = float(px(MARK_PX))
        bar = QRectF(mark, 0.5, self.width() - 2 * mark, px(BAR_PX))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(bar, Qt.GlobalColor.black)
        ramp = QLinearGradient(bar.topLeft(), bar.topRight())
        for at in range(0, len(self.colours), 15):
            ramp.setColorAt(at / 255, QColor.fromRgba(self.colours[at]))
        painter.fillRect(bar, ramp)
        painter.setPen(QColor(now.line))
        painter.drawRect(bar)
        tip = QPointF(bar.left() + self.at * bar.width(), bar.bottom() + 1)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(now.text))
        painter.drawPolygon(QPolygonF([tip, tip + QPointF(mark, mark), tip + QPointF(-mark, mark)]))
        painter.end()
