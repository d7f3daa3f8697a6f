"""One slot's artifacts of every run under one time slider, by step or by how far each run had come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from workbench.core.kinds import KINDS, ArtifactKind
from workbench.core.words import in_words, spaced
from workbench.gui.compare.comparison import Comparison, Member
from workbench.gui.compare.runlist import swatch
from workbench.gui.picked import PickedCard
from workbench.gui.stage import Place
from workbench.gui.theme import theme, tokens
from workbench.gui.timeline import Timeline
from workbench.gui.views import palette

if TYPE_CHECKING:
    from workbench.gui.runmodel import RunModel

ACROSS_PX, PLACE_PX = 320, 280
MOST_LETTERS = 24
WHOLE = 1000
"""Relative progress is told in thousandths of a run."""


class SideBySide(QWidget):
    """`wanted` names a run whose place should be drawn; the page decides when."""

    wanted = Signal(str)

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self.comparison = comparison
        self.places: dict[str, Place] = {}
        self._lone = ""
        self._across = 0
        self.slots, self.axis = QComboBox(), QComboBox()
        self.timeline, self.picked = Timeline(), PickedCard()
        self.slots.setAccessibleName("What is compared")
        self.slots.setToolTip("The artifact to hold side by side")
        self.slots.setMinimumWidth(theme().pixels(176))
        self.slots.currentIndexChanged.connect(lambda _: self._rebuild())
        self.axis.addItems(["by step", "by progress"])
        self.axis.setAccessibleName("What the time slider counts")
        self.axis.setToolTip("By step: all runs at the same step. By progress: all runs equally far through.")
        self.axis.currentIndexChanged.connect(lambda _: self._change_axis())
        self.timeline.moved.connect(lambda _: self._want_all())
        self._lay_out()

    @property
    def slot(self) -> str:
        """The slot whose artifacts are shown."""
        return str(self.slots.currentData() or "")

    def by_progress(self) -> bool:
        """Whether the slider counts how far each run has come."""
        return self.axis.currentIndex() == 1

    def refresh(self) -> None:
        """Runs or slots came or went: offer what there is, keep what was chosen."""
        known: dict[str, None] = {}
        for member in self.comparison.shown():
            if member.model is not None:
                known |= dict.fromkeys(slot for slot, some in member.model.artifacts.items() if _drawable(some))
        offered = [self.slots.itemData(at) for at in range(self.slots.count())]
        if offered != list(known):
            held = self.slot
            blocked = self.slots.blockSignals(True)
            self.slots.clear()
            for slot in known:
                self.slots.addItem(in_words(slot), slot)
            self.slots.setCurrentIndex(max(0, self.slots.findData(held)))
            self.slots.blockSignals(blocked)
        self.slots.setEnabled(bool(known))
        self._hint.setVisible(not known)
        self._rebuild()

    def tell(self, run: str, slots: frozenset[str]) -> None:
        """A run has written artifacts."""
        if any(self.slots.findData(slot) < 0 for slot in slots):
            self.refresh()
        elif self.slot in slots:
            if not self._fits(self.comparison.members[run]):
                self._rebuild()
            self._set_stops()
            if self.timeline.step is None:
                self.wanted.emit(run)

    def draw(self, run: str) -> None:
        """Show a run's artifact of the chosen slot as it stood where the slider is."""
        place, member = self.places.get(run), self.comparison.members.get(run)
        if place is None or member is None or member.model is None:
            return
        artifact = member.model.artifact_at(self.slot, self._step_of(member.model))
        if artifact is None:
            place.clear()
            place.set_title(_cut(member.name))
            place.set_caption("nothing at this point")
        else:
            place.set_title(f"{_cut(member.name)} · {_step(artifact.step)}")
            place.show_artifact(member.model.folder.path, artifact)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    # Time

    def _step_of(self, model: RunModel) -> int | None:
        stop = self.timeline.step
        if stop is None or not self.by_progress():
            return stop
        return stop * whole_of(model) // WHOLE

    def _set_stops(self) -> None:
        stops: set[int] = set()
        alive = False
        for member in self.comparison.shown():
            model = member.model
            if model is None:
                continue
            alive |= model.alive
            steps = {one.step for one in model.artifacts.get(self.slot, [])}
            # Rounded up, so that a run is past a picture's step where the slider stops for it.
            stops |= {-(-one * WHOLE // whole_of(model)) for one in steps} if self.by_progress() else steps
        self.timeline.set_steps(sorted(stops))
        self.timeline.set_running(alive)

    def _change_axis(self) -> None:
        self.timeline.words = _share if self.by_progress() else _step
        self.timeline.reset()
        self._set_stops()
        self._want_all()

    def _want_all(self) -> None:
        for run in self.places:
            self.wanted.emit(run)

    # Places

    def _rebuild(self) -> None:
        members = self.comparison.shown() if self.slot else []
        kept = {one.id: self.places[one.id] for one in members if self._fits(one)}
        for run, place in self.places.items():
            if run not in kept:
                self._grid.removeWidget(place)
                place.hide()
                place.deleteLater()
        if kept != self.places:
            self.picked.hide()
        self.places = {one.id: kept.get(one.id) or self._place(one) for one in members}
        self._across = 0
        self._set_stops()
        self._arrange()
        self._want_all()

    def _fits(self, member: Member) -> bool:
        """Whether a run's place is there and made for what is chosen now."""
        place = self.places.get(member.id)
        return place is not None and (place.slot, place.kind) == (self.slot, _kind(member, self.slot))

    def _place(self, member: Member) -> Place:
        place = Place(self.slot, _kind(member, self.slot))
        place.setMinimumHeight(theme().pixels(PLACE_PX))
        mark = QLabel()
        mark.setPixmap(swatch(palette.category(member.place, tokens())).pixmap(theme().pixels(16)))
        place.header.insertWidget(0, mark)
        place.picked.connect(lambda items, title: self._show_picked(member, items, title))
        place.zoomed.connect(lambda _: self._zoom(member.id))
        return place

    def _show_picked(self, member: Member, items: Any, title: str) -> None:
        self.picked.show_items(items, f"{member.name}: {title}")
        if self.picked.items is not None:
            self.picked.items.relabel_button.hide()  # labels are corrected in a recipe's own tab

    def _zoom(self, run: str) -> None:
        self._lone = "" if self._lone == run else run
        self._across = 0
        self._arrange()

    def _arrange(self) -> None:
        lone = self._lone if self._lone in self.places else ""
        shown = [lone] if lone else list(self.places)
        across = max(1, min(len(shown), self.width() // theme().pixels(ACROSS_PX)))
        if across == self._across:
            return
        self._across = across
        for at in range(max(self._grid.columnCount(), across)):
            self._grid.setColumnStretch(at, 1 if at < across else 0)
        for at, run in enumerate(shown):
            self._grid.addWidget(self.places[run], at // across, at % across)
        for run, place in self.places.items():
            # After it has its parent: what is shown without one is a window of its own.
            if run in shown or place.parent() is not None:
                place.setVisible(run in shown)

    def _lay_out(self) -> None:
        px = theme().pixels
        top = QHBoxLayout()
        top.setSpacing(px(8))
        top.addWidget(self.slots)
        top.addWidget(self.axis)
        top.addWidget(self.timeline, 1)
        holder = QWidget()
        holder.setObjectName("scrolled")
        self._grid = QGridLayout(holder)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(px(8))
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(holder)
        self._hint = QLabel("These runs have written nothing that can be shown yet:\nartifacts appear as they train.")
        self._hint.setProperty("role", "dim")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(8))
        column.addLayout(top)
        column.addWidget(self._hint)
        column.addWidget(self._area, 1)
        column.addWidget(self.picked)


def whole_of(model: RunModel) -> int:
    """The step at which a run is, or would be, all done."""
    last = max((some[-1].step for some in model.artifacts.values() if some), default=0)
    return max(model.state.total if model.alive else 0, model.state.step, last, 1)


def _kind(member: Member, slot: str) -> ArtifactKind:
    known = member.model.artifacts.get(slot, []) if member.model is not None else []
    name = known[-1].kind if known else ""
    return KINDS.get(name) or ArtifactKind(name, "", "nothing was written here")


def _drawable(artifacts: list[Any]) -> bool:
    from workbench.gui.views import drawable

    return bool(artifacts) and drawable(artifacts[-1].kind)


def _cut(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"


def _step(step: int) -> str:
    return f"step {spaced(step)}"


def _share(thousandths: int) -> str:
    return f"{thousandths / 10:.0f} % of each run"
