"""Pictures of a film's small copy, read on a thread: the right frame at once, until the decoder has it as it is."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from workbench.core.video import FrameTold
from workbench.gui.films.ownthread import OwnThread
from workbench.gui.films.sources import Picture
from workbench.store.filmcopies import FilmCopy


class StandIns(OwnThread, QObject):
    """Reads the picture wished last; `arrived` carries (frame, Picture), `lacking` the frame of which there is none."""

    arrived = Signal(int, object)
    lacking = Signal(int)

    def __init__(self, copy: FilmCopy, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.copy = copy
        self._wish = -1
        self._ready("reader of a film's copy").start()

    def want(self, frame: int) -> None:
        """Read the picture of a frame; a wish that is not begun with is forgotten for a newer one."""
        with self._turn:
            self._wish = frame
            self._turn.notify_all()

    def _run(self) -> None:
        while (frame := self._next()) >= 0:
            data = self.copy.picture(frame)
            image = QImage.fromData(data) if data is not None else QImage()
            if image.isNull():
                self._tell(self.lacking, frame)
            else:
                told = FrameTold(self.copy.index.times[frame], image.width(), image.height())
                self._tell(self.arrived, frame, Picture(told, image, b""))

    def _next(self) -> int:
        with self._turn:
            self._turn.wait_for(lambda: self._closed or self._wish >= 0)
            frame, self._wish = self._wish, -1
            return -1 if self._closed else frame
