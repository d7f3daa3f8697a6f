"""A film without a decoder, whose frames say their number, and a clock that the test turns."""

from __future__ import annotations

import threading
from collections import deque

from workbench.core.problem import KnownTrouble
from workbench.core.video import FrameIndex, FrameTold, VideoFacts

WIDE, HIGH = 8, 4


def index_of(frames: int, *, step_ms: int = 40, uneven: bool = False) -> FrameIndex:
    """Frames of 40 ms; every third of an uneven film stays for 100 ms."""
    times = [0]
    for at in range(1, frames):
        times.append(times[-1] + (100 if uneven and at % 3 == 0 else step_ms))
    return FrameIndex(0.001, tuple(times[:frames]), tuple(range(0, frames, 10)))


def facts_of(frames: int = 100, **more: object) -> VideoFacts:
    told = {"width": WIDE, "height": HIGH, "coded_width": WIDE, "coded_height": HIGH, "codec": "fake", "format": "fake",
            "pixel_format": "rgb24", "frames_per_s": 25.0, "frames": frames}  # fmt: skip
    return VideoFacts(**(told | more))


class Source:
    """Answers as fast as it is asked; with `gate` it waits for the test before each frame."""

    def __init__(self, index: FrameIndex, *, gate: threading.Semaphore | None = None, breaks_at: int = -1) -> None:
        self.index, self.gate, self.breaks_at = index, gate, breaks_at
        self.facts = facts_of(len(index))
        self.asked: list[int] = []
        self.boxes: list[tuple[int, int]] = []
        self.closed = False
        self._waiting: deque[int] = deque()

    def ask(self, time: int, *, width: int = 0, height: int = 0) -> None:
        self.asked.append(self.index.frame_at((time - self.index.times[0]) * self.index.tick_s))
        self.boxes.append((width, height))
        self._waiting.append(self.asked[-1])

    def take(self) -> tuple[FrameTold, bytes] | None:
        frame = self._waiting.popleft()
        if self.gate is not None and not self.gate.acquire(timeout=20):
            raise RuntimeError("the test never let this frame through")
        if frame == self.breaks_at:
            raise KnownTrouble("The decoder of this video ended.")
        return FrameTold(self.index.times[frame], WIDE, HIGH, decode_ms=2.0), bytes([frame % 256]) * (WIDE * HIGH * 3)

    def close(self) -> None:
        self.closed = True


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s
