"""Radiance fields: density and colour of every point of a box, learned from photographs.

Three of them, one protocol: a grid of voxels (after DVGO: Sun et al., CVPR 2022), a multiresolution hash grid (Instant
NGP: Müller et al., SIGGRAPH 2022) and the plain network that both are compared with (NeRF: Mildenhall et al., ECCV
2020). Densities are optical depth per unit of length, so that a field does not depend on the samples of a ray.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from workbench.core.problem import KnownTrouble
from workbench.core.scenes import NOWHERE
from workbench.core.volumes import Triple
from workbench.engine.scenes.blending import blend, constant, corners, hashed_corners

FieldKind = Literal["voxels", "hash", "plain"]
WEIGHTS, FACTS = "field.safetensors", "field.json"
MOST_LOG = 12.0
"""Densities of exp activations stop growing here: beyond it a gradient is not a number."""


class FieldFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a field is built from; `field.json` of a model folder.

    `side` is a voxel grid's longest side; `levels`, `table_log2`, `finest` are a hash grid's; `width`, `depth`
    and `octaves` (of positions) a plain network's. `view_dependent` voxels have 12 features and a small network instead
    of a colour. `origin` was taken off the coordinates of the photographs: the field's own are the rest.
    """

    kind: FieldKind
    low: Triple
    high: Triple
    side: int = 96
    view_dependent: bool = False
    levels: int = 8
    table_log2: int = 14
    finest: int = 512
    width: int = 64
    depth: int = 4
    octaves: int = 6
    origin: Triple = NOWHERE


class Field(nn.Module):
    """Density and colour inside a box; points (N, 3) are in scene units, directions (N, 3) have length one."""

    low: Tensor
    high: Tensor
    is_wide = False
    """Whether it spends its time in wide matrix products, which bf16 makes faster on a GPU."""

    def __init__(self, low: Triple, high: Triple) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32))
        self.register_buffer("high", torch.tensor(high, dtype=torch.float32))
        self.longest = max(b - a for a, b in zip(low, high, strict=True))
        """The box's longest side."""
        self.origin: Triple = NOWHERE
        """As FieldFacts has it."""

    def seen(self, points: Tensor) -> tuple[Tensor, Tensor | None]:
        """Densities (N,) per unit of length, and what colours are made of (N, F) where both have it in common."""
        raise NotImplementedError

    def coloured(self, features: Tensor | None, points: Tensor, directions: Tensor) -> Tensor:
        """Colours (N, 3) from 0 to 1 of points whose features `seen` gave."""
        raise NotImplementedError

    def density(self, points: Tensor) -> Tensor:
        """Densities (N,) per unit of length."""
        return self.seen(points)[0]

    def colour(self, points: Tensor, directions: Tensor) -> Tensor:
        """Colours (N, 3) from 0 to 1 as seen along directions."""
        return self.coloured(self.seen(points)[1], points, directions)

    def groups(self) -> list[dict[str, Any]]:
        """The optimizer's groups with their step sizes, as the papers have them."""
        raise NotImplementedError

    @property
    def facts(self) -> FieldFacts:
        """What it is built from."""
        raise NotImplementedError

    def inside(self, points: Tensor) -> Tensor:
        """Points as shares of the box, 0 to 1 in each direction."""
        return ((points - self.low) / (self.high - self.low)).clamp(0, 1)

    def _box(self) -> tuple[Triple, Triple]:
        low, high = self.low.tolist(), self.high.tolist()
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def shape_of(low: Triple, high: Triple, side: int) -> tuple[int, int, int]:
    """Nodes of a grid with cubic voxels whose longest side has `side` of them; two at the least."""
    sides = [b - a for a, b in zip(low, high, strict=True)]
    x, y, z = (max(2, round(side * one / max(sides))) for one in sides)
    return x, y, z


class VoxelField(Field):
    """Density and colour at the nodes of a grid, trilinear in between (DVGO, eqs. 3–5).

    Density is softplus(v + b): the activation comes after the interpolation, which lets a surface run through a voxel;
    b is such that a ray loses one hundredth of its light in each voxel at first.
    """

    shape: tuple[int, int, int]

    def __init__(self, low: Triple, high: Triple, side: int, *, view_dependent: bool = False) -> None:
        super().__init__(low, high)
        self.unit = self.longest / 100
        self.view_dependent = view_dependent
        self._shape(shape_of(low, high, side))
        optical = -math.log(1 - 1e-2) * self.unit / (self.longest / side)
        self.register_buffer("shift", torch.tensor(math.log(math.expm1(optical))))
        count = math.prod(self.shape)
        self.density_grid = nn.Parameter(torch.zeros(count, 1))
        self.colour_grid = nn.Parameter(torch.zeros(count, 12 if view_dependent else 3))
        self.head = nn.Sequential(nn.Linear(12 + 27, 64), nn.ReLU(), nn.Linear(64, 3)) if view_dependent else None

    shift: Tensor

    def _shape(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape

    def seen(self, points: Tensor) -> tuple[Tensor, Tensor | None]:
        raw = blend(self.density_grid, *self._corners(points))[:, 0]
        return nn.functional.softplus(raw + self.shift) / self.unit, None

    def coloured(self, features: Tensor | None, points: Tensor, directions: Tensor) -> Tensor:
        found = blend(self.colour_grid, *self._corners(points))
        if self.head is not None:
            found = self.head(torch.cat([found, waves(directions, 4)], 1))
        return torch.sigmoid(found)

    def _corners(self, points: Tensor) -> tuple[Tensor, Tensor]:
        last = constant(tuple(float(one - 1) for one in self.shape), points.device)
        return corners(self.inside(points) * last, self.shape)

    @torch.no_grad()
    def grow(self, side: int) -> None:
        """Go on with a finer grid that means the same; whoever optimises begins anew with its parameters."""
        shape = shape_of(*self._box(), side)
        for name in ("density_grid", "colour_grid"):
            grid = getattr(self, name)
            block = grid.T.reshape(1, -1, *self.shape)
            finer = nn.functional.interpolate(block, shape, mode="trilinear", align_corners=True)
            # Written out row by row: a column that only looks like one takes another way through the kernels.
            rows = torch.empty(math.prod(shape), grid.shape[1], device=grid.device)
            setattr(self, name, nn.Parameter(rows.copy_(finer.reshape(grid.shape[1], -1).T)))
        self._shape(shape)

    def roughness_gradient(self, density: float, colour: float) -> None:
        """Add the gradient of the total variation, weighted, to the parameters' own (as DVGO's code does).

        Half of neighbours' squared differences where these are below one, their amount beyond (Huber's), summed over
        the grid; the gradient of that is known, and far cheaper than going back through it.
        """
        for grid, weight in ((self.density_grid, density), (self.colour_grid, colour)):
            if weight > 0 and grid.grad is not None:
                block, into = grid.detach().view(*self.shape, -1), grid.grad.view(*self.shape, -1)
                for axis in range(3):
                    steps = block.diff(dim=axis).clamp_(-1, 1).mul_(weight)
                    into.narrow(axis, 1, self.shape[axis] - 1).add_(steps)
                    into.narrow(axis, 0, self.shape[axis] - 1).sub_(steps)

    def groups(self) -> list[dict[str, Any]]:
        # Four times DVGO's 0.1, with which haze stays in the air for thousands of steps.
        found: list[dict[str, Any]] = [{"params": [self.density_grid, self.colour_grid], "lr": 0.4}]
        return found if self.head is None else [*found, {"params": list(self.head.parameters()), "lr": 1e-3}]

    @property
    def facts(self) -> FieldFacts:
        low, high = self._box()
        return FieldFacts("voxels", low, high, side=max(self.shape), view_dependent=self.view_dependent,
                          origin=self.origin)  # fmt: skip


class HashField(Field):
    """Features in a hash table for each of several resolutions, and two small networks (Instant NGP, secs. 3–5).

    Resolutions grow by equal factors from 16 to `finest` along the longest side; a level whose nodes fit into the table
    is not hashed. Density is exp of the first of 16 outputs; colour sees the others and the direction (spherical
    harmonics of degree 4).
    """

    FEATURES = 2

    def __init__(self, low: Triple, high: Triple, *, levels: int, table_log2: int, finest: int) -> None:
        super().__init__(low, high)
        self.levels, self.table_log2, self.finest = levels, table_log2, finest
        growth = (finest / 16) ** (1 / max(levels - 1, 1))
        self.resolutions = [math.floor(16 * growth**level + 1e-6) for level in range(levels)]
        self.table = nn.Parameter(torch.empty(levels << table_log2, self.FEATURES).uniform_(-1e-4, 1e-4))
        self.density_head = nn.Sequential(nn.Linear(levels * self.FEATURES, 64), nn.ReLU(), nn.Linear(64, 16))
        self.colour_head = nn.Sequential(
            nn.Linear(15 + 16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)
        )

    def seen(self, points: Tensor) -> tuple[Tensor, Tensor | None]:
        at = (points - self.low).clamp(min=0) / self.longest
        index, weight = hashed_corners(at.clamp(max=1), self.resolutions, 1 << self.table_log2)
        found = blend(self.table, index.reshape(-1, 8), weight.reshape(-1, 8)).reshape(len(points), -1)
        told = self.density_head(found)
        return told[:, 0].clamp(max=MOST_LOG).exp() / self.longest, told[:, 1:]

    def coloured(self, features: Tensor | None, points: Tensor, directions: Tensor) -> Tensor:
        if features is None:
            raise ValueError("Colours of a hash field are made of what seen() found.")
        return torch.sigmoid(self.colour_head(torch.cat([features, harmonics(directions)], 1)))

    def groups(self) -> list[dict[str, Any]]:
        # The table is not decayed: most of its entries get no gradient in a step.
        heads = [*self.density_head.parameters(), *self.colour_head.parameters()]
        common: dict[str, Any] = {"lr": 1e-2, "betas": (0.9, 0.99), "eps": 1e-15}
        return [{"params": [self.table], **common}, {"params": heads, "weight_decay": 1e-6, **common}]

    @property
    def facts(self) -> FieldFacts:
        low, high = self._box()
        return FieldFacts("hash", low, high, levels=self.levels, table_log2=self.table_log2, finest=self.finest,
                          origin=self.origin)  # fmt: skip


class PlainField(Field):
    """A network of frequencies of the position, and nothing in space itself (NeRF, sec. 5.1): the baseline.

    Frequencies of positions (the paper's ten learn pictures of 64 pixels far more slowly than six), four of directions,
    the input again in the middle layer. Density is softplus in place of ReLU, which saves it from starts at which
    nothing is seen and nothing is learned.
    """

    is_wide = True

    def __init__(self, low: Triple, high: Triple, *, width: int, depth: int, octaves: int = 10) -> None:
        super().__init__(low, high)
        self.width, self.depth, self.octaves = width, depth, octaves
        self.skip = depth // 2
        inputs = 3 + 3 * 2 * octaves
        sizes = [inputs] + [width + (inputs if one == self.skip else 0) for one in range(1, depth)]
        self.layers = nn.ModuleList(nn.Linear(size, width) for size in sizes)
        self.dense = nn.Linear(width, 1)
        self.colours = nn.Sequential(nn.Linear(width + 27, width // 2), nn.ReLU(), nn.Linear(width // 2, 3))

    def seen(self, points: Tensor) -> tuple[Tensor, Tensor | None]:
        given = waves(2 * (points - self.low) / self.longest - 1, self.octaves)
        found = given
        for at, layer in enumerate(self.layers):
            found = torch.relu(layer(torch.cat([found, given], 1) if at == self.skip and at else found))
        raw = self.dense(found)[:, 0]
        return nn.functional.softplus(raw) * (10 / self.longest), found

    def coloured(self, features: Tensor | None, points: Tensor, directions: Tensor) -> Tensor:
        if features is None:
            raise ValueError("Colours of a plain field are made of what seen() found.")
        return torch.sigmoid(self.colours(torch.cat([features, waves(directions, 4)], 1)))

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.parameters()), "lr": 2e-3}]  # small networks bear four times NeRF's step size

    @property
    def facts(self) -> FieldFacts:
        low, high = self._box()
        return FieldFacts("plain", low, high, width=self.width, depth=self.depth, octaves=self.octaves,
                          origin=self.origin)  # fmt: skip


def waves(values: Tensor, octaves: int) -> Tensor:
    """Values (N, C) and the sines and cosines of π · 2^k times them, (N, C + 2 · C · octaves) (NeRF, eq. 4)."""
    scales = math.pi * 2.0 ** torch.arange(octaves, device=values.device)
    angles = (values[:, :, None] * scales).flatten(1)
    return torch.cat([values, angles.sin(), angles.cos()], 1)


def harmonics(directions: Tensor) -> Tensor:
    """Real spherical harmonics up to the third order of unit directions (N, 3), as (N, 16): degree 4 in Instant NGP."""
    x, y, z = directions.unbind(1)
    xx, yy, zz = x * x, y * y, z * z
    return torch.stack(
        [
            torch.full_like(x, 0.28209479), -0.48860251 * y, 0.48860251 * z, -0.48860251 * x,
            1.09254843 * x * y, -1.09254843 * y * z, 0.31539157 * (3 * zz - 1), -1.09254843 * x * z,
            0.54627421 * (xx - yy), 0.59004359 * y * (yy - 3 * xx), 2.89061144 * x * y * z,
            0.45704579 * y * (1 - 5 * zz), 0.37317633 * z * (5 * zz - 3), 0.45704579 * x * (1 - 5 * zz),
            1.44530572 * z * (xx - yy), 0.59004359 * x * (3 * yy - xx),
        ],
        1,
    )  # fmt: skip


# Making, keeping ------------------------------------------------------------------------------


def made(facts: FieldFacts) -> Field:
    """A new field; its first weights come from torch's source of chance."""
    field = _of_kind(facts)
    field.origin = facts.origin
    return field


def _of_kind(facts: FieldFacts) -> Field:
    match facts.kind:
        case "voxels":
            return VoxelField(facts.low, facts.high, facts.side, view_dependent=facts.view_dependent)
        case "hash":
            return HashField(facts.low, facts.high, levels=facts.levels, table_log2=facts.table_log2,
                             finest=facts.finest)  # fmt: skip
        case _:
            return PlainField(facts.low, facts.high, width=facts.width, depth=facts.depth, octaves=facts.octaves)


def save(field: Field, folder: Path) -> None:
    """Write a field's weights and facts into a model folder."""
    tensors = {name: one.detach().cpu().contiguous() for name, one in field.state_dict().items()}
    save_file(tensors, folder / WEIGHTS)
    (folder / FACTS).write_bytes(msgspec.json.format(msgspec.json.encode(field.facts)))


def load(folder: Path) -> Field:
    """The field that a model folder holds, in eval mode; raises KnownTrouble where there is none or it is damaged."""
    try:
        field = made(msgspec.json.decode((folder / FACTS).read_bytes(), type=FieldFacts))
        field.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, msgspec.DecodeError, RuntimeError) as error:
        raise KnownTrouble(
            "The radiance field cannot be read.", expected=f"{FACTS} and {WEIGHTS} as a run wrote them",
            received=str(error)[:300], fix="Train the field again, or choose another model.", place=str(folder),
        ) from None  # fmt: skip
    return field.eval()
