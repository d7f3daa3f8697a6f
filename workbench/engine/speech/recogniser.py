"""A small recogniser of spoken English: log-mel frames in, log-probabilities of characters out, trained with CTC."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.core.problem import InputError
from workbench.engine.speech import features

Floats = NDArray[np.float32]

BLANK = "<blank>"
LETTERS = (" ", "'", *"abcdefghijklmnopqrstuvwxyz")
WEIGHTS, SHAPE, CARD = "recogniser.safetensors", "recogniser.json", "workbench.json"
WINDOW_S = 0.025
LEVEL_DB = -25.0


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a recogniser is built from: layers that look around by convolution, and every third by attention.

    A frame of the output covers `stride` hops. Attention reaches `reach` output frames to either side, so that
    a long recording is heard like a short one.
    """

    vocabulary: tuple[str, ...] = (BLANK, *LETTERS)
    sample_rate_hz: int = 16_000
    hop_s: float = 0.010
    mel_bins: int = 80
    stride: int = 3
    width: int = 256
    layers: int = 6
    kernel: int = 7
    heads: int = 4
    reach: int = 64
    dropout: float = 0.1


def spelled(text: str, vocabulary: Sequence[str] = (BLANK, *LETTERS)) -> list[int]:
    """The places in the vocabulary of a text's characters; those that are not in it are left out."""
    places = {one: at for at, one in enumerate(vocabulary) if at}
    return [places[one] for one in text.lower() if one in places]


def frames_needed(targets: Sequence[int]) -> int:
    """The fewest output frames that CTC can write these characters in: one each, and a blank between twins."""
    return len(targets) + sum(left == right for left, right in itertools.pairwise(targets))


def levelled(samples: Floats) -> Floats:
    """(n,) samples at −25 dB of full scale, so that a quiet recording's floor is where it was in training."""
    loud = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    return samples if loud < 1e-6 else samples * np.float32(10 ** (LEVEL_DB / 20) / loud)


class Convolution(nn.Module):
    """A residual block: a convolution over time (kernel × width × width), a nonlinearity, a mixing layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shape.width)
        self.look = nn.Conv1d(shape.width, shape.width, shape.kernel, padding=shape.kernel // 2)
        self.mix = nn.Linear(shape.width, shape.width)
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """States (B, T, width), mask (B, T, 1) of 1 where there is sound."""
        heard = self.look((self.norm(states) * mask).transpose(1, 2)).transpose(1, 2)
        found: Tensor = states + self.drop(self.mix(F.gelu(heard)))
        return found


class Attention(nn.Module):
    """A residual block: self-attention within `reach` frames, told apart by a learned bias for each distance."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.reach = shape.heads, shape.reach
        self.norm = nn.LayerNorm(shape.width)
        self.ask = nn.Linear(shape.width, 3 * shape.width)
        self.mix = nn.Linear(shape.width, shape.width)
        self.distance = nn.Parameter(torch.zeros(shape.heads, 2 * shape.reach + 1))
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """States (B, T, width), mask (B, T, 1) of 1 where there is sound."""
        batch, frames, width = states.shape
        parts = self.ask(self.norm(states)).view(batch, frames, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (B, heads, T, width / heads)
        scores = (query @ key.transpose(-1, -2)).float() * (width // self.heads) ** -0.5
        at = torch.arange(frames, device=states.device)
        apart = at[None, :] - at[:, None]  # (T, T)
        bias = self.distance[:, (apart.clamp(-self.reach, self.reach) + self.reach)]
        hidden = (apart.abs() > self.reach) | (mask[:, None, None, :, 0] == 0)  # (B, 1, T, T)
        # A frame always sees itself, so that padding has finite numbers too.
        hidden = hidden & (apart != 0)
        weights = (scores + bias).masked_fill(hidden, float("-inf")).softmax(-1).to(value.dtype)
        heard = (weights @ value).transpose(1, 2).reshape(batch, frames, width)
        found: Tensor = states + self.drop(self.mix(heard))
        return found


class CtcRecogniser(nn.Module):
    """Characters from sound, by connectionist temporal classification (Graves et al., 2006).

    `vocabulary` has the blank first, then the characters. Output frame k is centred at k · `frame_s`.
    """

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or Shape()
        if shape.width % shape.heads:
            raise InputError(
                "The width does not divide by the heads.", expected=f"a multiple of {shape.heads}",
                received=str(shape.width), fix="Change the width.", field="width",
            )  # fmt: skip
        self.enter = nn.Conv1d(shape.mel_bins, shape.width, 4 * shape.stride - 1, shape.stride, 2 * shape.stride - 1)
        self.layers = nn.ModuleList()
        for at in range(shape.layers):
            self.layers.append(Convolution(shape))
            if at % 3 == 2:
                self.layers.append(Attention(shape))
        self.leave = nn.LayerNorm(shape.width)
        self.name = nn.Linear(shape.width, len(shape.vocabulary))

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The blank, then one character each."""
        return self.shape.vocabulary

    @property
    def sample_rate_hz(self) -> int:
        """The rate of the samples that `emissions` takes."""
        return self.shape.sample_rate_hz

    @property
    def frame_s(self) -> float:
        """The time from one output frame to the next."""
        return self.shape.hop_s * self.shape.stride

    def output_frames(self, lengths: Tensor) -> Tensor:
        """How many output frames so many mel frames give, (B,)."""
        return (lengths + self.shape.stride - 1) // self.shape.stride

    def states(self, frames: Tensor, lengths: Tensor) -> list[Tensor]:
        """What each layer gives, (B, T', width), for normalised log-mel frames (B, T, mel bins)."""
        found = [F.gelu(self.enter(frames.transpose(1, 2))).transpose(1, 2)]
        mask = features.valid(self.output_frames(lengths), found[0].shape[1])[..., None].to(frames.dtype)
        for layer in self.layers:
            found.append(layer(found[-1], mask))
        return found

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, T', V) and the frames that count (B,), from normalised log-mel frames (B, T, F)."""
        logits = self.name(self.leave(self.states(frames, lengths)[-1]))
        return logits.float().log_softmax(-1), self.output_frames(lengths)

    def frames(self, samples: Tensor) -> Tensor:
        """Log-mel frames (B, T, mel bins) of (B, n) samples of full scale 1, not normalised yet."""
        shape = self.shape
        return features.log_mel(
            samples, shape.sample_rate_hz, bins=shape.mel_bins, window_s=WINDOW_S, hop_s=shape.hop_s
        )  # fmt: skip

    @torch.inference_mode()
    def emissions(self, samples: Floats) -> Floats:
        """Natural log-probabilities (T, V) float32 of the vocabulary for (N,) float32 samples of full scale 1.

        T is 1 + N // (rate · hop) divided by the stride, rounded up; the sound's level does not matter. Time and
        memory grow with the square of N beyond some seconds: give it pieces of 30 s at most.
        """
        self.eval()
        place = self.name.weight.device
        heard = torch.from_numpy(levelled(np.ascontiguousarray(samples, np.float32)))[None].to(place)
        frames = self.frames(heard)
        lengths = torch.tensor([frames.shape[1]], device=place)
        scores, _ = self(features.cmvn(frames, lengths), lengths)
        found: Floats = scores[0].cpu().numpy()
        return found

    def save(self, folder: Path, *, half: bool = False, card: Mapping[str, Any] | None = None) -> None:
        """Write weights (in half precision where asked) and shape into a folder, and the card where one is given."""
        folder.mkdir(parents=True, exist_ok=True)
        kept = {
            name: (one.half() if half else one).detach().cpu().contiguous() for name, one in self.state_dict().items()
        }
        scratch = folder / f"{WEIGHTS}.tmp"
        save_file(kept, scratch)
        (folder / SHAPE).write_text(json.dumps(dataclasses.asdict(self.shape), indent=2), encoding="utf-8")
        scratch.replace(folder / WEIGHTS)
        if card is not None:
            (folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> CtcRecogniser:
        """A recogniser at inference, in single precision; raises InputError where files are absent or do not fit."""
        try:
            facts = json.loads((folder / SHAPE).read_text(encoding="utf-8"))
            shape = Shape(**{**facts, "vocabulary": tuple(map(str, facts["vocabulary"]))})
            made = cls(shape)
            made.load_state_dict({name: one.float() for name, one in load_file(folder / WEIGHTS).items()})
        except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                "The recogniser cannot be read.", expected=f"{WEIGHTS} and {SHAPE} that fit each other",
                received=f"{type(error).__name__}: {error}"[:200],
                fix="Take the model folder of a finished run of 'Recognise speech', or the shipped recogniser.",
                field="model", place=folder.name,
            ) from None  # fmt: skip
        return made.eval()
