"""Generated histology: haematoxylin and eosin laid on nine tissues, and light that passes through them.

A tissue is where its nuclei and its gaps lie and how its fibres run, never how much of a stain it takes: in each
picture nuclei and gaps cover shares, and both stains have means, that are drawn without looking at the tissue.
Light follows Beer and Lambert: what passes is the lamp's times exp(-(concentrations · stain vectors)).
Lengths are pixels of MPP µm. Own design; the two base stain vectors are those of Ruifrok and Johnston (2001).
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from .shapes import coverage, low_frequency, texture

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]

TISSUES = (
    "adipose", "debris", "glands", "lymphocytes", "mucus", "muscle", "squamous", "stroma", "tumour",
)  # fmt: skip
TUMOUR = TISSUES.index("tumour")
MPP = 1.0
"""Micrometres of a pixel at centre A."""
CENTRES = ("A", "B")
_STAINS = {
    "A": np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]]),
    "B": np.array([[0.47, 0.80, 0.37], [0.20, 0.92, 0.33]]),
}
"""Optical density of haematoxylin and of eosin in red, green and blue."""
_SCALE = {"A": 1.0, "B": 0.7}
_BLUR = {"A": 0.35, "B": 0.8}


@dataclasses.dataclass(frozen=True)
class Style:
    """How a slide was cut, stained and scanned: the same for all of its pictures."""

    stains: NDArray[np.float64]
    """(2, 3) unit optical densities."""
    lamp: float
    strength: tuple[float, float]
    """Mean optical density of haematoxylin and of eosin over tissue."""
    nuclei: float
    gaps: float
    """Shares of the area, around which those of single pictures lie."""
    scale: float
    blur: float


def chance_of(seed: int, stream: str, *numbers: int) -> np.random.Generator:
    """The generator for one thing of a stream; other streams and numbers give unrelated ones."""
    return np.random.default_rng((seed, zlib.crc32(stream.encode()), *numbers))


def style_of(rng: np.random.Generator, centre: str) -> Style:
    """A slide's own look within its centre's."""
    stains = _STAINS[centre] + rng.normal(0, 0.05, (2, 3))
    stains = np.clip(stains, 0.01, None)
    strength = (float(rng.uniform(0.14, 0.22)), float(rng.uniform(0.14, 0.24)))
    return Style(
        stains / np.linalg.norm(stains, axis=1, keepdims=True), float(rng.uniform(0.92, 1.0)), strength,
        float(rng.uniform(0.15, 0.2)), float(rng.uniform(0.16, 0.24)), _SCALE[centre], _BLUR[centre],
    )  # fmt: skip


def tile(tissue: int, size: int, style: Style, rng: np.random.Generator) -> Pixels:
    """A picture (size, size, 3) of one tissue."""
    h, e = stains_of(tissue, (size, size), style, rng)
    return scanned(h, e, style, rng)


def scanned(h: Floats, e: Floats, style: Style, rng: np.random.Generator) -> Pixels:
    """What the scanner sees of concentrations (y, x): (y, x, 3)."""
    density = h[..., None] * style.stains[0].astype(np.float32) + e[..., None] * style.stains[1].astype(np.float32)
    light = np.float32(255 * style.lamp) * np.exp(np.float32(-np.log(10)) * density)
    light += rng.standard_normal(light.shape, dtype=np.float32) * np.float32(2.0)
    return np.asarray(np.clip(light, 0, 255), np.uint8)


def stains_of(
    tissue: int, shape: tuple[int, int], style: Style, rng: np.random.Generator
) -> tuple[Floats, Floats]:  # fmt: skip
    """Concentrations of haematoxylin and eosin (y, x); shares and means do not depend on the tissue."""
    plan = _Plan(shape, style.scale, rng)
    nuclei, gaps, grain = _PAINTERS[TISSUES[tissue]](plan)
    share = float(np.clip(style.nuclei + rng.normal(0, 0.025), 0.08, 0.3))
    empty = float(np.clip(style.gaps + rng.normal(0, 0.05), 0.05, 0.4))
    inside = coverage(nuclei - np.float32(np.quantile(nuclei, 1 - share)), 1.0)
    gaps = gaps - inside * np.float32(np.ptp(gaps))  # a gap holds no nucleus
    hole = coverage(gaps - np.float32(np.quantile(gaps, 1 - empty)), 1.4)
    chromatin = 1 + np.float32(0.18) * low_frequency(rng, shape, max(shape) / 3.0)
    h = inside * chromatin + np.float32(0.05) * (1 - hole)
    e = (1 - hole) * (1 - np.float32(0.65) * inside) * np.exp(np.float32(0.22) * _normal(grain))
    if style.blur > 0:
        h, e = (ndimage.gaussian_filter(one, style.blur) for one in (h, e))
    found = []
    for field, steps, mean in (
        (h, _nuclear(share), style.strength[0]), (e, _eosinophil(empty), style.strength[1])
    ):  # fmt: skip
        grainy = field + rng.standard_normal(shape, dtype=np.float32) * np.float32(0.01)  # no two pixels are alike
        found.append(_ranked(grainy, steps * np.float32(mean * rng.uniform(0.85, 1.15) / steps.mean())))
    return found[0], found[1]


STEPS = 2048


def _nuclear(share: float) -> Floats:
    """Haematoxylin in rising order: a pale ground, the edges of nuclei, nuclei over `share` of the area."""
    at = (np.arange(STEPS) + 0.5) / STEPS
    edge, body = np.clip((at - (1 - 1.25 * share)) / (0.5 * share), 0, 1), np.clip((at - 1 + share) / share, 0, 1)
    return np.asarray(0.05 + 0.02 * at + edge**2 * (0.7 + 0.4 * body), np.float32)


def _eosinophil(empty: float) -> Floats:
    """Eosin in rising order: gaps over `empty` of the area, their edges, what nuclei let through, cytoplasm."""
    at = (np.arange(STEPS) + 0.5) / STEPS
    rise = np.clip((at - 0.8 * empty) / 0.3, 0, 1)
    return np.asarray(rise * (0.75 + 0.5 * at**2), np.float32)


_LADDER = np.random.default_rng(0).standard_normal(4096)
_LADDER.sort()


def _ranked(field: Floats, steps: NDArray[np.floating]) -> Floats:
    """The field with its values replaced, in their order, by those of `steps`, so that all fields have the same."""
    flat = field.ravel()
    places = np.empty(flat.size, np.int64)
    places[np.argsort(flat)] = np.arange(flat.size) * len(steps) // flat.size
    return np.asarray(steps, np.float32)[places].reshape(field.shape)


def _normal(field: Floats) -> Floats:
    """The field with the values of a normal distribution."""
    return _ranked(field, _LADDER)


# Where things lie ----------------------------------------------------------------------------

EDGE = 8
"""Pixels around the picture in which nuclei lie that reach into it."""
FAR = 30
"""The same for the middles of cells and glands."""


class _Plan:
    """The picture in lengths of centre A: sizes are multiplied by the centre's scale where they are drawn."""

    def __init__(self, shape: tuple[int, int], scale: float, rng: np.random.Generator) -> None:
        self.shape, self.scale, self.rng = shape, scale, rng
        self.angle = float(rng.uniform(0, np.pi))
        y, x = np.indices(shape, dtype=np.float32)
        self.at = np.stack([y.ravel(), x.ravel()], 1)

    @property
    def area(self) -> float:
        return (self.shape[0] + 2 * EDGE) * (self.shape[1] + 2 * EDGE) / self.scale**2

    def scattered(self, count: float) -> Points:
        """About `count` places, independent of each other."""
        size = np.array(self.shape) + 2 * EDGE
        return np.asarray(self.rng.uniform(0, 1, (max(2, round(count)), 2)) * size - EDGE)

    def lattice(self, step: float, jitter: float) -> Points:
        """Places `step` apart in shifted rows, each moved by `jitter` steps; turned by a random angle."""
        step *= self.scale
        reach = np.hypot(*self.shape) / 2 + FAR
        count = int(reach / step) + 1
        rows, columns = np.meshgrid(np.arange(-count, count + 1), np.arange(-count, count + 1), indexing="ij")
        flat = np.stack([rows.ravel() * 0.87, columns.ravel() + 0.5 * (rows.ravel() % 2)], 1) * step
        flat += self.rng.normal(0, jitter * step, flat.shape) + self.rng.uniform(0, step, 2)
        c, s = np.cos(self.angle), np.sin(self.angle)
        placed = flat @ np.array([[c, s], [-s, c]]) + np.array(self.shape) / 2
        return np.asarray(placed[self._near(placed)])

    def _near(self, places: Points) -> NDArray[np.bool_]:
        return np.asarray(((places > -FAR) & (places < np.array(self.shape) + FAR)).all(1))

    def voronoi(self, places: Points) -> tuple[Floats, Floats]:
        """Distance to the nearest place, and half of how much farther the second one is, (y, x) px of centre A."""
        away, _ = cKDTree(places).query(self.at, k=2)
        away = away.astype(np.float32) / np.float32(self.scale)
        return away[:, 0].reshape(self.shape), ((away[:, 1] - away[:, 0]) / 2).reshape(self.shape)

    def nuclei(
        self, places: Points, *, long: float, wide: float, angles: Sequence[float] | NDArray[np.float64] | None = None,
        spread: float = 0.15,
    ) -> Floats:  # fmt: skip
        """The level (px) of ellipses with these half axes: above 0 inside, sizes varying by `spread`."""
        rng, (high, broad) = self.rng, self.shape
        field = np.full(self.shape, -12.0, np.float32)
        turned = rng.uniform(0, np.pi, len(places)) if angles is None else np.asarray(angles)
        sizes = np.exp(rng.normal(0, spread, (len(places), 2))) * (long * self.scale, wide * self.scale)
        for (y, x), angle, (a, b) in zip(places, turned, sizes, strict=True):
            reach = int(max(a, b) + 7)
            top, left = max(0, int(y) - reach), max(0, int(x) - reach)
            bottom, right = min(high, int(y) + reach + 1), min(broad, int(x) + reach + 1)
            if top >= bottom or left >= right:
                continue
            down = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y)
            over = np.arange(left, right, dtype=np.float32)[None] - np.float32(x)
            c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
            u, v = (c * over + s * down) / np.float32(a), (c * down - s * over) / np.float32(b)
            level = (1 - np.sqrt(u * u + v * v)) * np.float32(np.sqrt(a * b))
            window = field[top:bottom, left:right]
            np.maximum(window, level, out=window)
        return field

    def noise(self, size: float) -> Floats:
        """Smooth noise whose hills are about `size` px wide."""
        return low_frequency(self.rng, self.shape, max(1.0, max(self.shape) / (size * self.scale)))

    def fibres(self, width: float, *, waves: float = 0.0, wavelength: float = 40.0) -> tuple[Floats, Floats]:
        """Noise drawn out along the picture's angle, bent by `waves` px; and the direction (rad) at each pixel."""
        c, s = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        y, x = (self.at[:, axis].reshape(self.shape) / np.float32(self.scale) for axis in (0, 1))
        along, across = c * x + s * y, c * y - s * x
        phase = np.float32(self.rng.uniform(0, 6.28))
        bend = np.float32(waves) * np.sin(along * np.float32(6.283 / wavelength) + phase)
        slope = np.float32(waves * 6.283 / wavelength) * np.cos(along * np.float32(6.283 / wavelength) + phase)
        lines = (across - bend + 1000) / np.float32(width)
        steps = self.rng.standard_normal(4096).astype(np.float32)
        index = lines.astype(np.int64) % 4095
        part = lines - np.floor(lines)
        field = steps[index] * (1 - part) + steps[index + 1] * part
        return field.astype(np.float32), np.float32(self.angle) + np.arctan(slope)

    def directions(self, places: Points, field: Floats) -> NDArray[np.float64]:
        """The field's values at places; those outside take the edge's."""
        inside = np.clip(places.astype(int), 0, np.array(self.shape) - 1)
        return np.asarray(field[inside[:, 0], inside[:, 1]], np.float64)


Painted = tuple[Floats, Floats, Floats]
"""Levels of nuclei and of gaps, and the eosin's grain, (y, x) each."""


def _adipose(plan: _Plan) -> Painted:
    """Large round vacuoles; flat nuclei squeezed into the walls."""
    cells = plan.lattice(26, 0.12)
    _, border = plan.voronoi(cells)
    places = plan.scattered(plan.area / 230)
    _, which = cKDTree(cells).query(places, k=2)
    middle = cells[which].mean(1)
    joint = cells[which[:, 1]] - cells[which[:, 0]]
    moved = middle + (places - middle) - joint * (((places - middle) * joint).sum(1) / (joint**2).sum(1))[:, None]
    angles = np.arctan2(joint[:, 0], joint[:, 1]) + np.pi / 2
    return plan.nuclei(moved, long=5.5, wide=2.2, angles=angles), border, plan.noise(9)


def _debris(plan: _Plan) -> Painted:
    """Fragments of nuclei without order, ragged holes."""
    places = plan.scattered(plan.area / 30)
    return plan.nuclei(places, long=1.7, wide=1.2, spread=0.45), texture(plan.rng, plan.shape, max(plan.shape) / (
        14 * plan.scale)) * 4, plan.noise(3)  # fmt: skip


def _glands(plan: _Plan) -> Painted:
    """Rings of nuclei around round openings."""
    rng, centres = plan.rng, plan.lattice(34, 0.1)
    radii = rng.uniform(10.5, 13.5, len(centres)) * plan.scale
    places, angles = [], []
    for centre, radius in zip(centres, radii, strict=True):
        count = max(6, round(2 * np.pi * radius / (5.6 * plan.scale)))
        turn = np.arange(count) * 2 * np.pi / count + rng.uniform(0, 6.28) + rng.normal(0, 0.06, count)
        reach = radius * (1 + rng.normal(0, 0.04, count))
        places.append(centre + np.stack([np.sin(turn), np.cos(turn)], 1) * reach[:, None])
        angles.append(turn)
    gaps, _ = plan.voronoi(centres)
    return plan.nuclei(np.concatenate(places), long=3.4, wide=2.3, angles=np.concatenate(angles)), -gaps, plan.noise(6)


def _lymphocytes(plan: _Plan) -> Painted:
    """Small round nuclei packed evenly, thin gaps between groups."""
    places = plan.lattice(11.5, 0.16)
    _, border = plan.voronoi(plan.scattered(plan.area / 420))
    return plan.nuclei(places, long=3.1, wide=2.9, spread=0.06), -border, plan.noise(4)


def _mucus(plan: _Plan) -> Painted:
    """Pale pools in wisps, with cells floating in clumps."""
    rng = plan.rng
    clumps = plan.scattered(plan.area / 1500)
    places = np.repeat(clumps, 9, 0) + rng.normal(0, 5.0 * plan.scale, (len(clumps) * 9, 2))
    wisps, _ = plan.fibres(9, waves=9, wavelength=55)
    return plan.nuclei(places, long=3.0, wide=2.5), wisps * 3 + plan.noise(22) * 4, plan.noise(16)


def _muscle(plan: _Plan) -> Painted:
    """Straight bundles with long nuclei along them."""
    field, direction = plan.fibres(4.5)
    places = plan.scattered(plan.area / 210)
    angles = plan.directions(places, direction) + plan.rng.normal(0, 0.07, len(places))
    gaps, _ = plan.fibres(11)
    return plan.nuclei(places, long=7.0, wide=1.9, angles=angles), gaps * 4, field


def _squamous(plan: _Plan) -> Painted:
    """Paving of cells: a nucleus in the middle of each, a pale seam around it."""
    cells = plan.lattice(17, 0.09)
    _, border = plan.voronoi(cells)
    return plan.nuclei(cells, long=4.3, wide=3.9, spread=0.08), -border, plan.noise(10)


def _stroma(plan: _Plan) -> Painted:
    """Waves of collagen with thin nuclei that follow them."""
    field, direction = plan.fibres(3, waves=5.5, wavelength=34)
    places = plan.scattered(plan.area / 130)
    angles = plan.directions(places, direction) + plan.rng.normal(0, 0.12, len(places))
    gaps, _ = plan.fibres(7, waves=5.5, wavelength=34)
    return plan.nuclei(places, long=5.5, wide=1.3, angles=angles), gaps * 4 + plan.noise(30) * 2, field


def _tumour(plan: _Plan) -> Painted:
    """Large nuclei of uneven size and shape, crowded into nests; ragged gaps between these."""
    rng = plan.rng
    nests = plan.noise(30)
    places = plan.scattered(plan.area / 110)
    kept = places[plan.directions(places, nests) > rng.normal(-0.2, 0.4, len(places))]
    kept = kept if len(kept) > 1 else places
    level = plan.nuclei(kept, long=6.3, wide=4.6, spread=0.28) + plan.noise(6) * np.float32(0.5)
    return level, -nests * 5 + plan.noise(9) * 2, plan.noise(5)


_PAINTERS: dict[str, Callable[[_Plan], Painted]] = {
    "adipose": _adipose, "debris": _debris, "glands": _glands, "lymphocytes": _lymphocytes, "mucus": _mucus,
    "muscle": _muscle, "squamous": _squamous, "stroma": _stroma, "tumour": _tumour,
}  # fmt: skip
