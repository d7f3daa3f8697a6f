"""A sound file brought into the cache: samples and levels of detail, a piece at a time while it is looked at."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from workbench.core import documents
from workbench.core.audio import SoundFile, SoundMeta
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.sizes import in_bytes
from workbench.core.words import spaced
from workbench.engine.speech.growing import GrowingArray, PyramidWriter
from workbench.engine.speech.sources import Source, open_source
from workbench.engine.text.cache import digest

READY = "sound.json"
OFFSET_NOTED = 0.01
CLIP = 32767 / 32768
SPARE_BYTES = 64 << 20
_numbers = itertools.count()


def cache_key(path: Path) -> str:
    """A name that changes when the file does, or when files are read otherwise: raise the number then."""
    facts = path.stat()
    return digest("sound 2", path.resolve(), facts.st_mtime_ns, facts.st_size)


def cached(path: Path, cache: Path) -> SoundFile | None:
    """What an earlier opening left, whole; `path` may be the cached .npy itself."""
    if path.suffix == ".npy" and (path.parent / READY).is_file():
        return documents.read(path.parent / READY, SoundFile)
    if not path.is_file():
        return None
    for found in sorted(cache.glob(f"{cache_key(path)}.*/{READY}")):
        with contextlib.suppress(InputError):
            sound = documents.read(found, SoundFile)
            if Path(sound.path).is_file() and all(Path(level.path).is_file() for level in sound.pyramid.levels):
                return sound
    return None


class Opening:
    """A file on its way into the cache; `step` goes on for a while and says how far it is.

    Raises InputError when the file holds no sound, KnownTrouble when the disk has no room.
    """

    def __init__(self, path: Path, cache: Path) -> None:
        self._path = path
        self._source: Source = open_source(path)
        try:
            self._begin(cache)
        except BaseException:
            self._source.close()
            raise

    def _begin(self, cache: Path) -> None:
        source = self._source
        _check_room(source.expected_samples * source.channels * source.stored.itemsize, cache, self._path)
        key = cache_key(self._path)
        # Never into a folder that somebody may have mapped: a shortened file would end that process.
        for stale in cache.glob(f"{key}.*"):
            shutil.rmtree(stale, ignore_errors=True)
        self.folder = cache / f"{key}.{os.getpid()}-{next(_numbers)}"
        self.folder.mkdir(parents=True)
        self._samples = GrowingArray(self.folder / "sound.npy", (source.channels,), source.stored)
        self._pyramid = PyramidWriter(self.folder, source.channels, expected_samples=source.expected_samples)
        self._blocks: Iterator[np.ndarray] = source.blocks()
        self._sum = np.zeros(source.channels)
        self._peak, self._clipped, self._bad = 0.0, 0, 0
        self._whole: SoundFile | None = None

    def step(self, budget_s: float = 0.4) -> SoundFile:
        """Read on for about so long; at least one block. Raises InputError on damage and for an empty sound."""
        until = time.monotonic() + budget_s
        try:
            while self._whole is None:
                block = next(self._blocks, None)
                if block is None:
                    self._whole = self._finish()
                else:
                    self._take(block)
                    if time.monotonic() >= until:
                        break
            if self._whole is not None:
                return self._whole
            self._samples.flush()
            self._pyramid.flush()
        except BaseException:
            self.abandon()
            raise
        return self.so_far

    def _take(self, block: np.ndarray) -> None:
        if block.dtype == np.float32:
            bad = ~np.isfinite(block)
            if bad.any():
                self._bad += int(bad.sum())
                block = np.where(bad, np.float32(0), block)
        self._samples.append(block)
        self._pyramid.append(block)
        scale = 1 / 32768 if block.dtype == np.int16 else 1.0
        self._sum += block.sum(0, dtype=np.float64) * scale
        low, high = float(block.min()) * scale, float(block.max()) * scale
        self._peak = max(self._peak, -low, high)
        if max(-low, high) >= CLIP:
            full = (block >= CLIP / scale) | (block <= -CLIP / scale)
            beside = np.zeros_like(full)
            beside[1:] |= full[:-1]
            beside[:-1] |= full[1:]
            self._clipped += int((full & beside).sum())

    def _state(self, notes: tuple[str, ...], *, complete: bool) -> SoundFile:
        source = self._source
        meta = SoundMeta(source.sample_rate_hz, source.channels, self._samples.rows, self._path.stem)
        return SoundFile(
            path=str(self._samples.path), meta=meta, source=str(self._path), pyramid=self._pyramid.pyramid,
            complete=complete, expected_samples=source.expected_samples, format=source.format,
            peak=self._peak, clipped=self._clipped, notes=notes,
        )  # fmt: skip

    def _finish(self) -> SoundFile:
        if not self._samples.rows:
            raise InputError(
                "There is no sound in this file: its length is zero.", expected="at least one sample",
                received=f"a {self._source.format} header and nothing after it", fix="Record or export it again.",
                field="path", place=self._path.name,
            )  # fmt: skip
        self._pyramid.finish()
        self._samples.close()
        self._source.close()
        sound = self._state(tuple(self._notes()), complete=True)
        documents.write(self.folder / f"{READY}.tmp", sound)
        (self.folder / f"{READY}.tmp").replace(self.folder / READY)
        return sound

    def _notes(self) -> Iterator[str]:
        yield from self._source.notes
        offset = self._sum / self._samples.rows
        worst = float(offset[np.abs(offset).argmax()])
        if self._peak == 0:
            yield "silence: every sample is 0"
        if abs(worst) >= OFFSET_NOTED:
            yield f"a constant offset of {worst:+.3f} of full scale"
        if self._clipped:
            yield f"clipped: {spaced(self._clipped)} samples at full scale"
        if self._peak > 1.0:
            yield f"louder than full scale: peak {self._peak:.3g}"
        if self._bad:
            yield f"{spaced(self._bad)} samples were no numbers and became 0"

    @property
    def so_far(self) -> SoundFile:
        """What has been read, without reading on."""
        return self._whole or self._state((), complete=False)

    def abandon(self) -> None:
        """Let the files go, and take what was written away."""
        if self._whole is None:
            self._pyramid.close()
            self._samples.close()
            self._source.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def _check_room(claimed_bytes: int, cache: Path, path: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if claimed_bytes + SPARE_BYTES > free:
        raise KnownTrouble(
            "There is no room on the disk for the sound's cached copy.",
            expected=f"{in_bytes(claimed_bytes)} free below the home's cache", received=f"{in_bytes(free)} free",
            fix="Free some space, or move the home with WORKBENCH_HOME.", place=path.name,
        )  # fmt: skip


def open_whole(path: Path, cache: Path) -> SoundFile:
    """A file in the cache, read to its end; raises as Opening does."""
    found = cached(path, cache)
    if found is None:
        opening = Opening(path, cache)
        found = opening.step(float("inf"))
    return found


def samples_of(sound: SoundFile) -> np.ndarray:
    """The samples, memory-mapped: (samples, channels) int16 or float32."""
    found: np.ndarray = np.load(sound.path, mmap_mode="r", allow_pickle=False)
    return found


def as_float(samples: np.ndarray, channel: int = -1) -> np.ndarray:
    """(n, channels) samples as (n,) float32 of full scale 1; channel -1 is the mean of all."""
    picked = samples.mean(1, dtype=np.float32) if channel < 0 else samples[:, channel].astype(np.float32)
    return picked * np.float32(1 / 32768) if samples.dtype == np.int16 else picked


def with_title(sound: SoundFile, title: str) -> SoundFile:
    """The same sound under another title."""
    return msgspec.structs.replace(sound, meta=msgspec.structs.replace(sound.meta, title=title))
