"""The viewer and editor of volumes: tools above, linked planes, the panel beside them, a read-out below."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QAction, QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QMenu, QVBoxLayout, QWidget

from workbench.gui.actions import make_action
from workbench.gui.autosave import Background
from workbench.gui.card import Caption
from workbench.gui.theme import theme
from workbench.gui.volumes import shades
from workbench.gui.volumes.canvas import PlaneCanvas
from workbench.gui.volumes.editor import Editor
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.operations import Boolean
from workbench.gui.volumes.panel import WINDOWS, Panel
from workbench.gui.volumes.pictures import Pictures
from workbench.gui.volumes.scene import Layer, Scene
from workbench.gui.volumes.toolrow import ToolRow
from workbench.gui.warmup import IN_SPACE, import_later
from workbench.report.planes import NAMES, Name, Voxel, in_words

if TYPE_CHECKING:
    from workbench.gui.volumes.spacepane import SpacePane

CINE_MS = 66
Layout = Literal["planes", "one", "sequences"]
EDITING = ("brush", "eraser", "lasso", "fill", "refine")
RENDERING = ("look", "mode", "reset", "labels", "smooth", "cut")
OPERATIONS = ("interpolate", "grow", "shrink", "smooth", "largest", "islands", "next", "previous", "label", "export")


ROW = (
    ("crosshair", "ruler", "angle", "roi"), EDITING, ("sphere", "undo", "redo"),
    ("hide", "outline", "overlay", "sequences", "one", "solid", "render", "cine", "fit", "picture"),
)  # fmt: skip


class VolumeViewer(QWidget):
    """Hosted by a view under the time slider and by pages; `panel` may be put elsewhere by its host."""

    def __init__(self, background: Background, parent: QWidget | None = None, *, own_panel: bool = True) -> None:
        """With `own_panel` the panel takes the place beside the planes."""
        super().__init__(parent)
        self.scene = Scene(self)
        self.editor = Editor(self.scene, background, self)
        self.panel = Panel(self.scene, self.editor, self.set_window)
        self.canvases = {name: PlaneCanvas(self.scene, name) for name in NAMES}
        self.sequences: list[PlaneCanvas] = []
        self.space: SpacePane | None = None
        """The case in 3-D; made when it is first asked for."""
        self._background = background
        self.pictures = Pictures(self, background, self._say)
        self.spare: Layer | None = None
        """What the overlay action lays over the first volume."""
        self.layout_: Layout = "planes"
        self.focused: Name = "axial"
        self.actions_: dict[str, QAction] = {}
        self._own_panel = own_panel
        self._cine = QTimer(self)
        self._cine.setInterval(CINE_MS)
        self._cine.timeout.connect(self._next_frame)
        self._make_actions()
        self._lay_out()
        self._wire()
        self._arrange()
        self._refresh()

    def show_volumes(
        self, layers: Sequence[Layer], labels: LabelMap | None = None, *, overlay: Layer | None = None
    ) -> None:
        """Show up to four volumes of one grid, labels over them, and offer one as overlay; raises InputError.

        Edits of the labels shown before are put on disk first.
        """
        self.editor.finish()
        before, former = self.scene.layers, self.scene.labels
        self.scene.show_volumes(layers, labels)
        kept = False
        for old, new in zip(before, layers, strict=False):  # the next step of a run keeps what a person has set
            if old.window != old.first and (old.meta, old.array.dtype) == (new.meta, new.array.dtype):
                new.set_window(old.window)
                kept = True
        if former is not None and former is not labels and former.parent() is self:
            former.deleteLater()
        self.spare = overlay or (layers[1] if len(layers) > 1 else None)
        self._window_name("" if kept or not layers else shades.first_name(layers[0].meta))
        self.editor.edit(labels)
        if self.layout_ == "sequences":
            self._make_sequences()
            self._arrange()
        self._refresh()

    def clear(self) -> None:
        """Show nothing."""
        self._cine.stop()
        self.editor.edit(None)
        self.scene.clear()
        self._refresh()

    def set_window(self, name: str) -> None:
        """Set a preset, the automatic window, or what the file recommends; for every volume where it is automatic."""
        for layer in self.scene.layers[: None if name in ("auto", "file") else 1]:
            if name == "auto":
                layer.set_window(shades.automatic(layer.array))
            elif name == "file":
                layer.set_window(layer.first)
            elif name:
                layer.set_window(shades.PRESETS[WINDOWS[name]])
        self.scene.restyled.emit()
        self._window_name(name)

    def go(self, voxel: Sequence[float]) -> None:
        """Put the crosshair on a voxel (z, y, x)."""
        self.scene.go(voxel)

    def sizeHint(self) -> QSize:
        return QSize(720, 560)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    @property
    def canvas(self) -> PlaneCanvas:
        """The plane that had the focus last."""
        return self.canvases[self.focused]

    # Actions

    def _make_actions(self) -> None:
        editor = self.editor
        for name in editor.tools:
            self._action(name, functools.partial(editor.choose, name), checkable=True)
        doing: dict[str, Any] = {
            "unmeasure": self._unmeasure, "smaller": lambda: editor.resize(-1), "larger": lambda: editor.resize(1),
            "undo": editor.undo, "redo": editor.redo, "grow": editor.grow, "shrink": editor.shrink,
            "smooth": editor.smooth, "largest": editor.keep_largest, "islands": editor.remove_islands,
            "interpolate": lambda: editor.interpolate(self.canvas.plane),
            "next": lambda: editor.copy_slice(self.canvas.plane, 1),
            "previous": lambda: editor.copy_slice(self.canvas.plane, -1),
            "label": self._add_label, "export": self._ask_export, "fit": self._fit,
            "refine-way": editor.refiner.work_otherwise,
            "picture": self.save_picture, "picture-one": lambda: self.save_picture(alone=True),
            **{f"render-{name}": functools.partial(self._render_deed, name) for name in RENDERING},
        }  # fmt: skip
        for name, do in doing.items():
            self._action(name, do)
        toggling = {
            "sphere": lambda: editor.set_sphere(not editor.brush.sphere), "hide": self._hide, "outline": self._outline,
            "cine": self._toggle_cine, "one": lambda: self._toggle_layout("one"),
            "sequences": lambda: self._toggle_layout("sequences"), "overlay": self._toggle_overlay,
            "solid": functools.partial(self._toggle_third, "solid"),
            "render": functools.partial(self._toggle_third, "render"),
        }  # fmt: skip
        for name, do in toggling.items():
            self._action(name, do, checkable=True)
        for name in WINDOWS:
            self._action(name, functools.partial(self.set_window, name))
        for digit in range(1, 10):
            shortcut = QShortcut(QKeySequence(str(digit)), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(functools.partial(self._choose_label, digit - 1))

    def _action(self, name: str, do: Any, *, checkable: bool = False) -> None:
        def run() -> None:
            do()
            self._refresh()

        self.actions_[name] = make_action(self, f"view.volume.{name}", run, checkable=checkable)

    def _refresh(self) -> None:
        """Which actions can be done, which are on."""
        actions, editor, labels = self.actions_, self.editor, self.editor.labels
        for name in editor.tools:
            actions[name].setChecked(name == editor.tool)
            actions[name].setEnabled(self.scene.shape[0] > 0 and (name not in EDITING or labels is not None))
        for name in ("refine", "refine-way"):
            actions[name].setEnabled(actions["refine"].isEnabled() and editor.refiner.able)
        able = editor.able()
        for name in (*OPERATIONS, "smaller", "larger", "sphere"):
            actions[name].setEnabled(able)
        for name, can, words in (
            ("undo", labels is not None and (labels.document.can_undo or bool(editor.refiner.marks)),
             labels and labels.document.stack.undoText()),
            ("redo", labels is not None and labels.document.stack.canRedo(),
             labels and labels.document.stack.redoText()),
        ):  # fmt: skip
            actions[name].setEnabled(able and bool(can))
            actions[name].setText(name.capitalize() + (f": {words}" if can and words else ""))
        many = len(self.scene.layers) > 1
        actions["sequences"].setEnabled(many)
        actions["solid"].setEnabled(labels is not None)
        actions["render"].setEnabled(bool(self.scene.layers))
        in_space = self._third if self.space is not None and self.space.isVisibleTo(self) else ""
        for name in RENDERING:
            able = in_space == "render" or (name in ("smooth", "cut") and bool(in_space))
            actions[f"render-{name}"].setEnabled(able and (name not in ("labels", "smooth") or labels is not None))
        actions["overlay"].setEnabled(self.spare is not None)
        for name in ("picture", "picture-one"):
            actions[name].setEnabled(all(self.scene.shape))
        for name, on in (
            ("sphere", editor.brush.sphere), ("hide", not self.scene.style.visible),
            ("outline", self.scene.style.fill == 0), ("cine", self._cine.isActive()),
            ("one", self.layout_ == "one"), ("sequences", self.layout_ == "sequences"),
            ("overlay", self.scene.overlay is not None),
            ("solid", in_space == "solid"), ("render", in_space == "render"),
        ):  # fmt: skip
            actions[name].setChecked(on)
        tool = editor.tools[editor.tool]
        for canvas in (*self.canvases.values(), *self.sequences):
            canvas.tool = tool
            canvas.update()

    def _unmeasure(self) -> None:
        if self.scene.measures:
            self.scene.measures.pop()
            self.scene.moved.emit()

    def _fit(self) -> None:
        for canvas in (*self.canvases.values(), *self.sequences):
            canvas.fit()

    def _hide(self) -> None:
        self.scene.style.visible = not self.scene.style.visible
        self.scene.restyled.emit()

    def _outline(self) -> None:
        self.panel.fill.setValue(40 if self.scene.style.fill == 0 else 0)

    def _toggle_overlay(self) -> None:
        self.scene.show_overlay(None if self.scene.overlay is not None else self.spare)

    def _choose_label(self, at: int) -> None:
        labels = self.scene.labels
        if labels is not None and at < len(labels.labels):
            labels.choose(labels.labels[at].value)

    def _add_label(self) -> None:
        if self.editor.labels is not None:
            self.editor.labels.add_label()

    def _ask_export(self) -> None:
        from workbench.gui.volumes.exporting import ask_export

        if self.editor.labels is not None:
            ask_export(self, self.editor.labels, self._say)

    def save_picture(self, *, alone: bool = False) -> None:
        """Ask where, and write what is seen, or `alone` the view that has the focus."""
        planes: list[Any] = [one for one in (*self.canvases.values(), *self.sequences) if one.isVisible()]
        space = [self.space.view] if self.space is not None and self.space.isVisible() else []
        if alone or len(planes) + len(space) == 1:
            in_space = bool(space) and (self._in_space or not planes)
            self.pictures.ask(space if in_space else [self.canvas], "3d" if in_space else self.focused)
        else:
            self.pictures.ask([*planes, *space], "planes-3d" if space else self.layout_)

    def _toggle_third(self, name: Literal["solid", "render"]) -> None:
        """Show the surfaces or the volume in the fourth place, or neither."""
        self._third = "" if self._third == name else name
        self.layout_ = "planes"
        self._arrange()

    _third: Literal["", "solid", "render"] = ""

    def _third_widget(self) -> QWidget | None:
        if not self._third:
            return None
        if self.space is None:
            from workbench.gui.volumes.spacepane import SpacePane  # OpenGL is looked for when somebody wants it

            self.space = SpacePane(self.scene, self._background, lambda: self.focused, self)
            self.space.view.grabbed.connect(lambda: setattr(self, "_in_space", True))
            self.space.view.troubled.connect(lambda record: self._say(record.what, "error"))
        self.space.show_volume(self._third == "render")
        return self.space

    def _render_deed(self, name: str) -> None:
        pane = self.space
        if pane is None:
            return
        if name == "cut":
            pane.toggle_cut(self.focused)
        else:
            {"look": pane.next_look, "mode": pane.next_mode, "reset": pane.reset, "labels": pane.toggle_labels,
             "smooth": pane.toggle_smooth}[name]()  # fmt: skip

    def _toggle_cine(self) -> None:
        (self._cine.stop if self._cine.isActive() else self._cine.start)()

    def _next_frame(self) -> None:
        plane, size = self.canvas.plane, self.scene.shape
        if not all(size):
            self._cine.stop()
            return
        last = 0 if plane.flip_across else size[plane.across] - 1
        if self.scene.cursor[plane.across] == last:
            there: list[float] = list(self.scene.cursor)
            there[plane.across] = size[plane.across] - 1 - last
            self.scene.go(there)
        else:
            self.scene.step(plane, 1)

    # Layout

    def _lay_out(self) -> None:
        px = theme().pixels
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.bar = ToolRow([[self.actions_[name] for name in group] for group in ROW], self.menu)
        self.area = QWidget()
        """The planes and what stands beside them, without tools and read-out."""
        self.cells = QGridLayout(self.area)
        self.cells.setContentsMargins(0, 0, 0, 0)
        self.cells.setSpacing(px(4))
        self.read_out = Caption(role="small")
        self.read_out.setAccessibleName("Under the pointer")
        self.message = Caption(role="small")
        self.message.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.message.hide()
        self.saved = QLabel()
        self.saved.setProperty("role", "small")
        self.saved.setAccessibleName("Autosave")
        below = QHBoxLayout()
        below.setSpacing(px(8))
        below.addWidget(self.read_out, 3)
        below.addWidget(self.message, 2)
        below.addWidget(self.saved)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(4))
        column.addWidget(self.bar)
        column.addWidget(self.area, 1)
        column.addLayout(below)

    def _fill_menu(self) -> None:
        self.menu.clear()
        self.menu.addActions([self.actions_[name] for name in self.editor.tools])
        edit = self.menu.addMenu("Edit label")
        edit.addActions([self.actions_[name] for name in OPERATIONS])
        labels = self.editor.labels
        combine = edit.addMenu("Combine")
        combine.setEnabled(labels is not None and self.editor.able())
        for one in labels.labels if labels is not None else ():
            if labels is not None and one.value != labels.active:
                take = functools.partial(self.editor.combine, one.value, "union")
                combine.addAction(f"Take {one.name} into {labels.name(labels.active)}").triggered.connect(take)
        originals: tuple[tuple[str, Boolean], ...] = (
            ("Together with", "union"), ("Common with", "intersection"), ("Without", "difference"),
        )  # fmt: skip
        for words, how in originals:
            do = functools.partial(self.editor.combine, None, how)
            combine.addAction(f"{words} the label as it was read").triggered.connect(do)
        windows = self.menu.addMenu("Window")
        windows.addActions([self.actions_[name] for name in WINDOWS])
        rest = [name for name in self.actions_ if name not in {*self.editor.tools, *OPERATIONS, *WINDOWS}]
        self.menu.addActions([self.actions_[name] for name in rest])

    def _arrange(self) -> None:
        shown: list[QWidget]
        if self.layout_ == "sequences":
            shown = list(self.sequences)
        elif self.layout_ == "one":
            space = self._third_widget() if self._in_space else None
            shown = [self.canvas if space is None else space]
        else:
            shown = [self.canvases[name] for name in ("axial", "sagittal", "coronal")]
            third = self._third_widget()
            if third is not None:
                shown.append(third)
            elif self._own_panel:
                shown.append(self.panel)
        while self.cells.count():
            self.cells.takeAt(0)
        mine: list[QWidget] = [*self.canvases.values(), *self.sequences, *([self.panel] if self._own_panel else [])]
        mine += [self.space] if self.space is not None else []
        for widget in mine:
            if widget not in shown:
                widget.hide()
        across = 1 if len(shown) == 1 else 2
        for at, widget in enumerate(shown):
            self.cells.addWidget(widget, at // across, at % across)
            widget.show()
        for at in range(2):
            self.cells.setColumnStretch(at, 1 if at < across else 0)
            self.cells.setRowStretch(at, 1 if at * across < len(shown) else 0)

    def _toggle_layout(self, layout: Layout) -> None:
        self.layout_ = "planes" if self.layout_ == layout else layout
        if self.layout_ == "sequences":
            self._make_sequences()
        self._arrange()
        if self.layout_ == "sequences" and self.sequences:
            self.sequences[0].setFocus()
        elif self.space is not None and self._third and self._in_space:
            self.space.setFocus()
        else:
            self.canvas.setFocus()

    def _make_sequences(self) -> None:
        for canvas in self.sequences:
            canvas.hide()
            canvas.setParent(None)
            canvas.deleteLater()
        self.sequences = []
        for at in range(len(self.scene.layers)):
            canvas = PlaneCanvas(self.scene, self.focused, sequence=at, parent=self)
            canvas.pointed.connect(self._point)
            self.sequences.append(canvas)

    # Saying

    def _wire(self) -> None:
        for name, canvas in self.canvases.items():
            canvas.pointed.connect(self._point)
            canvas.grabbed.connect(functools.partial(self._focus, name))
        self.scene.moved.connect(lambda: self._point(None))
        self.scene.restyled.connect(self._restyled)
        self.editor.said.connect(self._say)
        self.editor.changed.connect(self._refresh)
        self.editor.saved.connect(self.saved.setText)

    def _focus(self, name: Name) -> None:
        self.focused, self._in_space = name, False

    _in_space = False
    """Whether the view in 3-D had the focus last."""

    def _restyled(self) -> None:
        if self.scene.layers and self._windowed != self.scene.layers[0].window:
            self._window_name("")

    def _window_name(self, name: str) -> None:
        self._windowed = self.scene.layers[0].window if self.scene.layers else None
        self.panel.say_window(name)

    _windowed: shades.Window | None = None

    def _point(self, voxel: Voxel | None) -> None:
        self.read_out.set_whole(self.words(voxel or self.scene.cursor) if all(self.scene.shape) else "")

    def words(self, voxel: Voxel) -> str:
        """A voxel in words: patient position, indices x, y, z from 0, values with units, label."""
        z, y, x = voxel
        parts = [in_words(self.scene.position_mm(voxel)), f"voxel {x}, {y}, {z}"]
        parts += [layer.words(voxel) for layer in self.scene.layers]
        over, labels = self.scene.overlay, self.scene.labels
        if over is not None and over not in self.scene.layers:
            parts.append(f"{over.title} {over.words(voxel)}")
        if labels is not None and labels.array[voxel]:
            parts.append(labels.name(int(labels.array[voxel])))
        return "  ·  ".join(parts)

    def _say(self, words: str, role: str) -> None:
        self.message.setProperty("role", "error" if role == "error" else "small")
        self.message.style().unpolish(self.message)
        self.message.style().polish(self.message)
        self.message.set_whole(words)
        self.message.setVisible(bool(words))  # the read-out has its room otherwise

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.space is None:
            QTimer.singleShot(0, self, lambda: import_later(IN_SPACE, self))

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._cine.stop()
        self.editor.finish()
        self._refresh()
