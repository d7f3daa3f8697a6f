"""Pictures of radiance fields: rays, what lies along them, empty space that is passed over, normals.

A ray is r(t) = o + t · d with |d| = 1, between where it enters the field's box and where it leaves it (or where it
began, inside). Of S equal pieces with densities σ_i: a_i = 1 − exp(−σ_i · Δ), T_i = Π_{j<i} (1 − a_j),
C = Σ T_i · a_i · c_i + T_end · background (NeRF, eq. 3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from workbench.core.scenes import Lens, Placement, Viewpoint
from workbench.engine.scenes.blending import runs_beside
from workbench.engine.scenes.fields import Field

LEAST_WEIGHT = 1e-4
"""Colours of samples that add less are not worked out."""
STOP_AT = 1e-3
"""Light that is left over when a ray ends early, where nothing is learned from it."""
SLAB = 24
"""Samples of a ray between two looks at whether it ends."""
CHUNK, GPU_CHUNK = 1 << 18, 1 << 22
"""Samples held in memory at once while a picture is made, and on a GPU."""
OPAQUE = 20.0
"""Optical depths of single samples end here: they let 2e-9 of the light through, which a float32 cannot tell from 0."""
NEAREST = 1e-3
"""Rays begin so far from the camera, as a share of the box's longest side."""


class Rays(NamedTuple):
    """Origins and unit directions (R, 3), and what a distance is multiplied with to lie along the view axis (R,)."""

    origins: Tensor
    directions: Tensor
    forward: Tensor


class Rendered(NamedTuple):
    """Colours (R, 3), expected distances along the ray (R,), and how much of the light ended in the field (R,).

    A distance is infinite where nothing lies on the ray.
    """

    rgb: Tensor
    depth: Tensor
    alpha: Tensor


# Rays -----------------------------------------------------------------------------------------


def pixel_rays(pose: Tensor, lens: Lens, columns: Tensor, rows: Tensor) -> Rays:
    """Rays through pixel positions (R,) of one camera: pose (4, 4) or of a camera each: (R, 4, 4).

    Positions count from the outer corner of the first pixel, whose centre is (0.5, 0.5). The lens must not distort.
    """
    return camera_rays(pose, (columns - lens.cx) / lens.fx, (rows - lens.cy) / lens.fy)


def camera_rays(pose: Tensor, right: Tensor, down: Tensor) -> Rays:
    """Rays through points (R,) of the plane at distance one: OpenGL cameras, x right, y up, looking along −z."""
    local = torch.stack([right, -down, -torch.ones_like(right)], -1)
    # Not a matrix product: a GPU may work those out in fewer bits, and rays would miss their pixels.
    turned = (pose[..., :3, :3] * local[..., None, :]).sum(-1)
    length = turned.norm(dim=-1)
    return Rays(pose[..., :3, 3].expand_as(turned), turned / length[:, None], 1 / length)


def lens_rays(pose: Placement, lens: Lens) -> Rays:
    """A ray for each pixel of a photograph, row by row."""
    rows, columns = torch.meshgrid(torch.arange(lens.height) + 0.5, torch.arange(lens.width) + 0.5, indexing="ij")
    return pixel_rays(torch.tensor(pose, dtype=torch.float32).reshape(4, 4), lens, columns.flatten(), rows.flatten())


def view_rays(view: Viewpoint, width: int, height: int) -> Rays:
    """A ray for each pixel of what a person looks at, row by row; parallel ones where the view is orthographic."""
    pose = torch.tensor(view.pose, dtype=torch.float32).reshape(4, 4)
    rows, columns = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    right, down = columns.flatten() - width / 2, rows.flatten() - height / 2
    if not view.orthographic:
        scale = 2 * math.tan(math.radians(view.height_deg) / 2) / height
        return camera_rays(pose, right * scale, down * scale)
    scale = view.height / height
    across = right[:, None] * pose[:3, 0] - down[:, None] * pose[:3, 1]
    ahead = (-pose[:3, 2]).expand(len(right), 3)
    return Rays(pose[:3, 3] + across * scale, ahead, torch.ones(len(right)))


def through_box(field: Field, rays: Rays, *, behind: bool = False) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave the field's box (R,) each, as distances; the two are equal where they miss it.

    `behind` keeps what lies behind the origin, for parallel rays.
    """
    inverse = 1 / torch.where(rays.directions.abs() < 1e-9, torch.full_like(rays.directions, 1e-9), rays.directions)
    one, other = (field.low - rays.origins) * inverse, (field.high - rays.origins) * inverse
    near = torch.minimum(one, other).amax(1)
    far = torch.maximum(one, other).amin(1)
    if not behind:
        near = near.clamp(min=NEAREST * field.longest)
    return near, torch.maximum(near, far)


# Empty space ----------------------------------------------------------------------------------


class Occupancy:
    """Which cells of the box hold anything: densities at chance places in each cell, remembered and fading.

    A cell counts as filled, with its neighbours, while a ray through it would lose more than `threshold` of its light
    (paper 09 A; Instant NGP, sec. E.2). Until the first look everything is.
    """

    FADE = 0.95

    def __init__(self, field: Field, cells: int = 64, threshold: float = 1e-3) -> None:
        size = (field.high - field.low).tolist()
        counts = [max(1, math.ceil(cells * one / max(size))) for one in size]
        self.shape = (counts[0], counts[1], counts[2])
        self.threshold, self.edge = threshold, max(size) / cells
        device = field.low.device
        self.optical = torch.zeros(self.shape, device=device)
        self.filled = torch.ones(self.shape, dtype=torch.bool, device=device)
        self.looked = False
        self._scale = torch.tensor(self.shape, device=device, dtype=torch.float32) / (field.high - field.low)
        self._low = field.low

    @torch.no_grad()
    def look(self, field: Field, chance: torch.Generator, *, part: int = 0, parts: int = 1) -> None:
        """Look at the field as it is now, in one of `parts` of the cells that lie scattered; the first time in all."""
        part, parts = (part % parts, parts) if self.looked else (0, 1)
        _, b, c = self.shape
        cells = torch.arange(part, self.optical.numel(), parts, device=chance.device)
        found = []
        for some in torch.split(cells, CHUNK):
            places = torch.stack([some // (b * c), some // c % b, some % c], 1)
            moved = places + torch.rand(places.shape, generator=chance, device=chance.device)
            found.append(field.density(moved.to(self._low.device) / self._scale + self._low))
        optical = self.optical.view(-1)[part::parts]
        optical.copy_(torch.maximum(optical * self.FADE, torch.cat(found) * self.edge))
        self.looked = True
        self.settle()

    def forget(self) -> None:
        """Take everything for filled again, until the next look."""
        self.looked = False
        self.optical.zero_()
        self.filled.fill_(True)

    def settle(self) -> None:
        """Work out which cells are filled from what was seen."""
        full = (self.optical > -math.log(1 - self.threshold)).float()
        self.filled = torch.nn.functional.max_pool3d(full[None, None], 3, stride=1, padding=1)[0, 0] > 0

    def at(self, points: Tensor) -> Tensor:
        """Whether points (…, 3) lie in filled cells."""
        x, y, z = ((points - self._low) * self._scale).long().unbind(-1)
        a, b, c = self.shape
        index = (x.clamp(0, a - 1) * b + y.clamp(0, b - 1)) * c + z.clamp(0, c - 1)
        return self.filled.view(-1)[index]


# Rendering ------------------------------------------------------------------------------------


def rendered(  # noqa: PLR0917
    field: Field, origins: Tensor, directions: Tensor, near: Tensor, far: Tensor, samples: int,
    background: Tensor | None = None, *, occupancy: Occupancy | None = None, jitter: Tensor | None = None,
) -> Rendered:  # fmt: skip
    """What rays (R, 3) see between `near` and `far` (R,); `jitter` (R, samples) from 0 to 1 places samples in their
    pieces, the middle without it.

    `background` is (3,) or (R, 3); None goes on with the colour of the last piece of the ray, wherever that is. Where
    no gradient is asked for rays end early, within STOP_AT of what they would have seen.
    """
    step = (far - near) / samples
    places = torch.arange(samples, device=near.device) + (0.5 if jitter is None else jitter)
    rays = Rays(origins, directions, far)
    if torch.is_grad_enabled():
        found = _slab(field, rays, near[:, None] + step[:, None] * places, step, occupancy)
    else:
        found = _marched(field, rays, near, step, places=places, occupancy=occupancy)
    return _ended(field, rays, found, background)


class Learned(NamedTuple):
    """What rays saw; how far that is spread along each (R,), 0 where nobody asked; how many samples counted (R,)."""

    seen: Rendered
    apart: Tensor
    counts: Tensor


def learned(
    field: Field, rays: Rays, samples: int, background: Tensor | None, *, occupancy: Occupancy | None, jitter: Tensor,
    far_enough: float, room: int = 0, spreads: bool = True,
) -> Learned:  # fmt: skip
    """What rays see, to learn from.

    With `room` (0: as much as is needed) so many samples are worked out, whatever there are, and nothing waits for the
    device; rays whose samples found no room (`counts`, added up, go beyond it) were not seen to their end.

    Gradients of samples nearer to the camera than `far_enough` are made smaller by the square of their distance: near
    a camera samples of its rays lie close together, and would put there what only this camera sees (Philip and
    Deschaintre, EGSR 2023, eq. 4).
    """
    near, far = through_box(field, rays)
    step = (far - near) / samples
    places = torch.arange(samples, device=near.device) + jitter
    distances = near[:, None] + step[:, None] * places
    calm = (distances / far_enough).square().clamp(max=1) if far_enough > 0 else None
    found = _slab(field, rays, distances, step, occupancy, calm=calm, room=room)
    apart = (spread(found.weights, distances / field.longest, step / field.longest) if spreads
             else torch.zeros_like(step))  # fmt: skip
    seen = _ended(field, Rays(rays.origins, rays.directions, far), found, background)
    return Learned(seen, apart, found.counts)


def spread(weights: Tensor, distances: Tensor, step: Tensor) -> Tensor:
    """Mean distances (R,) of two looks along a ray (Mip-NeRF 360, eq. 15); weights, distances (R, S), step (R,)."""
    before = torch.cumsum(weights, 1) - weights
    reach = torch.cumsum(weights * distances, 1) - weights * distances
    pairs = 2 * (weights * (distances * before - reach)).sum(1)
    return pairs + weights.square().sum(1) * step / 3


class _Found(NamedTuple):
    """Colour (R, 3), weighted distance (R,), light that is left (R,); weights (R, S), samples that counted (R,)."""

    rgb: Tensor
    reach: Tensor
    left: Tensor
    weights: Tensor
    counts: Tensor


def _ended(field: Field, ends: Rays, found: _Found, background: Tensor | None) -> Rendered:
    """With what lies behind; `ends.forward` are distances at which rays leave the box."""
    alpha = 1 - found.left
    depth = torch.where(alpha > 1e-3, found.reach / alpha.clamp(min=1e-3), torch.inf)
    if background is None:
        background = field.colour(ends.origins + ends.directions * ends.forward[:, None], ends.directions)
    return Rendered(found.rgb + found.left[:, None] * background, depth, alpha)


class _Calmed(torch.autograd.Function):
    """Values (N,) or (N, C) whose gradients are multiplied with a factor (N,)."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,), (factor,) = grads, ctx.saved_tensors
        return grad * (factor if grad.dim() == 1 else factor[:, None]), None


def _calmed(values: Tensor, factor: Tensor) -> Tensor:
    found: Tensor = _Calmed.apply(values, factor)  # type: ignore[no-untyped-call]
    return found


def _slab(
    field: Field, rays: Rays, distances: Tensor, step: Tensor, occupancy: Occupancy | None, *,
    light: Tensor | None = None, calm: Tensor | None = None, room: int = 0,
) -> _Found:  # fmt: skip
    """Samples at `distances` (R, S) of rays that have `light` (R,) left; `calm` (R, S) makes gradients smaller."""
    origins, directions, _ = rays
    count, samples = distances.shape
    light = torch.ones_like(step) if light is None else light
    points = origins[:, None] + directions[:, None] * distances[..., None]
    there = (step > 0)[:, None].expand(count, samples)
    if occupancy is not None:
        there = there & occupancy.at(points)
    counts = there.sum(1)
    index, into = _picked(there.reshape(-1), room)
    if not len(index):
        return _Found(torch.zeros_like(origins), torch.zeros_like(light), light, torch.zeros_like(distances), counts)
    ray = torch.div(index, samples, rounding_mode="floor")
    picked = points.view(-1, 3)[index]
    density, features = field.seen(picked)
    if calm is not None:
        density = _calmed(density, calm.view(-1)[index])
    depths = (density * step[ray]).clamp(max=OPAQUE)
    # One place more than there are samples: what was picked to fill up the room goes there.
    optical = torch.zeros(count * samples + 1, device=light.device).scatter(0, into, depths)[:-1].view(count, samples)
    behind = torch.cumsum(optical, 1)
    weights = -torch.expm1(-optical) * torch.exp(optical - behind) * light[:, None]
    if room:
        share = torch.cat([weights.view(-1), weights.new_zeros(1)]).index_select(0, into)
    else:
        seen = (weights.detach().view(-1)[index] > LEAST_WEIGHT).nonzero()[:, 0]
        features = None if features is None else features.index_select(0, seen)
        index, picked, ray = index[seen], picked[seen], ray[seen]
        share = weights.view(-1).index_select(0, index)
    colours = field.coloured(features, picked, directions[ray])
    if calm is not None:
        colours = _calmed(colours, calm.view(-1)[index])
    rgb = torch.zeros_like(origins).index_add(0, ray, colours * share[:, None])
    return _Found(rgb, (weights * distances).sum(1), light * torch.exp(-behind[:, -1]), weights, counts)


def _picked(there: Tensor, room: int) -> tuple[Tensor, Tensor]:
    """Which of (N,) samples are there (K,), and the places that they write to (K,).

    With `room` there are exactly so many, found without waiting for the device: those that fill it up, any others, all
    write to place N.
    """
    if not room:
        index = there.nonzero()[:, 0]
        return index, index
    found = torch.nonzero_static(there, size=room, fill_value=-1)[:, 0]
    # Not all the same: gradients that go to one row wait for each other.
    index = torch.where(found >= 0, found, torch.arange(room, device=there.device) % len(there))
    return index, torch.where(found >= 0, found, len(there))


def _marched(
    field: Field, rays: Rays, near: Tensor, step: Tensor, *, places: Tensor, occupancy: Occupancy | None
) -> _Found:  # fmt: skip
    """As `_slab`, in slabs from front to back; a ray that has lost its light is not followed further."""
    rgb, reach, light = torch.zeros_like(rays.origins), torch.zeros_like(near), torch.ones_like(near)
    alive = (step > 0).nonzero()[:, 0]
    for part in torch.split(places, SLAB, dim=-1):
        if not len(alive):
            break
        rows = part if part.dim() == 1 else part[alive]
        distances = near[alive, None] + step[alive, None] * rows
        some = Rays(*(one[alive] for one in rays))
        one = _slab(field, some, distances, step[alive], occupancy, light=light[alive])
        rgb[alive] += one.rgb
        reach[alive] += one.reach
        light[alive] = one.left
        alive = alive[light[alive] > STOP_AT]
    return _Found(rgb, reach, light, torch.empty(0), torch.empty(0))


@torch.no_grad()
def in_parts(
    field: Field, rays: Rays, samples: int, background: Tensor | None, *, occupancy: Occupancy | None = None,
    behind: bool = False, chunk: int = 0,
) -> Iterator[Rendered]:  # fmt: skip
    """A picture's rays, part after part, so that memory stays bounded and whoever asks may stop."""
    chunk = chunk or (GPU_CHUNK if runs_beside(field.low.device) else CHUNK)
    count = max(1, chunk // samples)
    for at in range(0, len(rays.origins), count):
        some = Rays(*(one[at : at + count].to(field.low.device) for one in rays))
        near, far = through_box(field, some, behind=behind)
        yield rendered(field, some.origins, some.directions, near, far, samples, background, occupancy=occupancy)


def pictured(
    field: Field, rays: Rays, samples: int, background: Tensor | None, *, occupancy: Occupancy | None = None,
    behind: bool = False,
) -> Rendered:  # fmt: skip
    """All rays of a picture; see in_parts for one that can be stopped."""
    parts = list(in_parts(field, rays, samples, background, occupancy=occupancy, behind=behind))
    return Rendered(*(torch.cat([one[at].cpu() for one in parts]) for at in range(3)))


@torch.no_grad()
def normals(field: Field, rays: Rays, depth: Tensor, *, step: float = 0.0) -> Tensor:
    """Directions (R, 3) in which the field thins out most where rays end; zero where they end nowhere.

    Opacities over `step` (a twenty-seventh of the box's longest side, where none is given) that far away in twelve
    directions, added up: densities themselves differ so much that the largest alone would decide.
    """
    reach = step or field.longest / 27
    hit = torch.isfinite(depth).nonzero()[:, 0]
    found = torch.zeros_like(rays.directions)
    points = rays.origins[hit] + rays.directions[hit] * depth[hit, None]
    around = _icosahedron().to(points.device)
    for some, at in zip(torch.split(points, CHUNK // 12), torch.split(hit, CHUNK // 12), strict=True):
        slope = torch.zeros_like(some)
        for one in around:
            density = field.density((some + reach * one).to(field.low.device)).to(some.device)
            slope += torch.expm1(-density * reach)[:, None] * one
        found[at] = slope / slope.norm(dim=1, keepdim=True).clamp(min=1e-9)
    return found


def _icosahedron() -> Tensor:
    """The directions (12, 3) of an icosahedron's corners."""
    golden = (1 + math.sqrt(5)) / 2
    first = [(0.0, one, other) for one in (-1.0, 1.0) for other in (-golden, golden)]
    every: Tensor = torch.tensor([one[at:] + one[:at] for one in first for at in range(3)])
    return torch.nn.functional.normalize(every, dim=1)
