"""A fine picture of the scene where there is no OpenGL: one press, one picture of the view as it is, by the worker.

The coarse picture stays and is steered meanwhile; whatever changes what is seen drops the wish.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from workbench.core.finepictures import ABLE, MOST_PIXELS, PICTURE, FineAble, FinePicture, FineWish
from workbench.core.problem import ProblemRecord
from workbench.gui.asking import Asking
from workbench.gui.link import Link
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.finethings import FineThings, things_of
from workbench.gui.scenes.splatter import Shot, Splatted, splat_with

OFFER = "No OpenGL 3.3 on this display: drawn coarsely; Fine picture draws it with Open3D"
DOING = "drawing finely with Open3D"
DONE = "drawn with Open3D"


class Finely(QObject):
    """Asks for fine pictures for a canvas; `offered` tells whether it draws without OpenGL."""

    offered = Signal(bool)

    def __init__(
        self, link: Link, canvas: SceneCanvas, parent: QObject, *, failed: Callable[[ProblemRecord], None]
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.canvas, self._failed = canvas, failed
        self._asking = Asking(link, self, failed=self._fail)
        self._writing = threading.Lock()
        """What was dropped may write on; two that write the same would be in each other's way."""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._able = False
        self._wished = False
        """Whether a picture is made, or shown."""
        self.canvas.plainly = OFFER
        canvas.outdated.connect(self._drop)

    def press(self) -> None:
        """Have a picture of what is seen now, in place of one that is being made."""
        if not self.canvas.plain or not self.canvas.scene.nodes:
            return
        self._say(DOING)
        shot = self.canvas.shot()
        if self._able:
            self._make(shot)
        else:  # asked again after a refusal, since what lacked may have been installed
            self._asking.ask(DOING, ABLE, FineAble, lambda found: self._heard(found, shot))

    def leave(self) -> None:
        """Ask for nothing more, and delete what was written."""
        self._asking.cancel()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _drop(self) -> None:
        """What is seen has changed: the coarse picture stands."""
        self.offered.emit(self.canvas.plain)
        if self._wished:
            self._asking.cancel()
            self._say("")

    def _say(self, words: str) -> None:
        self._wished = bool(words)
        self.canvas.plainly = words or OFFER
        self.canvas.update()

    def _fail(self, record: ProblemRecord) -> None:
        self._say("")
        self._failed(record)

    def _heard(self, found: FineAble, shot: Shot) -> None:
        self._able = found.able
        if found.able:
            self._make(shot)
        else:
            self._fail(ProblemRecord(
                "Open3D cannot draw a fine picture on this computer.", expected="a Vulkan library with a driver",
                received=found.lacking, fix=found.fix, severity="input",
            ))  # fmt: skip

    def _make(self, shot: Shot) -> None:
        if self._folder is None or not Path(self._folder.name).is_dir():
            self._folder = tempfile.TemporaryDirectory(prefix="workbench-fine-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)

        def write() -> FineThings:
            with self._writing:
                return things_of(shot, folder)

        self._asking.work(DOING, write, lambda found: self._ask(found, shot))

    def _ask(self, found: FineThings, shot: Shot) -> None:
        wish = msgspec.to_builtins(wish_of(found, shot))
        self._asking.ask(DOING, PICTURE, FinePicture, lambda made: self._lay(made, found, shot), **wish)

    def _lay(self, made: FinePicture, found: FineThings, shot: Shot) -> None:
        self._asking.work(DOING, lambda: laid(made, found, shot), lambda whole: self._show(whole, found))

    def _show(self, made: Splatted, found: FineThings) -> None:
        self._say("; ".join((DONE, *found.notes)))
        self.canvas.take_whole(made)


def wish_of(found: FineThings, shot: Shot) -> FineWish:
    """What the worker is asked: the picture of the shot, smaller where that has more pixels than can be drawn."""
    gaze = shot.gaze
    shrink = min(1.0, (MOST_PIXELS / (gaze.width * gaze.height)) ** 0.5)
    width, height = max(1, int(gaze.width * shrink)), max(1, int(gaze.height * shrink))
    return FineWish(found.things, gaze.view, width, height, gaze.near, gaze.far, shot.ratio * shrink)


def laid(made: FinePicture, found: FineThings, shot: Shot) -> Splatted:
    """The worker's picture in the size of the shot with everything else of it; runs on any thread."""
    size = shot.gaze.height, shot.gaze.width
    rgba = _sized(np.load(made.rgba, allow_pickle=False), size)
    return splat_with(shot, found.drawn, rgba, _sized(np.load(made.depth, allow_pickle=False), size))


def _sized(array: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Rows and columns taken several times where there are fewer."""
    if array.shape[:2] == size:
        return array
    rows, columns = (np.arange(want) * have // want for want, have in zip(size, array.shape, strict=False))
    return np.asarray(array[rows[:, None], columns])
