"""Reads files into the scene one after the other, through the worker, with how far that is and a way to stop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal

from workbench.core.posing import PosedSample
from workbench.core.problem import ProblemRecord
from workbench.core.scenes import AS_THEY_ARE, PoseReading, SceneRead
from workbench.gui.asking import Asking
from workbench.gui.link import Link


class Opening(QObject):
    """What is still to be read waits; a file that fails is told, and the next one is read."""

    read = Signal(str, object)
    """A path and the SceneRead of what it holds."""
    failed = Signal(str, object)
    """A path and its ProblemRecord."""
    progress = Signal(str, float)

    def __init__(self, link: Link, parent: QObject) -> None:
        super().__init__(parent)
        self.asking = Asking(link, self, failed=self._fail)
        self.asking.changed.connect(lambda doing: self.progress.emit(self._words(doing), self.asking.fraction))
        self._waiting: list[str] = []
        self._readings: dict[str, PoseReading] = {}
        self._now = ""

    @property
    def busy(self) -> bool:
        """Whether something is read or waits."""
        return bool(self._now or self.asking.doing)

    def open(self, paths: Sequence[str]) -> None:
        """Read files or folders, after those that wait already."""
        self._waiting += paths
        if not self._now:
            self._next()

    def open_as(self, path: str, reading: PoseReading) -> None:
        """Read posed photographs whose poses are odd in this way, after those that wait already."""
        self._readings[path] = reading
        self.open([path])

    def open_sample(self, name: str = "") -> None:
        """Read a sample, or those that stand in one scene; the worker writes them once."""
        arguments = {"name": name} if name else {}
        self.asking.ask("Making the sample scene", "scene-sample", list[str], self.open, **arguments)

    def open_photographs(self, name: str) -> None:
        """Read posed photographs of a sample scene, which the worker draws once."""
        self.asking.ask("Drawing the photographs", "posed-sample", PosedSample,
                        lambda found: self.open([str(Path(found.folder) / "transforms.json")]), name=name)  # fmt: skip

    def cancel(self) -> None:
        """Read no more."""
        self._waiting, self._now = [], ""
        self._readings.clear()
        self.asking.cancel()

    def _next(self) -> None:
        self._now = self._waiting.pop(0) if self._waiting else ""
        if self._now:
            doing = f"Reading {Path(self._now).name}"
            reading = msgspec.to_builtins(self._readings.pop(self._now, AS_THEY_ARE))
            self.asking.ask(doing, "scene-read", SceneRead, self._done, path=self._now, **reading)

    def _done(self, found: SceneRead) -> None:
        path = self._now
        self._next()
        self.read.emit(path, found)

    def _fail(self, record: ProblemRecord) -> None:
        path = self._now
        self._next()
        record = msgspec.structs.replace(record, place=record.place or Path(path).name)
        self.failed.emit(path, record)  # of no path: a sample

    def _words(self, doing: str) -> str:
        if not doing:
            return ""
        said = f"{doing}: {self.asking.words}" if self.asking.words else doing
        return said + (f", {len(self._waiting)} more" if self._waiting else "")
