"""A paper's claim being carried out: every arm and seed, then the verdict on every statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workbench.core.job import ENDED, JobState
from workbench.core.recipe import Recipe
from workbench.core.words import count, number
from workbench.gui.card import Card
from workbench.gui.link import Link
from workbench.gui.sheet import Sheet
from workbench.gui.theme import theme
from workbench.gui.topline import describe
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder

LOOK_EVERY_MS = 1000
COLOURS = {"holds": "ok", "does not hold": "error", "not separated": "warning", "gate not met": "warning"}
VERDICTS = ("verdict", "statement", "metric", "means", "margin", "95 % interval", "at least")


class ClaimWindow(QDialog):
    """Queues the arms, follows them, and judges when the last has ended; the runs go on without it."""

    run_opened = Signal(str)

    def __init__(self, parent: QWidget, recipe: Recipe, link: Link) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Claim: {recipe.title}")
        self.resize(theme().pixels(1200), theme().pixels(680))
        self.recipe, self.link = recipe, link
        self.runs: dict[str, dict[int, RunFolder]] = {}
        self._seeds: list[int] = []
        self._looking = False
        self.sheet = Sheet(("arm", "seed", "state", "run"), numbers=("seed",))
        self.sheet.opened.connect(self.run_opened)
        self.verdicts = Sheet(VERDICTS, numbers=("margin", "at least"), wide="statement", colours=COLOURS, wrapped=True)
        self.headline = QLabel("Making the runs…")
        self.headline.setProperty("role", "title")
        self.notes = QLabel()
        self.notes.setProperty("role", "dim")
        self.notes.setWordWrap(True)
        self._arms, self._table = Card("Arms"), Card("Verdict", "when the last run has ended")
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self._look)

    def begin(self, config: RunConfig) -> None:
        """Queue every arm with this data, device and first seed; arms keep their own knobs."""
        link, recipe = self.link, self.recipe
        amount = recipe.claim.seeds if recipe.claim is not None else 1
        self._seeds = list(range(config.seed, config.seed + amount))

        def submit() -> list[tuple[RunConfig, RunFolder]]:
            from workbench.runner.claims import plan

            planned = plan(recipe, self._seeds, {}, inputs=config.inputs, device=config.device)
            return [(one, link.runner.submit(one)) for one in planned]

        link.background(submit, then=self._submitted, failed=self._refused, owner=self)

    def find_last(self) -> None:
        """Follow the claim of this recipe that was run last."""
        home, recipe = self.link.home, self.recipe.id
        self.headline.setText("Looking for the last claim…")
        self.link.background(lambda: _last(home, recipe), then=self._found, failed=self._refused, owner=self)

    def _found(self, runs: dict[str, dict[int, RunFolder]]) -> None:
        if runs:
            self.follow(runs)
        else:
            self.headline.setText("This claim was never run here.")
            self.notes.setText("Run claim, beside Run, queues every arm.")

    def follow(self, runs: dict[str, dict[int, RunFolder]]) -> None:
        """Watch runs that were queued before."""
        self.runs = runs
        self._seeds = sorted({seed for some in runs.values() for seed in some})
        self._timer.start()
        self._look()

    def _submitted(self, made: list[tuple[RunConfig, RunFolder]]) -> None:
        runs: dict[str, dict[int, RunFolder]] = {}
        for config, folder in made:
            runs.setdefault(config.arm, {})[config.seed] = folder
        self.follow(runs)
        self.link.runs_changed.emit()

    def _refused(self, record: Any) -> None:
        self.headline.setText("The claim cannot be run.")
        self.notes.setText(record.text())

    def _look(self) -> None:
        if self._looking:
            return
        self._looking = True
        runs = [(arm, seed, folder) for arm, some in self.runs.items() for seed, folder in some.items()]
        self.link.background(
            lambda: [(arm, seed, folder, folder.state()) for arm, seed, folder in runs], then=self._seen, owner=self
        )

    def _seen(self, found: list[tuple[str, int, RunFolder, JobState]]) -> None:
        self._looking = False
        rows = [[arm, str(seed), describe(state), folder.id] for arm, seed, folder, state in found]
        self.sheet.set_rows(rows, keys=[folder.id for _, _, folder, _ in found])
        ended = sum(state.phase in ENDED for *_, state in found)
        self.headline.setText(f"{ended} of {count(len(found), 'run')} done")
        self._again.setEnabled(any(state.phase in ("failed", "cancelled") for *_, state in found))
        if found and ended == len(found):
            self._timer.stop()
            recipe, runs, seeds = self.recipe, self.runs, self._seeds
            self.link.background(
                lambda: _judge(recipe, runs, seeds), then=self._judged, failed=self._refused, owner=self
            )

    def _judged(self, result: Any) -> None:
        self.headline.setText("The claim holds here." if result.holds else "The claim is not shown here.")
        self.notes.setText("  ".join([*[_gate(one) for one in result.gates], *result.notes]))
        self.verdicts.set_rows(
            [_verdict(one, result.arms) for one in result.statements], keys=[one.text for one in result.statements]
        )
        self._table.set_caption(f"{count(len(result.seeds), 'seed')} · asserted statements decide")

    def _go_on(self) -> None:
        self._again.setEnabled(False)
        runner, runs = self.link.runner, self.runs

        def take_up() -> dict[str, dict[int, RunFolder]]:
            from workbench.runner.claims import go_on

            return go_on(runner, runs)

        self.link.background(take_up, then=self._taken_up, failed=self._refused, owner=self)

    def _taken_up(self, runs: dict[str, dict[int, RunFolder]]) -> None:
        self.verdicts.set_rows([], keys=[])
        self.notes.clear()
        self.follow(runs)
        self.link.runs_changed.emit()

    def _lay_out(self) -> None:
        px = theme().pixels
        self._arms.set_body(self.sheet, margin=4)
        self._table.set_body(self.verdicts, margin=4)
        close = QPushButton("Close")
        close.setToolTip("Close this window; the runs go on")
        close.clicked.connect(self.close)
        self._again = QPushButton("Go on")
        self._again.setToolTip("Resume the runs that failed or were cancelled, or begin them anew")
        self._again.setEnabled(False)
        self._again.clicked.connect(self._go_on)
        look = QPushButton("Show run")
        look.setToolTip("Show the chosen run in its tab")
        look.setEnabled(False)
        look.clicked.connect(self.sheet.open_chosen)
        self.sheet.chosen.connect(lambda run: look.setEnabled(bool(run)))
        top, foot = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.headline)
        about = QLabel(self.recipe.claim.note if self.recipe.claim else "")
        about.setProperty("role", "dim")
        about.setWordWrap(True)
        top.addSpacing(px(8))
        top.addWidget(about, 1)
        foot.addWidget(self.notes, 1)
        foot.addWidget(self._again)
        foot.addWidget(look)
        foot.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addLayout(top)
        column.addWidget(self._arms, 2)
        column.addWidget(self._table, 3)
        column.addLayout(foot)


def _last(home: Home, recipe: str) -> dict[str, dict[int, RunFolder]]:
    from workbench.runner.claims import collect, latest

    claim = latest(home, recipe)
    return collect(home.runs, claim) if claim else {}


def _judge(recipe: Recipe, runs: dict[str, dict[int, RunFolder]], seeds: list[int]) -> Any:
    from workbench.runner.verdicts import judge

    return judge(recipe, runs, seeds=seeds)


def _verdict(one: Any, arms: Mapping[str, Mapping[str, Any]]) -> list[str]:
    low, high = one.interval
    said = one.verdict if one.asserted else f"{one.verdict} (reported)"
    interval = f"{number(low, 3)} … {number(high, 3)}"
    found = [arms.get(arm, {}).get(one.metric) for arm in (one.better, one.than)]
    means = " against ".join(number(values.mean if values else None, 3) for values in found)
    return [said, one.text, one.metric, means, number(one.margin, 3), interval, number(one.by, 3)]


def _gate(one: Any) -> str:
    return f"Gate {'met' if one.met else 'not met'}: {one.text} ({number(one.value, 3)})."
