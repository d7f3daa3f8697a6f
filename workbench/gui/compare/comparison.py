"""The runs that are compared: each read by its own model, live ones go on; what is wrong with one is its own affair."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from workbench.core.words import count
from workbench.gui.runmodel import Change, RunModel
from workbench.report.gather import names_of
from workbench.store.runfolder import RunFolder

MOST_RUNS = 20


@dataclasses.dataclass
class Member:
    """A run of the comparison; `place` picks its colour, `trouble` is what to know before trusting it."""

    id: str
    place: int
    model: RunModel | None
    trouble: str = ""
    shown: bool = True
    name: str = ""

    @property
    def caught_up(self) -> bool:
        """Whether everything written so far has been read, or never can be."""
        return self.model is None or self.model.caught_up


class Comparison(QObject):
    """Up to twenty runs in the order in which they came."""

    members_changed = Signal()
    """Runs came, went, were hidden or shown, or got another name."""
    member_changed = Signal(str, object)
    """A run's id and the Change that its events brought."""

    def __init__(self, runs: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runs = runs
        self.members: dict[str, Member] = {}

    def set_runs(self, ids: Iterable[str]) -> list[str]:
        """Compare these and no others; those here already stay open. Returns the ones there was no room for."""
        wanted = list(dict.fromkeys(ids))
        taken, left = wanted[:MOST_RUNS], wanted[MOST_RUNS:]
        for gone in [one for one in self.members if one not in taken]:
            self._close(gone)
        for run in taken:
            if run not in self.members:
                self._open(run)
        self.members = {run: self.members[run] for run in taken}
        self._name()
        return left

    def add(self, ids: Iterable[str]) -> list[str]:
        """Compare these too; returns the ones there was no room for."""
        return self.set_runs([*self.members, *ids])

    def remove(self, run: str) -> None:
        """Leave a run out."""
        if run in self.members:
            self._close(run)
            self._name()

    def show(self, run: str, shown: bool) -> None:
        """Draw a run or hide it; it stays in the tables."""
        if run in self.members and self.members[run].shown != shown:
            self.members[run].shown = shown
            self.members_changed.emit()

    def close(self) -> None:
        """Stop reading all of them."""
        for run in list(self.members):
            self._close(run)

    def readable(self) -> list[Member]:
        """Runs of which something could be read."""
        return [one for one in self.members.values() if one.model is not None]

    def shown(self) -> list[Member]:
        """Readable runs that are not hidden."""
        return [one for one in self.readable() if one.shown]

    @property
    def caught_up(self) -> bool:
        """Whether every run has been read to its present end."""
        return all(one.caught_up for one in self.members.values())

    def _open(self, run: str) -> None:
        used = {one.place for one in self.members.values()}
        place = next(place for place in range(MOST_RUNS + 1) if place not in used)
        member = self.members[run] = Member(run, place, None)
        folder = RunFolder(self.runs / run)
        if not folder.path.is_dir():
            member.trouble = "This run's folder is not there any more. Take it off the list, or import it again."
            return
        model = member.model = RunModel(folder, parent=self)
        if model.trouble is not None:
            member.trouble = f"{model.trouble.what} {model.trouble.fix}"
        if not folder.events_path.exists():
            model.caught_up = True
            member.trouble = member.trouble or "Nothing was written yet."
        model.changed.connect(lambda change: self._heard(run, change))
        model.start()

    def _close(self, run: str) -> None:
        model = self.members.pop(run).model
        if model is not None:
            model.changed.disconnect()
            model.close()
            model.deleteLater()

    def _heard(self, run: str, change: Change) -> None:
        member = self.members.get(run)
        if member is None:
            return
        if member.model is not None and member.model.trouble is None:
            damaged = count(change.damaged, "line") if change.damaged else ""
            trouble = f"{damaged} of its events could not be read; the rest is shown." if damaged else ""
            if trouble != member.trouble:
                member.trouble = trouble
                self.members_changed.emit()
        self.member_changed.emit(run, change)

    def _name(self) -> None:
        named = self.readable()
        for member, name in zip(named, names_of(models(named)), strict=True):
            member.name = name
        for member in self.members.values():
            member.name = member.name or member.id
        self.members_changed.emit()


def models(members: Sequence[Member]) -> list[RunModel]:
    """What tables and reports ask of these runs."""
    return [one.model for one in members if one.model is not None]
