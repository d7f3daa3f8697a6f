"""Stand-ins for a speaker encoder that have learned nothing: statistics of log-mel frames, as a control too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from workbench.engine.speech.features import log_mel
from workbench.engine.speech.speaker_encoder import Shape, SpeakerEncoder

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


def write_averaging(folder: Path, samples: np.ndarray) -> Path:
    """The folder of an encoder whose gates are set by hand so that its cells average what is fed to them.

    That takes no training, and tells a low voice from a high one.
    """
    torch.manual_seed(3)
    encoder = SpeakerEncoder(Shape(layers=1, cells=48, width=48))
    wave = encoder.heard(samples.astype(np.float32) / 32768)
    count = len(wave) // 16_000
    encoder.scale_by(torch.from_numpy(wave[: count * 16_000].reshape(count, 16_000)))
    with torch.no_grad():
        encoder.lstm.weight_hh_l0.zero_()
        encoder.lstm.bias_hh_l0.zero_()
        gates = encoder.lstm.weight_ih_l0.view(4, 48, -1)  # input, forget, cell, output
        gates.zero_()
        gates[2] = 0.2 * torch.randn(gates[2].shape)
        encoder.lstm.bias_ih_l0.copy_(torch.tensor([-3.0, 4.0, 0.0, 4.0]).repeat_interleave(48))
        encoder.project.weight.copy_(torch.eye(48))
        encoder.project.bias.zero_()
    folder.mkdir(parents=True, exist_ok=True)
    encoder.save(folder, {"diarisation_threshold": 0.3})
    return folder
