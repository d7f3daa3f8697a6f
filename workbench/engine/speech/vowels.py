"""A sound for whoever has no file at hand: vowels and fricatives by source and filter, a chirp, and their phones."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.audio import Segment, Tier, TiersDoc

RATE_HZ = 16_000
FORMANTS_HZ = {
    "iː": (270, 2290, 3010), "ɛ": (530, 1840, 2480), "ɑː": (730, 1090, 2440), "ɔː": (570, 840, 2410),
    "uː": (300, 870, 2240), "ɜː": (490, 1350, 1690),
}  # fmt: skip
"""Mean formants of men (Peterson and Barney, 1952)."""
BANDWIDTHS_HZ = (80, 110, 160)
PHRASES = (
    ("sɑːsiː", ("s", "ɑː", "s", "iː")), ("ɛɔː", ("ɛ", "ɔː")), ("ʃuːɜː", ("ʃ", "uː", "ɜː")),
    ("iːʃɑː", ("iː", "ʃ", "ɑː")), ("suːsɛ", ("s", "uː", "s", "ɛ")),
)  # fmt: skip


def write_sample(folder: Path) -> tuple[Path, Path]:
    """A WAV file of about eight seconds and its tiers (TiersDoc) beside it; written once."""
    sound, tiers = folder / "sample-sound.wav", folder / "sample-sound.json"
    if sound.is_file() and tiers.is_file():
        return sound, tiers
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    samples, doc = sample()
    tiers.write_bytes(msgspec.json.encode(doc))
    scratch = folder / "sample-sound.tmp.wav"
    soundfile.write(scratch, samples, RATE_HZ, subtype="PCM_16")
    scratch.replace(sound)
    return sound, tiers


def sample() -> tuple[NDArray[np.float32], TiersDoc]:
    """Samples (samples,) at full scale 1, the same every time, with a tier of words and one of phones."""
    chance = np.random.default_rng(7)
    parts: list[NDArray[np.float64]] = [np.zeros(RATE_HZ // 4)]
    words, phones = Tier("words", "words"), Tier("phones", "phones")
    at = len(parts[0])
    for number, (word, sounds) in enumerate(PHRASES):
        first = at
        for phone in sounds:
            length = int(RATE_HZ * chance.uniform(0.14, 0.3))
            if phone in FORMANTS_HZ:
                parts.append(_vowel(phone, length, at, chance))
            else:
                parts.append(_fricative(phone, length, chance))
            phones.segments.append(Segment(at / RATE_HZ, (at + length) / RATE_HZ, phone))
            at += length
        words.segments.append(Segment(first / RATE_HZ, at / RATE_HZ, word, confidence=1.0 - 0.15 * number))
        gap = int(RATE_HZ * chance.uniform(0.2, 0.4))
        parts.append(np.zeros(gap))
        at += gap
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    chirp = 0.3 * np.sin(2 * np.pi * (100 * time_s + (7000 - 100) / 4 * time_s**2)) * _fade(len(time_s))
    words.segments.append(Segment(at / RATE_HZ, at / RATE_HZ + 2.0, "chirp 100–7000 Hz"))
    whole = np.concatenate([*parts, chirp, np.zeros(RATE_HZ // 4)])
    whole += chance.normal(0, 3e-4, len(whole))
    title = "Synthetic vowels, fricatives and a chirp"
    return whole.astype(np.float32), TiersDoc([words, phones], len(whole) / RATE_HZ, title)


def _vowel(phone: str, length: int, at: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Pulses of a falling pitch through three resonators."""
    from scipy.signal import lfilter

    time_s = (at + np.arange(length)) / RATE_HZ
    pitch_hz = 120 + 25 * np.sin(2 * np.pi * 0.7 * time_s) - 8 * np.arange(length) / RATE_HZ
    phase = np.cumsum(pitch_hz) / RATE_HZ + chance.uniform()
    pulses = np.diff(np.floor(phase), prepend=np.floor(phase[0])).astype(np.float64)
    sound = lfilter([1.0, -1.0], [1.0, -1.88, 0.8836], pulses)  # −12 dB an octave, +6 from the lips
    for formant_hz, width_hz in zip(FORMANTS_HZ[phone], BANDWIDTHS_HZ, strict=True):
        radius = np.exp(-np.pi * width_hz / RATE_HZ)
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * formant_hz / RATE_HZ), radius**2]
        sound = lfilter([sum(poles)], poles, sound)
    found: NDArray[np.float64] = 0.5 * sound / np.abs(sound).max() * _fade(length)
    return found


def _fricative(phone: str, length: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Noise in a band."""
    from scipy.signal import butter, lfilter

    band = (4500, 7500) if phone == "s" else (2000, 5500)
    above, below = butter(2, band, "bandpass", fs=RATE_HZ)
    noise = lfilter(above, below, chance.normal(0, 1, length))
    found: NDArray[np.float64] = 0.12 * noise / np.abs(noise).max() * _fade(length)
    return found


def _fade(length: int) -> NDArray[np.float64]:
    edge = min(length // 4, RATE_HZ // 50)
    shape = np.ones(length)
    shape[:edge] = np.linspace(0, 1, edge)
    shape[-edge:] = np.linspace(1, 0, edge)
    return shape
