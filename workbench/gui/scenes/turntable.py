"""Films of a scene: once around it, or along viewpoints; drawn in steps between events, encoded by another process."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from PySide6.QtCore import QObject, QSize, QTimer, Signal
from PySide6.QtGui import QImage

from workbench.core.filmwriter import VideoWriter
from workbench.core.problem import KnownTrouble, Problem, ProblemRecord, record_of
from workbench.core.scenes import Viewpoint
from workbench.gui.autosave import Background
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.scene import matrix_of, placement_of


def turntable(view: Viewpoint, frames: int, *, turns: float = 1.0) -> list[Viewpoint]:
    """Views around the upright through the view's point, counter-clockwise from above; the last leads to the first."""
    pose, about = matrix_of(view.pose), np.array(view.about)
    found = []
    for k in range(frames):
        turn = gz.turn_about(np.array([0.0, 0.0, 1.0]), 2 * math.pi * turns * k / frames)
        moved = np.eye(4)
        moved[:3, :3] = turn @ pose[:3, :3]
        moved[:3, 3] = about + turn @ (pose[:3, 3] - about)
        found.append(msgspec.structs.replace(view, pose=placement_of(moved)))
    return found


def path_through(views: Sequence[Viewpoint], frames: int) -> list[Viewpoint]:
    """Views along kept viewpoints, an equal time for each way, starting and ending softly at each.

    Raises KnownTrouble for fewer than two of them.
    """
    if len(views) < 2:
        raise KnownTrouble("A film along viewpoints needs two of them.", expected="two viewpoints or more",
                           received=str(len(views)), fix="Keep viewpoints first, or film a turntable.")  # fmt: skip
    found = []
    for at in np.linspace(0, len(views) - 1, frames):
        first = min(int(at), len(views) - 2)
        share = float(at) - first
        found.append(gz.between(views[first], views[first + 1], share * share * (3 - 2 * share)))
    return found


class FilmMaking(QObject):
    """Draws the frames of a film and writes them; the canvas can be used meanwhile."""

    progressed = Signal(int, int)
    """Frames that are written, and all of them."""
    finished = Signal(object)
    """The file's path."""
    failed = Signal(object)
    """A ProblemRecord."""

    def __init__(
        self, canvas: SceneCanvas, views: Sequence[Viewpoint], path: Path, background: Background, *,
        size: QSize, frames_per_s: float = 25.0,
    ) -> None:  # fmt: skip
        """`size` is made even, as encoders want it. `start` begins."""
        super().__init__(canvas)
        self._canvas, self._views, self._path, self._background = canvas, list(views), path, background
        self._size = QSize(size.width() // 2 * 2, size.height() // 2 * 2)
        self._frames_per_s = frames_per_s
        self._writer: VideoWriter | None = None
        self._steps: Iterator[QImage] | None = None
        self._done = 0
        self._timer = QTimer(self)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._go_on)

    @property
    def running(self) -> bool:
        """Whether it is neither done nor ended."""
        return self._writer is not None

    def start(self) -> None:
        """Begin; what fails is told by `failed`."""
        try:
            self._writer = VideoWriter(
                self._path, width=self._size.width(), height=self._size.height(), frames_per_s=self._frames_per_s
            )
        except (Problem, OSError) as error:
            self.failed.emit(record_of(error))
            return
        self._timer.start()

    def cancel(self) -> None:
        """End it and leave nothing behind."""
        self._timer.stop()
        if self._steps is not None:
            self._steps.close()  # type: ignore[attr-defined]  # generators have it
            self._steps = None
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abandon()

    def _go_on(self) -> None:
        """Draw a step of the frame; once it is whole, hand it to the encoder on another thread."""
        try:
            if self._steps is None:
                self._steps = self._canvas.picture_steps(self._size, view=self._views[self._done])
            frame = next(self._steps, None)
        except Exception as error:  # whatever a driver does, the film ends with a word
            self._fail(record_of(error))
            return
        if frame is None:
            self._fail(KnownTrouble("The scene could not be drawn.", fix="Show it in the window first.").record())
        elif not frame.isNull():
            self._timer.stop()
            self._steps.close()  # type: ignore[attr-defined]
            self._steps = None
            self._write(frame)

    def _write(self, frame: QImage) -> None:
        writer, at = self._writer, self._done / self._frames_per_s
        last = self._done + 1 >= len(self._views)

        def work() -> None:
            if writer is not None:
                writer.write(packed(frame), at)
                if last:
                    writer.finish()

        self._background.background(work, then=lambda _: self._written(last), failed=self._fail, owner=self)

    def _written(self, last: bool) -> None:
        if self._writer is None:
            return
        self._done += 1
        self.progressed.emit(self._done, len(self._views))
        if last:
            self._writer = None
            self.finished.emit(self._path)
        else:
            self._timer.start()

    def _fail(self, record: ProblemRecord) -> None:
        if self._writer is not None:  # one that was cancelled fails no more
            self.cancel()
            self.failed.emit(record)


def packed(frame: QImage) -> bytes:
    """RGB, a byte each, rows without gaps."""
    frame = frame.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(frame.constBits(), np.uint8).reshape(frame.height(), frame.bytesPerLine())
    return rows[:, : frame.width() * 3].tobytes()
