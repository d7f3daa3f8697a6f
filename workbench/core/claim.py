"""A paper's claim as data: arms (parameters of one recipe), statements about them, verdicts.

A verdict is honest about three ends: the statement holds, does not hold, or is not separated
by the seeds and items at hand. A gate that is not met means that nothing was judged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

import msgspec

from workbench.core.params import Params

Verdict = Literal["holds", "does not hold", "not separated", "gate not met"]


@dataclasses.dataclass(frozen=True)
class Better:
    """`better` exceeds `than` on `metric` by at least `by` (less than it, when lower is better).

    `items` names the Outcomes artifact whose items are resampled beside the seeds; without it
    the interval comes from the seeds alone. `asserted` statements decide whether the claim holds.
    `of` names several metrics instead: on how many of them `better` is ahead, less how many it is
    behind on, is then the margin, and its interval that of a sign test; `metric` names the count.
    """

    text: str
    metric: str
    better: str
    than: str
    by: float = 0.0
    lower: bool = False
    asserted: bool = True
    items: str = ""
    of: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Gate:
    """Statements are judged only when `arm` reaches `least` (and at most `most`) on `metric`."""

    text: str
    metric: str
    arm: str
    least: float
    most: float = float("inf")


@dataclasses.dataclass(frozen=True)
class Claim:
    """Arms on equal data, budget and tuning, and what is said about them.

    `inputs` names the data by slot where it is not the slot's first sample.
    """

    arms: Mapping[str, Params]
    statements: tuple[Better, ...]
    gates: tuple[Gate, ...] = ()
    seeds: int = 3
    note: str = ""
    inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Judged(msgspec.Struct, frozen=True):
    """A statement with its margin (mean difference), its 95 % interval and its verdict."""

    text: str
    metric: str
    better: str
    than: str
    by: float
    margin: float
    interval: tuple[float, float]
    asserted: bool
    verdict: Verdict


def verdict(*, margin: float, interval: tuple[float, float], by: float) -> Verdict:
    """Judge a margin: it holds when it reaches `by` and its interval lies above zero.

    It does not hold when even the interval's upper end falls short; between the two it is not
    separated.
    """
    low, high = interval
    if margin >= by and low > 0:
        return "holds"
    return "does not hold" if high < by or high <= 0 else "not separated"
