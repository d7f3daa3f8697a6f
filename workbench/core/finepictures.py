"""Pictures of a scene by Open3D's off-screen renderer: what the window asks of the worker where there is no OpenGL.

Things come as folders of arrays in the scene's coordinates, coloured and cut already; what is sent once is drawn from
every viewpoint. Lengths are in the scene's unit.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from workbench.core.scenes import Viewpoint

MOST_POINTS = 1_000_000
"""Points of a picture: in software each million takes the renderer a second and more for each of its two passes."""
MOST_FACES = 2_000_000
MOST_PIXELS = 3_000_000
"""Of a picture; with more than four million Open3D 0.20 never comes back in software Vulkan."""
ABLE, PICTURE = "fine-able", "fine-picture"
"""The questions' names."""


class FineAble(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether Open3D can draw here; the answer to `fine-able`. Otherwise what is lacking, and what brings it."""

    able: bool
    lacking: str = ""
    fix: str = ""


class FineThing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Points or a mesh whose arrays lie in `folder`: `places.npy` (n, 3) float32, `colours.npy` (n, 3) uint8, of a mesh
    `faces.npy` (m, 3); where they are needed `normals.npy` (n, 3), `spots.npy` (n, 2) in a `texture.npy` (h, w, 3).

    The same `key` is the same thing for ever.
    """

    key: str
    folder: str
    kind: Literal["points", "mesh"]
    size_px: float = 1.0
    """Of points."""
    opacity: float = 1.0
    light: Literal["none", "eye-dome", "lamp"] = "none"
    """A lamp at the eye lights both sides by the normals; eye-dome darkens what lies behind its neighbours."""
    ambient: float = 0.0
    """The share of its colour that a thing has where the lamp meets it at an edge."""
    by_normals: bool = False
    """Coloured by its normals as the camera sees them."""


class FineWish(msgspec.Struct, frozen=True, omit_defaults=True):
    """A picture of things; the question `fine-picture`. `near` and `far` bound what is drawn, along the view axis."""

    things: tuple[FineThing, ...]
    view: Viewpoint
    width: int
    height: int
    near: float
    far: float
    ratio: float = 1.0
    """Pixels of the picture to one of the window."""


class FinePicture(msgspec.Struct, frozen=True, omit_defaults=True):
    """Paths of arrays: `rgba` (h, w, 4) uint8, colours times alpha, and `depth` (h, w) float32, distances along the
    view axis, infinite where nothing is; rows from above."""

    rgba: str
    depth: str
    seconds: float = 0.0
