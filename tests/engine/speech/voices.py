"""A stand-in for a speaker encoder that has learned nothing: statistics of log-mel frames, as a control too."""

from __future__ import annotations

import numpy as np
import torch

from workbench.engine.speech.features import log_mel

BINS = 40
HOP_S = 0.010


class LogMelStatistics:
    """Mean and deviation of the frames that are not silent, less what all voices share."""

    sample_rate_hz = 16_000

    def _frames(self, samples: np.ndarray) -> np.ndarray:
        return log_mel(torch.from_numpy(np.ascontiguousarray(samples))[None], self.sample_rate_hz, bins=BINS)[0].numpy()

    def _told(self, frames: np.ndarray) -> np.ndarray:
        power = frames.mean(1)
        loud = frames[power >= np.quantile(power, 0.4)]
        loud = loud - loud.mean()  # loudness is no voice
        told = np.concatenate([loud.mean(0), 2 * loud.std(0)])
        return told / np.linalg.norm(told)

    def embed_windows(self, samples: np.ndarray, window_s: float, step_s: float) -> tuple[np.ndarray, np.ndarray]:
        frames, wide, step = self._frames(samples), round(window_s / HOP_S), round(step_s / HOP_S)
        starts = np.arange(0, max(len(frames) - wide, 0) + 1, step)
        rows = np.stack([self._told(frames[at : at + wide]) for at in starts])
        return rows, (starts + min(wide, len(frames)) / 2) * HOP_S
