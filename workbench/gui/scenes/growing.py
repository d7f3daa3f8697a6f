"""Runs whose fields grow in the scene: what they have told, and a card that says how far one is and holds it."""

from __future__ import annotations

import math
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout

from workbench.core import events as ev
from workbench.core.job import JobState, advance
from workbench.core.scenes import RadianceDoc, RadianceMeta
from workbench.gui.card import Caption, empty
from workbench.gui.jobdeeds import Deed, running_deeds
from workbench.gui.jobtail import Word
from workbench.gui.jobwords import going
from workbench.gui.link import Link
from workbench.gui.sidepanel import words
from workbench.gui.theme import theme
from workbench.gui.topline import describe
from workbench.store.asked import is_over
from workbench.store.runfolder import EventTail, RunFolder

HELD_OUT = "held out"
PAUSED = "Its view is drawn again once it goes on."


class Grown(msgspec.Struct, frozen=True):
    """What is known of a run: how far it is, its grid once it is there, and how well it shows held-out photographs."""

    state: JobState = JobState()
    grid: RadianceDoc | None = None
    psnr: float | None = None
    over: bool = False


class Course:
    """One run, read on: `hear` tells all that it has told so far, on any thread but never on two at once."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self._tail = EventTail(RunFolder(run).events_path)
        self._known = Grown()

    def hear(self) -> Grown:
        """What is known by now; reads what has come since."""
        state, grid, psnr = self._known.state, self._known.grid, self._known.psnr
        for one in self._tail.read():
            state = advance(state, one)
            if isinstance(one, ev.Artifact) and one.kind == "radiance-grid":
                grid = grid_of(self.run, one) or grid
            elif isinstance(one, ev.Metric) and (one.name, one.series) == ("psnr", HELD_OUT):
                psnr = one.value
        self._known = Grown(state, grid, psnr, is_over(self.run))
        return self._known


def grid_of(run: Path, one: ev.Artifact) -> RadianceDoc | None:
    """The grid that an artifact of a run is; None where its file is none."""
    try:
        path = run / one.path
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
        meta = msgspec.convert(one.meta, RadianceMeta)
    except (OSError, ValueError):
        return None
    if len(shape) != 4 or shape[3] != 4 or not math.prod(shape):
        return None
    return RadianceDoc(str(path), (shape[0], shape[1], shape[2]), meta, str(run))


class GrowingCard(QFrame):
    """The run whose field grows, below the tree: hidden where there is none."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.setObjectName("card")
        self._link = link
        self._offered: tuple[str, ...] = ()
        px = theme().pixels
        self._name, self._about, self._score = Caption(role="heading"), words("", "dim"), Caption(role="small")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("How far the field is learned")
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(px(4))
        column = QVBoxLayout(self)
        column.setContentsMargins(px(8), px(8), px(8), px(8))
        column.setSpacing(px(4))
        for part in (self._name, self._bar, self._about, self._score):
            column.addWidget(part)
        column.addLayout(self._buttons)
        self.hide()

    def show_run(self, run: str, name: str, told: Grown) -> None:
        """A run, by the name of its field in the tree, and what it has told."""
        state, worker = told.state, self._link.state
        own = worker.running == run
        self._name.set_whole(name)
        self._about.setText(going(worker, Word(state)) if own else describe(state))
        score = "" if told.psnr is None else f"Held-out photographs: PSNR {told.psnr:.1f} dB"
        self._score.set_whole(PAUSED if state.phase == "paused" else score)
        self._score.setVisible(bool(self._score.whole))
        unknown = (own and bool(worker.ending)) or state.share is None
        self._bar.setRange(0, 0 if unknown else 1000)
        self._bar.setValue(round(1000 * (state.share or 0.0)))
        self._offer(running_deeds(worker, self._link.runner, self._await) if own else self._waiting_deeds(run), run)
        self.setAccessibleName(f"Learning {name}")
        self.setAccessibleDescription(self._about.text())
        self.show()

    def buttons(self) -> list[QPushButton]:
        """What is offered now."""
        return [one for one in self.findChildren(QPushButton) if not one.isHidden()]

    def words(self) -> str:
        """All that is said."""
        return "\n".join(filter(None, (self._name.whole, self._about.text(), self._score.whole)))

    def _waiting_deeds(self, run: str) -> list[Deed]:
        if run not in self._link.state.queue:
            return []
        tip = "Take the run out of the queue"
        return [("", "Cancel", tip, lambda: self._await(self._link.runner.cancel(run)))]

    def _offer(self, deeds: list[Deed], run: str) -> None:
        wanted = (run, *(text for _, text, _, _ in deeds))
        if wanted == self._offered:
            return
        self._offered = wanted
        empty(self._buttons)
        for _, text, tip, act in deeds:
            button = QPushButton(text)
            button.setProperty("role", "compact")
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, act=act: act())
            self._buttons.addWidget(button)

    def _await(self, answer: Future[Any]) -> None:
        self._link.deliver(answer, owner=self)
