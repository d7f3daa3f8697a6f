"""Recognising live: pictures of the camera go to the worker through a ring of frames, answers come back as they can."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QImage

from workbench.core.problem import KnownTrouble, ProblemRecord
from workbench.core.recognising import LiveAnswer, LiveWish, RecogniserFacts
from workbench.gui.films.lookmap import whole_frame
from workbench.gui.films.scores import LiveStrip, percent
from workbench.gui.sounds.errand import Errand
from workbench.runner.recognising import watch_live
from workbench.store.address import is_alive
from workbench.store.framering import RingWriter

if TYPE_CHECKING:
    from workbench.gui.films.liveplace import LivePlace
    from workbench.gui.films.recognising import Recognising

SLOTS, LEAST_PX, MOST_PX, OTHER_PX = 96, 32, 224, 112
RATED = 20
_numbers = itertools.count()
Tell = Callable[[Callable[[], object]], None]


class LiveScores(QObject):
    """One loop of questions while a live view runs; `saliency` also asks where the model looks."""

    changed = Signal()

    def __init__(self, owner: Recognising, place: LivePlace) -> None:
        super().__init__(owner)
        self._owner, self._place = owner, place
        self.errand = Errand(owner.page.link, self, "recognising live")
        self.strip = LiveStrip()
        self.strip.hide()
        place.add_strip(self.strip)
        self.saliency = False
        self.answers: deque[float] = deque(maxlen=RATED)
        self._ring: RingWriter | None = None
        self._short_px, self._window_s = OTHER_PX, 1.0
        self._model: tuple[RecogniserFacts, tuple[str, ...]] | None = None
        place.arrived.connect(self._put)
        place.over.connect(self.stop)
        self.errand.changed.connect(self.changed)
        self.errand.failed.connect(self._failed)

    @property
    def running(self) -> bool:
        """Whether answers are asked for."""
        return self._model is not None

    @property
    def answers_per_s(self) -> float:
        """How many answers came of late."""
        span_s = self.answers[-1] - self.answers[0] if len(self.answers) > 1 else 0.0
        return (len(self.answers) - 1) / span_s if span_s > 0 else 0.0

    def start(self, facts: RecogniserFacts, classes: tuple[str, ...], window_s: float) -> None:
        """Ask from the next picture on."""
        self.stop()
        self._model, self._window_s = (facts, classes), window_s
        self._short_px = min(max(facts.image_px or OTHER_PX, LEAST_PX), MOST_PX)
        self.answers.clear()
        self.strip.clear()
        self.strip.show()
        self._owner.panel.say("Waking the model", -1.0)
        self.changed.emit()

    def stop(self) -> None:
        """Ask no more."""
        if self._model is None:
            return
        self._model = None
        self.errand.stop()
        self._drop_ring()
        self._place.tell_inference(-1.0)
        self._place.canvas.overlay = None
        self._owner.panel.conclude("")
        self.strip.hide()
        self.changed.emit()

    def close(self) -> None:
        """The window closes."""
        self.stop()
        self.errand.close()

    def _put(self, image: QImage, time_s: float) -> None:
        if self._model is None:
            return
        if self._ring is None:
            self._begin(image)
        if self._ring is not None:
            high, wide = self._ring.size
            self._ring.put(pixels(image, wide, high), time_s)

    def _begin(self, image: QImage) -> None:
        if self._model is None:
            return
        share = min(self._short_px / max(min(image.width(), image.height()), 1), 1.0)
        wide, high = max(round(image.width() * share), 1), max(round(image.height() * share), 1)
        root = self._owner.page.link.home.cache / "live"
        facts, classes = self._model
        try:
            _clear(root)
            self._ring = RingWriter(root / f"{os.getpid()}-{next(_numbers)}", SLOTS, high, wide)
        except KnownTrouble as trouble:
            self._failed(trouble.record())
            return
        except OSError as error:
            self._failed(ProblemRecord(
                "There is no room for the camera's pictures.", expected=f"a folder that can be written to: {root}",
                received=str(error), fix="Free some space, or choose another home.", place=root.name,
            ))  # fmt: skip
            return
        wish = LiveWish(str(self._ring.folder), facts.path, classes, self._window_s)
        runner = self._owner.page.link.runner

        def work(stop: threading.Event, tell: Tell) -> None:
            watch_live(runner, wish, stop, lambda found: tell(lambda: self._take(found)),
                       saliency=lambda: self.saliency and not facts.fixed)  # fmt: skip

        self.errand.start(work, lambda _: None)

    def _take(self, found: LiveAnswer) -> None:
        if self._model is None or not found.scores:
            return
        self.answers.append(time.monotonic())
        self.strip.add(found.classes, found.scores, found.time_s)
        self._place.tell_inference(found.inference_ms)
        order = np.argsort(-np.array(found.scores), kind="stable")
        rows = [(found.classes[at], found.scores[at], self.strip.series.colour(found.classes[at])) for at in order]
        panel = self._owner.panel
        panel.ranking.show_rows(rows)
        panel.conclude(f"{self.answers_per_s:.0f} answers/s  ·  inference {found.inference_ms:.1f} ms")
        threshold = self.strip.threshold
        best = rows[0][0] if rows[0][1] >= threshold else "something else"
        panel.heading.setText(f"Now: {best} ({percent(rows[0][1])})")
        size = self._place.canvas.frame_size
        if found.saliency is not None and self.saliency and not size.isEmpty():
            self._place.canvas.overlay = whole_frame(found.saliency, size.width() / size.height())

    def _failed(self, record: ProblemRecord) -> None:
        self.stop()
        self._owner.page.failed_with(record)

    def _drop_ring(self) -> None:
        ring, self._ring = self._ring, None
        if ring is not None:
            shutil.rmtree(ring.folder, ignore_errors=True)


def _clear(root: Path) -> None:
    """Take away what windows left that ended by force; another window's ring is its own."""
    for folder in root.glob("*-*"):
        owner = folder.name.partition("-")[0]
        if owner.isdecimal() and not is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def pixels(image: QImage, wide: int, high: int) -> NDArray[np.uint8]:
    """A picture as (high, wide, 3) RGB."""
    small = image.scaled(wide, high, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
    small = small.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(small.constBits(), np.uint8).reshape(high, small.bytesPerLine())
    return rows[:, : wide * 3].reshape(high, wide, 3).copy()
