"""Camera frames between two processes: the window writes them into a memory-mapped ring, the worker reads the last.

A folder holds `frames.npy` (N, H, W, 3) uint8 and `told.npy` (N, 2) float64: each slot's sequence number (from 1
on; 0 while it is being written) and its time in seconds. Nobody waits: a slot that was written over while it was
being read is noticed by its number, and left out.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError, KnownTrouble

FRAMES, TOLD = "frames.npy", "told.npy"
BLOCK_BYTES = 1 << 20
_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


class RingWriter:
    """A new ring of `slots` frames in a folder, `height` × `width` pixels each.

    Raises KnownTrouble where the disk has no room for all of it, OSError where the folder cannot be made; nothing is
    left behind then.
    """

    def __init__(self, folder: Path, slots: int, height: int, width: int) -> None:
        self.folder, self.sequence = folder, 0
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._told = np.lib.format.open_memmap(folder / TOLD, "w+", np.float64, (slots, 2))
            self._frames = np.lib.format.open_memmap(folder / FRAMES, "w+", np.uint8, (slots, height, width, 3))
            for name in (TOLD, FRAMES):
                reserve(folder / name)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            if error.errno not in _NO_ROOM:
                raise
            raise KnownTrouble(
                "The disk is full: there is no room for the camera's pictures.",
                expected=f"{slots * height * width * 3 / 1e6:.0f} MB", received=str(error),
                fix="Free some space, then start again.", place=folder.parent.name,
            ) from None  # fmt: skip

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a frame."""
        return int(self._frames.shape[1]), int(self._frames.shape[2])

    def put(self, frame: NDArray[np.uint8], time_s: float) -> int:
        """Add a frame (H, W, 3); returns its sequence number."""
        self.sequence += 1
        slot = self.sequence % len(self._frames)
        self._told[slot, 0] = 0
        self._frames[slot] = frame
        self._told[slot] = (self.sequence, time_s)
        return self.sequence


def reserve(path: Path) -> None:
    """Give every byte of a file its place on the disk, zeros as they are; raises OSError where there is none.

    What is memory-mapped and has none ends the process at the moment that it is written to (SIGBUS).
    """
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
            return
        for at in range(0, size, BLOCK_BYTES):
            file.seek(at)
            kept = file.read(BLOCK_BYTES)
            file.seek(at)
            file.write(kept)
        file.flush()
        os.fsync(file.fileno())


class RingReader:
    """The ring in a folder; raises InputError where there is none."""

    def __init__(self, folder: Path) -> None:
        try:
            self._told = np.load(folder / TOLD, mmap_mode="r")
            self._frames = np.load(folder / FRAMES, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise InputError(
                "There are no camera frames.", expected=f"{FRAMES} and {TOLD} of a live view", received=str(error),
                fix="Start the camera first.", field="ring", place=str(folder),
            ) from None  # fmt: skip

    def latest(self, count: int, window_s: float) -> tuple[int, float, NDArray[np.uint8]]:
        """`count` frames (count, H, W, 3) spread over the last `window_s`, with the newest one's number and time.

        A frame stands several times where fewer came; the number is 0, and no frame given, where none came at all.
        """
        told = np.array(self._told)
        newest = int(told[:, 0].max())
        if newest == 0:
            return 0, 0.0, np.zeros((0, *self._frames.shape[1:]), np.uint8)
        end_s = float(told[told[:, 0].argmax(), 1])
        order = [int(slot) for slot in told[:, 0].argsort() if told[slot, 0] > 0 and told[slot, 1] >= end_s - window_s]
        wanted = end_s - window_s + (np.arange(count) + 0.5) * window_s / count
        times = told[order, 1]
        # The frame on screen at a time is the last one that came before it.
        slots = [order[max(int(np.searchsorted(times, one + 1e-6, side="right")) - 1, 0)] for one in wanted]
        slots[-1] = order[-1]
        frames = self._frames[slots]
        whole = [at for at, slot in enumerate(slots) if self._told[slot, 0] == told[slot, 0]]
        if len(whole) < count:  # written over meanwhile: the nearest one that stands takes its place
            if not whole:
                return 0, 0.0, frames[:0]
            frames = frames[[min((abs(one - at), one) for one in whole)[1] for at in range(count)]]
        return newest, end_s, np.ascontiguousarray(frames)
