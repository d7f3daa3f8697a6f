"""Frames between two threads of which neither waits: one writes, one reads; nothing is allocated on the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Ring:
    """`capacity` frames of float32; `written` and `read` count frames since the beginning and only grow.

    The writer alone sets `written`, the reader alone sets `read`: a count is set after its frames are copied.
    """

    def __init__(self, capacity: int, channels: int) -> None:
        self.frames: NDArray[np.float32] = np.zeros((capacity, channels), np.float32)
        self.capacity = capacity
        self.written = self.read = 0

    @property
    def filled(self) -> int:
        """Frames that wait."""
        return self.written - self.read

    @property
    def free(self) -> int:
        """Frames for which there is room."""
        return self.capacity - self.filled

    def put(self, frames: NDArray[np.float32]) -> int:
        """Take in as many frames (frames, channels) as fit; returns how many."""
        count = min(len(frames), self.free)
        at = self.written % self.capacity
        first = min(count, self.capacity - at)
        self.frames[at : at + first] = frames[:first]
        self.frames[: count - first] = frames[first:count]
        self.written += count
        return count

    def take(self, into: NDArray[np.float32]) -> int:
        """Give as many frames as there are and fit; the rest of `into` is left as it was."""
        count = min(len(into), self.filled)
        at = self.read % self.capacity
        first = min(count, self.capacity - at)
        into[:first] = self.frames[at : at + first]
        into[first:count] = self.frames[: count - first]
        self.read += count
        return count

    def latest(self, start: int, stop: int) -> NDArray[np.float32]:
        """A copy of frames [start, stop) by their number; those overwritten or not yet written are left out."""
        start = max(start, self.written - self.capacity, 0)
        stop = min(stop, self.written)
        places = np.arange(start, max(stop, start)) % self.capacity
        return self.frames[places]
