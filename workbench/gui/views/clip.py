"""A video of a run under the time slider: frames, timeline and, below it, its labelled spans."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from workbench.core import documents
from workbench.core import events as ev
from workbench.core.audio import TiersDoc
from workbench.core.problem import ProblemRecord
from workbench.core.video import FrameIndex
from workbench.core.words import count
from workbench.gui.films.opening import Opened, Opening
from workbench.gui.films.viewer import FilmViewer
from workbench.gui.views import reading
from workbench.gui.views.base import Rows, View
from workbench.gui.views.clipbands import SpanBand
from workbench.gui.views.words import span_of_time


@dataclasses.dataclass(frozen=True)
class Content:
    """A file that is there, and the spans labelled in it."""

    path: Path
    tiers: TiersDoc


class ClipView(View):
    """The file is decoded by a process of its own, and let go while nobody sees the view."""

    name = "Video"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer, self.opening = FilmViewer(), Opening(self)
        self.tiers = TiersDoc()
        self._path, self._frame = "", 0
        self._bands: list[SpanBand] = []
        self.opening.opened.connect(self._opened)
        self.opening.grown.connect(self.viewer.grow)
        self.opening.indexed.connect(self._indexed)
        self.opening.failed.connect(self._failed)
        self.viewer.failed.connect(self._failed)
        self.set_body(self.viewer)
        self.setFocusProxy(self.viewer.canvas)

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        path = reading.inside(folder, artifact.path)
        if not path.is_file():
            raise reading.damaged(path, "a video", "no such file")
        part = artifact.parts.get("tiers", "")
        return Content(path, documents.read(reading.inside(folder, part), TiersDoc) if part else TiersDoc())

    def draw(self, content: Content) -> None:
        self.tiers = content.tiers
        self._path, self._frame = str(content.path), 0
        self.set_caption(content.path.name)
        self._show_bands()
        if self.isVisible():
            self.opening.open(self._path)

    def clear(self, hint: str) -> None:
        self._path = ""
        self.let_go()
        super().clear(hint)

    def let_go(self) -> None:
        """Close the file and the processes that decode it."""
        self.opening.cancel()
        self.viewer.clear()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._path and not event.spontaneous():
            self.opening.open(self._path)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():
            self._frame = self.viewer.scene.frame
            self.let_go()

    def _show_bands(self) -> None:
        for band in self._bands:
            self.viewer.remove_strip(band)
            band.deleteLater()
        names = sorted({one.text for tier in self.tiers.tiers for one in tier.segments})
        self._bands = [SpanBand(self.viewer.scene, tier, names) for tier in self.tiers.tiers]
        for band in self._bands:
            self.viewer.add_strip(band)

    def rows(self) -> tuple[Sequence[str], Rows]:
        if self.tiers.tiers:
            names = ("tier", "start (s)", "end (s)", "text", "confidence")
            return names, [
                (tier.name, one.start_s, one.end_s, one.text, one.confidence)
                for tier in self.tiers.tiers for one in tier.segments
            ]  # fmt: skip
        index = self.viewer.scene.index
        times = [(at, index.time_s(at)) for at in range(len(index))] if index is not None else []
        return ("frame", "time (s)"), times

    def _exported(self) -> QWidget:
        return self.viewer.canvas

    def _opened(self, opened: Opened) -> None:
        if opened.path != self._path:
            return
        self.viewer.show_film(opened.path, opened.open_source, opened.facts, opened.index, opened.first)

    def _indexed(self, index: FrameIndex) -> None:
        self.viewer.grow(index)
        if self._frame:
            self.viewer.go(self._frame)
            self._frame = 0
        facts = self.viewer.facts
        size = f"{facts.width} × {facts.height}" if facts is not None else ""
        words = (count(len(index), "frame"), span_of_time(index.duration_s), size)
        self.set_caption(" · ".join(filter(None, words)))

    def _failed(self, problem: ProblemRecord) -> None:
        self._path = ""
        self.let_go()
        self.complain(problem)
