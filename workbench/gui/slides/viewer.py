"""The viewer of whole slides: tools above, the slide, what its colours mean, a read-out below."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QInputDialog, QMenu, QVBoxLayout, QWidget

from workbench.core.problem import InputError, ProblemRecord
from workbench.core.slides import OBJECTIVE_MPP, HeatMap, SlideInfo, geojson, heat_problem
from workbench.core.words import count, spaced
from workbench.gui.actions import make_action
from workbench.gui.card import Caption
from workbench.gui.link import Link
from workbench.gui.slides.canvas import SlideCanvas
from workbench.gui.slides.heat import HeatLayer
from workbench.gui.slides.heatbar import HeatBar
from workbench.gui.slides.tiles import TileStore, picture
from workbench.gui.slides.viewpoint import magnification_words
from workbench.gui.theme import theme
from workbench.gui.volumes.toolrow import ToolRow

AT_ONCE_TILES = 500
"""So many are made ready on the GUI thread; more of them take too long."""
MAGNIFICATIONS = (5, 10, 20, 40)
SCORED = ("heat", "score", "hottest", "fainter", "stronger", "geojson")
ROW = (("fit", "native"), ("map", "grid"), ("heat", "hottest", "geojson"))


class SlideViewer(QWidget):
    """Hosted by the page of cases and by the view of Slide artifacts; problems go to `failed`."""

    failed = Signal(object)
    """A ProblemRecord of a tile or a question about the slide."""

    def __init__(self, link: Link, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.tiles = TileStore(link, self)
        self.canvas = SlideCanvas(self.tiles)
        self.heat: HeatMap | None = None
        self.score = ""
        self.heat_shown = True
        self._rank = 0
        self._turn = 0
        self._grid: HeatMap | None = None
        self.bar = HeatBar()
        self.actions_: dict[str, QAction] = {}
        self._make_actions()
        self._lay_out()
        self.canvas.pointed.connect(self._point)
        self.canvas.moved.connect(self._refresh)
        self.tiles.failed.connect(self._tile_failed)
        self.bar.chosen.connect(self.choose_score)
        self.bar.faded.connect(self._fade)
        self._refresh()

    @property
    def info(self) -> SlideInfo | None:
        """The slide that is shown."""
        return self.canvas.info

    def open(self, path: str, then: Callable[[SlideInfo], None] | None = None, heat: HeatMap | None = None) -> None:
        """Ask the worker for a slide and show it; problems go to `failed`."""
        self.ask("slide", SlideInfo, lambda info: self._opened(info, heat, then), path=path)

    def show_slide(self, info: SlideInfo, heat: HeatMap | None = None) -> None:
        """Show a slide that the worker has opened, and scores over it; raises InputError for ones that do not fit."""
        fault = heat_problem(heat) if heat is not None else ""
        if fault:
            raise InputError("The scores over the slide do not fit together.", received=fault,
                             expected="one score from 0 to 1 per tile, and tiles of a size above 0")  # fmt: skip
        self._turn += 1
        self._grid = None
        self.canvas.show_slide(info, picture(info.thumbnail))
        self.set_heat(heat)
        self._point(None)

    def clear(self) -> None:
        """Show nothing."""
        self._turn += 1
        self.canvas.clear()
        self.set_heat(None)
        self._point(None)

    def set_heat(self, heat: HeatMap | None, score: str = "") -> None:
        """Lay the scores of tiles over the slide, the first one or the named one."""
        self.heat = heat if heat is not None and heat.tiles and heat.scores else None
        names = list(self.heat.scores) if self.heat else []
        self.bar.show_names(names, score or (names[0] if names else ""))
        self.choose_score(score or (names[0] if names else ""))

    def choose_score(self, name: str) -> None:
        """Show this score."""
        self.score, self._rank = name, 0
        heat, size = self.heat, self.canvas.size_px
        if heat is None or not self.heat_shown or name not in heat.scores:
            self.canvas.set_heat(None)
        elif len(heat.tiles) <= AT_ONCE_TILES:
            self.canvas.set_heat(HeatLayer(heat, name, size).prepared())
        else:
            self._link.background(
                lambda: HeatLayer(heat, name, size).prepared(), then=functools.partial(self._lay, heat),
                failed=self._fail, owner=self,
            )  # fmt: skip
        self._refresh()

    def _lay(self, heat: HeatMap, layer: HeatLayer) -> None:
        """Scores that are still wanted."""
        if heat is self.heat and layer.name == self.score and self.heat_shown:
            self.canvas.set_heat(layer)

    def ask(self, what: str, kind: Any, then: Callable[[Any], None], **arguments: Any) -> None:
        """A question about the slide in front; an answer for one that is gone is dropped."""
        turn = self._turn

        def take(found: Any) -> None:
            if turn == self._turn:
                self.message.set_whole("")
                then(found)

        self.message.set_whole("Reading …")
        self._link.deliver(
            self._link.runner.inspect(what, **arguments),
            then=lambda raw: self._link.background(
                lambda: msgspec.json.decode(raw, type=kind), then=take, failed=self._fail, owner=self
            ),
            failed=self._fail, owner=self,
        )  # fmt: skip

    def set_mpp(self, mpp: float) -> None:
        """Take this many µm per level-0 pixel where the file tells none."""
        if self.info is not None:
            self.canvas.info = msgspec.structs.replace(self.info, mpp=mpp)
            self.canvas.update()
            self._refresh()

    def save_geojson(self, path: Path) -> None:
        """Write tiles and scores for QuPath and others; raises OSError."""
        if self.heat is not None:
            path.write_bytes(geojson(self.heat))

    def words(self) -> str:
        """The slide in a line: size, resolution, levels, tissue, reader."""
        info = self.info
        if info is None:
            return ""
        first = info.levels[0]
        mpp = f"{info.mpp:.4g} µm/px" if info.mpp else "resolution unknown"
        tiles = f", {count(info.grid, 'tile')} at 20×" if info.grid is not None else ""
        return (
            f"{spaced(first.width)} × {spaced(first.height)} px · {mpp} · {count(len(info.levels), 'level')} · "
            f"tissue {info.tissue:.0%}{tiles} · {info.reader}"
        )

    def sizeHint(self) -> QSize:
        return QSize(720, 560)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    # Actions

    def _make_actions(self) -> None:
        canvas = self.canvas
        doing: dict[str, Callable[[], Any]] = {
            "fit": canvas.fit, "native": lambda: canvas.set_scale(1.0), "score": self._next_score,
            "hottest": self._go_hottest, "fainter": lambda: self._step_opacity(-10),
            "stronger": lambda: self._step_opacity(10), "geojson": self._ask_geojson, "mpp": self._ask_mpp,
        }  # fmt: skip
        for times in MAGNIFICATIONS:
            doing[f"x{times}"] = functools.partial(self._magnify, times)
        for name, do in doing.items():
            self.actions_[name] = make_action(self, f"view.slide.{name}", do)
        for name, do in {"map": self._toggle_map, "heat": self._toggle_heat, "grid": self._toggle_grid}.items():
            self.actions_[name] = make_action(self, f"view.slide.{name}", do, checkable=True)

    def _refresh(self) -> None:
        """Which actions can be done, which are on."""
        actions, there = self.actions_, self.info is not None
        for name in ("fit", "native", "map", "mpp"):
            actions[name].setEnabled(there)
        for name in SCORED:
            actions[name].setEnabled(self.heat is not None)
        actions["grid"].setEnabled(there)
        for times in MAGNIFICATIONS:
            actions[f"x{times}"].setEnabled(there and self.info is not None and self.info.mpp is not None)
        actions["map"].setChecked(self.canvas.map_shown)
        actions["heat"].setChecked(self.heat is not None and self.heat_shown)
        actions["grid"].setChecked(self._grid is not None and self.heat is self._grid)

    def _magnify(self, times: int) -> None:
        if self.info is not None and self.info.mpp:
            self.canvas.set_scale(OBJECTIVE_MPP / times / self.info.mpp)

    def _toggle_map(self) -> None:
        self.canvas.map_shown = not self.canvas.map_shown
        self.canvas.update()
        self._refresh()

    def _toggle_heat(self) -> None:
        self.heat_shown = not self.heat_shown
        self.choose_score(self.score)

    def _toggle_grid(self) -> None:
        """The tiles that hold tissue; the scores that were shown come back after them."""
        if self._grid is not None and self.heat is self._grid:
            self.set_heat(self._before)
            return
        self._refresh()  # not checked before they are there
        if self.info is not None:
            self.ask("slide-grid", HeatMap, self._show_grid, path=self.info.path, mpp=self.info.mpp)

    _before: HeatMap | None = None

    def _show_grid(self, heat: HeatMap) -> None:
        self._before, self._grid = self.heat, heat
        self.heat_shown = True
        self.set_heat(heat)
        self.message.set_whole(f"{count(len(heat.tiles), 'tile')} of 256 px at 20× hold tissue; colours: its share")

    def _next_score(self) -> None:
        if self.heat is not None:
            names = list(self.heat.scores)
            self.bar.names.setCurrentText(names[(names.index(self.score) + 1) % len(names)])

    def _go_hottest(self) -> None:
        """From the highest score downwards, one tile each time."""
        if self.heat is None:
            return
        scores = np.asarray(self.heat.scores[self.score])
        order = np.argsort(-scores, kind="stable")
        at = int(order[self._rank % len(order)])
        x, y = self.heat.tiles[at]
        half, side = self.heat.tile_px / 2, min(self.canvas.width(), self.canvas.height())
        self.canvas.go(x + half, y + half, min(self.canvas.view.scale, max(self.heat.tile_px * 3 / max(side, 1), 0.25)))
        self.message.set_whole(
            f"{self.score} {scores[at]:.2f}: place {self._rank % len(order) + 1} of {spaced(len(order))}"
        )
        self._rank += 1

    def _step_opacity(self, by: int) -> None:
        self.bar.opacity.setValue(self.bar.opacity.value() + by)

    def _fade(self, opacity: float) -> None:
        self.canvas.opacity = opacity
        self.canvas.update()

    def _ask_geojson(self) -> None:
        if self.info is None or self.heat is None:
            return
        dialog = QFileDialog(self, "Export scores as GeoJSON")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["GeoJSON (*.geojson)"])
        dialog.selectFile(f"{Path(self.info.path).stem}.geojson")
        dialog.fileSelected.connect(lambda chosen: self._save_geojson(Path(chosen)))
        dialog.open()

    def _save_geojson(self, path: Path) -> None:
        self._link.background(
            lambda: self.save_geojson(path), then=lambda _: self.message.set_whole(f"Written to {path}"),
            failed=self._fail, owner=self,
        )  # fmt: skip

    def _ask_mpp(self) -> None:
        if self.info is None:
            return
        dialog = QInputDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("Resolution of the slide")
        dialog.setLabelText("µm per pixel of the finest level (20×: about 0.5, 40×: about 0.25)")
        dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
        dialog.setDoubleDecimals(4)
        dialog.setDoubleRange(0.01, 20.0)
        dialog.setDoubleValue(self.info.mpp or 0.5)
        dialog.doubleValueSelected.connect(self.set_mpp)
        dialog.open()

    # Building and saying

    def _lay_out(self) -> None:
        px = theme().pixels
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.addActions(list(self.actions_.values()))
        self.tools = ToolRow([[self.actions_[name] for name in group] for group in ROW], self.menu)
        self.read_out, self.message = Caption(role="small"), Caption(role="small")
        self.read_out.setAccessibleName("Under the pointer")
        self.message.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        below = QHBoxLayout()
        below.setSpacing(px(8))
        below.addWidget(self.read_out, 3)
        below.addWidget(self.message, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(4))
        for widget in (self.tools, self.bar):
            column.addWidget(widget)
        column.addWidget(self.canvas, 1)
        column.addLayout(below)
        self.setFocusProxy(self.canvas)

    def _opened(self, info: SlideInfo, heat: HeatMap | None, then: Callable[[SlideInfo], None] | None) -> None:
        try:
            self.show_slide(info, heat)
        except InputError as problem:
            self.show_slide(info)
            self.failed.emit(problem.record())
        if then is not None:
            then(info)

    def _point(self, place: tuple[float, float] | None) -> None:
        if place is None or self.info is None:
            self.read_out.set_whole(self.words())
            return
        x, y = place
        parts = [f"pixel {x:.0f}, {y:.0f}"]
        if self.info.mpp:
            parts.append(f"{x * self.info.mpp / 1000:.3f}, {y * self.info.mpp / 1000:.3f} mm")
        parts.append(magnification_words(self.canvas.view.scale, self.info.mpp))
        score = self.canvas.heat.at(x, y) if self.canvas.heat is not None else None
        if score is not None:
            parts.append(f"{self.score} {score:.2f}")
        self.read_out.set_whole("  ·  ".join(parts))

    def _tile_failed(self, record: ProblemRecord) -> None:
        self.message.set_whole("Some tiles cannot be read; they stay blurred.")
        self.failed.emit(record)

    def _fail(self, record: ProblemRecord) -> None:
        self.message.set_whole("")
        self.failed.emit(record)
