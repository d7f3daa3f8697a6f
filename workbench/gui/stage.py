"""The middle of a recipe's tab: one card per slot that the recipe writes, in the rows it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QScrollArea, QSplitter, QVBoxLayout, QWidget

from workbench.core import events as ev
from workbench.core.kinds import ArtifactKind, Clips, Curve, Outcomes
from workbench.core.recipe import Recipe
from workbench.core.words import in_words
from workbench.gui.buttons import tool_button
from workbench.gui.card import Card
from workbench.gui.theme import theme

if TYPE_CHECKING:
    from workbench.gui.runmodel import RunModel
    from workbench.gui.views import View

PLACE_PX = 264
TALL_PX = {"audio": 384, "tiers": 424, "clips": 320, "clip": 384}
"""Kinds that need more: a sound has its tools, ruler, waveform and spectrogram above its tiers."""
ACROSS_PX = 248
"""No row holds more places than fit at this width."""
COMING = {
    "confusion": "True against predicted class.\nClick a cell to read its examples.",
    "embedding": "A map of the examples as the model sees them.\nDraw around points to list them.",
    "table": "Figures, row by row.",
    "spans": "Texts with what the model marks in them.",
    "attention": "How much each token looks at each other one.",
    "text": "A passage of text.",
    "volume": "A volume in three linked planes.\nThe wheel changes the slice.",
    "slide": "A whole slide with the scores of its tiles.\nThe wheel magnifies, H hides the scores.",
    "clips": "Short clips with what was predicted.\nA click enlarges one.",
    "labels": "Labels over their volume in three linked planes.\nB paints, E erases.",
}


def rows_of(recipe: Recipe) -> list[list[str]]:
    """Slots in rows: as declared, otherwise two by two; curves stand at the side, wherever a row names them."""
    drawn = [name for name, kind in recipe.writes.items() if kind not in (Curve, Outcomes)]
    if recipe.layout:
        rows = [[slot for slot in row if slot in drawn] for row in recipe.layout]
        rows.append([slot for slot in drawn if not any(slot in row for row in rows)])
        return [row for row in rows if row]
    return [drawn[start : start + 2] for start in range(0, len(drawn), 2)]


class Place(Card):
    """A slot's card; its view is made when the first artifact arrives."""

    picked = Signal(object, str)
    zoomed = Signal(str)

    def __init__(self, slot: str, kind: ArtifactKind) -> None:
        super().__init__(in_words(slot))
        self.slot, self.kind = slot, kind
        self.setMinimumSize(theme().pixels(160), theme().pixels(TALL_PX.get(kind.name, PLACE_PX)))
        self.view: View | None = None
        self._stage = ""
        self._shown: tuple[Path, str] | None = None
        self.set_body(_hint(_coming(kind)))
        zoom = tool_button(
            "mdi6.arrow-expand", "Show only this (again: show all)", self._tell_zoomed, name=f"Enlarge {in_words(slot)}"
        )
        self.header.addWidget(zoom)

    def show_artifact(self, folder: Path, artifact: ev.Artifact) -> None:
        """Draw an artifact, unless it is drawn already."""
        if self._shown == (folder, artifact.path):
            return
        self._shown = (folder, artifact.path)
        if self.view is None:
            self._make_view()
        self._stage = artifact.title
        if self.view is not None:
            self.view.show_artifact(folder, artifact)
            self._describe(self.view.caption)

    def clear(self) -> None:
        """Back to the sentence that says what will come."""
        self._shown = None
        self._stage = ""
        self.set_caption("")
        if self.view is not None:
            self.view.clear(_coming(self.kind))

    def _make_view(self) -> None:
        from workbench.gui.views import drawable, make_view

        if not drawable(self.kind.name):
            self.set_body(_hint(f"{in_words(self.slot)} is in the run's folder; this kind has no view yet."))
            return
        self.view = make_view(self.kind.name)
        self.view.picked.connect(self._tell_picked)
        self.view.captioned.connect(self._describe)
        self.set_body(self.view, margin=8)

    def _describe(self, said: str) -> None:
        """What the view says, then what the recipe calls this state of things: a narrow card cuts the end off."""
        self.set_caption(" · ".join(part for part in (said, self._stage) if part))

    def _tell_zoomed(self) -> None:
        self.zoomed.emit(self.slot)

    def _tell_picked(self, items: Any) -> None:
        title = self.view.picked_title if self.view is not None else ""
        self.picked.emit(items, title or self.title())


class Stage(QWidget):
    """All places of a recipe in the rows it asks for, broken where the window is too narrow for them."""

    picked = Signal(object, str)

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self._wanted = rows_of(recipe)
        self._placed: list[list[str]] = []
        self._lone = ""
        self._model: RunModel | None = None
        self.places = {slot: self._make(slot, recipe) for row in self._wanted for slot in row}
        self.rows = _splitter(Qt.Orientation.Vertical)
        self._area = area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.rows)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area)
        self._arrange(self._wanted)

    def show_slot(self, model: RunModel, slot: str, step: int | None) -> None:
        """Draw a slot as it stood at a step (None: newest)."""
        self._model = model
        place, artifact = self.places.get(slot), model.artifact_at(slot, step)
        if place is None:
            return
        if artifact is None:
            place.clear()
        else:
            place.show_artifact(model.folder.path, artifact)

    def clear(self) -> None:
        """Empty every place."""
        self._model = None
        for place in self.places.values():
            place.clear()

    def zoom(self, slot: str) -> None:
        """Show one place alone, or all again."""
        self._lone = "" if self._lone == slot else slot
        for place in self.places.values():
            place.setVisible(self._lone in ("", place.slot))
        for row in self._splitters():
            row.setVisible(any(not place.isHidden() for place in self.places.values() if place.parent() is row))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        across = max(1, self.width() // theme().pixels(ACROSS_PX))
        broken = [row[at : at + across] for row in self._wanted for at in range(0, len(row), across)]
        if broken != self._placed and not self._lone:
            self._arrange(broken)

    def _make(self, slot: str, recipe: Recipe) -> Place:
        place = Place(slot, recipe.writes[slot])
        place.picked.connect(self._take)
        place.zoomed.connect(self.zoom)
        return place

    def _take(self, items: Any, title: str) -> None:
        """What was picked in one view may be shown by another: the clips behind a cell of a matrix, or of a group.

        Clips of a group are all that its items stand for: they come into sight, and no list of those items.
        """
        led = self._lead({one.group for one in items if one.group})
        if led is None:
            self.picked.emit(items, title)
            self._narrow(items, title)
        else:
            self.picked.emit([], "")
            if self._lone:  # the place alone on the stage is the one that was picked in
                self.zoom(self._lone)
            # A place that was hidden until now has its room only after the layout's turn.
            QTimer.singleShot(0, led, lambda: self._area.ensureWidgetVisible(led))

    def _lead(self, groups: set[str]) -> Place | None:
        """Show the clips of a group; the place of them, or None where there are none."""
        led = None
        for place in self.places.values():
            if self._model is not None and groups and place.kind == Clips:
                made = [one for one in self._model.artifacts.get(place.slot, []) if one.meta.get("group") in groups]
                if made:
                    place.show_artifact(self._model.folder.path, made[-1])
                    led = place
        return led

    def _narrow(self, items: Any, title: str) -> None:
        for place in self.places.values():
            if place.view is not None and place is not self.sender():
                place.view.narrow(items, title)

    def _splitters(self) -> list[QSplitter]:
        found = (self.rows.widget(at) for at in range(self.rows.count()))
        return [row for row in found if isinstance(row, QSplitter)]

    def _arrange(self, rows: list[list[str]]) -> None:
        former, self._placed = self._splitters(), rows
        for slots in rows:
            row = _splitter(Qt.Orientation.Horizontal)
            for slot in slots:
                row.addWidget(self.places[slot])
            row.setSizes([100] * len(slots))
            self.rows.addWidget(row)
        for row in former:
            row.hide()
            row.setParent(None)
            row.deleteLater()
        self.rows.setSizes([100] * len(rows))


def _splitter(orientation: Qt.Orientation) -> QSplitter:
    splitter = QSplitter(orientation)
    splitter.setHandleWidth(theme().pixels(8))
    splitter.setChildrenCollapsible(False)
    return splitter


def _hint(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "dim")
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    return label


def _coming(kind: ArtifactKind) -> str:
    return COMING.get(kind.name, f"{kind.help[:1].upper()}{kind.help[1:]}.")
