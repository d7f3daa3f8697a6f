"""Values of many runs on parallel axes, made ready for drawing: scales, ticks, and what a brush holds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_TICKS = 6
NEAR_PX = 8.0


@dataclasses.dataclass(frozen=True)
class Scale:
    """What an axis is made from: `choices` are drawn one by one in this order, everything else is a number."""

    name: str
    title: str
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    marks: tuple[float, ...] = ()
    """Numbers that alone can occur: the ticks stand there."""


@dataclasses.dataclass(frozen=True)
class Axis:
    """Where each line crosses it, (N,) from 0 at the foot to 1 at the head (NaN: nowhere), and its ticks."""

    scale: Scale
    places: Floats
    ticks: tuple[tuple[float, str], ...]


def make_axis(scale: Scale, values: Sequence[Any]) -> Axis:
    """The axis of these values; a scale without ends fits them."""
    if scale.choices:
        count = len(scale.choices)
        at = {_key(choice): (place + 0.5) / count for place, choice in enumerate(scale.choices)}
        places = [at.get(_key(value), math.nan) if value is not None else math.nan for value in values]
        ticks = tuple((at[_key(choice)], _word(choice)) for choice in scale.choices)
        return Axis(scale, np.asarray(places, np.float64), ticks)
    numbers = np.array([math.nan if value is None else float(value) for value in values], np.float64)
    log = scale.log and not bool(np.any(numbers <= 0))
    low, high = _ends(scale, numbers, log=log)
    stretched = np.log10(numbers) if log else numbers
    listed = scale.marks if len(scale.marks) <= MOST_TICKS else ()
    marks = listed or (_factors(low, high) if log else _evenly(low, high, whole=scale.whole))
    ticks = tuple((((math.log10(one) if log else one) - low) / (high - low), figure(one)) for one in marks)
    return Axis(scale, (stretched - low) / (high - low), ticks)


def _key(value: Any) -> tuple[bool, Any]:
    return isinstance(value, bool), value


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return figure(value) if isinstance(value, int | float) else str(value)


def _ends(scale: Scale, numbers: Floats, *, log: bool) -> tuple[float, float]:
    """The ends of an axis in its own measure (powers of ten with `log`), never equal."""
    finite = numbers[np.isfinite(numbers)]
    low = scale.low if scale.low is not None else float(finite.min()) if len(finite) else 0.0
    high = scale.high if scale.high is not None else float(finite.max()) if len(finite) else 1.0
    if len(finite):
        low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if log:
        low, high = math.log10(low) if low > 0 else -6.0, math.log10(high) if high > 0 else 0.0
    if low == high:
        reach = abs(low) * 0.1 or 1.0
        low, high = low - reach, high + reach
    return low, high


def _factors(low: float, high: float) -> Sequence[float]:
    """1, 2 and 5 times powers of ten between two powers, as many as are readable."""
    first, last = math.floor(low), math.ceil(high)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        found = [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
        inside = [one for one in found if low - 1e-9 <= math.log10(one) <= high + 1e-9]
        if len(inside) <= MOST_TICKS:
            break
    every = -(-len(inside) // MOST_TICKS)
    return inside[::every] if len(inside) >= 2 else [10.0**low, 10.0**high]


def _evenly(low: float, high: float, *, whole: bool) -> Sequence[float]:
    rough = (high - low) / (MOST_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    if whole:
        step = max(1.0, float(round(step)))
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [float(f"{(first + place) * step:.10g}") for place in range(max(count, 0))]


def figure(value: float) -> str:
    """A number as short as it can be told: 0.05, 1e-5, 12 000."""
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        mantissa, _, power = f"{value:.3g}".partition("e")
        return f"{mantissa}e{int(power)}" if power else _plain(value)
    return f"{value:.{5 if abs(value) >= 1e4 else 4}g}"


def _plain(value: float) -> str:
    mantissa, _, power = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"


Brushes = Mapping[str, tuple[float, float]]
"""The part of an axis that is held, by its name."""


def held(axes: Sequence[Axis], brushes: Brushes) -> NDArray[np.bool_]:
    """Which lines cross every brushed axis inside its brush, (N,)."""
    inside = np.ones(len(axes[0].places) if axes else 0, np.bool_)
    for axis in axes:
        if axis.scale.name in brushes:
            low, high = brushes[axis.scale.name]
            with np.errstate(invalid="ignore"):
                inside &= (axis.places >= low) & (axis.places <= high)
    return inside


def nearest(xs: Sequence[float], heights: Floats, x: float, y: float, within_px: float = NEAR_PX) -> int:
    """The line that passes closest to a point, −1 for none within reach.

    xs (A,) and heights (N, A) are pixels; a gap (NaN) breaks a line.
    """
    if len(xs) < 2 or not len(heights):
        return -1
    starts, ends = np.asarray(xs[:-1], np.float64), np.asarray(xs[1:], np.float64)
    first, last = heights[:, :-1], heights[:, 1:]  # (N, A-1)
    dx, dy = ends - starts, last - first
    with np.errstate(invalid="ignore"):
        share = np.clip(((x - starts) * dx + (y - first) * dy) / (dx**2 + dy**2), 0, 1)
        away = np.hypot(starts + share * dx - x, first + share * dy - y)
    away = np.where(np.isfinite(away), away, np.inf).min(axis=1)
    found = int(away.argmin())
    return found if away[found] <= within_px else -1


def best_so_far(values: Sequence[float | None], better: str) -> Floats:
    """The best value up to each place ('max' or 'min'), NaN before the first; (N,) to (N,)."""
    numbers = np.array([math.nan if value is None else value for value in values], np.float64)
    return np.asarray(np.fmax.accumulate(numbers) if better == "max" else np.fmin.accumulate(numbers))
