"""Pictures of solids: rays meet the nearest one, lit by one lamp with hard shadows, a soft sky and highlights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import Lens
from workbench.engine.scenes.lenses import directions_at, pixels_of
from workbench.engine.scenes.solids import Solid

Floats = NDArray[np.floating[Any]]
RAYS_AT_ONCE = 1 << 16
_OFF_SURFACE = 2e-4
_GLOSS = 40.0


@dataclass(frozen=True)
class Light:
    """A lamp at a point, and how much of the light comes from everywhere instead."""

    at: tuple[float, float, float]
    ambient: float = 0.45


@dataclass(frozen=True)
class Hits:
    """Where rays of unit length end: distances (N,), inf for nowhere; solids (N,), −1 for none; normals (N, 3)."""

    distance: Floats
    solid: NDArray[np.int64]
    normal: Floats


def trace(solids: Sequence[Solid], origins: Floats, directions: Floats) -> Hits:
    """The nearest solid on each ray; `origins` and `directions` (N, 3), the latter of unit length."""
    distance = np.full(len(origins), np.inf, origins.dtype)
    which, normal = np.full(len(origins), -1), np.zeros_like(origins)
    for number, solid in enumerate(solids):
        rays = solid.may_meet(origins, directions, distance)
        if not len(rays):
            continue
        met, facing = solid.meet(origins[rays], directions[rays])
        closer = met < distance[rays]
        rays = rays[closer]
        distance[rays], which[rays], normal[rays] = met[closer], number, facing[closer]
    return Hits(distance, which, normal)


def _is_dark(solids: Sequence[Solid], origins: Floats, directions: Floats, lamp: Floats) -> NDArray[np.bool_]:
    """Whether something stands between points and the lamp that is `lamp` (N,) away."""
    dark = np.zeros(len(origins), bool)
    for solid in solids:
        rays = solid.may_meet(origins, directions, np.where(dark, -np.inf, lamp))
        if len(rays):
            dark[rays] |= solid.meet(origins[rays], directions[rays])[0] < lamp[rays]
    return dark


def lit(solids: Sequence[Solid], light: Light, origins: Floats, directions: Floats, hits: Hits) -> Floats:
    """Colours (N, 3) of the rays that ended somewhere, after Lambert and (for shine) Phong; zero elsewhere."""
    colours = np.zeros_like(origins)
    met = np.flatnonzero(hits.solid >= 0)
    if not len(met):
        return colours
    points = origins[met] + hits.distance[met, None] * directions[met]
    normal, number = hits.normal[met], hits.solid[met]
    to_lamp = np.asarray(light.at, origins.dtype) - points
    away = np.linalg.norm(to_lamp, axis=1)
    to_lamp /= away[:, None]
    slant = np.einsum("nc,nc->n", normal, to_lamp)
    bright = np.maximum(slant, 0)
    asked = np.flatnonzero(slant > 0)
    dark = _is_dark(solids, (points + _OFF_SURFACE * normal)[asked], to_lamp[asked], away[asked])
    bright[asked[dark]] = 0
    sky = light.ambient * (0.8 + 0.2 * normal[:, 2])
    mirrored = 2 * slant[:, None] * normal - to_lamp
    gleam = np.where(bright > 0, np.maximum(-np.einsum("nc,nc->n", mirrored, directions[met]), 0), 0) ** _GLOSS
    for one in np.unique(number):
        rows, solid = number == one, solids[one]
        paint = solid.paint.at(solid.local(points[rows]))
        colours[met[rows]] = paint * (sky + (1 - light.ambient) * bright)[rows, None] + solid.shine * gleam[rows, None]
    return np.minimum(colours, 1)


def photograph(
    solids: Sequence[Solid], light: Light, pose: Floats, lens: Lens, *, parts: int = 2
) -> tuple[Floats, Floats]:
    """What a camera sees: (h, w, 4) float32 colours times opacity, and opacity; and the depth (h, w) float32.

    `pose` (4, 4) takes camera axes (OpenGL) to the scene's. Each pixel is the mean of `parts` × `parts` rays. The depth
    is along the view axis, of the nearest of a pixel's rays, inf where none of them ends. Pixels that a distorting lens
    shows nothing in stay empty.
    """
    ahead = directions_at(pixels_of(lens, parts), lens).reshape(-1, 3)
    length = np.linalg.norm(ahead, axis=1)
    turned = ((ahead / length[:, None]) @ np.asarray(pose, np.float64)[:3, :3].T).astype(np.float32)
    origin = np.asarray(pose, np.float32)[:3, 3]
    rgba = np.zeros((len(ahead), 4), np.float32)
    depth = np.full(len(ahead), np.inf, np.float32)
    for first in range(0, len(ahead), RAYS_AT_ONCE):
        rays = first + np.flatnonzero(np.isfinite(length[first : first + RAYS_AT_ONCE]))
        origins = np.broadcast_to(origin, (len(rays), 3))
        hits = trace(solids, origins, turned[rays])
        rgba[rays, :3] = lit(solids, light, origins, turned[rays], hits)
        rgba[rays, 3] = hits.solid >= 0
        depth[rays] = hits.distance / length[rays]
    whole = rgba.reshape(lens.height, parts, lens.width, parts, 4).mean((1, 3))
    return whole, depth.reshape(lens.height, parts, lens.width, parts).min((1, 3))


def looking(eye: Floats, at: Floats) -> Floats:
    """The pose (4, 4) of a camera at `eye` that looks at a point with z upwards in its picture."""
    back = np.asarray(eye, float) - np.asarray(at, float)
    back /= np.linalg.norm(back)
    right = np.cross([0.0, 0.0, 1.0], back)
    length = np.linalg.norm(right)
    right = np.array([1.0, 0, 0]) if length < 1e-6 else right / length
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(back, right), back], 1)
    pose[:3, 3] = eye
    return pose
