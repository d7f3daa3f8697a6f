"""Who is ahead how often: several metrics over several seeds as one count, with the interval of a sign test."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Pair = tuple[float | None, float | None]

LEVEL = 0.95


def signs(pairs: Sequence[Sequence[Pair]], *, lower: bool) -> tuple[float, tuple[float, float]]:
    """Metrics won less metrics lost, the mean over seeds, and its 95 % interval.

    `pairs` holds, by seed and metric, the values of the arm that should be ahead and of the other. Seeds that lack a
    value are left out. The interval is Clopper and Pearson's (1934) of the share of wins among all pairs that are no
    ties, scaled alike: it lies above zero exactly where a two-sided sign test rejects at 5 %. Metrics of one seed
    share their pretraining, so that the pairs are not quite independent and the interval is somewhat narrow.
    """
    whole = [[(a, b) for a, b in seed if a is not None and b is not None] for seed in pairs]
    whole = [kept for kept, seed in zip(whole, pairs, strict=True) if len(kept) == len(seed) and seed]
    if not whole:
        return math.nan, (math.nan, math.nan)
    ahead = [[(b - a if lower else a - b) for a, b in seed] for seed in whole]
    wins = sum(value > 0 for seed in ahead for value in seed)
    losses = sum(value < 0 for seed in ahead for value in seed)
    metrics = max(map(len, whole))
    margin = (wins - losses) / len(whole)
    low, high = share_interval(wins, wins + losses)
    return margin, (metrics * (2 * low - 1), metrics * (2 * high - 1))


def share_interval(wins: int, of: int) -> tuple[float, float]:
    """The exact interval of a share from so many wins; 0 to 1 where nothing was decided."""
    tail = (1 - LEVEL) / 2
    low = 0.0 if wins == 0 else _where(lambda share: at_least(wins, of, share) - tail)
    high = 1.0 if wins == of else _where(lambda share: tail - at_most(wins, of, share))
    return low, high


def at_least(wins: int, of: int, share: float) -> float:
    """The probability of so many wins or more."""
    return sum(math.comb(of, one) * share**one * (1 - share) ** (of - one) for one in range(wins, of + 1))


def at_most(wins: int, of: int, share: float) -> float:
    """The probability of so many wins or fewer."""
    return sum(math.comb(of, one) * share**one * (1 - share) ** (of - one) for one in range(wins + 1))


def _where(rising: Callable[[float], float]) -> float:
    """The share at which a function that rises with it passes zero."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
