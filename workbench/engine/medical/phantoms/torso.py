"""A torso CT made by rule: bones, lungs and soft organs that only shape and place tell apart.

Organs stand where anatomy has them, in millimetres around the middle of the scan; each subject is
turned, scaled and bent as a whole, and every organ varies a little by itself. Liver, spleen, kidneys,
aorta and the unlabelled stomach and bowel lie within 25 HU of each other. The same seed, stream and
subject give the same voxels; streams never share a random state.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.core.volumes import Geometry, Label, VolumeMeta
from workbench.engine.medical.phantoms import shapes
from workbench.engine.medical.phantoms.shapes import Coordinates, Floats

Stream = Literal["unlabelled", "labelled", "validation", "test"]
STREAMS: tuple[Stream, ...] = ("unlabelled", "labelled", "validation", "test")
MOST_SUBJECTS = 100_000

FIELD_MM = 320.0
"""Edge of the cube that is scanned: 40 voxels of 8 mm."""
WINDOW_HU = (-175.0, 250.0)
SOFT_SPREAD_HU = 25.0
"""No two soft organs of a subject differ by more on average."""


@dataclasses.dataclass(frozen=True)
class Organ:
    """A body by its usual place and half-axes in mm, (z up, y back, x to the patient's left)."""

    name: str
    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    power: float
    soft: bool = True
    hu: float = 0.0


LONG = 400.0
ORGANS: tuple[Organ, ...] = (
    Organ("right lung", (100, 0, -66), (85, 68, 46), 2.5, soft=False, hu=-800),
    Organ("left lung", (104, 2, 68), (80, 66, 42), 2.5, soft=False, hu=-800),
    Organ("liver", (14, -8, -52), (52, 62, 60), 2.4),
    Organ("spleen", (18, 36, 80), (42, 36, 26), 2.0),
    Organ("right kidney", (-56, 40, -56), (44, 25, 24), 2.2),
    Organ("left kidney", (-46, 40, 56), (44, 25, 24), 2.2),
    Organ("aorta", (0, 22, 8), (LONG, 15, 15), 2.0),
    Organ("spine", (0, 62, 0), (LONG, 22, 22), 3.0, soft=False, hu=420),
)
"""In the order in which later ones lie over earlier ones; a label is the place in this list, from 1.

Small organs are drawn about a third larger than life, to span several of the 8 mm voxels."""
LABELS: tuple[Label, ...] = tuple(Label(at, one.name) for at, one in enumerate(ORGANS, 1))
DISTRACTORS: tuple[Organ, ...] = (
    Organ("stomach", (12, -34, 46), (34, 30, 34), 2.0),
    Organ("bowel", (-84, -30, -30), (40, 34, 40), 2.0),
    Organ("bowel", (-92, -24, 40), (40, 36, 40), 2.0),
    Organ("bowel", (-60, -36, 6), (22, 24, 34), 2.0),
)
"""As bright as the organs and without a label: brightness alone does not find an organ."""


@dataclasses.dataclass(frozen=True)
class Torso:
    """One subject: HU (z, y, x) float32, labels (z, y, x) uint8 of LABELS, and how the voxels lie."""

    name: str
    hu: Floats
    labels: NDArray[np.uint8]
    meta: VolumeMeta


def generator(seed: int, stream: Stream, subject: int) -> np.random.Generator:
    """The random state of one subject; no two of (seed, stream, subject) share one.

    Raises ValueError for a subject beyond MOST_SUBJECTS, where streams could meet.
    """
    if not 0 <= subject < MOST_SUBJECTS:
        raise ValueError(f"subjects are counted from 0 to {MOST_SUBJECTS - 1}, not {subject}")
    return np.random.default_rng([seed, STREAMS.index(stream), subject])


def subject(seed: int, stream: Stream, number: int, *, size: int = 40) -> Torso:
    """Subject `number` of a stream, `size` voxels along each axis over 320 mm."""
    rng = generator(seed, stream, number)
    spacing = FIELD_MM / size
    at = _bent(shapes.grid((size,) * 3, (spacing,) * 3), rng)
    hu = np.full((size,) * 3, -1000.0, np.float32)
    build = float(rng.uniform(0.92, 1.08))
    for radii, value in (((LONG, 100 * build, 148 * build), -95.0), ((LONG, 88, 132), 52.0)):
        level = shapes.superellipsoid(at, (0, 0, 0), radii, power=2.4)
        shapes.paint(hu, shapes.coverage(level, spacing), value)
    inside = hu > -500
    soft = float(rng.uniform(95, 110))
    for one in DISTRACTORS:
        _lay(hu, at, one, soft=soft, rng=rng, spacing=spacing)
    labels = np.zeros(hu.shape, np.uint8)
    for label, one in enumerate(ORGANS, 1):
        share = _lay(hu, at, one, soft=soft, rng=rng, spacing=spacing)
        labels[(share > 0.5) & inside] = label
    hu = _scanned(hu, rng, spacing)
    meta = VolumeMeta(
        Geometry(spacing_mm=(spacing,) * 3, origin_mm=(-FIELD_MM / 2 + spacing / 2,) * 3),
        modality="CT", unit="HU", window=(40.0, 400.0), labels=LABELS, title=f"{stream} phantom {number}",
    )  # fmt: skip
    return Torso(f"{stream}-{number:05d}", hu, labels, meta)


def subjects(seed: int, stream: Stream, count: int, *, size: int = 40) -> list[Torso]:
    """The first `count` subjects of a stream."""
    return [subject(seed, stream, number, size=size) for number in range(count)]


def _bent(at: Coordinates, rng: np.random.Generator) -> Coordinates:
    """A subject's own frame: turned by up to 6°, scaled by up to 8 %, shifted by up to 14 mm, bent by about 4 mm."""
    turned = shapes.rotation(rng.uniform(-0.1, 0.1, 3).tolist()).astype(np.float32)
    scale = rng.uniform(0.92, 1.08, 3).astype(np.float32)
    shift = rng.uniform((-14, -6, -6), (14, 6, 6)).astype(np.float32)
    moved = [one - step for one, step in zip(at, shift, strict=True)]
    frame = [np.tensordot(row, moved, 1) / size for row, size in zip(turned, scale, strict=True)]
    return shapes.displaced((frame[0], frame[1], frame[2]), rng, amplitude=4.0, cells=3.0)


def _lay(hu: Floats, at: Coordinates, one: Organ, *, soft: float, rng: np.random.Generator, spacing: float) -> Floats:
    """Paint an organ at its own variation of place, size and brightness; returns its share of each voxel."""
    loose = (5.0, 3.0, 3.0) if one.radii_mm[0] < LONG else (0.0, 3.0, 3.0)
    centre = np.asarray(one.centre_mm) + rng.normal(0, loose)
    radii = np.asarray(one.radii_mm) * rng.uniform(0.88, 1.12, 3)
    turned = shapes.rotation(rng.uniform(-0.2, 0.2, 3).tolist()) if one.radii_mm[0] < LONG else None
    level = shapes.superellipsoid(at, centre.tolist(), radii.tolist(), power=one.power, turned=turned)
    if one.radii_mm[0] >= LONG:  # a level counts in mean half-axes: a long tube's edge would be blurred
        level = level * np.float32(np.mean(radii[1:]) / np.exp(np.mean(np.log(radii))))
    value = soft + rng.uniform(0, SOFT_SPREAD_HU) if one.soft else one.hu + rng.normal(0, 20)
    share = shapes.coverage(level, spacing)
    shapes.paint(hu, share, value)
    return share


def _scanned(hu: Floats, rng: np.random.Generator, spacing: float) -> Floats:
    """What tissue grain, quantum noise and streaks of the scanner add."""
    tissue = hu > -500
    found = hu + tissue * shapes.texture(rng, hu.shape, 10.0) * np.float32(6.0)
    found = shapes.grainy(rng, found, 14.0)
    return np.asarray(found + tissue * _streaks(rng, hu.shape, spacing), np.float32)


def _streaks(rng: np.random.Generator, shape: Sequence[int], spacing: float) -> Floats:
    """Faint bands through each axial slice, in a direction and strength of their own."""
    angle = rng.uniform(0, np.pi, (shape[0], 1, 1)).astype(np.float32)
    period = np.float32(rng.uniform(24, 60))
    strength = np.abs(rng.normal(0, 7, (shape[0], 1, 1))).astype(np.float32)
    y, x = (one[None] for one in shapes.grid(shape[1:], (spacing, spacing)))
    phase = rng.uniform(0, 2 * np.pi, (shape[0], 1, 1)).astype(np.float32)
    waves = (np.cos(angle) * x + np.sin(angle) * y) * np.float32(2 * np.pi / period) + phase
    bands: Floats = strength * np.sin(waves)
    return bands


def scaled(hu: NDArray[np.generic], low: float = WINDOW_HU[0], high: float = WINDOW_HU[1]) -> Floats:
    """HU clipped to a window and brought to 0 … 1."""
    found: Floats = ((np.clip(np.asarray(hu, np.float32), low, high) - low) / (high - low)).astype(np.float32)
    return found
