"""How two label volumes, or those of several readers, differ; values of None could not be measured."""

from __future__ import annotations

import msgspec


class LabelDifference(msgspec.Struct, frozen=True):
    """One label in two volumes; distances are None where one of the two lacks it."""

    value: int
    name: str
    dice: float
    """1 where both lack the label."""
    hd95_mm: float | None
    mean_surface_mm: float | None
    """The mean of both directions' distances."""
    first_ml: float
    second_ml: float
    added_ml: float
    removed_ml: float


class Comparison(msgspec.Struct, frozen=True):
    """Two label volumes; `changes` is a label array on disk: 1 added, 2 removed, 3 another label."""

    first: str
    second: str
    labels: tuple[LabelDifference, ...]
    changes: str = ""


class Agreement(msgspec.Struct, frozen=True):
    """A label in several readers' volumes: Dice of each pair, and how each fits their common estimate (STAPLE)."""

    value: int
    name: str
    readers: tuple[str, ...]
    ml: tuple[float, ...]
    dice: tuple[tuple[float, ...], ...]
    """Symmetric; 1 on the diagonal."""
    sensitivity: tuple[float, ...] | None = None
    """Against STAPLE's estimate; None with fewer than three readers, or where nobody drew the label."""
    specificity: tuple[float, ...] | None = None
