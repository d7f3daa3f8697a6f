"""The right side of a recipe's tab: one chart per metric, and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QScrollArea, QSplitter, QVBoxLayout, QWidget

from workbench.core.judging import better
from workbench.core.kinds import Curve
from workbench.core.recipe import Recipe
from workbench.core.words import in_words
from workbench.gui.card import Card
from workbench.gui.logview import LogView
from workbench.gui.theme import theme

if TYPE_CHECKING:
    from workbench.gui.runmodel import MetricTrack, RunModel
    from workbench.gui.views.curve import CurveView

CHART_PX = 148


class Chart(Card):
    """A metric's card; its view is made when the first number arrives."""

    def __init__(self, name: str) -> None:
        super().__init__(in_words(name))
        self.name = name
        self.setProperty("help", "view:curve")
        self.view: CurveView | None = None
        self.setMinimumHeight(theme().pixels(CHART_PX))
        hint = QLabel("Numbers appear here\nwhile the run goes on.")
        hint.setProperty("role", "dim")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.set_body(hint)

    def show_tracks(self, tracks: dict[str, MetricTrack], step: int | None) -> None:
        """Draw the lines of this metric, with a mark at the step being looked at."""
        if self.view is None:
            from workbench.gui.views.curve import CurveView

            self.view = CurveView()
            self.view.captioned.connect(self.set_caption)
            self.set_body(self.view, margin=8)
        self.view.show_metric(self.name, tracks, best=better(self.name))
        self.mark(step)

    def mark(self, step: int | None) -> None:
        """Show where the time slider stands."""
        if self.view is not None and hasattr(self.view, "mark"):
            self.view.mark(step)

    def clear(self) -> None:
        """Forget the lines."""
        self.set_caption("")
        if self.view is not None:
            self.view.show_metric(self.name, {}, best="high")


class Side(QSplitter):
    """Charts above, log below; a metric that no declaration names gets its chart when it appears."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.setHandleWidth(theme().pixels(8))
        self.setChildrenCollapsible(False)
        self.charts: dict[str, Chart] = {}
        holder = QWidget()
        holder.setObjectName("scrolled")
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme().pixels(8))
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        self.addWidget(area)
        self.log = LogView()
        card = Card("Log")
        card.set_body(self.log)
        card.setMinimumHeight(theme().pixels(96))
        self.addWidget(card)
        self.setStretchFactor(0, 3)
        self.setStretchFactor(1, 1)
        self.setSizes([640, 200])
        for name, kind in recipe.writes.items():
            if kind is Curve:
                self._chart(name)

    def show_metric(self, model: RunModel, name: str, step: int | None, *, until: int | None = None) -> None:
        """Draw one metric of a run, with a mark at `step`; `until` a step as it stood then."""
        tracks = model.metrics.get(name, {})
        if until is not None:
            tracks = {series: one.until(until) for series, one in tracks.items()}
        self._chart(name).show_tracks(tracks, step)

    def mark(self, step: int | None) -> None:
        """Show where the time slider stands, in every chart."""
        for chart in self.charts.values():
            chart.mark(step)

    def clear(self) -> None:
        """Forget the numbers and the log."""
        for chart in self.charts.values():
            chart.clear()
        self.log.show_lines([])

    def _chart(self, name: str) -> Chart:
        if name not in self.charts:
            self.charts[name] = Chart(name)
            self._column.addWidget(self.charts[name], 1)
        return self.charts[name]
