"""Playing a sound: a thread reads ahead into a ring, the sound card's callback only copies from it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from workbench.gui.sounds.ring import Ring
from workbench.gui.sounds.stretch import stretched
from workbench.gui.sounds.waves import Sound

AHEAD_S = 0.5
TICK_MS = 15
SPEEDS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
Fill = Callable[[Any, int, float], bool]
"""(outdata (frames, channels) float32, frames, time at which the first is heard) → whether to go on."""


class Output(Protocol):
    """A running output; `now_s` is the clock that `Fill` is told times of."""

    @property
    def now_s(self) -> float:
        """The stream's time."""

    def start(self) -> None:
        """Begin to call back."""

    def close(self) -> None:
        """Stop at once."""


MakeOutput = Callable[[int, int, Fill], Output]


class Session(threading.Thread):
    """One go of playing: opens the output, reads ahead, closes it; a thread, since opening may take long."""

    def __init__(
        self, make_output: MakeOutput, sound: Sound, stretch: tuple[int, int], again: int, *, speed: float,
        loops: Callable[[], bool], failed: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(name="sound", daemon=True)
        self._make_output, self._sound, self._stretch, self._again = make_output, sound, stretch, again
        self._speed, self._loops, self._failed = speed, loops, failed
        self._channels = min(sound.samples.shape[1], 2)
        self.ring = Ring(max(4096, round(AHEAD_S * sound.rate_hz)), self._channels)
        self.output: Output | None = None
        self.ended = False
        """Everything is in the ring."""
        self.underruns = 0
        self._halted = threading.Event()
        self._heard = (0, 0.0)
        self._marks: deque[tuple[int, int]] = deque([(0, stretch[0])])

    def halt(self) -> None:
        """Be silent from the next call of the sound card on."""
        self._halted.set()

    def frames_heard(self) -> int:
        """By the stream's own clock; as long as it is behind the last call, what that began with."""
        frames, at_s = self._heard
        if self.output is not None and at_s:
            frames += round((self.output.now_s - at_s) * self._sound.rate_hz)
        return max(frames, 0)

    def sample(self) -> int:
        """The source sample that is heard now."""
        frames = min(self.frames_heard(), self.ring.read)
        while len(self._marks) > 1 and self._marks[1][0] <= frames:
            self._marks.popleft()
        begun, source = self._marks[0]
        return min(source + round((frames - begun) * self._speed), self._stretch[1])

    @property
    def over(self) -> bool:
        """Whether the last frame was heard."""
        return self.ended and self.ring.filled == 0 and self.frames_heard() >= self.ring.written

    def fill(self, out: Any, frames: int, heard_at_s: float) -> bool:
        """Runs in the sound card's thread: copies and counts, nothing else."""
        if self._halted.is_set():
            out[:frames] = 0.0
            return False
        self._heard = (self.ring.read, heard_at_s)
        given = self.ring.take(out[:frames])
        if given < frames:
            out[given:frames] = 0.0
            if not self.ended:
                self.underruns += 1
        return True

    def run(self) -> None:
        try:
            output = self._make_output(self._sound.rate_hz, self._channels, self.fill)
        except Exception as error:  # PortAudio's own error class is only there with the library
            self._failed(str(error))
            return
        try:
            feeding = self._feed()
            next(feeding, None)  # something to play before the first call
            output.start()
            self.output = output
            for _ in feeding:
                pass
            self._halted.wait()
        except Exception as error:  # as above
            self._failed(str(error))
        finally:
            output.close()

    def _read(self, first: int, last: int) -> np.ndarray:
        return self._sound.block(first, last)[:, : self._channels]

    def _feed(self) -> Iterator[None]:
        first, last = self._stretch
        while not self._halted.is_set():
            for source, block in stretched(self._read, first, last, self._speed, self._sound.rate_hz):
                self._marks.append((self.ring.written, source))
                yield from self._put(block)
                if self._halted.is_set():
                    return
            if not self._loops():
                break
            first = self._again
        self.ended = True

    def _put(self, block: np.ndarray) -> Iterator[None]:
        while len(block) and not self._halted.is_set():
            block = block[self.ring.put(block) :]
            if len(block):
                yield
                self._halted.wait(0.02)


class Player(QObject):
    """Plays stretches of a sound and tells which sample is heard."""

    moved = Signal(int)
    changed = Signal()
    failed = Signal(str)
    finished = False
    """Whether the stretch was played to its end, rather than halted."""

    def __init__(self, make_output: MakeOutput, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._make_output = make_output
        self.session: Session | None = None
        self.speed = 1.0
        self.loop = False
        self._end = 0
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.tick)
        self._told.connect(self._fail, Qt.ConnectionType.QueuedConnection)

    _told = Signal(object, str)

    @property
    def playing(self) -> bool:
        """Whether something is heard."""
        return self.session is not None

    def play(self, sound: Sound, start: int, stop: int, *, again: int | None = None) -> None:
        """Play samples [start, stop); with `loop` on again and again, from `again` on where it is given."""
        self.halt()
        self.finished = False
        if stop <= start:
            return
        self._end = stop

        def failed(words: str) -> None:
            self._told.emit(session, words)

        session = Session(
            self._make_output, sound, (start, stop), start if again is None else again, speed=self.speed,
            loops=lambda: self.loop, failed=failed,
        )  # fmt: skip
        self.session = session
        session.start()
        self._timer.start()
        self.changed.emit()

    def halt(self) -> None:
        """Be silent at once."""
        session, self.session = self.session, None
        self._timer.stop()
        if session is not None:
            session.halt()
            self.changed.emit()

    def tick(self) -> None:
        """Tell where the sound is; stop at its end."""
        if self.session is None:
            return
        if self.session.over:
            self.finished = True
            self.halt()
            self.moved.emit(self._end)
        else:
            self.moved.emit(self.session.sample())

    def _fail(self, session: object, words: str) -> None:
        if session is self.session:
            self.halt()
            self.failed.emit(words)
