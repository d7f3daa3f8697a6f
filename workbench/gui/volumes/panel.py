"""What stands beside the planes: the labels, how they are drawn, windows, and what the tool in hand can be set to."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from workbench.core.refining import WAYS
from workbench.gui.actions import keymap
from workbench.gui.sidepanel import indent
from workbench.gui.theme import theme
from workbench.gui.volumes.editor import Editor
from workbench.gui.volumes.labellist import LabelList
from workbench.gui.volumes.scene import Scene

WINDOWS = {
    "auto": "automatic", "brain": "brain", "lung": "lung", "bone": "bone", "soft-tissue": "soft tissue",
    "abdomen": "abdomen", "file": "as delivered",
}  # fmt: skip
LEAST_PX = 56
"""Of a field: its words are cut short by its own box before the panel cuts the box."""
NARROW_PX = 180
"""A narrower panel has its words above the fields, and names of labels instead of their volumes."""
PAINTING = ("brush", "eraser", "lasso", "fill", "refine")


class Panel(QScrollArea):
    """Follows the scene and the editor; a page may put it wherever it likes."""

    def __init__(self, scene: Scene, editor: Editor, set_window: Callable[[str], object]) -> None:
        """`set_window` takes a name of WINDOWS."""
        super().__init__()
        self.scene, self.editor = scene, editor
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Labels and display")
        self.list = LabelList()
        self.window_ = QComboBox()
        self.window_.setAccessibleName("Window")
        self.window_.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for name, words in WINDOWS.items():
            self.window_.addItem(words, name)
            key = keymap().key(f"view.volume.{name}")
            tip = keymap().command(f"view.volume.{name}").tip
            self.window_.setItemData(self.window_.count() - 1, f"{tip} ({key})", Qt.ItemDataRole.ToolTipRole)
        self.window_.addItem("set by hand", "")
        self.window_.activated.connect(lambda _: set_window(str(self.window_.currentData())))
        self.fill = _slider("Opacity of labels", round(scene.style.fill * 100), self._set_fill)
        self.share = _slider("Opacity of the overlay", round(scene.overlay_share * 100), self._set_share)
        self._make_painting()
        self._lay_out()
        scene.restyled.connect(self.refresh)
        editor.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what holds now."""
        labels, tool = self.scene.labels, self.editor.tool
        if self.list.labels is not labels:
            self.list.show_labels(labels)
        self.list.setVisible(labels is not None)
        self._show_row(self.fill, labels is not None)
        self._show_row(self.share, self.scene.overlay is not None)
        self._show_row(self.window_, bool(self.scene.layers))
        self._painting.setVisible(tool in PAINTING and labels is not None)
        brush = tool in ("brush", "eraser")
        for row, shown in (
            (self.size_, brush), (self.sphere, brush or tool in ("fill", "refine")), (self.tolerance, tool == "fill"),
            (self.way, tool == "refine"), (self.reach, tool == "refine"),
            (self.over, tool != "eraser"), (self.threshold, tool in ("brush", "lasso") and bool(self.scene.layers)),
            (self.low, self.threshold.isChecked() and tool in ("brush", "lasso")),
            (self.high, self.threshold.isChecked() and tool in ("brush", "lasso")),
        ):  # fmt: skip
            self._tools.setRowVisible(row, shown)
        for widget, value in ((self.size_, 2 * self.editor.brush.radius_mm), (self.tolerance, self.editor.tolerance)):
            with QSignalBlocker(widget):
                widget.setValue(value)
        with QSignalBlocker(self.way):
            self.way.setCurrentIndex(self.way.findData(self.editor.refiner.way))
        with QSignalBlocker(self.sphere):
            self.sphere.setChecked(self.editor.brush.sphere)
        if self.scene.layers:
            unit = self.scene.layers[0].meta.unit
            for widget in (self.tolerance, self.low, self.high):
                widget.setSuffix(f" {unit}" if unit else "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < theme().pixels(NARROW_PX)
        policies = QFormLayout.RowWrapPolicy
        for form in (self._display, self._tools):
            form.setRowWrapPolicy(policies.WrapAllRows if narrow else policies.DontWrapRows)
        self.list.setColumnHidden(1, narrow)
        side, edge = theme().pixels(2 if narrow else 8), theme().pixels(4)
        self._column.setContentsMargins(side, edge, side, edge)

    def say_window(self, name: str) -> None:
        """Which window is set; empty for one set by hand."""
        with QSignalBlocker(self.window_):
            self.window_.setCurrentIndex(max(0, self.window_.findData(name)))

    def _make_painting(self) -> None:
        self.size_ = _spin("Diameter of the brush", 1.0, 200.0, " mm", self._set_size)
        self.sphere = QCheckBox("3-D")
        keymap().explain(self.sphere, "view.volume.sphere")
        self.sphere.toggled.connect(self.editor.set_sphere)
        self.over = QComboBox()
        self.over.setAccessibleName("What may be painted over")
        self.over.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.over.addItems(["anything", "background"])
        self.over.currentTextChanged.connect(self._set_over)
        self.tolerance = _spin("Tolerance of region growing", 0.0, 1e6, "", self._set_tolerance)
        self.threshold = QCheckBox("Values only from")
        self.threshold.setToolTip("Paint only voxels whose value lies in a range")
        self.low = _spin("Lowest value that is painted", -1e6, 1e6, "", lambda _: self._set_threshold())
        self.high = _spin("Highest value that is painted", -1e6, 1e6, "", lambda _: self._set_threshold(), value=1000)
        self.threshold.toggled.connect(lambda _: self._set_threshold())
        self.way = QComboBox()
        self.way.setAccessibleName("How marks refine the label")
        self.way.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for way, words in WAYS.items():
            self.way.addItem(words, way)
        keymap().explain(self.way, "view.volume.refine-way")
        self.way.activated.connect(lambda _: self.editor.refiner.work_by(self.way.currentData()))
        self.reach = _spin(
            "Nothing further than this from a mark changes", 5.0, 200.0, " mm", self._set_reach,
            value=self.editor.refiner.reach_mm,
        )  # fmt: skip
        self.margin = _spin(
            "Margin to grow, shrink and smooth by", 0.1, 50.0, " mm", self._set_margin, value=self.editor.margin_mm
        )
        self.least = _spin(
            "Islands below this are small", 0.01, 1000.0, " ml", self._set_least, value=self.editor.least_ml
        )

    def _lay_out(self) -> None:
        px = theme().pixels
        body = QWidget()
        column = self._column = QVBoxLayout(body)
        column.setSpacing(px(4))
        column.addWidget(self.list, 1)
        self._display = _form()
        self._display.addRow(_words("Window"), self.window_)
        self._display.addRow(_words("Labels"), self.fill)
        self._display.addRow(_words("Overlay"), self.share)
        column.addLayout(self._display)
        self._painting = QWidget()
        self._tools = _form(self._painting)
        for words, widget in (
            ("Diameter", self.size_), ("", self.sphere), ("Tolerance", self.tolerance),
            ("Refine by", self.way), ("Reach", self.reach),
            ("Paint over", self.over), ("", self.threshold), ("from", self.low), ("to", self.high),
            ("Margin", self.margin),
            ("Small below", self.least),
        ):  # fmt: skip
            self._tools.addRow(_words(words), widget)
        column.addWidget(self._painting)
        for field in body.findChildren(QWidget):
            if isinstance(field, QComboBox | QSlider | QDoubleSpinBox):
                field.setMinimumWidth(px(LEAST_PX))  # in a card the panel may be as narrow as a plane
        column.addStretch(0)
        self.setWidget(body)

    def _show_row(self, widget: QWidget, shown: bool) -> None:
        self._display.setRowVisible(widget, shown)

    def _set_fill(self, value: int) -> None:
        self.scene.style.fill = value / 100
        self.scene.restyled.emit()

    def _set_share(self, value: int) -> None:
        self.scene.overlay_share = value / 100
        self.scene.restyled.emit()

    def _set_size(self, value: float) -> None:
        self.editor.brush.radius_mm = self.editor.eraser.radius_mm = value / 2

    def _set_over(self, words: str) -> None:
        if self.editor.labels is not None:
            self.editor.labels.only_over = words

    def _set_tolerance(self, value: float) -> None:
        self.editor.tolerance = value

    def _set_margin(self, value: float) -> None:
        self.editor.margin_mm = value

    def _set_least(self, value: float) -> None:
        self.editor.least_ml = value

    def _set_reach(self, value: float) -> None:
        self.editor.refiner.reach_mm = value

    def _set_threshold(self) -> None:
        chosen = (self.low.value(), self.high.value()) if self.threshold.isChecked() else None
        self.editor.brush.threshold = self.editor.lasso.threshold = chosen
        self.refresh()


def _form(parent: QWidget | None = None) -> QFormLayout:
    form = QFormLayout(parent)
    form.setContentsMargins(0, 0, 0, 0)
    form.setSpacing(theme().pixels(4))
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return form


def _words(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "dim")
    return label


def _slider(name: str, value: int, do: Callable[[int], object]) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 100)
    slider.setValue(value)
    slider.setAccessibleName(name)
    slider.setToolTip(name)
    slider.valueChanged.connect(do)
    return slider


def _spin(
    name: str, low: float, high: float, suffix: str, do: Callable[[float], object], *, value: float = 0.0
) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setDecimals(2 if low == 0.01 else 1)
    spin.setRange(low, high)
    spin.setValue(value)
    spin.setSuffix(suffix)
    indent(spin)
    spin.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    spin.setAccessibleName(name)
    spin.setToolTip(name)
    spin.setKeyboardTracking(False)
    spin.valueChanged.connect(do)
    return spin
