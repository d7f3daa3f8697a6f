"""What a trained field is taken away as: a grid of colour and density, a mesh, points.

Grids are [x, y, z, channel] in the scene's axes (z up), voxel (i, j, k) centred at low + (i + ½, j + ½, k + ½) ·
(high − low) / (X, Y, Z); `gridfiles.write_grid` makes NeRF-MAE's npz of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.problem import KnownTrouble
from workbench.core.scenes import ALPHA_STEP, NOWHERE, DensityKind, Placement, RadianceMeta
from workbench.core.volumes import Triple
from workbench.engine.scenes.fields import Field, HashField, shape_of
from workbench.engine.scenes.gridfiles import alpha_of

Floats = NDArray[np.float32]
LONGEST = 160
"""Voxels along the longest side (paper 09 B)."""
AT_ONCE = 1 << 16
EMPTY_ALPHA = 1e-3
"""Voxels whose light loss over one step is smaller get a colour from few cameras: nobody will see it."""
FEW = 4
COLOURS = ("red", "green", "blue", "alpha")


def extract(
    field: Field, poses: Sequence[Placement], longest: int = LONGEST, low: Triple | None = None,
    high: Triple | None = None, *, density: DensityKind | None = None,
    told: Callable[[int, int], Any] = lambda done, of: None,
) -> tuple[Floats, RadianceMeta]:  # fmt: skip
    """A field as a grid (X, Y, Z, 4): colours from 0 to 1, averaged over the directions in which the training cameras
    at `poses` see each voxel, and density (paper 09 B).

    `density` is what is stored: by default what the field learned, 'exp' (the logarithm) for hash fields and 'relu'
    for the others, per longest side of the field's box, so that a step of 0.01 of that side makes alphas of them. Each
    voxel is asked once at its centre: logarithms of densities are never averaged. `low` and `high` are by default the
    field's own box; a box beyond it is empty there.
    """
    kind: DensityKind = density or ("exp" if isinstance(field, HashField) else "relu")
    box = field.facts
    low, high = low or box.low, high or box.high
    shape = shape_of(low, high, longest)
    axes = [torch.arange(count, dtype=torch.float32).add(0.5) / count * (b - a) + a
            for count, a, b in zip(shape, low, high, strict=True)]  # fmt: skip
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(-1, 3)
    eyes = torch.tensor([[pose[3], pose[7], pose[11]] for pose in poses] or [[0.0, 0.0, 0.0]])
    parts = []
    for at in range(0, len(points), AT_ONCE):
        told(at, len(points))
        parts.append(_asked(field, points[at : at + AT_ONCE].to(field.low.device), eyes.to(field.low.device)))
    found = torch.cat(parts)
    found[:, 3] = _stored(found[:, 3] * field.longest, kind)
    grid = found.view(*shape, 4).numpy()
    return grid, RadianceMeta(low, high, kind)


@torch.no_grad()
def _asked(field: Field, points: torch.Tensor, eyes: torch.Tensor) -> torch.Tensor:
    """Mean colours and densities per unit of length (N, 4) of some points, on the CPU."""
    inside = ((points >= field.low) & (points <= field.high)).all(1)
    density, features = field.seen(points)
    density = torch.where(inside, density, torch.zeros_like(density))
    total = torch.zeros_like(points)
    counts = torch.zeros(len(points), 1, device=points.device)
    seen = (density * field.longest * ALPHA_STEP > EMPTY_ALPHA).nonzero()[:, 0]
    for number, eye in enumerate(eyes):
        some = torch.arange(len(points), device=points.device) if number < FEW else seen
        ahead = torch.nn.functional.normalize(points[some] - eye, dim=1)
        total[some] += field.coloured(None if features is None else features[some], points[some], ahead)
        counts[some] += 1
    return torch.cat([total / counts.clamp(min=1), density[:, None]], 1).cpu()


def _stored(density: torch.Tensor, kind: DensityKind) -> torch.Tensor:
    """Densities per longest side as a grid has them."""
    if kind == "alpha":
        return 1 - torch.exp(-density * ALPHA_STEP)
    return density.clamp(min=1e-10).log() if kind == "exp" else density


def opacity(grid: NDArray[Any], meta: RadianceMeta) -> Floats:
    """The share of light (X, Y, Z) that each voxel takes away, from side to side."""
    step = max(high - low for low, high in zip(meta.low, meta.high, strict=True)) / max(grid.shape[:3])
    longest = max(high - low for low, high in zip(meta.low, meta.high, strict=True))
    clear = 1 - alpha_of(grid[..., 3], meta.density).astype(np.float64)
    return np.asarray(1 - clear ** (step / longest / ALPHA_STEP), np.float32)


# Meshes and points ----------------------------------------------------------------------------


def surface(
    grid: NDArray[Any], meta: RadianceMeta, *, level: float = 0.5
) -> tuple[Floats, NDArray[np.uint32], NDArray[np.uint8]]:
    """Vertices (V, 3), faces (F, 3) and colours (V, 3) of where a voxel's opacity passes `level` (marching cubes).

    Faces wind so that normals point outwards. Raises KnownTrouble where nothing is so dense.
    """
    from scipy.ndimage import map_coordinates
    from skimage.measure import marching_cubes

    solid = np.pad(opacity(grid, meta), 1)
    if not solid.min() < level < solid.max():
        raise KnownTrouble(
            "The field holds no surface.", expected=f"an opacity that passes {level:g}",
            received=f"opacities up to {float(solid.max()):.3f}", fix="Train longer, or choose a lower opacity.",
        )  # fmt: skip
    vertices, faces, _, _ = marching_cubes(solid, level, gradient_direction="ascent")
    at = vertices - 1
    colours = np.stack([map_coordinates(_spread_colours(grid, meta, level)[..., channel], at.T, order=1, mode="nearest")
                        for channel in range(3)], 1)  # fmt: skip
    step = (np.array(meta.high) - meta.low) / grid.shape[:3]
    placed = (np.array(meta.low) + (at + 0.5) * step).astype(np.float32)
    return placed, faces.astype(np.uint32), (colours.clip(0, 1) * 255).round().astype(np.uint8)


def _spread_colours(grid: NDArray[Any], meta: RadianceMeta, level: float) -> NDArray[Any]:
    """Colours of empty voxels taken from the nearest filled one: those at a surface are otherwise mixed with chance."""
    from scipy.ndimage import distance_transform_edt

    empty = opacity(grid, meta) < min(level, 0.2)
    if empty.all():
        return grid[..., :3]
    nearest = distance_transform_edt(empty, return_distances=False, return_indices=True)
    return np.asarray(grid[..., :3][tuple(nearest)])


def scattered(
    grid: NDArray[Any], meta: RadianceMeta, count: int, seed: int, *, level: float = 0.5
) -> tuple[Floats, NDArray[np.uint8]]:
    """Points (N, 3) on the surface of `surface`, evenly by area, with colours (N, 3); deterministic by seed."""
    vertices, faces, colours = surface(grid, meta, level=level)
    ends = vertices[faces].astype(np.float64)
    areas = np.linalg.norm(np.cross(ends[:, 1] - ends[:, 0], ends[:, 2] - ends[:, 0]), axis=1)
    rng = np.random.default_rng([seed, 0xF1E1D])
    chosen = rng.choice(len(faces), count, p=areas / areas.sum())
    a, b = rng.random((2, count, 1))
    root = np.sqrt(a)
    shares = np.concatenate([1 - root, root * (1 - b), root * b], 1)
    points = np.einsum("nk,nkc->nc", shares, ends[chosen])
    mixed = np.einsum("nk,nkc->nc", shares, colours[faces[chosen]].astype(np.float64))
    return points.astype(np.float32), mixed.round().astype(np.uint8)


def write_ply(
    path: Path, vertices: Floats, colours: NDArray[np.uint8], faces: NDArray[np.uint32] | None = None, *,
    origin: Triple = NOWHERE,
) -> None:  # fmt: skip
    """Points or a mesh with colours (N, 3) as binary PLY; `origin` is added, in double precision where it is any."""
    kind, said = ("<f8", "double") if any(origin) else ("<f4", "float")
    rows = np.empty(len(vertices), [(axis, kind) for axis in "xyz"] + [(name, "u1") for name in COLOURS])
    for at, axis in enumerate("xyz"):
        rows[axis] = vertices[:, at].astype(np.float64) + origin[at]
    for at, name in enumerate(COLOURS):
        rows[name] = colours[:, at] if at < 3 else 255
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
    header += [f"property {said} {axis}" for axis in "xyz"] + [f"property uchar {name}" for name in COLOURS]
    corners = np.empty(0 if faces is None else len(faces), [("count", "u1"), ("corners", "<u4", 3)])
    if faces is not None:
        header += [f"element face {len(faces)}", "property list uchar uint vertex_indices"]
        corners["count"], corners["corners"] = 3, faces
    path.write_bytes("\n".join([*header, "end_header", ""]).encode() + rows.tobytes() + corners.tobytes())
