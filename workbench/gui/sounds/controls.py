"""How the spectrogram is made and coloured: axis, window, hop, range of frequencies and of power, colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QIcon, QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFrame, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from workbench.gui.buttons import tool_button
from workbench.gui.sidepanel import indent
from workbench.gui.sounds.scene import SoundScene
from workbench.gui.sounds.tints import MAPS, colour_table
from workbench.gui.theme import theme

WINDOWS_MS = (3.0, 5.0, 10.0, 15.0, 25.0, 32.0, 50.0, 100.0, 200.0)
SHAPES = ("hann", "hamming", "blackman", "gaussian")
AXES = ("linear", "mel", "log")
HOPS = (2, 4, 8, 16)
WIDTHS_PX = (90, 96, 82, 160, 86, 92, 102, 76)


class Controls(QWidget):
    """Small fields in a row; each change is seen at once."""

    def __init__(self, scene: SoundScene) -> None:
        super().__init__()
        self.scene = scene
        px = theme().pixels
        self.axis = self._combo("Axis", AXES, "Scale of the frequency axis", self._remake)
        words = [f"{one:g} ms" for one in WINDOWS_MS]
        self.window_ms = self._combo("Window", words, "Length of the analysis window: long is sharp in frequency, "
                                  "short in time", self._remake)  # fmt: skip
        self.shape = self._combo("Shape", SHAPES, "Shape of the analysis window", self._remake)
        self.hop = self._combo("Hop", [f"1/{one}" for one in HOPS], "Step between columns, as a part of the window",
                               self._remake)  # fmt: skip
        self.high = self._spin(
            "Up to", (0.2, 96.0), 0.5, " kHz", tip="Highest frequency shown; Ctrl and the wheel change it"
        )
        self.top = self._spin(
            "Top", (-120, 6), 5, " dB", tip="Power of the brightest colour; a full-scale sine is 0 dB"
        )
        self.range = self._spin("Range", (10, 120), 5, " dB", tip="Power between the darkest and the brightest colour")
        self.colours = self._combo("Colours", list(MAPS), "Perceptually even colour maps", self._recolour)
        for at, name in enumerate(MAPS):
            self.colours.setItemIcon(at, _bar(name))
        self.colours.setIconSize(QSize(px(40), px(12)))
        self.high.valueChanged.connect(lambda _: self._remake())
        self.top.valueChanged.connect(lambda _: self._recolour())
        self.range.valueChanged.connect(lambda _: self._recolour())
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(px(4))
        self.more = tool_button("mdi6.tune-variant", "The settings of the spectrogram for which there is no room here",
                                self._open, name="More settings of the spectrogram")  # fmt: skip
        self._pairs: list[tuple[QLabel, QWidget, int]] = []
        self._shown = len(WIDTHS_PX)
        for (name, field), width in zip(self._fields(), WIDTHS_PX, strict=True):
            field.setFixedWidth(px(width))
            label = QLabel(name)
            label.setProperty("role", "dim")
            label.setBuddy(field)
            row.addWidget(label)
            row.addWidget(field)
            self._pairs.append((label, field, px(width)))
        row.addWidget(self.more)
        row.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        scene.restyled.connect(self.take_over)
        scene.shown.connect(self.take_over)
        self.take_over()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many fields as there is room for, from the left; a button opens the others."""
        super().resizeEvent(event)
        gap = theme().pixels(4)
        needs = [width + label.sizeHint().width() + 2 * gap for label, _, width in self._pairs]
        crowded = sum(needs) > self.width()
        left = self.width() - (self.more.sizeHint().width() + gap if crowded else 0)
        self._shown = len(needs)
        for at, need in enumerate(needs):
            left -= need
            if left < 0:
                self._shown = min(self._shown, at)
            for one in self._pairs[at][:2]:
                one.setVisible(at < self._shown)
        self.more.setVisible(crowded)

    def _open(self) -> None:
        """Show the fields for which there is no room in a panel under the button, until something else is clicked."""
        panel = _Panel(self)
        grid = QGridLayout(panel)
        for at, (label, field, _) in enumerate(self._pairs[self._shown :]):
            grid.addWidget(label, at, 0)
            grid.addWidget(field, at, 1)
            label.show()
            field.show()
        panel.closed.connect(self._take_back)
        panel.adjustSize()
        corner = self.more.mapToGlobal(QPoint(self.more.width() - panel.width(), self.more.height()))
        panel.move(max(corner.x(), self.window().x()), corner.y())
        panel.show()
        self._pairs[self._shown][1].setFocus()

    def _take_back(self) -> None:
        for at, (label, field, _) in enumerate(self._pairs[self._shown :], self._shown):
            self._row.insertWidget(2 * at, label)
            self._row.insertWidget(2 * at + 1, field)
            label.hide()
            field.hide()

    def _fields(self) -> list[tuple[str, QWidget]]:
        return [
            ("Axis", self.axis), ("Window", self.window_ms), ("Range", self.range), ("Colours", self.colours),
            ("Top", self.top), ("Up to", self.high), ("Shape", self.shape), ("Hop", self.hop),
        ]  # fmt: skip

    def take_over(self) -> None:
        """Show what the scene says."""
        scene, settings = self.scene, self.scene.settings
        widgets = [field for _, field in self._fields()]
        for one in widgets:
            one.blockSignals(True)
        self.axis.setCurrentText(settings.scale)
        near = min(WINDOWS_MS, key=lambda one: abs(one - 1000 * settings.window_s))
        self.window_ms.setCurrentText(f"{near:g} ms")
        self.shape.setCurrentText(settings.window)
        part = min(HOPS, key=lambda one: abs(settings.window_s / settings.column_s - one))
        self.hop.setCurrentText(f"1/{part}")
        nyquist = scene.rate_hz / 2000 if scene.samples else 96.0
        self.high.setMaximum(max(nyquist, 0.2))
        self.high.setValue((settings.high_hz or scene.rate_hz / 2) / 1000)
        self.top.setValue(scene.top_db)
        self.range.setValue(scene.range_db)
        self.colours.setCurrentText(scene.colour_map)
        for one in widgets:
            one.blockSignals(False)

    def _remake(self) -> None:
        if not self.scene.samples:
            return
        window_s = float(self.window_ms.currentText().removesuffix(" ms")) / 1000
        parts = int(self.hop.currentText().removeprefix("1/"))
        high_hz = self.high.value() * 1000
        settings = msgspec.structs.replace(
            self.scene.settings, scale=self.axis.currentText(), window_s=window_s, window=self.shape.currentText(),
            hop_s=0.0 if parts == 4 else window_s / parts,
            high_hz=0.0 if high_hz >= self.scene.rate_hz / 2 - 1 else round(high_hz),
        )  # fmt: skip
        self.scene.restyle(settings=settings)

    def _recolour(self) -> None:
        self.scene.restyle(colour_map=self.colours.currentText(), top_db=self.top.value(), range_db=self.range.value())

    def _combo(self, name: str, words: Sequence[str], tip: str, do: Callable[[], None]) -> QComboBox:
        box = QComboBox()
        box.addItems(list(words))
        box.setAccessibleName(name)
        box.setToolTip(tip)
        box.currentIndexChanged.connect(lambda _: do())
        return box

    def _spin(self, name: str, limits: tuple[float, float], step: float, unit: str, *, tip: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(*limits)
        box.setSingleStep(step)
        box.setDecimals(1 if step < 1 else 0)
        box.setSuffix(unit)
        indent(box)
        box.setAccessibleName(name)
        box.setToolTip(tip)
        box.setKeyboardTracking(False)
        return box


class _Panel(QFrame):
    """Fields in a window of its own that goes away by itself."""

    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def closeEvent(self, event: QCloseEvent) -> None:
        # The fields go home before the panel is deleted, and would be with it.
        self.closed.emit()
        super().closeEvent(event)


def _bar(name: str) -> QIcon:
    """A colour map as a small picture."""
    table = np.array(colour_table(name, 0.0, 100.0), np.uint32)
    row = table[np.round((np.arange(100) + 21.5) / 0.5).astype(int)].tobytes()
    picture = QImage(row, 100, 1, len(row), QImage.Format.Format_RGB32)
    scaled = picture.scaled(80, 24, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
    return QIcon(QPixmap.fromImage(scaled))
