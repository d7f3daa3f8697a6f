"""Frames of a video by their times, small enough for a model; what cannot be decoded is counted and left out."""

from __future__ import annotations

import math
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.core.framepipe import VideoReader, read_index
from workbench.core.problem import KnownTrouble
from workbench.core.video import FrameIndex, VideoFacts

HELD_FRAMES = 512
MOST_ENDS = 3
"""How often a decoder may end over a damaged file before nobody starts another."""


class FilmFrames:
    """A video whose frames are read by number, the short side `short_px` long (never made larger).

    One thread at a time. Raises InputError where there is no video in the file.
    """

    def __init__(self, path: Path, short_px: int, known: tuple[VideoFacts, FrameIndex] | None = None) -> None:
        self.path = path
        self.facts, self.index = known or read_index(path)
        share = short_px / max(min(self.facts.width, self.facts.height), 1)
        self._box = (math.ceil(self.facts.width * share), math.ceil(self.facts.height * share))
        self._shape: tuple[int, ...] = ()
        """Of every frame, though streams may change their size on the way: models take one size at a time."""
        self._reader: VideoReader | None = None
        self._ends = 0
        self._held: OrderedDict[int, NDArray[np.uint8] | None] = OrderedDict()
        self.lost = 0
        """Frames that were asked for and could not be decoded."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the file says of itself that a viewer should know, such as colours that are not shown as meant."""
        return (*self.facts.notes, *self.index.notes)

    def number_at(self, time_s: float) -> int:
        """The number of the frame that is on screen at a time, within the video."""
        return min(self.index.frame_at(time_s), len(self.index) - 1)

    def frame(self, number: int) -> NDArray[np.uint8] | None:
        """A frame (H, W, 3), or None where it cannot be decoded."""
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        found = self._decode(number)
        self.lost += found is None
        self._held[number] = found
        while len(self._held) > HELD_FRAMES:
            self._held.popitem(last=False)
        return found

    def _decode(self, number: int) -> NDArray[np.uint8] | None:
        if self._ends >= MOST_ENDS:
            return None
        wanted = self.index.times[number]
        try:
            found = self._open().at(wanted, width=self._box[0], height=self._box[1])
        except KnownTrouble:
            self.close()
            self._ends += 1
            return None
        # Over a gap a decoder gives the last picture that it could make, which is another frame.
        if found is None or found[0].time != wanted:
            return None
        told, pixels = found
        frame = np.frombuffer(pixels, np.uint8).reshape(told.height, told.width, 3)
        self._shape = self._shape or frame.shape
        return frame if frame.shape == self._shape else _padded(frame, self._shape)

    def _open(self) -> VideoReader:
        if self._reader is None:
            self._reader = VideoReader(self.path)
            # Kept in a cache that forgets it: its process must not outlive it.
            self._finish = weakref.finalize(self, self._reader.close)
        return self._reader

    def close(self) -> None:
        """Let the file go; it is opened again when a frame is asked for."""
        if self._reader is not None:
            self._reader = None
            self._finish()


def _padded(frame: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A frame in the middle of a black one of another shape (H, W, 3), as large as it fits."""
    from PIL import Image, ImageOps  # few videos need it

    return np.asarray(ImageOps.pad(Image.fromarray(frame), (shape[1], shape[0])))


def sampled_s(window: tuple[float, float], frames: int) -> list[float]:
    """The times of so many frames, each in the middle of its share of a window."""
    start, end = window
    return [start + (at + 0.5) * (end - start) / frames for at in range(frames)]


def filled(found: Sequence[NDArray[np.uint8] | None]) -> NDArray[np.uint8] | None:
    """Frames (T, H, W, 3) where a lost one is the nearest other one; None where all are lost."""
    there = [at for at, one in enumerate(found) if one is not None]
    if not there:
        return None
    nearest = [min((abs(one - at), one) for one in there)[1] for at in range(len(found))]
    rows = [found[at] for at in nearest]
    return np.stack([one for one in rows if one is not None])


def centred(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle squares of frames (…, H, W, 3): what a model sees that crops."""
    high, wide = frames.shape[-3:-1]
    side = min(high, wide)
    top, left = (high - side) // 2, (wide - side) // 2
    return frames[..., top : top + side, left : left + side, :]
