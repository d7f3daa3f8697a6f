"""Embedding map: points coloured by what is known of them; a lasso lists the points it encloses, sounds are heard."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QHideEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from workbench.core import events as ev
from workbench.core.documents import Item, MapAxes
from workbench.core.words import spaced
from workbench.gui.views import palette, reading
from workbench.gui.views.base import Rows, View
from workbench.gui.views.legend import Legend
from workbench.gui.views.mapaxes import Axes
from workbench.gui.views.pointmap import Groups, PointMap
from workbench.gui.volumes.away import Away

if TYPE_CHECKING:
    from workbench.gui.views.clips import ClipPlayer, Clips

MODES = ("label", "predicted", "error", "group")
_TITLES = {"label": "label", "predicted": "prediction", "error": "error", "group": "group"}
MOST_GROUPS = 60
"""Beyond this many the rarest share the colour of 'others'."""


@dataclasses.dataclass
class Content:
    """Points (N, 2) with, where known, one item and one stretch of sound each."""

    points: NDArray[np.float64]
    items: list[Item]
    clips: Clips | None = None
    axes: MapAxes | None = None


class EmbeddingView(View):
    """A map of up to tens of thousands of points; colour by label, prediction, error or group.

    Where the artifact has parts `audio` and `clips`, a click plays the point's stretch of sound.
    """

    name = "Embedding map"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = Content(np.zeros((0, 2)), [])
        self.clips: ClipPlayer | None = None
        self.map = PointMap(self)
        self.map.enclosed.connect(self._choose)
        self.map.describe = self.describe
        self.colour_by = QComboBox()
        self.colour_by.setAccessibleName("Colour by")
        self.colour_by.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.colour_by.setToolTip("What the colours stand for")
        self.colour_by.currentIndexChanged.connect(lambda _index: self._group())
        self.legend = Legend()
        self.legend.chosen.connect(self.map.single_out)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.map, 1)
        column.addWidget(self._strip())
        self.set_body(body)
        self.setFocusProxy(self.map)
        self.add_action("view.map.fit", self.map.fit)
        self.add_action("view.map.all", self.map.select_all)
        self.add_action("view.map.none", self.map.select_none)
        self.play_action = self.add_action("view.map.play", self.play)
        self.play_action.setVisible(False)
        self.play_action.setEnabled(False)
        self.recolour()

    def _strip(self) -> QWidget:
        strip = QWidget()
        row = QHBoxLayout(strip)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        caption = QLabel("Colour")
        caption.setProperty("role", "small")
        caption.setBuddy(self.colour_by)
        row.addWidget(caption)
        row.addWidget(self.colour_by)
        row.addWidget(self.legend, 1)
        return strip

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        path = reading.inside(folder, artifact.path)
        points = reading.array(path, ndim=2)
        if points.shape[1] != 2:
            raise reading.damaged(path, "points of two coordinates, (N, 2)", str(points.shape))
        items = reading.items_of(folder, artifact)
        if items and len(items) != len(points):
            raise reading.damaged(
                path, f"{spaced(len(items))} points, one for each item", f"{spaced(len(points))} points"
            )
        clips = _clips(folder, artifact, len(points))
        return Content(np.array(points, dtype=np.float64), items, clips, _axes(path, artifact))

    def draw(self, content: Content) -> None:
        self.content = content
        self._offer_clips()
        self._offer_modes()
        self.map.axes = Axes(content.axes) if content.axes is not None else None
        self.map.show_points(content.points)
        self._group()
        self._tell()

    def _offer_clips(self) -> None:
        clips = self.content.clips
        if clips is not None and self.clips is None:
            from workbench.gui.views.clips import ClipPlayer

            self.hear_with(ClipPlayer(Away(self), self))
        if self.clips is not None:
            self.clips.player.halt()
        self.play_action.setVisible(clips is not None)
        self.play_action.setEnabled(clips is not None)

    def hear_with(self, player: ClipPlayer) -> None:
        """Play clips with this."""
        self.clips = player
        player.able.connect(self._tell)
        player.listen()

    def play(self) -> None:
        """Play the sound of the selected point, the first of several; halt while it plays."""
        if self.clips is None or self.content.clips is None:
            return
        if self.clips.player.playing:
            self.clips.player.halt()
        elif len(self.map.selected):
            self.clips.play(self.content.clips, int(self.map.selected[0]))

    def hideEvent(self, event: QHideEvent) -> None:
        if self.clips is not None:
            self.clips.player.halt()
        super().hideEvent(event)

    def _offer_modes(self) -> None:
        offered = [mode for mode in MODES if self._known(mode)]
        if offered == [self.colour_by.itemData(at) for at in range(self.colour_by.count())]:
            return
        before = self.colour_by.currentData()
        self.colour_by.blockSignals(True)
        self.colour_by.clear()
        for mode in offered:
            self.colour_by.addItem(_TITLES[mode], mode)
        self.colour_by.setCurrentIndex(max(self.colour_by.findData(before), 0))
        self.colour_by.blockSignals(False)
        self.colour_by.setEnabled(bool(offered))

    def _known(self, mode: str) -> bool:
        if mode == "error":
            return any(item.label and item.predicted for item in self.content.items)
        return any(getattr(item, mode) for item in self.content.items)

    def colour(self, mode: str) -> None:
        """Colour by 'label', 'predicted', 'error' or 'group', where the items know it."""
        at = self.colour_by.findData(mode)
        if at >= 0:
            self.colour_by.setCurrentIndex(at)

    def _group(self) -> None:
        groups = self.groups()
        self.map.set_groups(groups)
        self.legend.show_entries(list(zip(groups.names, groups.colours, groups.symbols, strict=True)))

    def groups(self) -> Groups:
        """Each point's group with the groups' names, colours and symbols, by the chosen mode."""
        mode = self.colour_by.currentData()
        if not self.content.items or mode is None:
            count = len(self.content.points)
            return Groups(np.zeros(count, np.int64), ["all"], [QColor(self.tokens.accent)], ["disc"], named=False)
        if mode == "error":
            return self._errors()
        return self._categories([getattr(item, mode) or "none" for item in self.content.items])

    def _errors(self) -> Groups:
        wrong = [bool(item.predicted) and item.label != item.predicted for item in self.content.items]
        calm = QColor(self.tokens.blend(self.tokens.dim, 0.5))
        colours, symbols = [calm, QColor(self.tokens.error)], ["disc", "diamond"]
        return Groups(np.array(wrong, dtype=np.int64), ["right", "wrong"], colours, symbols, named=False)

    def _categories(self, values: Sequence[str]) -> Groups:
        counts: dict[str, int] = {}
        for value in values:
            counts[value] = counts.get(value, 0) + 1
        names = sorted(counts)
        if len(names) > MOST_GROUPS:
            names = [*sorted(sorted(counts, key=lambda name: -counts[name])[: MOST_GROUPS - 1]), "others"]
        rank = {name: at for at, name in enumerate(names)}
        numbers = np.array([rank.get(value, len(names) - 1) for value in values], dtype=np.int64)
        colours = [palette.category(at, self.tokens) for at in range(len(names))]
        return Groups(numbers, names, colours, [palette.symbol(at, self.tokens) for at in range(len(names))])

    def describe(self, at: int) -> str:
        """A point in words, for its tooltip."""
        if at >= len(self.content.items):
            return f"point {spaced(at)}"
        item = self.content.items[at]
        known = [
            f"true {item.label}" if item.label else "",
            f"predicted {item.predicted}" if item.predicted else "",
            f"{item.score:.2f}" if item.score else "",
            item.group,
        ]
        text = item.text if len(item.text) <= 300 else item.text[:300] + " …"
        return f"{text}\n{' · '.join(filter(None, known))}".strip()

    def _tell(self) -> None:
        heard = ""
        if self.content.clips is not None and self.clips is not None:
            heard = f" · {self.clips.problem}" if self.clips.problem else " · click one to hear it"
        self.set_caption(f"{spaced(len(self.content.points))} points · drag around some to list them{heard}")

    def _choose(self, positions: NDArray[np.int64]) -> None:
        if len(positions) == 1 and self.clips is not None and self.content.clips is not None:
            self.clips.play(self.content.clips, int(positions[0]))
        chosen = [self.content.items[at] for at in positions if at < len(self.content.items)]
        self.picked_title = f"{spaced(len(positions))} of {spaced(len(self.content.points))} points"
        self.picked.emit(chosen)

    def rows(self) -> tuple[Sequence[str], Rows]:
        items: Sequence[Item | None] = self.content.items or [None] * len(self.content.points)
        pairs = zip(self.content.points, items, strict=True)
        axes = self.content.axes
        first = ("x", "y") if axes is None else (f"log10 {axes.x}" if axes.log_x else axes.x, axes.y)
        return (*first, "label", "predicted", "score", "group", "text"), (_row(point, item) for point, item in pairs)

    def recolour(self) -> None:
        self.map.set_theme(self.tokens)
        self.legend.set_theme(self.tokens)
        self._group()


def _axes(path: Path, artifact: ev.Artifact) -> MapAxes | None:
    told = artifact.meta.get("axes")
    try:
        return msgspec.convert(told, MapAxes) if told is not None else None
    except msgspec.ValidationError as error:
        raise reading.damaged(path, "the names of its axes", str(error)) from None


def _clips(folder: Path, artifact: ev.Artifact, count: int) -> Clips | None:
    if not (artifact.parts.get("audio") and artifact.parts.get("clips")):
        return None
    # Not before there is a sound: most maps have none.
    from workbench.gui.views.clips import read_clips

    return read_clips(folder, artifact, count)


def _row(point: NDArray[np.float64], item: Item | None) -> tuple[Any, ...]:
    known = item or Item("")
    return (float(point[0]), float(point[1]), known.label, known.predicted, known.score, known.group, known.text)
