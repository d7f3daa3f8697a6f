"""What networks hear: log-mel frames, cepstra, normalisation, masks, and a way back to sound; all in torch."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from workbench.core.problem import InputError

FLOOR = 1e-5


def mel_filters(rate_hz: int, size: int, bins: int, *, low_hz: float = 20.0, high_hz: float = 0.0) -> Tensor:
    """Triangular filters (bins, size // 2 + 1), evenly spaced on the HTK mel scale, each of peak 1.

    Raises InputError when so many filters do not fit between the FFT's bins.
    """
    return _mel_filters(rate_hz, size, bins, low_hz, high_hz or rate_hz / 2)


@functools.lru_cache(maxsize=16)
def _mel_filters(rate_hz: int, size: int, bins: int, low_hz: float, high_hz: float) -> Tensor:
    def mel(hz: float) -> float:
        return 2595.0 * math.log10(1.0 + hz / 700.0)

    hz = 700.0 * (10.0 ** (torch.linspace(mel(low_hz), mel(high_hz), bins + 2, dtype=torch.float64) / 2595.0) - 1.0)
    at = torch.linspace(0, rate_hz / 2, size // 2 + 1, dtype=torch.float64)
    left, centre, right = hz[:-2, None], hz[1:-1, None], hz[2:, None]
    filters = torch.minimum((at - left) / (centre - left), (right - at) / (right - centre)).clamp(min=0)
    if bool((filters.sum(1) == 0).any()):
        raise InputError(
            "So many mel filters do not fit.", expected=f"fewer filters, or a longer window than {size} samples",
            received=f"{bins} filters from {low_hz:g} to {high_hz:g} Hz", fix="Lower the number of mel bins.",
            field="mel_bins",
        )  # fmt: skip
    return filters.float()


def frames_of(samples: int, rate_hz: int, hop_s: float = 0.010) -> int:
    """How many frames so many samples give: frame k is centred at k · hop, counted from 0."""
    return samples // max(round(hop_s * rate_hz), 1) + 1


def stft(samples: Tensor, rate_hz: int, *, window_s: float = 0.025, hop_s: float = 0.010) -> Tensor:
    """Complex spectra (B, T, size // 2 + 1) of (B, n) samples, Hann window, size the next power of two."""
    length, hop = round(window_s * rate_hz), max(round(hop_s * rate_hz), 1)
    size = 1 << (length - 1).bit_length()
    window = torch.hann_window(length, device=samples.device)
    found = torch.stft(
        samples, size, hop, length, window, center=True, pad_mode="constant", return_complex=True
    )  # fmt: skip
    return found.transpose(1, 2)


def log_mel(
    samples: Tensor,
    rate_hz: int,
    *,
    bins: int = 80,
    window_s: float = 0.025,
    hop_s: float = 0.010,
    low_hz: float = 20.0,
) -> Tensor:
    """Natural log of mel magnitudes (B, T, bins) of (B, n) samples of full scale 1; T as frames_of says."""
    spectrum = stft(samples, rate_hz, window_s=window_s, hop_s=hop_s)
    filters = mel_filters(rate_hz, 2 * (spectrum.shape[-1] - 1), bins, low_hz=low_hz).to(samples.device)
    return (spectrum.abs() @ filters.T).clamp(min=FLOOR).log()


def mfcc(log_mels: Tensor, count: int = 13) -> Tensor:
    """Cepstra (B, T, count) of log-mel frames: the orthonormal DCT-II."""
    bins = log_mels.shape[-1]
    k, n = torch.arange(count, device=log_mels.device)[:, None], torch.arange(bins, device=log_mels.device)
    basis = torch.cos(math.pi / bins * (n + 0.5) * k) * math.sqrt(2 / bins)
    basis[0] /= math.sqrt(2)
    return log_mels @ basis.T


def valid(lengths: Tensor, frames: int) -> Tensor:
    """Which frames of a padded batch count: (B, frames) bool."""
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


def cmvn(features: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, F) with mean 0 and variance 1 per utterance and feature over its valid frames; padding becomes 0."""
    mask = valid(lengths, features.shape[1])[..., None]
    count = lengths.clamp(min=1)[:, None, None]
    mean = (features * mask).sum(1, keepdim=True) / count
    centred = (features - mean) * mask
    deviation = (centred.square().sum(1, keepdim=True) / count).sqrt()
    found: Tensor = centred / deviation.clamp(min=1e-5)
    return found


def spec_augment(
    features: Tensor, lengths: Tensor, generator: torch.Generator, *,
    time_masks: int = 2, longest_frames: int = 40, band_masks: int = 2, widest_bins: int = 15,
) -> Tensor:  # fmt: skip
    """A copy of (B, T, F) with stretches of time and of frequency set to 0 (SpecAugment, without warping).

    A stretch of time covers at most a fifth of the utterance's valid frames.
    """
    found = features.clone()

    def whole(below: int) -> int:
        return int(torch.randint(0, max(below, 0) + 1, (1,), generator=generator))

    for row, length in zip(found, lengths.tolist(), strict=True):
        for _ in range(time_masks):
            width = whole(min(longest_frames, length // 5))
            start = whole(length - width)
            row[start : start + width] = 0
        for _ in range(band_masks):
            width = whole(min(widest_bins, row.shape[1] // 2))
            start = whole(row.shape[1] - width)
            row[:, start : start + width] = 0
    return found


def mel_to_linear(log_mels: Tensor, rate_hz: int, size: int, *, low_hz: float = 20.0) -> Tensor:
    """Magnitudes (B, T, size // 2 + 1) whose log-mel frames are close to these: the pseudo-inverse, cut at 0."""
    filters = mel_filters(rate_hz, size, log_mels.shape[-1], low_hz=low_hz).to(log_mels.device)
    found: Tensor = (log_mels.exp() @ torch.linalg.pinv(filters).T).clamp(min=0)
    return found


def griffin_lim(
    magnitudes: Tensor, rate_hz: int, *, window_s: float = 0.025, hop_s: float = 0.010, iterations: int = 60,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Samples (B, n) whose spectra have magnitudes (B, T, size // 2 + 1): phases by fast Griffin-Lim.

    Perraudin, Balazs and Søndergaard, 2013; momentum 0.99.
    """
    length, hop = round(window_s * rate_hz), max(round(hop_s * rate_hz), 1)
    wanted = magnitudes.transpose(1, 2)
    size = 2 * (wanted.shape[1] - 1)
    window = torch.hann_window(length, device=wanted.device)
    samples = hop * (wanted.shape[2] - 1)
    angle = 2 * math.pi * torch.rand(wanted.shape, generator=generator).to(wanted.device)
    phase = torch.polar(torch.ones_like(wanted), angle)
    before = torch.zeros_like(phase)
    for _ in range(iterations):
        wave = torch.istft(wanted * phase, size, hop, length, window, length=samples)
        made = torch.stft(wave, size, hop, length, window, center=True, pad_mode="constant", return_complex=True)
        ahead = made - before * (0.99 / 1.99)
        phase = ahead / ahead.abs().clamp(min=1e-9)
        before = made
    return torch.istft(wanted * phase, size, hop, length, window, length=samples)


def padded(utterances: list[Tensor]) -> tuple[Tensor, Tensor]:
    """(T, F) features of different lengths as one batch (B, T, F) padded with 0, and the lengths (B,)."""
    lengths = torch.tensor([len(one) for one in utterances])
    return torch.nn.utils.rnn.pad_sequence(utterances, batch_first=True), lengths
