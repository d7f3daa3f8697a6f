"""A sweep as it goes: parallel coordinates, the best value so far, and its trials from best to worst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from workbench.core.params import Knob
from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.words import count, in_words, moment, number
from workbench.gui.banner import Banner
from workbench.gui.card import Caption, Card
from workbench.gui.fields import Combo
from workbench.gui.sheet import Sheet
from workbench.gui.theme import theme
from workbench.gui.views.axes import Scale
from workbench.gui.views.bestcurve import BestCurveView
from workbench.gui.views.parallel import ParallelView
from workbench.gui.views.trials import TrialRow, TrialsData
from workbench.runner.space import Listed, Span
from workbench.runner.sweeps import Standing, SweepFolder, Trial, by_value, config_of, varied

if TYPE_CHECKING:
    from workbench.gui.sweepdesk import SweepDesk

PAINT_EVERY_MS = 200
LOOK_EVERY_MS = 2000
"""How often a sweep that another process drives is looked at."""
COLOURS = {"failed": "error", "running": "accent", "pruned": "warning"}


class SweepWindow(QDialog):
    """Shows one sweep at a time; the sweep goes on when this window is closed."""

    run_opened = Signal(str)
    values_wanted = Signal(object)

    def __init__(self, parent: QWidget, recipe: Recipe, desk: SweepDesk) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Sweep: {recipe.title}")
        self.resize(theme().pixels(1240), theme().pixels(700))
        self.recipe, self.desk, self.link = recipe, desk, desk.link
        self.folder: SweepFolder | None = None
        self.standing: Standing | None = None
        self.sheet: Sheet | None = None
        self._elsewhere = self._looking = self._look_again = False
        self._held: list[str] | None = None
        self.headline, self.about, self.banner = QLabel("Looking…"), Caption(), Banner()
        self.headline.setProperty("role", "title")
        self.chooser = Combo()
        self.parallel, self.curve = ParallelView(), BestCurveView()
        self._make_buttons()
        self._lay_out()
        self._wire()
        self._refresh()

    def show_sweep(self, folder: SweepFolder) -> None:
        """Show a sweep, whoever drives it."""
        self.folder, self.standing, self._held = folder, None, None
        self.parallel.clear_brushes()
        self._refresh()
        self._list_others()
        self._look()

    def find_last(self) -> None:
        """Show the sweep that this recipe was last searched with."""
        from workbench.gui.sweepdesk import folders_of

        link, recipe = self.link, self.recipe
        self.link.background(
            lambda: folders_of(link, recipe)[:1], then=self._found, failed=self.complain, owner=self
        )  # fmt: skip

    def complain(self, record: ProblemRecord) -> None:
        """Say what is wrong above the pictures."""
        self.headline.setText("This sweep stands still." if self.standing is not None else "No sweep to show.")
        self.banner.show_problem(record)
        self._refresh()

    def go_on(self) -> None:
        """Take the sweep up where it stood."""
        if self.folder is not None:
            self.banner.dismiss()
            self.desk.drive(self.recipe, self.folder)
            self._refresh()

    def stop(self) -> None:
        """End the open runs and propose no more."""
        if self.folder is not None:
            self.desk.stop(self.folder.id)
            self.headline.setText("Stopping…")
            self.stop_button.setEnabled(False)

    def use_values(self) -> None:
        """Load the chosen trial, or the best, into the recipe's form."""
        trial = self._chosen_trial() or (self.standing.best if self.standing is not None else None)
        if trial is not None and self.standing is not None:
            config = config_of(self.standing.sweep, trial.number, trial.params)
            self.values_wanted.emit(msgspec.structs.replace(config, sweep="", arm="", title=""))

    # News

    def _found(self, folders: list[SweepFolder]) -> None:
        if folders:
            self.show_sweep(folders[0])
            return
        self.headline.setText("This recipe was never searched here.")
        self.about.set_whole("Sweep…, beside Queue in its tab, ticks knobs and starts one.")

    def _told(self, standing: Standing) -> None:
        if self.folder is not None and standing.sweep.id == self.folder.id:
            self.standing = standing
            if not self._painting.isActive():
                self._painting.start()

    def _begun(self, _sweep: str) -> None:
        self._refresh()

    def _ended(self, sweep: str, problem: ProblemRecord | None) -> None:
        if self.folder is not None and sweep == self.folder.id:
            self._look()
            if problem is not None:
                self.complain(problem)

    def _look(self) -> None:
        """Read where the sweep stands, off the GUI thread."""
        if self.folder is None:
            return
        if self._looking:
            self._look_again = True
            return
        self._looking, self._look_again = True, False
        home, folder, recipe = self.link.home, self.folder, self.recipe
        mine = self.desk.driving(folder.id)
        self.link.background(
            lambda: _read(home, folder, recipe, mine=mine), then=self._seen, failed=self._unreadable, owner=self
        )

    def _unreadable(self, record: ProblemRecord) -> None:
        self._looking = False
        self.complain(record)

    def _seen(self, found: tuple[Standing, bool]) -> None:
        self._looking = False
        standing, elsewhere = found
        if self._look_again or self.folder is None or standing.sweep.id != self.folder.id:
            self._look()
            return
        driving = self.desk.driving(self.folder.id)
        self._elsewhere = elsewhere and not driving
        if self.standing is None or not driving:
            self.standing = standing
        self._paint()
        if self._elsewhere:
            QTimer.singleShot(LOOK_EVERY_MS, self, self._look)

    # Showing

    def _paint(self) -> None:
        standing = self.standing
        if standing is None:
            return
        data = data_of(self.recipe, standing)
        self.parallel.show_trials(data)
        self.curve.show_trials(data)
        self._fill_sheet(standing)
        self._refresh()

    def _fill_sheet(self, standing: Standing) -> None:
        knobs = varied(self.recipe, standing.sweep)
        noted = ("note",) if any(one.note for one in standing.trials) else ()
        columns = ("trial", "state", standing.sweep.metric, *(one.name for one in knobs), *noted)
        if self.sheet is None or self._columns != columns:
            self._make_sheet(columns, [one.name for one in knobs if one.type in (int, float)])
        assert self.sheet is not None
        trials = [one for one in by_value(standing) if self._held is None or _key(one) in self._held]
        told = bool(noted)
        cells, ranks = ([make(one, knobs, noted=told) for one in trials] for make in (_cells, _ranks))
        self.sheet.set_rows(cells, keys=[_key(one) for one in trials], ranks=ranks)
        whole, part = len(standing.trials), len(trials)
        caption = f"{part} of {whole} in the brushes" if part < whole else f"best first · {count(whole, 'trial')}"
        self._table.set_caption(caption)

    def _make_sheet(self, columns: tuple[str, ...], numbers: list[str]) -> None:
        self._columns = columns
        wide = "note" if "note" in columns else ""
        sheet = self.sheet = Sheet(columns, numbers=("trial", columns[2], *numbers), wide=wide, colours=COLOURS)
        sheet.setAccessibleName("Trials, best first")
        sheet.opened.connect(self._open)
        sheet.chosen.connect(self._chosen)
        self._table.set_body(sheet, margin=4)

    def _chosen(self, key: str) -> None:
        self.parallel.point_at_key(key)
        self.curve.point_at_key(key)
        self._refresh()

    def _hold(self, keys: list[str] | None) -> None:
        self._held = keys
        if self.standing is not None:
            self._fill_sheet(self.standing)

    def _open(self, key: str) -> None:
        if key and not key.isdigit():
            self.run_opened.emit(key)

    def _chosen_trial(self) -> Trial | None:
        key = self.sheet.chosen_key() if self.sheet is not None else ""
        trials = self.standing.trials if self.standing is not None else ()
        return next((one for one in trials if key and key == _key(one)), None)

    def _refresh(self) -> None:
        """What can be done now, and the two lines that say how it stands."""
        standing, folder = self.standing, self.folder
        mine = folder is not None and self.desk.driving(folder.id)
        chosen = self._chosen_trial()
        self.stop_button.setVisible(mine)
        self.stop_button.setEnabled(mine)
        still = standing is not None and not standing.complete and not mine and not self._elsewhere
        self.go_button.setVisible(still)
        self.use_button.setEnabled(standing is not None and (standing.best or chosen) is not None)
        self.use_button.setText("Use these values" if chosen is not None else "Use the best values")
        self.show_button.setEnabled(chosen is not None and bool(chosen.run))
        if standing is not None:
            self._describe(standing, mine=mine)
        elif mine:
            self.headline.setText("Starting…")
            self.about.set_whole("The first values are being chosen and queued.")

    def _describe(self, standing: Standing, *, mine: bool) -> None:
        sweep, best = standing.sweep, standing.best
        how = "driven in another window or terminal" if self._elsewhere else "stands still"
        done = f"{standing.over} of {count(sweep.runs, 'run')} done"
        self.headline.setText(done if mine or standing.complete else f"{done} · {how}")
        better = "highest" if sweep.direction == "max" else "lowest"
        parts = [f"looking for the {better} {sweep.metric} by {sweep.sampler}"]
        if best is not None:
            values = ", ".join(f"{name} {_said(value)}" for name, value in best.params.items())
            parts = [f"best {sweep.metric} {number(best.value)} with {values}"]
        parts += ["proposes runs while the main window is open"] if mine else []
        parts += ["hopeless runs are ended early"] if sweep.pruner != "none" else []
        self.about.set_whole(" · ".join(parts))

    # Building

    def _list_others(self) -> None:
        from workbench.gui.sweepdesk import folders_of

        link, recipe = self.link, self.recipe
        link.background(lambda: _titles(folders_of(link, recipe)), then=self._fill_chooser, owner=self)

    def _fill_chooser(self, found: list[tuple[SweepFolder, str]]) -> None:
        with QSignalBlocker(self.chooser):
            self.chooser.clear()
            for folder, title in found:
                self.chooser.addItem(title, folder)
            at = next((at for at, (folder, _) in enumerate(found) if folder == self.folder), -1)
            self.chooser.setCurrentIndex(at)
        self.chooser.setVisible(len(found) > 1)

    def _make_buttons(self) -> None:
        def button(text: str, tip: str, do: Any) -> QPushButton:
            made = QPushButton(text)
            made.setToolTip(tip)
            made.setAutoDefault(False)
            made.clicked.connect(lambda _=False: do())
            return made

        self.stop_button = button("Stop", "End the open runs and propose no more; Continue takes them up", self.stop)
        self.go_button = button("Continue", "Take the open runs up and propose the rest", self.go_on)
        self.go_button.setProperty("role", "primary")
        self.use_button = button(
            "Use the best values", "Load the chosen trial, or the best one, into the recipe's form", self.use_values
        )
        self.show_button = button("Show run", "Show the chosen trial's run in its tab (Return)", self._show_chosen)
        self.close_button = button("Close", "Close this window; the sweep goes on (Esc)", self.close)

    def _show_chosen(self) -> None:
        if self.sheet is not None:
            self.sheet.open_chosen()

    def _wire(self) -> None:
        self._painting = QTimer(self)
        self._painting.setSingleShot(True)
        self._painting.setInterval(PAINT_EVERY_MS)
        self._painting.timeout.connect(self._paint)
        self.desk.told.connect(self._told)
        self.desk.ended.connect(self._ended)
        self.desk.begun.connect(self._begun)
        self.parallel.opened.connect(self._open)
        self.parallel.hovered.connect(self.curve.point_at_key)
        self.parallel.held_changed.connect(self._hold)
        self.curve.opened.connect(self._open)
        self.chooser.currentIndexChanged.connect(self._choose_sweep)

    def _choose_sweep(self, at: int) -> None:
        folder = self.chooser.itemData(at)
        if isinstance(folder, SweepFolder) and folder != self.folder:
            self.banner.dismiss()
            self.show_sweep(folder)

    def _lay_out(self) -> None:
        px = theme().pixels
        lines, best = Card("Runs"), Card("Best so far")
        self._table = Card("Trials", "best first")
        lines.set_body(self.parallel, margin=8)
        best.set_body(self.curve, margin=8)
        self.parallel.captioned.connect(lines.set_caption)
        self.curve.captioned.connect(best.set_caption)
        hint = QLabel("Trials are listed here, best first.")
        hint.setProperty("role", "dim")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._table.set_body(hint)
        below = _splitter(Qt.Orientation.Horizontal, best, self._table, shares=(1, 2))
        views = _splitter(Qt.Orientation.Vertical, lines, below, shares=(5, 4))
        self.chooser.setMinimumWidth(px(220))
        # A form's list takes what is left; beside a stretch nothing is, and it would stand beyond the window.
        self.chooser.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.chooser.setAccessibleName("Another sweep of this recipe")
        self.chooser.setToolTip("Show another sweep of this recipe")
        self.chooser.hide()
        top, foot = QHBoxLayout(), QHBoxLayout()
        for row in (top, foot):
            row.setSpacing(px(8))
        top.addWidget(self.headline)
        top.addStretch(1)
        top.addWidget(self.chooser)
        foot.addWidget(self.use_button)
        foot.addWidget(self.show_button)
        foot.addStretch(1)
        for button in (self.stop_button, self.go_button, self.close_button):
            foot.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addLayout(top)
        column.addWidget(self.about)
        column.addWidget(self.banner)
        column.addWidget(views, 1)
        column.addLayout(foot)


def data_of(recipe: Recipe, standing: Standing) -> TrialsData:
    """What the views draw of a sweep."""
    sweep = standing.sweep
    scales = tuple(_scale(one, sweep.space[one.name]) for one in varied(recipe, sweep))
    name, slash, series = sweep.metric.partition("/")
    metric = Scale(sweep.metric, in_words(name) + (f", {series}" if slash else ""))
    rows = tuple(
        TrialRow(_key(one), f"trial {one.number}", one.params, one.value, one.state) for one in standing.trials
    )
    return TrialsData(scales, metric, sweep.direction, rows)


def _scale(one: Knob, span: Span) -> Scale:
    title = f"{one.title}, {one.unit}" if one.unit else one.title
    if not isinstance(span, Listed):
        return Scale(one.name, title, log=span.log, whole=span.whole, low=span.low, high=span.high)
    if one.type in (int, float):
        values = [float(value) for value in span.values]
        log = min(values) > 0 and (one.log or max(values) / min(values) >= 8)
        marks = tuple(sorted(values))
        return Scale(one.name, title, log=log, whole=one.type is int, low=marks[0], high=marks[-1], marks=marks)
    return Scale(one.name, title, choices=span.values)


def _read(home: Any, folder: SweepFolder, recipe: Recipe, *, mine: bool) -> tuple[Standing, bool]:
    from workbench.runner.drive import driven, look

    return look(home, folder, recipe), not mine and driven(folder)


def _titles(folders: list[SweepFolder]) -> list[tuple[SweepFolder, str]]:
    found = []
    for folder in folders:
        sweep = folder.sweep()
        found.append((folder, f"{moment(sweep.created)} · {', '.join(sweep.space)}"))
    return found


def _key(trial: Trial) -> str:
    """A trial's run, or its number while it has none."""
    return trial.run or str(trial.number)


def _cells(trial: Trial, knobs: list[Knob], *, noted: bool) -> list[str]:
    values = [_said(trial.params.get(one.name)) for one in knobs]
    value = number(trial.value) if trial.value is not None else ""
    return [str(trial.number), trial.state, value, *values, *([trial.note] if noted else [])]


def _said(value: Any) -> str:
    if value is None:
        return "–"
    return (
        number(value, 3) if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _ranks(trial: Trial, knobs: list[Knob], *, noted: bool) -> list[Any]:
    values = [_rank(one, trial.params.get(one.name)) for one in knobs]
    reached = -1e300 if trial.value is None else trial.value
    return [trial.number, trial.state, reached, *values, *([trial.note] if noted else [])]


def _rank(one: Knob, value: Any) -> Any:
    missing = -1e300 if one.type in (int, float) else ""
    return missing if value is None else value if one.type in (int, float) else str(value)


def _splitter(orientation: Qt.Orientation, *widgets: QWidget, shares: tuple[int, int]) -> QSplitter:
    splitter = QSplitter(orientation)
    splitter.setHandleWidth(theme().pixels(8))
    splitter.setChildrenCollapsible(False)
    for at, (widget, share) in enumerate(zip(widgets, shares, strict=True)):
        splitter.addWidget(widget)
        splitter.setStretchFactor(at, share)
    splitter.setSizes([1000 * share for share in shares])
    return splitter
