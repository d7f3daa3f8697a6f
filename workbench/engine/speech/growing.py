"""Arrays on disk that grow while somebody looks at them, and the levels of detail of a sound."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

from workbench.core.audio import Level, Pyramid

HEAD_BYTES = 128
FINEST = 256
FACTOR = 4
FEWEST_BUCKETS = 512
"""A level with fewer buckets than this needs no coarser one."""


class GrowingArray:
    """A .npy of (n, *row) to which rows are appended; valid after each `flush`, then with all rows so far.

    The data are on disk before the header counts them, so a reader who maps the file never sees more
    than there is.
    """

    def __init__(self, path: Path, row: tuple[int, ...], dtype: np.dtype) -> None:
        self.path, self.row, self.dtype, self.rows = path, row, np.dtype(dtype), 0
        self._file = path.open("wb+")
        self.flush()

    def append(self, rows: np.ndarray) -> None:
        """Add rows of the array's shape; the type is converted without a check of range."""
        if len(rows):
            self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(rows, self.dtype).tobytes())
            self.rows += len(rows)

    def flush(self) -> None:
        """Make what was appended visible."""
        self._file.flush()
        facts = f"{{'descr': '{self.dtype.str}', 'fortran_order': False, 'shape': {(self.rows, *self.row)!r}, }}"
        room = HEAD_BYTES - 10
        head = b"\x93NUMPY\x01\x00" + room.to_bytes(2, "little") + facts.ljust(room - 1).encode("ascii") + b"\n"
        self._file.seek(0)
        self._file.write(head)
        self._file.flush()

    def close(self) -> None:
        """Flush, and let the file go."""
        self.flush()
        self._file.close()

    def __enter__(self) -> GrowingArray:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


def buckets_of(samples: np.ndarray, size: int) -> np.ndarray:
    """Minimum, maximum and RMS of (n, channels) samples by bucket: (ceil(n / size), channels, 3) float32.

    int16 is brought to full scale 1.
    """
    starts = np.arange(0, len(samples), size)
    scale = np.float32(1 / 32768 if samples.dtype == np.int16 else 1)
    found = np.empty((len(starts), samples.shape[1], 3), np.float32)
    if not len(starts):
        return found
    whole = len(samples) // size
    if whole:
        # A reshape is several times as fast as reduceat.
        cube = samples[: whole * size].reshape(whole, size, samples.shape[1])
        found[:whole, :, 0], found[:whole, :, 1] = cube.min(1), cube.max(1)
        values = cube.astype(np.float32)
        found[:whole, :, 2] = np.sqrt(np.einsum("bsc,bsc->bc", values, values) / size)
    if whole < len(starts):
        rest = samples[whole * size :].astype(np.float32)
        found[whole, :, 0], found[whole, :, 1] = rest.min(0), rest.max(0)
        found[whole, :, 2] = np.sqrt((rest * rest).mean(0))
    return found * scale


def coarser(buckets: np.ndarray) -> np.ndarray:
    """Buckets FACTOR times as wide, from whole groups: (n // FACTOR, channels, 3)."""
    whole = len(buckets) // FACTOR
    cube = buckets[: whole * FACTOR].reshape(whole, FACTOR, buckets.shape[1], 3)
    square = (cube[..., 2] ** 2).mean(1)
    return np.stack([cube[..., 0].min(1), cube[..., 1].max(1), np.sqrt(square)], -1)


class PyramidWriter:
    """Levels of detail that grow with the samples; partial buckets are written when the sound ends."""

    def __init__(self, folder: Path, channels: int, *, expected_samples: int = 0) -> None:
        self._folder, self._channels = folder, channels
        self._levels: list[GrowingArray] = []
        self._rest = np.empty((0, channels), np.float32)
        self._open: list[np.ndarray] = []
        """Per level, the buckets that do not yet fill one of the next."""
        size = FINEST
        self._add()
        while expected_samples // (size * FACTOR) >= FEWEST_BUCKETS // FACTOR:
            size *= FACTOR
            self._add()

    def _add(self) -> None:
        path = self._folder / f"level-{FINEST * FACTOR ** len(self._levels)}.npy"
        self._levels.append(GrowingArray(path, (self._channels, 3), np.dtype(np.float32)))
        self._open.append(np.empty((0, self._channels, 3), np.float32))

    def append(self, samples: np.ndarray) -> None:
        """Add (n, channels) samples, always of the same type."""
        if len(self._rest):
            samples = np.concatenate([self._rest.astype(samples.dtype), samples])
        whole = len(samples) // FINEST * FINEST
        self._rest = samples[whole:].copy()
        self._put(0, buckets_of(samples[:whole], FINEST))

    def _put(self, at: int, buckets: np.ndarray) -> None:
        if not len(buckets):
            return
        self._levels[at].append(buckets)
        if at + 1 == len(self._levels):
            if self._levels[at].rows < FEWEST_BUCKETS * FACTOR:
                self._open[at] = np.concatenate([self._open[at], buckets])
                return
            self._add()
        buckets = np.concatenate([self._open[at], buckets])
        whole = len(buckets) // FACTOR * FACTOR
        self._open[at] = buckets[whole:]
        self._put(at + 1, coarser(buckets[:whole]))

    def finish(self) -> None:
        """Write the partial buckets at the end, and let the files go."""
        if len(self._rest):
            last = buckets_of(self._rest, FINEST)
            self._rest = self._rest[:0]
            self._put(0, last)
        for at in range(len(self._levels) - 1):
            rest = self._open[at]
            if len(rest):
                # Each member counts alike: the last, partial one weighs a little too much in the RMS.
                square = np.sqrt((rest[..., 2] ** 2).mean(0))
                self._open[at] = rest[:0]
                self._put(at + 1, np.stack([rest[..., 0].min(0), rest[..., 1].max(0), square], -1)[None])
        for level in self._levels:
            level.close()

    def flush(self) -> None:
        """Make what was appended visible."""
        for level in self._levels:
            level.flush()

    def close(self) -> None:
        """Let the files go as they are."""
        for level in self._levels:
            level.close()

    @property
    def pyramid(self) -> Pyramid:
        """Where the levels lie, with their present lengths."""
        return Pyramid(
            tuple(Level(str(one.path), FINEST * FACTOR**at, one.rows) for at, one in enumerate(self._levels))
        )
