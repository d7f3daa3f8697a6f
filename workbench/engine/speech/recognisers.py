"""Models that turn speech into words, from local folders: the workbench's own and those in Hugging Face format.

Two shapes: one gives label probabilities per frame (CTC) that are decoded here, the other writes its text itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from workbench.core.audio import Segment
from workbench.core.modelcards import what_is_in
from workbench.core.problem import InputError
from workbench.core.recognisers import EXPECTED, facts_of


@runtime_checkable
class Emitter(Protocol):
    """A CTC model: `vocabulary` has the blank first, a frame lasts `frame_s`."""

    @property
    def sample_rate_hz(self) -> int:
        """The rate of the samples that it takes."""

    @property
    def frame_s(self) -> float:
        """The time from one frame to the next."""

    @property
    def vocabulary(self) -> Sequence[str]:
        """A label for each output."""

    def emissions(self, samples: np.ndarray) -> np.ndarray:
        """(T, V) log-probabilities for (n,) float32 samples of full scale 1."""


@runtime_checkable
class Writer(Protocol):
    """A model that writes text; where `timed` is false it tells no times, and words share out what was heard."""

    @property
    def sample_rate_hz(self) -> int:
        """The rate of the samples that it takes."""

    @property
    def timed(self) -> bool:
        """Whether its words have times."""

    def words(self, samples: np.ndarray) -> list[Segment]:
        """Words of (n,) float32 samples of full scale 1, with times from their beginning."""


def load(folder: Path, device: str = "cpu") -> Emitter | Writer:
    """The model in a folder, on a device; raises InputError where nothing in it transcribes or it is damaged."""
    facts = facts_of(folder) if folder.is_dir() else None
    if facts is None:
        raise InputError(
            "Nothing in this folder transcribes." if folder.is_dir() else "There is no such model.",
            expected=EXPECTED, received=what_is_in(folder) if folder.is_dir() else str(folder),
            fix="Choose another model.", field="model", place=str(folder),
        )  # fmt: skip
    if facts.family == "recogniser":
        from workbench.engine.speech.recogniser import CtcRecogniser

        own: Emitter = CtcRecogniser.load(folder).to(device)
        return own
    from workbench.engine.speech import published

    return published.load(folder, facts.family, device)


def shared_out(words: Sequence[str], confidences: Sequence[float], start_s: float, end_s: float) -> list[Segment]:
    """Words without times of their own, as long as they have letters, one after the other over a stretch."""
    lengths = np.array([len(word) + 1 for word in words], float)
    edges = start_s + (end_s - start_s) * np.concatenate([[0.0], np.cumsum(lengths) / max(lengths.sum(), 1)])
    return [
        Segment(float(edges[at]), float(edges[at + 1]), word, confidence=confidences[at])
        for at, word in enumerate(words)
    ]
