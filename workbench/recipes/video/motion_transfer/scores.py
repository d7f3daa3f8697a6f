"""How well motions are named: known and unknown variants, the fall between them, and the same by class."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Named:
    """N clips of a part: true class and guess as positions in `labels`, sureness, coarse and fine class of each.

    `motion` is the coarse class of the guess, the guess itself where coarse classes are named.
    """

    labels: tuple[str, ...]
    truth: Ints
    guess: Ints
    sure: Floats
    coarse: Ints
    fine: Ints
    motion: Ints

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which clips were named right, (N,)."""
        return np.asarray(self.truth == self.guess)

    @property
    def weights(self) -> NDArray[np.float64]:
        """What each clip counts (N,): 1 on average, every coarse class alike, however many clips it has."""
        counts = np.bincount(self.coarse)
        return np.asarray(len(self.coarse) / (counts[self.coarse] * np.count_nonzero(counts)))

    @property
    def accuracy(self) -> float:
        """Named right, averaged within each coarse class, then over classes."""
        return float((self.right * self.weights).mean())

    @property
    def motion_accuracy(self) -> float:
        """As `accuracy`, where a wrong variant of the right motion counts as right."""
        return float(((self.motion == self.coarse) * self.weights).mean())

    def by_coarse(self) -> dict[int, float]:
        """Named right of each coarse class that there are clips of."""
        return {int(one): float(self.right[self.coarse == one].mean()) for one in np.unique(self.coarse)}


@dataclasses.dataclass(frozen=True)
class Transfer:
    """K and U of one run, from 0 to 1."""

    known: float
    unknown: float

    @property
    def drop(self) -> float:
        """K − U."""
        return self.known - self.unknown

    @property
    def relative_drop(self) -> float:
        """(K − U) / K; 0 where nothing at all is recognised."""
        return self.drop / self.known if self.known else 0.0

    @property
    def harmonic_mean(self) -> float:
        """2KU / (K + U); 0 where one of them is."""
        total = self.known + self.unknown
        return 2 * self.known * self.unknown / total if total else 0.0
