"""A sound card whose clock and callbacks the test turns by hand, and a microphone that says what it is told."""

from __future__ import annotations

import numpy as np

from workbench.core.audio import SoundMeta
from workbench.gui.sounds.waves import Sound, pyramid_of

RATE = 16_000


def sine(seconds: float = 2.0, hz: float = 440.0, *, rate: int = RATE, channels: int = 1) -> Sound:
    at = np.arange(int(seconds * rate)) / rate
    one = (0.5 * 32767 * np.sin(2 * np.pi * hz * at)).astype(np.int16)
    samples = np.stack([one * (channel == 0 or -1) for channel in range(channels)], axis=1)
    return Sound(samples, SoundMeta(rate, channels, len(one)), pyramid_of(samples))


def ramp(count: int = 12_000) -> Sound:
    """Every sample has a value of its own: count / 32768."""
    samples = np.arange(count, dtype=np.int16)[:, None]
    return Sound(samples, SoundMeta(RATE, 1, count), pyramid_of(samples))


class Card:
    """An output: `pull` plays frames, `wait` lets time go by; `latency_s` lies between them."""

    def __init__(self, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s
        self.now_s = 100.0
        self.heard: list[np.ndarray] = []
        self.started = self.closed = False
        self.pulled_to_s = 100.0

    def make(self, rate_hz, channels, fill):
        self.rate_hz, self.channels, self.fill = rate_hz, channels, fill
        self.pulled_to_s = self.now_s + self.latency_s
        return self

    def start(self) -> None:
        self.started = True

    def close(self) -> None:
        self.closed = True

    def pull(self, frames: int) -> np.ndarray:
        """One call of the sound card; the block is heard right after those before it."""
        out = np.full((frames, self.channels), np.nan, np.float32)
        self.fill(out, frames, self.pulled_to_s)
        self.pulled_to_s += frames / self.rate_hz
        self.heard.append(out)
        return out


class Microphone:
    """An input; `say` is one call of the sound card."""

    def make(self, device, rate_hz, channels, take):
        self.rate_hz, self.channels, self.take = rate_hz, channels, take
        self.open = False
        return self

    def start(self) -> None:
        self.open = True

    def close(self) -> None:
        self.open = False

    def say(self, frames: np.ndarray, *, overflowed: bool = False) -> None:
        self.take(np.asarray(frames, np.float32).reshape(-1, self.channels), overflowed)
