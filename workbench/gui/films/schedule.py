"""Which frame is due when while a film is played: forwards or backwards, at any speed, in a loop; no Qt, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from workbench.core.video import FrameIndex

SHOWN_PER_S = 60.0
"""Screens show no more; frames that would stay for less are passed over by intention, not late."""


class Beat(NamedTuple):
    """A frame, and after how many seconds of playing it is due."""

    due_s: float
    frame: int


class Schedule:
    """Frames `first` to `last`, both included, from `start` on; a negative speed plays backwards.

    Every frame stays for its own time of the index divided by the speed.
    """

    def __init__(
        self, index: FrameIndex, start: int, speed: float, *, stretch: tuple[int, int] | None = None,
        loop: bool = False,
    ) -> None:  # fmt: skip
        if not speed:
            raise ValueError("a film that stands has no schedule")
        self.index, self.speed, self.loop = index, speed, loop
        self.first, self.last = stretch or (0, len(index) - 1)
        self.start = min(max(start, self.first), self.last)
        self.length_s = 0.0
        """How long one way through takes; known once `beats` has gone through."""

    def beats(self) -> Iterator[Beat]:
        """Every frame that a screen can show, in the order of playing; without end in a loop.

        The last beat of one that ends is the frame on which it ends, at the moment when it has been shown its time.
        """
        due_s, frame, shown_s = 0.0, self.start, -1.0
        step = 1 if self.speed > 0 else -1
        least_s = 1.0 / SHOWN_PER_S * 0.999
        while True:
            stays_s = self._stays_s(frame) / abs(self.speed)
            end = self.last if step > 0 else self.first
            if due_s - shown_s >= least_s or frame == end:
                shown_s = due_s
                yield Beat(due_s, frame)
            due_s += stays_s
            if frame == end:
                if not self.loop:
                    yield Beat(due_s, frame)
                    return
                frame = self.first if step > 0 else self.last
                # A loop of a single instant would never let go.
                due_s += 0.0 if stays_s > 0 or self.first != self.last else least_s
            else:
                frame += step

    def _stays_s(self, frame: int) -> float:
        """How long a frame is shown; the last one as long as the one before it."""
        times = self.index.times
        if len(times) < 2:
            return 0.0
        at = min(frame, len(times) - 2)
        return (times[at + 1] - times[at]) * self.index.tick_s
