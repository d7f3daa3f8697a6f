"""Recording: the microphone's callback fills a ring, a thread writes it to a WAV file whose head is always true."""

from __future__ import annotations

import os
import threading
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.gui.sounds.ring import Ring

RING_S, WRITE_EVERY_S = 8.0, 0.25
"""A disk may stand still for as long as the ring holds; what was recorded is on disk within the second number."""
MOST_BYTES = (1 << 32) - (1 << 20)
"""A WAV file cannot be longer."""


class Input(Protocol):
    """A running microphone."""

    def start(self) -> None:
        """Begin to call back."""

    def close(self) -> None:
        """Stop."""


Take = Callable[[Any, bool], None]
MakeInput = Callable[[int, int, int, Take], Input]
"""(device, rate_hz, channels, take) → a stream that calls take(frames (n, channels) float32, overflowed)."""


class Recorder:
    """Takes frames from `make_input` into `ring`; with `record` they go to disk, until then they are only heard."""

    def __init__(self, make_input: MakeInput, *, device: int, rate_hz: int, channels: int) -> None:
        self.rate_hz, self.channels = rate_hz, channels
        self.ring = Ring(round(RING_S * rate_hz), channels)
        self.gain = 1.0
        self.dropouts = 0
        """Stretches lost by the sound card, or because the disk stood still too long."""
        self.clipped = 0
        self.fault = ""
        self.path: Path | None = None
        self.frames_written = 0
        self._scratch = np.zeros((1 << 14, channels), np.float32)
        self._gained = np.zeros((1 << 14, channels), np.float32)
        self._file: wave.Wave_write | None = None
        self._raw: Any = None
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._input = make_input(device, rate_hz, channels, self._take)
        self._writer = threading.Thread(target=self._write, name="recording", daemon=True)

    def start(self) -> None:
        """Listen."""
        self._writer.start()
        self._input.start()

    def record(self, path: Path) -> None:
        """Keep everything from now on in a 16-bit WAV file; raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = path.open("wb")
        file = wave.open(raw, "wb")  # noqa: SIM115 – closed by finish()
        file.setnchannels(self.channels)
        file.setsampwidth(2)
        file.setframerate(self.rate_hz)
        with self._lock:
            self.ring.read = self.ring.written  # what was heard before is not asked for
            self.dropouts = self.clipped = self.frames_written = 0
            self._file, self._raw, self.path = file, raw, path

    def finish(self) -> Path | None:
        """Stop; everything that was heard is in the file that is returned."""
        self._input.close()
        self._done.set()
        if self._writer.is_alive():
            self._writer.join(10.0)
        self._drain()
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._raw.flush()
                os.fsync(self._raw.fileno())
                self._raw.close()
                self._file = None
        return self.path

    def _take(self, frames: NDArray[np.float32], overflowed: bool) -> None:
        """Runs in the sound card's thread: copies and counts."""
        count = min(len(frames), len(self._gained))
        gained = self._gained[:count]
        np.multiply(frames[:count], self.gain, out=gained)
        given = self.ring.put(gained)
        if overflowed or given < len(frames):
            self.dropouts += 1

    def _write(self) -> None:
        while not self._done.wait(WRITE_EVERY_S):
            self._drain()

    def _drain(self) -> None:
        """Bring to disk what waits."""
        with self._lock:
            if self._file is None:
                self.ring.read = self.ring.written
                return
            try:
                while self.ring.filled:
                    count = self.ring.take(self._scratch)
                    block = self._scratch[:count]
                    self.clipped += int((np.abs(block) >= 1.0).any(axis=1).sum())
                    whole = np.clip(np.round(block * 32767.0), -32768, 32767).astype("<i2")
                    if self.frames_written * self.channels * 2 + whole.nbytes > MOST_BYTES:
                        self.fault = "The recording has reached 4 GB, the most that a WAV file holds."
                        self._stop_writing()
                        return
                    self._file.writeframesraw(whole.tobytes())
                    self.frames_written += count
                self._file.writeframes(b"")  # sets the lengths in the head
                self._raw.flush()
            except OSError as error:
                self.fault = f"The recording could not be written further: {error.strerror or error}"
                self._stop_writing()

    def _stop_writing(self) -> None:
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
            self._raw.close()
        except OSError:
            return  # the fault is told already
