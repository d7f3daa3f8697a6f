"""Sounds for the tests, made as real files."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile


def tone(seconds: float = 1.0, rate_hz: int = 16_000, hz: float = 440.0, channels: int = 1) -> np.ndarray:
    """A sine of half full scale: (n, channels) float64."""
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return np.repeat(wave[:, None], channels, 1)


def write(path: Path, samples: np.ndarray, rate_hz: int = 16_000, subtype: str | None = None) -> Path:
    """A file by libsndfile."""
    soundfile.write(str(path), samples, rate_hz, subtype=subtype)
    return path


def encode(path: Path, codec: str, rate_hz: int = 48_000, *, picture: bool = False) -> Path:
    """Two seconds of a stereo tone by FFmpeg; with `picture` as the sound of a video."""
    wave = np.ascontiguousarray(tone(2.0, rate_hz, channels=2).T.astype(np.float32))
    with av.open(str(path), "w") as container:
        film = container.add_stream("mpeg4", rate=5) if picture else None
        stream = container.add_stream(codec, rate=rate_hz)
        stream.layout = "stereo"
        if film is not None:
            film.width = film.height = 32
            film.pix_fmt = "yuv420p"
            for number in range(10):
                frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), number * 20, np.uint8), format="rgb24")
                container.mux(film.encode(frame))
            container.mux(film.encode(None))
        for start in range(0, wave.shape[1], 960):
            piece = np.ascontiguousarray(wave[:, start : start + 960])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = rate_hz, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
