"""From mel frames to sound: Griffin and Lim's phases, or a HiFi-GAN generator, each told what the frames are."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.problem import InputError
from workbench.core.vocoding import FOLDER, GRIFFIN_LIM, TRAINED_HERE
from workbench.engine.backbone_folders import STARTERS, VOCODER_CARD, list_weights, read_header
from workbench.engine.speech import features

Floats = NDArray[np.float32]

MEL_CARD = VOCODER_CARD
"""It tells the whole analysis, of which config.json has bins, hop and rate alone."""
MODEL_TYPE = "speecht5_hifigan"
ITERATIONS = 60
LOUDEST = 0.9
"""Griffin-Lim's sound is scaled down where it would reach further than this."""


@dataclasses.dataclass(frozen=True)
class MelAnalysis:
    """How frames (T, bins) come from samples: centred Hann windows, mel magnitudes, their logarithm.

    `window` and `hop` are in samples; `filters` are HTK's triangles of peak 1, or Slaney's of equal area.
    """

    sample_rate_hz: int = 16_000
    bins: int = 80
    window: int = 800
    hop: int = 200
    low_hz: float = 20.0
    high_hz: float = 8000.0
    log: str = "natural"
    filters: str = "htk"

    @property
    def window_s(self) -> float:
        """The window's length."""
        return self.window / self.sample_rate_hz

    @property
    def hop_s(self) -> float:
        """From one frame to the next."""
        return self.hop / self.sample_rate_hz

    @property
    def fft_size(self) -> int:
        """The next power of two of the window."""
        return 1 << (self.window - 1).bit_length()

    def log_mel(self, samples: Tensor) -> Tensor:
        """Frames (B, T, bins) of samples (B, n) of full scale 1; T is n // hop + 1."""
        spectrum = features.stft(samples, self.sample_rate_hz, window_s=self.window_s, hop_s=self.hop_s)
        # The square root's slope at 0 is infinite, and training goes through here.
        magnitudes = (spectrum.real.square() + spectrum.imag.square()).clamp(min=1e-14).sqrt()
        mels = (magnitudes @ filter_bank(self).T.to(samples.device)).clamp(min=features.FLOOR)
        return mels.log() if self.log == "natural" else mels.log10()

    def magnitudes(self, frames: Tensor) -> Tensor:
        """Spectra (…, fft_size // 2 + 1) whose frames are close to these: the pseudo-inverse, cut at 0."""
        mels = frames.exp() if self.log == "natural" else 10**frames
        found: Tensor = (mels @ _inverse(self).T.to(frames.device)).clamp(min=0)
        return found


CLONING = MelAnalysis()
"""The frames of sv2tts's synthesiser, as Tacotron 2 has them at this rate."""
SPEECHT5 = MelAnalysis(bins=40, window=1024, hop=320, low_hz=80.0)
"""The frames of the small SpeechT5 that is trained here."""
PUBLISHED = MelAnalysis(window=1024, hop=256, low_hz=80.0, high_hz=7600.0, log="log10", filters="slaney")
"""The frames of transformers' SpeechT5FeatureExtractor, which microsoft/speecht5_hifigan was trained with."""


@functools.lru_cache(maxsize=16)
def filter_bank(mel: MelAnalysis) -> Tensor:
    """An analysis's filters (bins, fft_size // 2 + 1); raises InputError where so many do not fit."""
    if mel.filters == "htk":
        return features.mel_filters(mel.sample_rate_hz, mel.fft_size, mel.bins, low_hz=mel.low_hz, high_hz=mel.high_hz)
    from transformers.audio_utils import mel_filter_bank

    bank = mel_filter_bank(
        num_frequency_bins=mel.fft_size // 2 + 1, num_mel_filters=mel.bins, min_frequency=mel.low_hz,
        max_frequency=mel.high_hz, sampling_rate=mel.sample_rate_hz, norm="slaney", mel_scale="slaney",
    )  # fmt: skip
    return torch.from_numpy(np.ascontiguousarray(bank.T, np.float32))


@functools.lru_cache(maxsize=16)
def _inverse(mel: MelAnalysis) -> Tensor:
    found: Tensor = torch.linalg.pinv(filter_bank(mel))
    return found


# Vocoders -------------------------------------------------------------------------------------


class Vocoder(Protocol):
    """What makes sound of the frames of one analysis."""

    @property
    def mel(self) -> MelAnalysis:
        """The analysis."""

    @property
    def name(self) -> str:
        """What answers call it."""

    def __call__(self, frames: Floats) -> Floats:
        """Samples (n,) of log-mel frames (T, bins); sample k · hop lies at the centre of frame k."""


@dataclasses.dataclass(frozen=True)
class GriffinLim:
    """Phases by fast Griffin-Lim for spectra that fit the frames; see features.griffin_lim.

    Magnitudes to the power `sharpened` sound less muffled after a regression: Tacotron takes 1.2, here 1.3.
    """

    mel: MelAnalysis
    iterations: int = ITERATIONS
    sharpened: float = 1.0

    @property
    def name(self) -> str:
        """As answers say it."""
        return "phases by Griffin-Lim"

    def __call__(self, frames: Floats) -> Floats:
        """(hop · (T − 1),) samples, at most 0.9 loud; the same for the same frames.

        Fewer frames than two windows hold are repeated: phases need some, and an attention may end at once.
        """
        least = 2 * -(-self.mel.window // self.mel.hop)
        if len(frames) < least:
            frames = np.resize(frames, (least, frames.shape[1]))
        spectra = self.mel.magnitudes(torch.from_numpy(frames)[None])
        if self.sharpened != 1.0:
            loud = spectra.square().sum(-1, keepdim=True)
            spectra = spectra**self.sharpened
            spectra = spectra * (loud / spectra.square().sum(-1, keepdim=True).clamp(min=1e-12)).sqrt()
        wave: Floats = features.griffin_lim(
            spectra, self.mel.sample_rate_hz, window_s=self.mel.window_s, hop_s=self.mel.hop_s,
            iterations=self.iterations, generator=torch.Generator().manual_seed(0),
        )[0].numpy()  # fmt: skip
        return wave * np.float32(LOUDEST / max(float(np.abs(wave).max(initial=0.0)), LOUDEST))


@dataclasses.dataclass(frozen=True)
class HifiGan:
    """The generator of Kong, Kim and Bae (2020) as transformers' SpeechT5HifiGan has it."""

    model: Any
    mel: MelAnalysis

    @property
    def name(self) -> str:
        """As answers say it."""
        return "SpeechT5HifiGan"

    @torch.no_grad()
    def __call__(self, frames: Floats) -> Floats:
        """(hop · T,) samples of full scale 1."""
        device = self.model.conv_pre.weight.device
        wave: Floats = self.model(torch.from_numpy(frames).to(device)).float().cpu().numpy()
        return wave


# Folders --------------------------------------------------------------------------------------


def save(folder: Path, model: Any, mel: MelAnalysis) -> None:
    """Write a generator as save_pretrained does, and its analysis beside it."""
    model.save_pretrained(folder)
    (folder / MEL_CARD).write_text(json.dumps(dataclasses.asdict(mel), indent=2) + "\n", encoding="utf-8")


def load(folder: Path, *, field: str = "vocoder") -> HifiGan:
    """A SpeechT5HifiGan from a folder in Hugging Face format; raises InputError where there is none, or damage.

    Without mel.json its frames are taken for those of SpeechT5's own analysis, with the bins, hop and rate it names.
    Weights that would have to be unpickled are refused by weights_only; code in the folder is never run.
    """
    mel = analysis_of(folder, field=field)
    from transformers import SpeechT5HifiGan

    try:
        for path in list_weights(folder):
            if path.suffix == ".safetensors":
                read_header(path)
        loaded: Any = SpeechT5HifiGan.from_pretrained(
            folder, local_files_only=True, weights_only=True, output_loading_info=True
        )
        model, told = loaded
    except Exception as error:
        raise _unfit(folder, field, f"{type(error).__name__}: {error}"[:200]) from None
    missing = sorted(told["missing_keys"])
    if missing:
        # transformers fills what is not there with chance, and says so in a log alone.
        raise _unfit(folder, field, f"weights without {', '.join(missing[:3])}")
    return HifiGan(model.float().eval(), mel)


def analysis_of(folder: Path, *, field: str = "vocoder") -> MelAnalysis:
    """The frames that a vocoder's folder says it understands; raises InputError where it is no SpeechT5HifiGan."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(config, dict) or config.get("model_type") != MODEL_TYPE:
            raise ValueError("config.json is of another model")
        rates = [int(one) for one in config.get("upsample_rates", (4, 4, 4, 4))]
        told: dict[str, Any] = {
            "sample_rate_hz": int(config.get("sampling_rate", 16_000)), "bins": int(config.get("model_in_dim", 80)),
            "hop": int(np.prod(rates)),
        }  # fmt: skip
        if not (folder / MEL_CARD).is_file():
            return dataclasses.replace(PUBLISHED, **told)
        found = MelAnalysis(**json.loads((folder / MEL_CARD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise _unfit(folder, field, f"{type(error).__name__}: {error}"[:200]) from None
    if any(getattr(found, name) != value for name, value in told.items()):
        raise _unfit(folder, field, f"a {MEL_CARD} that does not fit config.json")
    return found


def _unfit(folder: Path, field: str, received: str) -> InputError:
    return InputError(
        "This vocoder cannot be used.", expected="a folder of a SpeechT5HifiGan: config.json and weights",
        received=received, fix="Choose microsoft/speecht5_hifigan's folder or the model of a run of hifi-gan, or "
        "Griffin-Lim, which needs no folder.", field=field, place=folder.name,
    )  # fmt: skip


def check_fit(vocoder: MelAnalysis, wanted: MelAnalysis, *, name: str, field: str = "vocoder") -> None:
    """Raise InputError where a vocoder was trained with other frames than a synthesiser makes."""
    one, other = dataclasses.asdict(wanted), dataclasses.asdict(vocoder)
    off = [key for key in one if one[key] != other[key]]
    if off:
        raise InputError(
            "Vocoder and synthesiser do not speak of the same frames.", expected=_told(one, off),
            received=_told(other, off), fix="Choose a vocoder that was trained with these frames (recipe hifi-gan), "
            "or Griffin-Lim, which takes any.", field=field, place=name,
        )  # fmt: skip


_UNITS = {"sample_rate_hz": " Hz", "window": " samples", "hop": " samples", "low_hz": " Hz", "high_hz": " Hz"}
_NAMES = {"sample_rate_hz": "sample rate", "bins": "mel bins", "low_hz": "lowest frequency",
          "high_hz": "highest frequency", "log": "logarithm"}  # fmt: skip


def _told(facts: Mapping[str, Any], names: list[str]) -> str:
    def value(one: Any) -> str:
        return f"{one:g}" if isinstance(one, float) else str(one)

    return ", ".join(f"{_NAMES.get(name, name)} {value(facts[name])}{_UNITS.get(name, '')}" for name in names)


# Choosing -------------------------------------------------------------------------------------


def starters() -> dict[Path, MelAnalysis]:
    """The vocoders that come along, with their frames."""
    folders = sorted(one.parent for one in STARTERS.glob(f"*/{MEL_CARD}"))
    return {one: analysis_of(one) for one in folders}


def choose(
    asked: str, mel: MelAnalysis, *, iterations: int = ITERATIONS, sharpened: float = 1.0, field: str = "vocoder"
) -> Vocoder:  # fmt: skip
    """The vocoder that `asked` names, for frames of this analysis: see core.vocoding.asked; empty is Griffin-Lim.

    `iterations` and `sharpened` are Griffin-Lim's. Raises InputError where a vocoder does not fit or cannot be read.
    """
    if asked in ("", GRIFFIN_LIM):
        return GriffinLim(mel, iterations, sharpened)
    if asked == TRAINED_HERE:
        known = starters()
        fitting = next((one for one, told in known.items() if told == mel), None)
        if fitting is None:
            for folder, told in known.items():
                check_fit(told, mel, name=folder.name, field=field)
            raise _unfit(STARTERS, field, "no vocoder that comes along")
        return load(fitting, field=field)
    if asked == FOLDER:
        raise InputError(
            "No vocoder's folder is named.", expected="the path of a SpeechT5HifiGan's folder", received="nothing",
            fix="Choose the folder, or Griffin-Lim.", field=field,
        )  # fmt: skip
    folder = Path(asked).expanduser()
    told = analysis_of(folder, field=field)
    check_fit(told, mel, name=folder.name, field=field)
    return load(folder, field=field)


def warm_vocoder(job: Any, asked: str, mel: MelAnalysis, **how: Any) -> Vocoder:
    """As choose, kept in the worker's `job.cache` until the folder's weights change."""
    stamp = 0
    if asked not in ("", GRIFFIN_LIM, TRAINED_HERE, FOLDER):
        weights = list_weights(Path(asked).expanduser())
        stamp = max((one.stat().st_mtime_ns for one in weights), default=0)
    key = ("vocoder", asked, stamp, mel, *sorted(how.items()))
    if key not in job.cache:
        job.cache[key] = choose(asked, mel, **how)
    found: Vocoder = job.cache[key]
    return found
