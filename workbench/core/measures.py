"""What distances and angles between places amount to, and how that is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Place = Sequence[float]
"""x, y and z."""


def kind_of(points: Sequence[Place]) -> Literal["distance", "angle"]:
    """What a measure of so many places is."""
    return "angle" if len(points) >= 3 else "distance"


def value_of(points: Sequence[Place]) -> float:
    """The distance of two places, or the angle at the second of three in degrees; not a number for fewer."""
    if len(points) < 2:
        return math.nan
    if len(points) == 2:
        return math.dist(points[0], points[1])
    arms = [[a - b for a, b in zip(points[end], points[1], strict=True)] for end in (0, 2)]
    inner = sum(a * b for a, b in zip(*arms, strict=True))
    size = math.hypot(*arms[0]) * math.hypot(*arms[1])
    return math.degrees(math.acos(min(1.0, max(-1.0, inner / size)))) if size > 0 else 0.0


def measured(points: Sequence[Place], unit: str) -> str:
    """'4.215 m', '90.0°'; nothing where nothing is measured."""
    value = value_of(points)
    if not math.isfinite(value):
        return ""
    return f"{value:.4g} {unit}".strip() if kind_of(points) == "distance" else f"{value:.1f}°"
