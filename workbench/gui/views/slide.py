"""A whole slide of a run under the time slider, with the scores of its tiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.core import events as ev
from workbench.core.problem import InputError, ProblemRecord
from workbench.core.slides import SlideInfo, SlideMeta, heat_problem, slide_meta
from workbench.gui.link import Link
from workbench.gui.slides.viewer import SlideViewer
from workbench.gui.views import reading
from workbench.gui.views.base import Rows, View


class SlideView(View):
    """A pyramid TIFF of the run, streamed by the worker; steps with the same file keep the place that is looked at."""

    name = "Slide"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer: SlideViewer | None = None
        self._path = ""
        self._place = QWidget()
        column = QVBoxLayout(self._place)
        column.setContentsMargins(0, 0, 0, 0)
        self.set_body(self._place)

    def read(self, folder: Path, artifact: ev.Artifact) -> tuple[Path, SlideMeta]:
        path = reading.inside(folder, artifact.path)
        try:
            meta = slide_meta(artifact.meta)
        except msgspec.ValidationError as error:
            raise reading.damaged(path, "a SlideMeta in the artifact's meta", str(error)) from None
        if not path.is_file():
            raise reading.damaged(path, "a pyramid TIFF", "no such file")
        fault = heat_problem(meta.heat) if meta.heat is not None else ""
        if fault:
            raise reading.damaged(path, "one score from 0 to 1 for each tile", fault)
        return path, meta

    def draw(self, content: tuple[Path, SlideMeta]) -> None:
        path, meta = content
        viewer = self._made()
        if str(path) == self._path and viewer.info is not None:
            viewer.set_heat(meta.heat, viewer.score if meta.heat and viewer.score in meta.heat.scores else "")
            return
        self._path = str(path)
        viewer.open(self._path, lambda info: self._opened(info, meta), meta.heat)

    def clear(self, hint: str) -> None:
        self._path = ""
        if self.viewer is not None:
            self.viewer.clear()
        super().clear(hint)

    def rows(self) -> tuple[Sequence[str], Rows]:
        heat = self.viewer.heat if self.viewer is not None else None
        if heat is None:
            info = self.viewer.info if self.viewer is not None else None
            levels = info.levels if info is not None else ()
            return ("width", "height", "downsample"), [[one.width, one.height, one.downsample] for one in levels]
        names = list(heat.scores)
        values = zip(*(heat.scores[name] for name in names), strict=True)
        return ("x", "y", *names), [[*tile, *scores] for tile, scores in zip(heat.tiles, values, strict=True)]

    def _made(self) -> SlideViewer:
        """The viewer; made when the view has its place in a window, whose worker reads the tiles."""
        if self.viewer is None:
            self.viewer = SlideViewer(_link_of(self), self._place)
            self.viewer.failed.connect(self._failed)
            layout = self._place.layout()
            assert layout is not None
            layout.addWidget(self.viewer)
            self.setFocusProxy(self.viewer.canvas)
        return self.viewer

    def _opened(self, info: SlideInfo, meta: SlideMeta) -> None:
        if self.viewer is not None:
            if meta.mpp is not None and info.mpp is None:
                self.viewer.set_mpp(meta.mpp)
            self.set_caption(self.viewer.words())

    def _failed(self, record: ProblemRecord) -> None:
        if self.viewer is not None and self.viewer.info is None:
            self._path = ""
            self.complain(record)


def _link_of(widget: QWidget) -> Link:
    """The link of the page around a view; raises InputError where there is none, as in pictures without a window."""
    around: QWidget | None = widget
    while around is not None:
        found = getattr(around, "link", None)
        if isinstance(found, Link):
            return found
        around = around.parentWidget()
    raise InputError(
        "A slide is read by the worker, and none is at hand here.", expected="a window", received="a view by itself",
        fix="Open the run in the window.",
    )  # fmt: skip
