"""What the click network learns on: structures in generated heads and torsos, and bodies painted into them.

Never asked for in training: the tumour's core, MR after contrast agent, spleen and aorta. They stand for the structure
that nobody trained on (tests/bench/clicks.py). Arrays are (z, y, x), lengths millimetres.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workbench.engine.medical.phantoms import shapes, torso
from workbench.engine.medical.phantoms.head import HeadPlan, make_head

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]
STREAM = 7
"""Of the random states: what is trained on shares none with what is measured on."""
ORGANS = ("right lung", "left lung", "liver", "right kidney", "left kidney", "spine")
T1, FLAIR = 0, 1
LEAST_VOXELS = 30


@dataclasses.dataclass(frozen=True)
class Case:
    """A volume and one structure in it."""

    name: str
    values: Floats
    truth: Mask
    spacing_mm: Spacing


def training_case(seed: int, number: int) -> Case:
    """The case of a number; the same seed and number always give the same voxels."""
    rng = np.random.default_rng((STREAM, seed, number))
    while True:
        case = _head(rng, (STREAM, seed, number)) if rng.random() < 0.5 else _torso(rng)
        if rng.random() < 0.3:
            case = _with_body(rng, case)
        if case.truth.sum() >= LEAST_VOXELS:
            return _turned(rng, _rescanned(rng, case))


def _head(rng: np.random.Generator, seed: tuple[int, ...]) -> Case:
    """The whole tumour or a blob that looks like one, in T1 or FLAIR."""
    thickness = float(rng.choice((2.0, 3.0, 4.0, 6.0)))
    plan = HeadPlan(
        size=int(rng.choice((64, 80, 96, 112))), slices=round(96 / thickness), thickness_mm=thickness,
        tumour_mm=(6.0, 40.0),
    )  # fmt: skip
    head = make_head((*seed, int(rng.integers(2**31))), plan)
    truth = head.labels > 0
    blobs, count = ndimage.label(head.distractors)
    if count and rng.random() < 0.4:
        truth = blobs == int(rng.integers(count)) + 1
    x, y, z = plan.spacing_mm
    return Case("head", head.images[T1 if rng.random() < 0.4 else FLAIR], truth, (z, y, x))


def _torso(rng: np.random.Generator) -> Case:
    """An organ in CT, its slices merged along one axis now and then."""
    size = int(rng.choice((40, 48, 60, 72)))
    body = torso.subject(int(rng.integers(2**31)), "unlabelled", int(rng.integers(torso.MOST_SUBJECTS)), size=size)
    organ = ORGANS[int(rng.integers(len(ORGANS)))]
    label = 1 + next(at for at, one in enumerate(torso.ORGANS) if one.name == organ)
    values, truth = body.hu, (body.labels == label).astype(np.float32)
    spacing = [torso.FIELD_MM / size] * 3
    if rng.random() < 0.4:
        axis, factor = int(rng.integers(3)), 2
        values, truth = (shapes.thicken(one, factor, axis) for one in (values, truth))
        spacing[axis] *= factor
    return Case(organ, values, truth > 0.5, (spacing[0], spacing[1], spacing[2]))


def _with_body(rng: np.random.Generator, case: Case) -> Case:
    """The case with an ellipsoid, box or tube of no anatomy painted in, brighter or darker, which is what is asked."""
    low, high = np.percentile(case.values, (5, 99))
    inside = np.argwhere(case.values > low + 0.2 * (high - low))
    if not len(inside):
        return case
    at = shapes.grid(case.values.shape, case.spacing_mm)
    at = shapes.displaced(at, rng, amplitude=float(rng.uniform(0, 4)), cells=4)
    middle = [float(axis[tuple(rng.choice(inside))]) for axis in at]
    radius = float(np.exp(rng.uniform(np.log(6), np.log(35))))
    if rng.random() < 0.35:
        way = rng.normal(size=3)
        way *= rng.uniform(20, 150) / np.linalg.norm(way)
        level = shapes.capsule(at, (middle - way).tolist(), (middle + way).tolist(), 4 + radius / 2)
    else:
        radii = (radius * np.exp(rng.uniform(-0.5, 0.5, 3))).tolist()
        turned = shapes.rotation(rng.uniform(-np.pi, np.pi, 3).tolist())
        level = shapes.superellipsoid(at, middle, radii, power=float(rng.uniform(2, 4)), turned=turned)
    share = shapes.coverage(level, min(case.spacing_mm))
    sign, noise = rng.choice((-1.0, 1.0)), float(np.std(case.values - ndimage.gaussian_filter(case.values, 1)))
    values = case.values.copy()
    where = np.median(values[share > 0.5]) if (share > 0.5).any() else 0.0
    value = where + sign * max(rng.uniform(0.5, 4) * noise, rng.uniform(0.02, 0.3) * (high - low))
    grain = shapes.texture(rng, values.shape, 10) * np.float32(0.3 * noise)
    mixed = np.float32(rng.uniform(0.5, 1.0)) * share  # some of what was there shines through
    shapes.paint(values, mixed, value + grain + rng.normal(0, noise, values.shape).astype(np.float32))
    return Case("body", values, share > 0.5, case.spacing_mm)


def _rescanned(rng: np.random.Generator, case: Case) -> Case:
    """Another window, contrast (now and then reversed), shading and noise than the phantom's own."""
    low, high = np.percentile(case.values, (rng.uniform(0, 10), rng.uniform(97, 100)))
    if case.name in ORGANS and rng.random() < 0.6:  # a person looks at soft tissue through its window
        low, high = rng.uniform(-250, -50), rng.uniform(180, 450)
    values = np.clip((case.values - low) / max(float(high - low), 1e-6), 0, 1) ** np.exp(rng.normal(0, 0.25))
    if rng.random() < 0.25:
        values = 1 - values
    if rng.random() < 0.4:
        values = values * shapes.bias_field(rng, values.shape, strength=float(rng.uniform(0, 0.12)))
    if rng.random() < 0.3:
        values = values + rng.normal(0, rng.uniform(0.01, 0.06), values.shape)
    return dataclasses.replace(case, values=values.astype(np.float32))


def _turned(rng: np.random.Generator, case: Case) -> Case:
    """The case mirrored, and its axes exchanged now and then."""
    turn = tuple(rng.permutation(3)) if rng.random() < 0.5 else (0, 1, 2)
    flips = tuple(axis for axis in range(3) if rng.random() < 0.5)
    values = np.ascontiguousarray(np.flip(case.values.transpose(turn), flips))
    truth = np.ascontiguousarray(np.flip(case.truth.transpose(turn), flips))
    z, y, x = (case.spacing_mm[axis] for axis in turn)
    return Case(case.name, values, truth, (z, y, x))
