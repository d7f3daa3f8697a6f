"""What happens when: windows of a video scored by a model, zero-shot from class names or by a trained classifier.

Zero-shot compares the mean of a window's image vectors with the vectors of class names put into templates (CLIP,
Radford et al. 2021, section 3.1.4: the vectors of several templates are averaged). It does not see the order of
frames; what is told apart by order alone needs a trained model.
"""

from __future__ import annotations

import dataclasses
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from workbench.engine.video.framereading import FilmFrames, filled, sampled_s

if TYPE_CHECKING:
    from workbench.engine.video.imagelanguage import ImageLanguage

Floats = NDArray[np.float32]
TEMPLATES = ("{}", "a picture of {}", "a video of {}")
CONTRAST = ("something else", "an empty scene", "nothing of interest")
"""What a single class is weighed against: a softmax over one class would always be sure."""
FRAMES = 8
TEXTS_AT_ONCE, WINDOWS_AT_ONCE, VECTORS_HELD = 128, 8, 4096


@runtime_checkable
class Recogniser(Protocol):
    """Scores clips over its classes."""

    @property
    def classes(self) -> tuple[str, ...]:
        """A name for each score."""

    @property
    def frames(self) -> int:
        """How many frames of a window it takes."""

    @property
    def image_px(self) -> int:
        """The short side of the frames that it takes."""

    def scores(self, clips: NDArray[np.uint8]) -> Floats:
        """Probabilities (B, K) for clips (B, T, H, W, 3)."""


class ZeroShot:
    """An image-language model that takes any words as classes."""

    def __init__(
        self, model: ImageLanguage, classes: Sequence[str], *, templates: Sequence[str] = TEMPLATES, frames: int = 0
    ) -> None:
        self.model, self.classes, self.frames = model, tuple(classes), frames or FRAMES
        self.image_px = int(model.image_px)
        self.texts = text_vectors(model, self.classes, templates)
        """(K, dim), and what a single class is weighed against."""
        if len(self.classes) == 1:
            other = functional.normalize(text_vectors(model, CONTRAST, ("{}",)).mean(0, keepdim=True), dim=-1)
            self.texts = torch.cat([self.texts, other])

    def vectors(self, frames: NDArray[np.uint8]) -> Floats:
        """Image vectors (N, dim) of length 1 for frames (N, H, W, 3)."""
        return image_vectors(self.model, frames)

    @torch.inference_mode()
    def of_vectors(self, vectors: Floats) -> Floats:
        """Probabilities (B, K) for the image vectors (B, T, dim) of windows."""
        mean = functional.normalize(torch.from_numpy(vectors).mean(1), dim=-1).to(self.texts)
        logits = self.model.logits(mean, self.texts)
        found: Floats = logits.float().softmax(-1)[:, : len(self.classes)].cpu().numpy()
        return found

    def scores(self, clips: NDArray[np.uint8]) -> Floats:
        """Probabilities (B, K) for clips (B, T, H, W, 3)."""
        flat = self.vectors(clips.reshape(-1, *clips.shape[2:]))
        return self.of_vectors(flat.reshape(len(clips), clips.shape[1], -1))


@torch.inference_mode()
def text_vectors(model: ImageLanguage, names: Sequence[str], templates: Sequence[str]) -> torch.Tensor:
    """Vectors (K, dim) of length 1: the mean over templates of each name's vector of length 1."""
    texts = [template.format(name) for name in names for template in templates]
    parts = [model.text(texts[at : at + TEXTS_AT_ONCE]) for at in range(0, len(texts), TEXTS_AT_ONCE)]
    rows = functional.normalize(torch.cat(parts).float(), dim=-1).reshape(len(names), len(templates), -1)
    return functional.normalize(rows.mean(1), dim=-1)


@torch.inference_mode()
def image_vectors(model: ImageLanguage, frames: NDArray[np.uint8], at_once: int = 64) -> Floats:
    """Image vectors (N, dim) of length 1 for frames (N, H, W, 3)."""
    parts = []
    for at in range(0, len(frames), at_once):
        pixels = model.prepared(torch.from_numpy(np.array(frames[at : at + at_once]))[None])
        parts.append(functional.normalize(model.pooled(pixels).float(), dim=-1).cpu())
    return torch.cat(parts).numpy() if parts else np.zeros((0, model.dim), np.float32)


@dataclasses.dataclass
class Batch:
    """Windows that were scored; `seen` counts the lost ones among them, too."""

    windows: list[tuple[float, float]]
    scores: Floats
    """(len(windows), K)"""
    seen: int
    decode_s: float
    inference_s: float

    @property
    def lost(self) -> int:
        """Windows of which no frame could be decoded."""
        return self.seen - len(self.windows)


def scored(
    film: FilmFrames, model: Recogniser, windows: Sequence[tuple[float, float]], *, at_once: int = WINDOWS_AT_ONCE
) -> Iterator[Batch]:
    """Score windows in their order, some at once; frames that windows share are decoded and encoded once."""
    held: OrderedDict[int, Any] = OrderedDict()
    for at in range(0, len(windows), at_once):
        began = time.perf_counter()
        portion = windows[at : at + at_once]
        numbers = [[film.number_at(moment) for moment in sampled_s(one, model.frames)] for one in portion]
        whole: dict[int, NDArray[np.uint8] | None] = {
            number: film.frame(number) for number in sorted({one for row in numbers for one in row} - set(held))
        }
        decoded = time.perf_counter()
        rows = _of_vectors(model, numbers, whole, held) if isinstance(model, ZeroShot) else _of_clips(
            film, model, numbers)  # fmt: skip
        kept = [number for number, row in enumerate(rows) if row is not None]
        scores = np.stack([row for row in rows if row is not None]) if kept else np.zeros((0, len(model.classes)))
        yield Batch([portion[one] for one in kept], scores.astype(np.float32), len(portion), decoded - began,
                    time.perf_counter() - decoded)  # fmt: skip


def _of_vectors(
    model: ZeroShot, numbers: list[list[int]], new: dict[int, NDArray[np.uint8] | None], held: OrderedDict[int, Any]
) -> list[Floats | None]:
    there = [number for number, frame in new.items() if frame is not None]
    if there:
        vectors = model.vectors(np.stack([frame for frame in new.values() if frame is not None]))
        held.update(zip(there, vectors, strict=True))
    held.update({number: None for number, frame in new.items() if frame is None})
    rows: list[Floats | None] = []
    for row in numbers:
        found = [held[number] for number in row if held[number] is not None]
        rows.append(model.of_vectors(np.stack(found)[None])[0] if found else None)
    while len(held) > VECTORS_HELD:
        held.popitem(last=False)
    return rows


def _of_clips(film: FilmFrames, model: Recogniser, numbers: list[list[int]]) -> list[Floats | None]:
    clips = [filled([film.frame(number) for number in row]) for row in numbers]
    there = [clip for clip in clips if clip is not None]
    scores = iter(model.scores(np.stack(there)) if there else ())
    return [None if clip is None else next(scores) for clip in clips]
