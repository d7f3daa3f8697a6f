"""DICOM slices put together: which belong to one volume, how they lie, and what is amiss with them."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from workbench.core.volumes import Geometry
from workbench.core.words import count
from workbench.engine.medical.geometry import geometry_of, is_sheared
from workbench.engine.medical.headers import Slice

SAME_PLACE_MM = 1e-3
UNEVEN = 0.02
"""How far the gap between two slices may be from the usual one, as a share of it: positions are often rounded."""
NAMED = 12
"""At most so many positions are written out in a note."""


@dataclasses.dataclass(frozen=True, eq=False)
class Stack:
    """Slices of one volume in the order of their places along the planes' normal.

    `places` gives each slice's index on the grid; an index that none has is a missing slice. `heights_mm`
    is set instead where slices stand unevenly, and `geometry` then is that of the even grid to bring them to.
    """

    key: str
    slices: tuple[Slice, ...]
    places: tuple[int, ...]
    depth: int
    geometry: Geometry
    notes: tuple[str, ...]
    heights_mm: tuple[float, ...] = ()
    detail: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) voxels."""
        file = self.slices[0].file
        return self.depth, file.rows, file.columns

    @property
    def is_tilted(self) -> bool:
        """Whether the slices are shifted against each other within their planes."""
        return is_sheared(self.geometry)


def stacks_of(slices: Iterable[Slice]) -> list[Stack]:
    """Slices as volumes, grouped by SeriesInstanceUID, size, spacing, orientation and image type."""
    groups: dict[tuple[object, ...], list[Slice]] = defaultdict(list)
    for one in slices:
        groups[_likeness(one)].append(one)
    per_series: dict[str, int] = defaultdict(int)
    for likeness in groups:
        per_series[str(likeness[0])] += 1
    found: list[Stack] = []
    for likeness, members in groups.items():
        mixed = per_series[str(likeness[0])] > 1
        note = ("one series holds several kinds of images; they are listed one by one",) if mixed else ()
        for number, (alike, more) in enumerate(_apart(members)):
            found.append(_stack(_key(likeness, number), alike, note + more, _said(likeness) if mixed else ""))
    found.sort(key=lambda one: (one.slices[0].file.number, one.slices[0].file.series_uid, -len(one.slices), one.key))
    return found


def _likeness(one: Slice) -> tuple[object, ...]:
    file = one.file
    axes = None if one.axes is None else tuple(np.round(one.axes.ravel(), 3) + 0.0)
    pixel_mm = None if one.pixel_mm is None else tuple(round(value, 5) for value in one.pixel_mm)
    # Without a place in the patient nothing says that two files lie behind each other.
    alone = str(file.path) if one.position is None or one.axes is None else ""
    return (file.series_uid, file.sop_class, file.rows, file.columns, file.samples, pixel_mm, axes,
            file.image_type[:4], alone)  # fmt: skip


def _key(likeness: tuple[object, ...], number: int) -> str:
    # A digest, since keys get into logs and cache names, and the identifiers behind it point to a patient.
    return "dicom-" + hashlib.sha256(f"{likeness}#{number}".encode()).hexdigest()[:16]


def _said(likeness: tuple[object, ...]) -> str:
    words = [str(word).lower() for word in likeness[7]]  # type: ignore[attr-defined]
    return " ".join(words[2:] or words)


def _apart(members: list[Slice]) -> list[tuple[list[Slice], tuple[str, ...]]]:
    """Slices at one place set apart: as time points or echoes where every place has as many, else one is kept."""
    if members[0].position is None or members[0].axes is None:
        return [(members, ())]
    normal = np.cross(*members[0].axes)
    members = sorted(members, key=lambda one: (float(one.position @ normal), one.order, one.file.instance, one.frame))
    places: list[list[Slice]] = []
    for one in members:
        last = places[-1][0].position if places else None
        if last is not None and one.position is not None and np.abs(one.position - last).max() <= SAME_PLACE_MM:
            places[-1].append(one)
        else:
            places.append([one])
    most = max(len(place) for place in places)
    if most == 1:
        return [(members, ())]
    differ = all(len({one.order for one in place}) == most or len(places) == 1 for place in places)
    if all(len(place) == most for place in places) and (differ or most > 2):
        note = (f"{most} volumes lie at the same place (time points, echoes or weightings); this is one of them",)
        return [([place[at] for place in places], note) for at in range(most)]
    spare = sum(len(place) - 1 for place in places)
    twice = [_height(place[0], normal) for place in places if len(place) > 1]
    note = (f"{count(spare, 'duplicate slice')} left out, at {_listed(twice)} mm along the normal",)
    return [([place[0] for place in places], note)]


def _height(one: Slice, normal: np.ndarray) -> float:
    return float(one.position @ normal) if one.position is not None else 0.0


def _listed(values: Sequence[float]) -> str:
    shown = ", ".join(f"{value:.1f}" for value in values[:NAMED])
    return shown + (f" and {len(values) - NAMED} more" if len(values) > NAMED else "")


def _stack(key: str, slices: list[Slice], notes: tuple[str, ...], detail: str) -> Stack:
    first = slices[0]
    if first.pixel_mm is None:
        notes += ("the spacing of pixels is unknown; 1 mm is assumed, so lengths are in pixels",)
    if first.position is None or first.axes is None:
        if len(slices) > 1:
            notes += ("its frames have no place in the patient; they are shown one behind the other",)
        notes += ("its place in the patient is unknown: sides cannot be told",)
        step = first.file.step_mm or first.file.thickness_mm or 1.0
        ordered = sorted(slices, key=lambda one: one.frame)
        axes = np.eye(3) if first.axes is None else np.stack([*first.axes, np.cross(*first.axes)])
        affine = _affine(first, axes[2] * step, axes[:2], np.zeros(3) if first.position is None else first.position)
        return Stack(
            key, tuple(ordered), tuple(range(len(slices))), len(slices), geometry_of(affine), notes, (), detail
        )
    normal = np.cross(*first.axes)
    heights = np.array([_height(one, normal) for one in slices])
    places, step, more = _spaced(heights, first)
    notes += more
    depth = places[-1] + 1 if places else max(2, 1 + math.ceil((heights[-1] - heights[0]) / step - 1e-6))
    away = normal * step
    if len(slices) > 1 and slices[-1].position is not None:
        # The whole way from the first to the last slice, a shift within the plane (gantry tilt) included.
        whole = slices[-1].position - first.position
        away = whole / places[-1] if places else whole * (step / (heights[-1] - heights[0]))
        notes += _strays(slices, away, places, heights, step)
    geometry = geometry_of(_affine(first, away, first.axes, first.position))
    if is_sheared(geometry):
        angle = math.degrees(math.acos(min(1.0, abs(float(away @ normal)) / float(np.linalg.norm(away)))))
        notes += (f"gantry tilt of {angle:.1f}°: resampled to an upright grid",)
    uneven = () if places else tuple(float(height - heights[0]) for height in heights)
    return Stack(key, tuple(slices), tuple(places), depth, geometry, notes, uneven, detail)


def _affine(first: Slice, away: np.ndarray, axes: np.ndarray, origin: np.ndarray) -> np.ndarray:
    between_rows, between_columns = first.pixel_mm or (1.0, 1.0)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = axes[0] * between_columns, axes[1] * between_rows, away
    affine[:3, 3] = origin
    return affine


def _spaced(heights: np.ndarray, first: Slice) -> tuple[list[int], float, tuple[str, ...]]:
    """Each slice's index on an even grid, the grid's step, and notes; no indices where there is no such grid."""
    if len(heights) == 1:
        step = first.file.step_mm or first.file.thickness_mm
        return [0], step or 1.0, () if step else ("the thickness of its slice is unknown; 1 mm is assumed",)
    gaps = np.diff(heights)
    usual = float(np.median(gaps))
    steps = np.maximum(np.rint(gaps / usual), 1).astype(int)
    if (
        np.abs(gaps - steps * usual) > np.maximum(UNEVEN * usual * steps, SAME_PLACE_MM)
    ).any() or steps.sum() > 4 * len(gaps):
        note = f"slices are {gaps.min():.2f} to {gaps.max():.2f} mm apart: brought to even steps of {usual:.2f} mm"
        return [], usual, (note,)
    places = [0, *np.cumsum(steps).tolist()]
    step = float(heights[-1] - heights[0]) / places[-1]
    lacking = sorted(set(range(places[-1] + 1)) - set(places))
    if not lacking:
        return places, step, ()
    where = _listed([float(heights[0]) + place * step for place in lacking])
    numbers = ", ".join(str(place + 1) for place in lacking[:NAMED])
    note = (f"{count(len(lacking), 'slice')} missing and shown empty: number {numbers} of {places[-1] + 1}, "
            f"at {where} mm along the normal")  # fmt: skip
    return places, step, (note,)


def _strays(
    slices: Sequence[Slice], away: np.ndarray, places: Sequence[int], heights: np.ndarray, step: float
) -> tuple[str, ...]:
    at = np.array(places) if places else (heights - heights[0]) / step
    expected = np.array(slices[0].position) + at[:, None] * away
    stray = float(np.abs(np.array([one.position for one in slices]) - expected).max())
    limit = UNEVEN * step * max(1, len(slices) // 50) + SAME_PLACE_MM
    return (f"slices stray up to {stray:.2f} mm from a straight line",) if stray > limit else ()
