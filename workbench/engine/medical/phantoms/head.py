"""A head in three MR contrasts with one tumour in one hemisphere, and bright blobs in both.

A subject is a slab of neighbouring axial slices. Skull, cortex, white matter and ventricles are
warped ellipsoids and folds of smooth noise, the same left and right up to the warp. The tumour
(core, enhancing ring, oedema) lies on one side. Distractors are as bright as its oedema but come in
mirrored pairs, so what tells them apart is the other hemisphere, not their look. Lengths are mm.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from workbench.core.volumes import Geometry, Label, Triple, VolumeMeta
from workbench.engine.medical.phantoms import shapes
from workbench.engine.medical.phantoms.shapes import Coordinates, Floats

FIELD_OF_VIEW_MM = 192.0
CONTRASTS = ("T1", "FLAIR", "T1 post-contrast")
CORE, OEDEMA, RING = 1, 2, 4
"""BraTS' numbers: 3 is not used there."""
LABELS = (
    Label(CORE, "Tumour core", "#E69F00"),
    Label(OEDEMA, "Oedema", "#56B4E9"),
    Label(RING, "Enhancing ring", "#D55E00"),
)

# What each tissue shows in T1, FLAIR and T1 after contrast, as a share of the brightest.
_FAT = (0.85, 0.55, 0.88)
_BONE = (0.10, 0.08, 0.10)
_FLUID = (0.18, 0.12, 0.18)
_GREY = (0.48, 0.55, 0.50)
_WHITE = (0.66, 0.43, 0.68)
_OEDEMA = (0.40, 0.78, 0.42)
_CORE = (0.30, 0.50, 0.28)
_RING = (0.46, 0.68, 0.92)
_HEAD_MM = (80.0, 85.0, 69.0)
"""Radii of the head along z, y, x."""


@dataclasses.dataclass(frozen=True)
class HeadPlan:
    """How heads are made; the defaults are the recipe's desk size.

    `tumour_mm` bounds the tumour's radius (drawn log-uniformly), `noise` the Rician noise as a share
    of the brightest tissue, `pairs` how many pairs of distractors there are.
    """

    size: int = 96
    slices: int = 8
    thickness_mm: float = 4.0
    tumour_mm: tuple[float, float] = (10.0, 40.0)
    noise: tuple[float, float] = (0.03, 0.08)
    bias: float = 0.15
    tilt: float = 0.12
    warp_mm: float = 2.5
    pairs: tuple[int, int] = (1, 3)

    @property
    def spacing_mm(self) -> Triple:
        """Along x, y, z, as Geometry has it."""
        return (FIELD_OF_VIEW_MM / self.size, FIELD_OF_VIEW_MM / self.size, self.thickness_mm)


@dataclasses.dataclass(frozen=True)
class Head:
    """One subject: images (3, z, y, x) float32, labels (z, y, x) uint8, distractors (z, y, x) bool.

    `side` is −1 for a tumour in the right hemisphere (x grows to the left) and 1 for the left one.
    """

    name: str
    images: Floats
    labels: NDArray[np.uint8]
    distractors: NDArray[np.bool_]
    meta: VolumeMeta
    side: int
    radius_mm: float


def make_head(seed: int | tuple[int, ...], plan: HeadPlan | None = None, *, name: str = "") -> Head:
    """The head of a seed; the same seed and plan always give the same voxels."""
    plan = plan or HeadPlan()
    rng = np.random.default_rng(seed)
    shape = (plan.slices, plan.size, plan.size)
    at = _own_frame(rng, plan, shape)
    tissue = np.zeros((3, *shape), np.float32)
    _anatomy(rng, tissue, at)
    tumour = _plan_tumour(rng, at, plan)
    distractors = _distract(rng, tissue, at, plan, away=tumour)
    labels = _grow(rng, tissue, at, tumour)
    images = np.stack([_scan(rng, one, plan) for one in tissue])
    x, y, z = plan.spacing_mm
    origin = (-(plan.size - 1) / 2 * x, -(plan.size - 1) / 2 * y, -(plan.slices - 1) / 2 * z)
    meta = VolumeMeta(Geometry(plan.spacing_mm, origin), "MR", labels=LABELS, title=name)
    return Head(name, images, labels, distractors & (labels == 0), meta, tumour.side, tumour.radius)


def _own_frame(rng: np.random.Generator, plan: HeadPlan, shape: tuple[int, ...]) -> Coordinates:
    """Coordinates in the head's own frame, x = 0 its midline: tilted, moved, scaled and warped in the scanner."""
    x, y, z = plan.spacing_mm
    at = shapes.grid(shape, (z, y, x))
    angle = plan.tilt * float(rng.uniform(-1, 1))
    move = rng.uniform(-1, 1, 2) * (4.0 if plan.tilt else 0.0)
    scale = np.exp(rng.uniform(-0.06, 0.06, 2)) if plan.tilt else np.ones(2)
    turned = shapes.rotation((angle,))
    flat = [one - np.float32(step) for one, step in zip(at[1:], move, strict=True)]
    own = [np.float32(turned[0, k]) * flat[0] + np.float32(turned[1, k]) * flat[1] for k in range(2)]
    level = np.float32(rng.uniform(-15, 25))
    flat = [one * np.float32(factor) for one, factor in zip(own, scale, strict=True)]
    # Bent within slices only: across them a pair of distractors would be torn apart.
    if plan.warp_mm:
        flat = list(shapes.displaced(tuple(flat), rng, amplitude=plan.warp_mm, cells=3))
    return (at[0] + level, *flat)


def _lay(tissue: Floats, share: Floats, values: tuple[float, float, float]) -> None:
    for image, value in zip(tissue, values, strict=True):
        shapes.paint(image, share, value)


def _anatomy(rng: np.random.Generator, tissue: Floats, at: Coordinates) -> None:
    """Scalp, bone, fluid, grey and white matter, ventricles and the falx."""
    head = shapes.superellipsoid(at, (0, 0, 0), _HEAD_MM, power=2.2)
    for inward, values in ((0.0, _FAT), (5.0, _BONE), (11.0, _FLUID)):
        _lay(tissue, shapes.coverage(head - np.float32(inward), 2.0), values)
    brain = head - np.float32(13.0)
    # One fold pattern serves both sides; each side adds a little of its own.
    both = shapes.low_frequency(rng, brain.shape, 9)
    own = np.float32(0.4) * shapes.low_frequency(rng, brain.shape, 9)
    folds: Floats = np.float32(0.45) * (both + both[:, :, ::-1]) + own
    sulci: Floats = np.minimum(folds, np.float32(0)) * np.float32(2.0)
    inside = shapes.coverage(brain + sulci, 3.0)
    _lay(tissue, inside, _GREY)
    white = shapes.coverage(brain - np.float32(8.0) + np.float32(7.0) * folds, 3.0)
    _lay(tissue, white, _WHITE)
    texture = shapes.texture(rng, brain.shape, 8)
    tissue += inside * texture * np.float32(0.02)
    width, length = rng.uniform(5, 10), rng.uniform(20, 30)
    for side in (-1, 1):
        horn = shapes.superellipsoid(
            at, (5, -2, side * (width + 3)), (26, length, width), turned=shapes.rotation((side * 0.2, 0, 0))
        )
        _lay(tissue, shapes.coverage(horn, 2.5), _FLUID)
    falx = np.minimum(np.float32(1.2) - np.abs(at[2]), np.abs(at[1]) - np.float32(32))
    _lay(tissue, shapes.coverage(np.minimum(falx, brain + 4), 2.0) * np.float32(0.8), _FLUID)


def _place(rng: np.random.Generator, margin: float) -> tuple[float, float]:
    """A place (y, |x|) in one hemisphere at least about `margin` inside the brain and off the midline."""
    long, wide = _HEAD_MM[1] - 17 - margin * 0.6, _HEAD_MM[2] - 17 - margin * 0.6
    while True:
        y, x = rng.uniform(-long, long), rng.uniform(7 + margin * 0.45, max(wide, 8 + margin * 0.45))
        if (y / long) ** 2 + (x / max(wide, x)) ** 2 <= 1:
            return float(y), float(x)


def _blob(rng: np.random.Generator, at: Coordinates, centre: tuple[float, ...], radius: float) -> Floats:
    """The level of an ellipsoid, turned within its slices."""
    radii = radius * np.exp(rng.uniform(-0.25, 0.25, 3))
    turned = shapes.rotation((float(rng.uniform(-np.pi, np.pi)), 0.0, 0.0))
    return shapes.superellipsoid(at, centre, tuple(radii), turned=turned)


@dataclasses.dataclass(frozen=True)
class _Tumour:
    centre: tuple[float, float, float]
    radius: float
    side: int


def _plan_tumour(rng: np.random.Generator, at: Coordinates, plan: HeadPlan) -> _Tumour:
    radius = float(np.exp(rng.uniform(*np.log(plan.tumour_mm))))
    side = 1 if rng.random() < 0.5 else -1
    y, x = _place(rng, radius)
    z = float(at[0].mean()) + float(rng.uniform(-0.35, 0.35)) * plan.thickness_mm * plan.slices
    return _Tumour((z, y, side * x), radius, side)


def _distract(
    rng: np.random.Generator, tissue: Floats, at: Coordinates, plan: HeadPlan, *, away: _Tumour
) -> NDArray[np.bool_]:
    """Pairs of bright blobs at mirrored places clear of the tumour, which would hide one of two; returns where.

    A pair that finds no such place within twenty tries is left out.
    """
    found = np.zeros(tissue.shape[1:], bool)
    middle = float(at[0].mean())
    mirrored = (at[0], at[1], -at[2])
    _, there_y, there_x = away.centre
    for _ in range(int(rng.integers(plan.pairs[0], plan.pairs[1] + 1))):
        radius = float(np.exp(rng.uniform(np.log(5.0), np.log(14.0))))
        places = [_place(rng, radius) for _ in range(20)]
        clear = [at for at in places if np.hypot(at[0] - there_y, at[1] - abs(there_x)) > 1.2 * (radius + away.radius)]
        z = middle + float(rng.uniform(-1, 1)) * plan.thickness_mm * plan.slices / 2
        values, seed = _brightness(rng), int(rng.integers(2**63))
        for one in (at, mirrored) if clear else ():
            # The same chance twice, so that the far side's blob is the near side's mirror image.
            share = shapes.coverage(_blob(np.random.default_rng(seed), one, (z, *clear[0]), radius), 3.0)
            _lay(tissue, share, values)
            found |= share > 0.5
    return found


def _brightness(rng: np.random.Generator) -> tuple[float, float, float]:
    """A distractor's look: oedema, or with contrast agent in it as the ring has."""
    mix = float(rng.uniform(0, 1)) if rng.random() < 0.5 else 0.0
    values = [(1 - mix) * a + mix * b + float(rng.normal(0, 0.03)) for a, b in zip(_OEDEMA, _RING, strict=True)]
    return values[0], values[1], values[2]


def _grow(rng: np.random.Generator, tissue: Floats, at: Coordinates, tumour: _Tumour) -> NDArray[np.uint8]:
    """Oedema, in it a ring, in that the core, with a bumpy surface; returns their labels."""
    radius = tumour.radius
    level = _blob(rng, at, tumour.centre, radius)
    level += np.float32(0.12 * radius) * shapes.low_frequency(rng, level.shape, 7)
    head = shapes.superellipsoid(at, (0, 0, 0), _HEAD_MM, power=2.2)
    level = np.minimum(level, head - np.float32(13.0))
    # A tumour pushes the midline but does not cross it: it is one hemisphere's.
    level = np.minimum(level, np.float32(tumour.side) * at[2] - np.float32(1.0))
    inner = level - np.float32(radius * rng.uniform(0.25, 0.45))
    core = inner - np.float32(max(1.5, radius * rng.uniform(0.1, 0.2)))
    strength = 1 + float(rng.normal(0, 0.06))
    labels = np.zeros(level.shape, np.uint8)
    for one, values, number in ((level, _OEDEMA, OEDEMA), (inner, _RING, RING), (core, _CORE, CORE)):
        share = shapes.coverage(one, 3.0)
        _lay(tissue, share, (values[0], values[1] * strength, values[2]))
        labels[share > 0.5] = number
    return labels


def _scan(rng: np.random.Generator, tissue: Floats, plan: HeadPlan) -> Floats:
    """The tissue as a scanner gives it: gain, coil shading, Rician noise; values about 0 to 1000."""
    gain = np.float32(np.exp(rng.uniform(-0.2, 0.2)))
    shaded = tissue * shapes.bias_field(rng, tissue.shape, strength=plan.bias) * gain
    return shapes.rician(rng, shaded, float(rng.uniform(*plan.noise))) * np.float32(1000)
