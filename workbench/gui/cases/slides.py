"""Whole slides on the page of cases: told from volumes, opened by the worker, shown in a viewer of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from workbench.core.problem import Problem, ProblemRecord
from workbench.core.slides import SlideInfo
from workbench.gui.asking import Asking
from workbench.gui.link import Link
from workbench.gui.slides.viewer import SlideViewer

SLIDE_ENDINGS = (".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".czi", ".btf")
MAYBE = (".tif", ".tiff", ".dcm")
"""Slides where they are tiled or of DICOM's slide class, pictures and volumes otherwise; which, the worker tells."""
FILTER = "Whole slides (" + " ".join(f"*{ending}" for ending in (*SLIDE_ENDINGS, *MAYBE)) + ")"


class SlideDesk(QObject):
    """One slide at a time; the viewer is made when a slide is opened first."""

    opened = Signal(object, bool)
    """A SlideInfo that is shown now, and whether it is the sample."""
    failed = Signal(object)

    def __init__(self, link: Link, parent: QObject, place: Callable[[QWidget], object]) -> None:
        """`place` puts the viewer among the page's places."""
        super().__init__(parent)
        self._link, self._place = link, place
        self._otherwise: Callable[[], None] | None = None
        self.asking = Asking(link, self, failed=self._fail)
        self.viewer: SlideViewer | None = None

    @property
    def info(self) -> SlideInfo | None:
        """The slide that is open."""
        return self.viewer.info if self.viewer is not None else None

    def open(self, path: str, otherwise: Callable[[], None]) -> bool:
        """Open a path that may be a slide; `otherwise` is done with a TIFF or DICOM file that turns out to be none.

        False for a path that cannot be one.
        """
        name = path.lower()
        if not name.endswith((*SLIDE_ENDINGS, *MAYBE)):
            return False
        self._otherwise = otherwise if name.endswith(MAYBE) else None
        pictures = self._otherwise is None
        then = lambda info: self._show(info, is_sample=False)  # noqa: E731
        self.asking.ask(f"Opening {Path(path).name}", "slide", SlideInfo, then, path=path, pictures=pictures)
        return True

    def open_sample(self) -> None:
        """Open the drawn slide that the worker writes once."""
        self._otherwise = None
        then = lambda info: self._show(info, is_sample=True)  # noqa: E731
        self.asking.ask("Drawing the sample slide", "slide-sample", SlideInfo, then)

    def close(self) -> None:
        """Show no slide, and wait for none."""
        self.asking.cancel()
        if self.viewer is not None:
            self.viewer.clear()

    def _show(self, info: SlideInfo, *, is_sample: bool) -> None:
        if self.viewer is None:
            self.viewer = SlideViewer(self._link)
            self.viewer.failed.connect(self.failed.emit)
            self._place(self.viewer)
        try:
            self.viewer.show_slide(info)
        except Problem as problem:
            self.failed.emit(problem.record())
            return
        self.opened.emit(info, is_sample)

    def _fail(self, record: ProblemRecord) -> None:
        if self._otherwise is not None and record.severity == "input":
            self._otherwise()
        else:
            self.failed.emit(record)
