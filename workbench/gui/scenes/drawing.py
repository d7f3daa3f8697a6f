"""Draws a scene on a thread of its own, so that no driver, however slow, holds the window up.

The thread has the context of OpenGL and everything in it. It is handed the scene as it was at a moment, and hands
pictures back: as much as can be drawn at once while something moves, all of it at rest. Only the newest moment counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QThreadPool, Signal
from PySide6.QtGui import QImage, QOffscreenSurface

from workbench.core.problem import Problem, ProblemRecord, record_of
from workbench.gui.scenes.device import Device, offscreen, wanted_format
from workbench.gui.scenes.gaze import Gaze
from workbench.gui.scenes.rays import Elsewhere
from workbench.gui.scenes.renderer import Renderer
from workbench.gui.scenes.scene import Moment

MOVING_S, RESTING_S, PICTURE_S = 0.030, 0.020, 0.040
"""What drawing may take of a moving picture, and at rest, or of another picture, before a look at what else is wanted.
"""
REST_S, SHOW_EVERY_S, SHOW_RATIO = 0.14, 0.15, 4.0
TICK_S = 0.5
"""How often a thread without work sees whether the program has ended."""
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A picture of a moment; later ones have higher numbers."""

    number: int
    moment: Moment
    gaze: Gaze
    ratio: float
    """Pixels of the picture to one of the window."""
    lines: int = 0
    """Another number where lines look otherwise: the theme is another one."""
    elsewhere: Mapping[str, Elsewhere] = dataclasses.field(default_factory=dict)
    """Pictures of fields that the worker rendered."""
    photographs: bool = True
    """Whether photographs are seen in their frustums."""
    floor: bool = True
    """Whether axes and a level grid are drawn."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """A picture of what was wanted, `whole` or as far as it is drawn."""

    wanted: Wanted
    image: QImage
    whole: bool
    notes: tuple[str, ...]
    """What a person should know of the picture."""
    waiting: tuple[str, ...]
    """Names of what is shown and not ready to be drawn."""
    drawn: float = 1.0
    """The share of it that is there."""


class Drawing(QObject):
    """Asked on the GUI thread. Its signals come from the other one, so that they are connected as queued."""

    came = Signal(object)
    """A Frame."""
    told = Signal(object)
    """A ProblemRecord of one thing, which is left out."""
    failed = Signal(object)
    """A ProblemRecord: nothing is drawn any more."""

    def __init__(self) -> None:
        super().__init__()
        self._surface: QOffscreenSurface | None = offscreen(wanted_format())  # it goes on the thread that it came on
        self._loop = _Loop(self, self._surface)
        # Python waits for its own threads before it ends, which a driver that draws must not outlive.
        self._thread = threading.Thread(target=self._loop.run, name="drawing a scene")
        self._thread.start()

    @property
    def renderer(self) -> Renderer | None:
        """What the thread draws with; nobody else calls it."""
        return self._loop.renderer

    def want(self, wanted: Wanted, *, seen: bool = True) -> None:
        """Draw this from now on; only let go of what is not in it where nobody looks."""
        self._loop.want(wanted, seen)

    def whom(self, x: int, y: int, reach: int) -> tuple[str, int, float] | None:
        """As Renderer.whom, of what is wanted now; waits while a piece is drawn. Raises what drawing raises."""
        try:
            return self._loop.ask(lambda: self._loop.whom(x, y, reach)).result()
        except CancelledError:  # it was closed
            return None

    def where(self, names: set[str]) -> Future[NDArray[np.bool_]]:
        """As Renderer.where, of what is wanted now."""
        return self._loop.ask(lambda: self._loop.where(names))

    def lit(self) -> Future[NDArray[np.bool_]]:
        """As Renderer.lit, of what is wanted now."""
        return self._loop.ask(self._loop.lit)

    def picture(self, wanted: Wanted) -> Future[QImage]:
        """All of a moment; what is on the screen stays there meanwhile. Cancelled, it ends after a piece."""
        return self._loop.picture(wanted)

    def close(self) -> None:
        """End the thread, which gives everything back, and wait for it."""
        self._loop.close()
        self._thread.join()
        self._surface = None


class _Loop:
    """What runs on the thread; `want`, `ask` and `close` are called from others."""

    def __init__(self, out: Drawing, surface: QOffscreenSurface) -> None:
        self.renderer: Renderer | None = None
        self._out, self._surface = out, surface
        self._next: Wanted | None = None
        self._other = self._closed = False
        self._seen = True
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._pictures: deque[tuple[Wanted, Future[QImage]]] = deque()
        self._turn = threading.Condition()
        self._now: Wanted | None = None
        self._lines = -1
        self._stale = self._anew = self._held = False
        self._whole = True
        self._began_s = self._presented_s = self._show_s = 0.0

    # From other threads

    def want(self, wanted: Wanted, seen: bool) -> None:
        with self._turn:
            self._next, self._seen, self._other = wanted, seen, True
            self._turn.notify()

    def ask(self, do: Callable[[], T]) -> Future[T]:
        """Have something done between two pieces; cancelled where the thread has ended."""
        return self._queued(self._calls, do)

    def picture(self, wanted: Wanted) -> Future[QImage]:
        """See Drawing.picture."""
        return self._queued(self._pictures, wanted)

    def _queued(self, where: deque[Any], what: object) -> Future[Any]:
        found: Future[Any] = Future()
        with self._turn:
            if self._closed:
                found.cancel()
            else:
                where.append((what, found))
                self._turn.notify()
        return found

    def close(self) -> None:
        with self._turn:
            self._closed = True
            self._turn.notify()

    def background(
        self, work: Callable[[], Any], *, then: Callable[[Any], None] | None = None,
        failed: Callable[[ProblemRecord], None] | None = None, owner: QObject | None = None,
    ) -> None:  # fmt: skip
        """As autosave.Background, but what comes back comes to this thread."""

        def run() -> None:
            try:
                found = work()
            except Exception as error:  # told where the thing is known
                record = record_of(error)
                self.ask(lambda: failed(record) if failed is not None else None)
            else:
                self.ask(lambda: then(found) if then is not None else None)

        QThreadPool.globalInstance().start(run)

    # On the thread

    def run(self) -> None:
        """All that the thread does."""
        try:
            first = self._first()
            if first is None:
                return
            device = Device(self._surface)
            # Things know this moment, which becomes each of those that follow.
            self.renderer = Renderer(first.moment.copy(), self._tell, self, self._wake, self._out, device=device)
            while self._go_on(self.renderer):
                pass
        except Exception as error:  # whatever a driver does, the window stays and says so
            self._out.failed.emit(record_of(error))
        finally:
            self._end()

    def _first(self) -> Wanted | None:
        with self._turn:
            while not self._over():
                if self._next is not None and self._seen:
                    return self._next
                if self._pictures:
                    return self._pictures[0][0]
                self._turn.wait(TICK_S)
        return None

    def _over(self) -> bool:
        # A program that ends without having closed its windows must not wait for them.
        return self._closed or not threading.main_thread().is_alive()

    def _end(self) -> None:
        with self._turn:
            self._closed = True
            left = [found for _, found in (*self._calls, *self._pictures)]
            self._calls.clear()
            self._pictures.clear()
        for found in left:
            found.cancel()
        renderer, self.renderer = self.renderer, None
        if renderer is not None:
            with contextlib.suppress(Problem):  # a driver that failed may fail again
                renderer.close()
        self._now = self._next = None

    def _go_on(self, renderer: Renderer) -> bool:
        """One turn: what others want, then a piece of a picture; whether there is to be another."""
        with self._turn:
            self._turn.wait_for(self._asked, self._patience_s())
            if self._over():
                return False
            other, self._other = self._other, False
            wanted = self._next if other else None
            self._now = self._now if wanted is None else wanted if self._seen else None
            calls = list(self._calls)
            self._calls.clear()
            picture = self._pictures[0] if self._pictures else None
        if wanted is not None:
            self._stale = True
            if self._now is None and not self._held:
                self._take_up(renderer, wanted)
        if picture is None and self._held:
            self._held, self._stale = False, True
        if picture is None and self._stale and self._now is not None:
            self._begin(renderer, self._now)
        elif picture is None and not self._whole and self._now is not None and self._rested():
            self._step(renderer, self._now)
        for do, found in calls:
            self._answer(do, found)
        if picture is not None:
            self._step_picture(renderer, *picture)
        return True

    def _asked(self) -> bool:
        return self._over() or self._other or bool(self._calls or self._pictures)

    def _rested(self) -> bool:
        return time.perf_counter() - self._began_s >= REST_S

    def _patience_s(self) -> float:
        """How long there is nothing to do, unless another thread wants something."""
        if self._pictures or self._held or (self._stale and self._now is not None):
            return 0.0
        if self._now is None or self._whole:
            return TICK_S
        return max(0.0, self._began_s + REST_S - time.perf_counter())

    def _answer(self, do: Callable[[], Any], found: Future[Any]) -> None:
        try:
            found.set_result(do())
        except Exception as error:
            found.set_exception(error)
            raise

    def _tell(self, record: ProblemRecord) -> None:
        self._out.told.emit(record)

    def _wake(self) -> None:
        """Another thread has made something ready."""
        self._stale = True

    # Pictures

    def _take_up(self, renderer: Renderer, wanted: Wanted) -> None:
        """Let the renderer know the moment that is drawn."""
        moment = renderer.scene
        assert isinstance(moment, Moment)
        chosen, clips = moment.chosen, moment.clips
        selected = moment.become(wanted.moment)
        renderer.elsewhere = {name: one for name, one in wanted.elsewhere.items() if name in moment.nodes}
        renderer.wiring.axes = renderer.wiring.grid = wanted.floor
        renderer.photographs = wanted.photographs
        renderer.sync()
        renderer.reselect(selected)
        if wanted.lines != self._lines or (chosen, clips) != (moment.chosen, moment.clips):
            self._lines = wanted.lines
            renderer.wiring.outdate()

    def _begin(self, renderer: Renderer, wanted: Wanted) -> None:
        """The moving picture: as much as may be drawn now."""
        self._stale = self._anew = self._whole = False
        self._take_up(renderer, wanted)
        renderer.begin(wanted.gaze, wanted.ratio)
        renderer.advance(time.perf_counter() + MOVING_S, moving=True)
        self._show(renderer, wanted)
        self._began_s = time.perf_counter()

    def _step(self, renderer: Renderer, wanted: Wanted) -> None:
        """Send what is left of the things, and draw what is left of the picture."""
        sent = renderer.send(time.perf_counter() + RESTING_S / 2)
        if renderer.sketched and sent:
            renderer.begin(wanted.gaze, wanted.ratio)  # nothing is shown before all that is opaque is there
            self._anew = True
        drawn = renderer.advance(time.perf_counter() + RESTING_S / 2)
        self._whole = sent and drawn
        shows = renderer.solid or not self._anew
        # Where showing takes long, most of the time is still for drawing.
        due_s = max(SHOW_EVERY_S, SHOW_RATIO * self._show_s)
        if self._whole or (shows and time.perf_counter() - self._presented_s > due_s):
            self._show(renderer, wanted)

    def _show(self, renderer: Renderer, wanted: Wanted) -> None:
        began = time.perf_counter()
        image = renderer.present(taps=8 if self._whole else 4)
        self._presented_s = time.perf_counter()
        self._show_s = self._presented_s - began
        notes, waiting = tuple(renderer.notes()), tuple(renderer.waiting())
        drawn = 1.0 if self._whole else renderer.drawn()
        self._out.came.emit(Frame(wanted, image, self._whole, notes, waiting, drawn))

    def whom(self, x: int, y: int, reach: int) -> tuple[str, int, float] | None:
        """See Drawing.whom; nobody while another picture is drawn."""
        return self.renderer.whom(x, y, reach) if self.renderer is not None and not self._held else None

    def where(self, names: set[str]) -> NDArray[np.bool_]:
        """See Drawing.where; nowhere while another picture is drawn."""
        return self.renderer.where(names) if self.renderer is not None and not self._held else np.zeros((1, 1), bool)

    def lit(self) -> NDArray[np.bool_]:
        """See Drawing.lit; nowhere while another picture is drawn."""
        return self.renderer.lit() if self.renderer is not None and not self._held else np.zeros((1, 1), bool)

    def _step_picture(self, renderer: Renderer, wanted: Wanted, found: Future[QImage]) -> None:
        """Draw a piece of a picture that is not for the screen; hand it over once it is whole."""
        try:
            if not found.cancelled() and not self._held:
                self._held = True
                self._take_up(renderer, wanted)
                renderer.begin(wanted.gaze, wanted.ratio)
            if not found.cancelled():
                sent = renderer.send(time.perf_counter() + PICTURE_S / 2)
                if not renderer.advance(time.perf_counter() + PICTURE_S / 2) or not sent:
                    return
                if renderer.waiting():  # for a thread that makes something ready
                    time.sleep(0.002)
                    return
                image = renderer.present()
                if found.set_running_or_notify_cancel():
                    found.set_result(image)
        except Exception as error:
            if found.set_running_or_notify_cancel():
                found.set_exception(error)
            raise
        with self._turn:
            self._pictures.popleft()
        if self._pictures:
            self._held = False  # begin the next one
