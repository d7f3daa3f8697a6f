"""A case in 3-D, and below it what the volume can be set to: look, mode, the surface's value, opacities by value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from PySide6.QtCore import QEvent, QSignalBlocker, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QStandardItemModel, QUndoCommand
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSlider, QStackedWidget, QVBoxLayout, QWidget

from workbench.gui.actions import keymap
from workbench.gui.autosave import Background
from workbench.gui.buttons import tool_button
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens
from workbench.gui.undo import Document, Edit
from workbench.gui.volumes import looks
from workbench.gui.volumes.bodies import MODES, Bodies, Mode
from workbench.gui.volumes.looks import Look
from workbench.gui.volumes.lookstrip import LookStrip
from workbench.gui.volumes.scene import Layer, Scene
from workbench.gui.volumes.spaceview import SpaceView
from workbench.report.planes import Name

MODE_WORDS: dict[Mode, str] = {"volume": "composite", "maximum": "maximum", "surface": "isosurface"}
MODE_TIPS: dict[Mode, str] = {
    "volume": "Light and shade through everything that is not clear",
    "maximum": "The highest value along each line of sight",
    "surface": "The surface of one value",
}
LEVELS = 500


@dataclasses.dataclass(frozen=True)
class Setting:
    """What can be undone: the delivered look that was chosen, and the look as it is."""

    name: str
    look: Look


class _Change(Edit):
    def __init__(self, pane: SpacePane, after: Setting, stroke: int) -> None:
        super().__init__("the look in 3-D")
        self._pane, self._before, self._after, self._stroke = pane, pane.setting, after, stroke

    def redo(self) -> None:
        self._pane.take(self._after)

    def undo(self) -> None:
        self._pane.take(self._before)

    def id(self) -> int:
        return 1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Change) or other._stroke != self._stroke:
            return False
        self._after = other._after
        return True


class SpacePane(QWidget):
    """A SpaceView above its controls; every change of the look can be undone while the focus is inside."""

    def __init__(
        self, scene: Scene, background: Background, focused: Callable[[], Name], parent: QWidget | None = None
    ) -> None:
        """`focused` is the plane that a cut lies in."""
        super().__init__(parent)
        self.scene = scene
        self.bodies = Bodies(scene, background, self)
        self.view = SpaceView(self.bodies, background)
        self.document = Document(self)
        self.setting: Setting | None = None
        self._layer: Layer | None = None
        self._stroke = 0
        self.names = _combo("Look of the volume")
        for name, words in looks.LOOKS.items():
            self.names.addItem(words, name)
        self.names.activated.connect(lambda _: self.choose(str(self.names.currentData())))
        keymap().explain(self.names, "view.volume.render-look")
        self.volumes = _combo("Which volume is drawn")
        self.volumes.setToolTip("Which volume is drawn")
        self.volumes.activated.connect(self.bodies.show_sequence)
        self.modes = _combo("How lines of sight are summed up")
        for mode, words in MODE_WORDS.items():
            self.modes.addItem(words, mode)
            self.modes.setItemData(self.modes.count() - 1, MODE_TIPS[mode], Qt.ItemDataRole.ToolTipRole)
        self.modes.activated.connect(lambda at: self.set_mode(MODES[at]))
        keymap().explain(self.modes, "view.volume.render-mode")
        self.reset_ = tool_button("mdi6.restore", "", self.reset, name="Delivered look")
        keymap().explain(self.reset_, "view.volume.render-reset")
        self.labels = tool_button("mdi6.cube-outline", "", self.toggle_labels, name="Surfaces in the volume")
        self.labels.setCheckable(True)
        keymap().explain(self.labels, "view.volume.render-labels")
        self.smooth = tool_button("mdi6.blur", "", self.toggle_smooth, name="Smooth surfaces")
        self.smooth.setCheckable(True)
        keymap().explain(self.smooth, "view.volume.render-smooth")
        self.cut = tool_button("mdi6.box-cutter", "", lambda: self.toggle_cut(focused()), name="Cut open")
        self.cut.setCheckable(True)
        keymap().explain(self.cut, "view.volume.render-cut")
        self.strip = LookStrip()
        self.strip.changed.connect(self._changed)
        self.level = QSlider(Qt.Orientation.Horizontal)
        self.level.setRange(0, LEVELS)
        self.level.setAccessibleName("Value of the surface")
        self.level.setToolTip("The value at which the surface lies")
        self.level.valueChanged.connect(self._leveled)
        self.level.sliderPressed.connect(self._next_stroke)
        self.level_words = QLabel()
        self.bodies.counted.connect(self._counted)
        self._lay_out()
        theme().follow(self, self.refresh)
        self.refresh()

    # Doing

    def choose(self, name: str) -> None:
        """Take a delivered look, by a name of looks.LOOKS."""
        found = self._delivered(name)
        if found is not None:
            self._push(Setting(name, found), goes_on=False)

    def reset(self) -> None:
        """The chosen look as it was delivered."""
        if self.setting is not None:
            self.choose(self.setting.name)

    def next_look(self) -> None:
        """The next delivered look that fits the volume."""
        fits = [at for at in range(self.names.count()) if self._fits(at)]
        now = self.names.currentIndex()
        self.choose(str(self.names.itemData(next((at for at in fits if at > now), fits[0]))))

    def next_mode(self) -> None:
        """The next way to sum up a line of sight."""
        self.set_mode(MODES[(MODES.index(self.bodies.mode) + 1) % len(MODES)])

    def show_volume(self, shown: bool) -> None:
        """Show the volume with its controls, or the labels' surfaces alone."""
        self.controls.setVisible(shown)
        self.bodies.show(volume=shown, surfaces=self._standing or not shown)
        self.refresh()

    def toggle_labels(self) -> None:
        """Draw the labels' surfaces in the volume, or no longer."""
        self._standing = not self._standing
        self.show_volume(self.bodies.volume)

    def toggle_smooth(self) -> None:
        """Take the voxels' steps out of the surfaces, or show them."""
        self.bodies.show_smooth(not self.bodies.smooth)
        self.refresh()

    def toggle_cut(self, plane: Name) -> None:
        """Leave out what lies before this plane's slice through the crosshair, or nothing any more."""
        self.view.cut(None if self.is_cut else plane)
        self.refresh()

    @property
    def is_cut(self) -> bool:
        """Whether something is left out."""
        return bool(self.view.scene.clips)

    _standing = False

    def set_mode(self, mode: Mode) -> None:
        """Sum lines of sight up in this way."""
        self.bodies.show_look(self.setting.look if self.setting is not None else None, mode)
        self.refresh()

    def take(self, setting: Setting | None) -> None:
        """Show a setting; only by way of an edit, so that it can be undone."""
        self.setting = setting
        self.bodies.show_look(setting.look if setting is not None else None, self.bodies.mode)
        self.refresh()

    def _push(self, setting: Setting, *, goes_on: bool) -> None:
        if setting != self.setting:
            if not goes_on:
                self._next_stroke()
            self.document.push(_Change(self, setting, self._stroke))

    def _next_stroke(self) -> None:
        self._stroke += 1

    def _changed(self, look: Look, goes_on: bool) -> None:
        if self.setting is not None:
            self._push(Setting(self.setting.name, look), goes_on=goes_on)

    def _leveled(self, value: int) -> None:
        tones = self.bodies.tones
        if self.setting is not None and tones is not None:
            look = dataclasses.replace(self.setting.look, level=tones.value(value / LEVELS))
            self._push(Setting(self.setting.name, look), goes_on=self.level.isSliderDown())

    # Showing

    def _counted(self) -> None:
        """Another volume: the automatic look, or the chosen one where the volume is of the same kind."""
        layer = self.bodies.layer
        alike = self._layer is not None and layer is not None and self._layer.meta == layer.meta
        if not (alike and self.setting is not None):
            self.document.clear()
            found = self._delivered(looks.AUTOMATIC)
            self.setting = Setting(looks.AUTOMATIC, found) if found is not None else None
        self._layer = layer
        self.take(self.setting)

    def _delivered(self, name: str) -> Look | None:
        tones, layer = self.bodies.tones, self.bodies.layer
        return looks.look_of(name, layer.meta, tones.low, tones.high) if tones and layer else None

    def _fits(self, at: int) -> bool:
        layer = self.bodies.layer
        return layer is not None and looks.fitting(str(self.names.itemData(at)), layer.meta)

    def refresh(self) -> None:
        """Show what holds now."""
        tones, setting = self.bodies.tones, self.setting
        layer = self.bodies.layer
        unit = layer.meta.unit if layer is not None else ""
        able = tones is not None and setting is not None
        for widget in (self.names, self.modes, self.reset_, self.strip, self.level):
            widget.setEnabled(able)
        self._list_volumes()
        self.labels.setEnabled(able and self.scene.labels is not None)
        self.labels.setChecked(self._standing)
        self.labels.setIcon(icon("mdi6.cube-outline", tokens().accent if self._standing else tokens().dim))
        self.smooth.setEnabled(self.scene.labels is not None and self.bodies.surfaces)
        self.smooth.setChecked(self.bodies.smooth)
        self.smooth.setIcon(icon("mdi6.blur", tokens().accent if self.bodies.smooth else tokens().dim))
        self.cut.setChecked(self.is_cut)
        self.cut.setIcon(icon("mdi6.box-cutter", tokens().accent if self.is_cut else tokens().dim))
        model = self.names.model()
        for at in range(self.names.count()):
            if isinstance(model, QStandardItemModel):
                model.item(at).setEnabled(self._fits(at))
        with QSignalBlocker(self.names), QSignalBlocker(self.modes), QSignalBlocker(self.level):
            self.names.setCurrentIndex(max(0, self.names.findData(setting.name if setting else looks.AUTOMATIC)))
            self.modes.setCurrentIndex(MODES.index(self.bodies.mode))
            if tones is not None and setting is not None:
                self.level.setValue(round(min(max(tones.tone(setting.look.level), 0.0), 1.0) * LEVELS))
                self.level_words.setText(f"{setting.look.level:.4g} {unit}".strip())
        self.below.setCurrentIndex(1 if self.bodies.mode == "surface" else 0)
        self.strip.show_look(setting.look if setting else None, tones, unit)

    def _list_volumes(self) -> None:
        titles = [layer.title or f"volume {at}" for at, layer in enumerate(self.scene.layers, 1)]
        with QSignalBlocker(self.volumes):
            if [self.volumes.itemText(at) for at in range(self.volumes.count())] != titles:
                self.volumes.clear()
                self.volumes.addItems(titles)
            layer = self.bodies.layer
            self.volumes.setCurrentIndex(self.scene.layers.index(layer) if layer is not None else -1)
        self.volumes.setVisible(len(titles) > 1)

    def _lay_out(self) -> None:
        px = theme().pixels
        row = QHBoxLayout()
        row.setSpacing(px(4))
        row.addWidget(self.volumes, 1)
        row.addWidget(self.names, 1)
        row.addWidget(self.modes, 1)
        row.addWidget(self.labels)
        row.addWidget(self.cut)
        row.addWidget(self.reset_)
        value = QWidget()
        line = QHBoxLayout(value)
        line.setContentsMargins(px(4), 0, px(4), 0)
        line.setSpacing(px(8))
        line.addWidget(self.level, 1)
        line.addWidget(self.level_words)
        self.below = QStackedWidget()
        self.below.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.below.addWidget(self.strip)
        self.below.addWidget(value)
        self.controls = QWidget()
        beneath = QVBoxLayout(self.controls)
        beneath.addLayout(row)
        beneath.addWidget(self.below)
        column = QVBoxLayout(self)
        column.addWidget(self.view, 1)
        foot = QHBoxLayout()  # what surfaces are like is chosen with the volume and without
        foot.setSpacing(px(4))
        foot.addWidget(self.controls, 1)
        foot.addWidget(self.smooth, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        column.addLayout(foot)
        for one in (beneath, column):
            one.setContentsMargins(0, 0, 0, 0)
            one.setSpacing(px(4))
        self.setFocusProxy(self.view)

    # Undo belongs to the look while the focus is here, to the labels elsewhere

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _deed(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        deed = _deed(event)
        if deed == "undo":
            self.document.undo()
        elif deed == "redo":
            self.document.redo()
        else:
            super().keyPressEvent(event)


def _deed(event: QKeyEvent) -> str:
    pressed = QKeySequence(event.keyCombination())
    for name in ("undo", "redo"):
        if pressed in QKeySequence.listFromString(
            keymap().key(f"view.volume.{name}"), QKeySequence.SequenceFormat.PortableText
        ):
            return name
    return ""


def _combo(name: str) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    combo.setMinimumWidth(theme().pixels(64))
    return combo
