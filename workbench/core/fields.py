"""Looking at a radiance field that is learned or was: from where, how large, and the pictures that come back."""

from __future__ import annotations

from typing import Literal

import msgspec

from workbench.core.scenes import Viewpoint

Shown = Literal["colour", "depth", "normal"]
VIEW = "view"
"""Under this name a window asks a run for a view of its field (store/asked.py)."""
LARGEST_PX = 1024
"""Larger views are rendered smaller, in the same shape."""


class FieldLook(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person looks at: a picture of `width` × `height` pixels from a viewpoint in the field's coordinates."""

    view: Viewpoint
    width: int
    height: int
    shown: Shown = "colour"


class FieldWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A look at the trained field in a model folder (or in a finished run's); the question `field-render`.

    Coarse pictures come as parts of the answer, the finest is the answer.
    """

    model: str
    look: FieldLook


class FieldFrame(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rendered picture: `rgba` (h, w, 4) uint8, colours not multiplied with opacity, and `depth` (h, w) float32 along
    the view axis (infinite: nothing), `.npy` files that are soon written over.

    `coarseness` is how many of the asked picture's pixels one pixel of it covers along a side; 1 is the finest. It is
    also the meta of a Frame artifact, whose files these are there.
    """

    look: FieldLook
    coarseness: int
    rgba: str = ""
    depth: str = ""
    seconds: float = 0.0
    behind: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """The colour, 0 to 1, that was learned to lie behind the field: for views of the field alone."""
