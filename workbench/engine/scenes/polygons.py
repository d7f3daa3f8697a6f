"""Polygons as triangles, in bounded time: fans where they are convex, ears cut off where they are not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.words import count, spaced

MOST_CORNERS = 2000
"""Of a polygon that is not convex: cutting ears takes the square of it."""
MOST_TESTS = 20_000
"""How often a corner of a file's polygons is tried as an ear; from then on they are divided as if they were convex."""
MOST_AT_A_GLANCE = 64
"""Corners of polygons that are looked at many at a time."""
MOST_TOGETHER = 1 << 20
MOST_SEEN = 512


class Polygons:
    """Lists of corners as they come from a file: their lengths, and all indices one after the other."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._lengths: list[NDArray[np.int64]] = []
        self._indices: list[NDArray[np.int64]] = []

    def add(self, lengths: NDArray[np.int64], indices: NDArray[Any]) -> None:
        """More polygons; raises InputError for indices that are no whole numbers."""
        if indices.dtype.kind == "f":
            whole = indices == np.rint(indices)
            if not (whole & (np.abs(indices) < 2.0**53)).all():
                at = int(np.argmin(whole))
                raise InputError("A face points at a vertex that is not there.", expected="whole numbers",
                                 received=f"{indices[at]:g}", fix="The file is damaged: export it again.",
                                 place=self.place)  # fmt: skip
        self._lengths.append(lengths)
        self._indices.append(np.asarray(indices).astype(np.int64))

    def all(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Lengths (P,) and indices."""
        if not self._lengths:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate(self._lengths), np.concatenate(self._indices)


def triangles(polygons: Polygons, vertices: NDArray[np.float64], notes: list[str]) -> NDArray[np.int64]:
    """Triangles (F, 3) of polygons, in their order; what was done to larger ones is put among the notes.

    Raises InputError for corners outside the vertices and for vast polygons that are not convex.
    """
    faces, _ = triangles_of(polygons, vertices, notes)
    return faces


def triangles_of(
    polygons: Polygons, vertices: NDArray[np.float64], notes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `triangles`, as corners (F, 3): places in the list of all indices looked up, and the places themselves."""
    lengths, indices = polygons.all()
    starts = np.cumsum(lengths) - lengths
    _check(lengths, starts, indices, len(vertices), polygons.place)
    corners = [(starts[lengths == 3], _span(starts[lengths == 3], 3))]
    quads = starts[lengths == 4]
    if len(quads):
        corners.append((np.repeat(quads, 2), _halved(quads, indices, vertices)))
    large = int((lengths > 4).sum())
    corners += _large(lengths, indices, vertices, polygons.place, notes)
    few = int((lengths < 3).sum())
    if few:
        notes.append(f"{count(few, 'face')} of fewer than three corners left out")
    if len(quads) or large:
        notes.append(f"{count(len(quads) + large, 'polygon')} divided into triangles")
    order = np.argsort(np.concatenate([first for first, _ in corners]), kind="stable")
    places = np.concatenate([some for _, some in corners])[order]
    return indices[places], places


def _check(
    lengths: NDArray[np.int64], starts: NDArray[np.int64], indices: NDArray[np.int64], vertices: int, place: str
) -> None:
    bad = (indices < 0) | (indices >= vertices)
    if bad.any():
        at = int(np.argmax(bad))
        face = int(np.searchsorted(starts + lengths, at, side="right"))
        raise InputError(
            "A face points at a vertex that is not there.", expected=f"indices from 0 to {vertices - 1}",
            received=f"{int(indices[at])} in face {face}",
            fix="The file is damaged, or was written for another list of vertices: export it again.",
            place=f"{place}, face {face}",
        )  # fmt: skip


def _span(starts: NDArray[np.int64], many: int) -> NDArray[np.int64]:
    return starts[:, None] + np.arange(many)


def _halved(starts: NDArray[np.int64], indices: NDArray[np.int64], vertices: NDArray[np.float64]) -> NDArray[np.int64]:
    """Quads cut along the diagonal that lies inside; the first one where both do."""
    at = vertices[indices[_span(starts, 4)]]
    with np.errstate(over="ignore", invalid="ignore"):
        one = _cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0])
        other = _cross(at[:, 2] - at[:, 0], at[:, 3] - at[:, 0])
        folded = (one * other).sum(axis=1) < 0
    first = np.array([[0, 1, 2], [0, 2, 3]])
    second = np.array([[1, 2, 3], [1, 3, 0]])
    return (starts[:, None, None] + np.where(folded[:, None, None], second, first)).reshape(-1, 3)


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.cross(a, b)
    return found


def _large(
    lengths: NDArray[np.int64], indices: NDArray[np.int64], vertices: NDArray[np.float64], place: str, notes: list[str]
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For polygons of five corners and more: where each triangle's polygon begins, and its places."""
    starts = np.cumsum(lengths) - lengths
    found, single = list[tuple[NDArray[np.int64], NDArray[np.int64]]](), list[NDArray[np.int64]]()
    for many in np.unique(lengths[lengths > 4]).tolist():
        alike = np.flatnonzero(lengths == many)
        if len(alike) * many > MOST_TOGETHER:
            plain = np.concatenate([
                _plainly_convex(vertices[indices[_span(starts[some], many)]])
                for some in np.array_split(alike, 1 + len(alike) * many // MOST_TOGETHER)
            ])  # fmt: skip
        else:
            plain = _plainly_convex(vertices[indices[_span(starts[alike], many)]])
        begins = starts[alike[plain]]
        local = _fan(many)
        found.append((np.repeat(begins, many - 2), (begins[:, None, None] + local).reshape(-1, 3)))
        single.append(alike[~plain])
    left, fanned = MOST_TESTS, 0
    for at in np.concatenate(single) if single else ():
        start, many = int(starts[at]), int(lengths[at])
        flat = _flattened(vertices[indices[start : start + many]])
        ears = None
        if flat is not None and not _is_convex(flat):
            if many > MOST_CORNERS:
                raise InputError(
                    "A polygon of this mesh is too large to be divided.",
                    expected=f"at most {spaced(MOST_CORNERS)} corners where it is not convex",
                    received=f"{spaced(many)} corners in face {int(at)}",
                    fix="Triangulate the mesh in the program that it comes from.", place=f"{place}, face {int(at)}",
                )  # fmt: skip
            ears, left = _ears(flat, left)
            fanned += ears is None
        local = _fan(many) if ears is None else ears
        found.append((np.full(len(local), start), start + local))
    if fanned:
        notes.append(f"{count(fanned, 'polygon')} divided as if convex: too many are not, or they cross themselves")
    return found


def _plainly_convex(corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of (P, n, 3) polygons of a few corners turn to one side throughout, and once only."""
    many = corners.shape[1]
    if many > MOST_AT_A_GLANCE or not len(corners):
        return np.zeros(len(corners), np.bool_)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.roll(corners, -1, axis=1) - corners
        turns = np.cross(np.roll(steps, 1, axis=1), steps)
        area = np.cross(corners - corners[:, :1], np.roll(corners, -1, axis=1) - corners[:, :1]).sum(axis=1)
        signed = np.einsum("pnk,pk->pn", turns, area)
        fans = np.cross(corners[:, 1:-1] - corners[:, :1], corners[:, 2:] - corners[:, :1])
        # Turning to the left throughout is not enough: a star does so, twice round.
        return np.asarray(((signed > 0).all(axis=1)) & (np.einsum("pnk,pk->pn", fans, area) > 0).all(axis=1))


def _fan(many: int) -> NDArray[np.int64]:
    ends = np.arange(1, many - 1)
    return np.stack([np.zeros_like(ends), ends, ends + 1], axis=1)


def _flattened(corners: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Corners (n, 3) in the plane of their area vector (Newell), counter-clockwise; None where they have no area."""
    with np.errstate(over="ignore", invalid="ignore"):
        here = corners - corners[0]
        area = _cross(here, np.roll(here, -1, axis=0)).sum(axis=0)
        size = float(np.linalg.norm(area))
        if not np.isfinite(size) or size == 0:
            return None
        normal = area / size
        across = _cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
        across /= np.linalg.norm(across)
        return np.stack([here @ across, here @ _cross(normal, across)], axis=1)


def _turns(before: NDArray[Any], at: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = (at[..., 0] - before[..., 0]) * (after[..., 1] - at[..., 1]) - (
        at[..., 1] - before[..., 1]
    ) * (after[..., 0] - at[..., 0])
    return found


def _is_convex(flat: NDArray[np.float64]) -> bool:
    """Whether one can walk round without a turn to the right, and once only.

    Of many corners small dents are noise of single precision; whether it is convex all the same is seen from afar.
    """
    if len(flat) > MOST_SEEN:
        dents = _turns(np.roll(flat, 1, axis=0), flat, np.roll(flat, -1, axis=0))
        chords = np.linalg.norm(np.roll(flat, -1, axis=0) - np.roll(flat, 1, axis=0), axis=1)
        if (dents < -1e-6 * float(np.ptp(flat, axis=0).max()) * chords).any():
            return False
        return _is_convex(flat[:: len(flat) // (MOST_SEEN // 2)])
    before, after = flat - np.roll(flat, 1, axis=0), np.roll(flat, -1, axis=0) - flat
    turns = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    if (turns < -1e-6 * np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)).any():
        return False
    steps = np.arctan2(after[:, 1], after[:, 0])
    around = np.diff(np.append(steps, steps[0]))
    return bool(abs(((around + np.pi) % (2 * np.pi) - np.pi).sum()) < 3 * np.pi)


def _ears(flat: NDArray[np.float64], tests: int) -> tuple[NDArray[np.int64] | None, int]:
    """Triangles of a simple polygon (n, 2), counter-clockwise: ears cut one by one (Meisters, 1975).

    None where so many tests do not do, or where it has no ear since it crosses itself; and the tests that are left.
    """
    left, found = list(range(len(flat))), list[tuple[int, int, int]]()
    patience, at = len(left), 0
    while len(left) > 3:
        at %= len(left)
        a, b, c = left[at - 1], left[at], left[(at + 1) % len(left)]
        if not tests or not patience:
            return None, tests
        tests, patience = tests - 1, patience - 1
        if _is_ear(flat, left, a, b, c):
            found.append((a, b, c))
            del left[at]
            patience = len(left)
        else:
            at += 1
    return np.asarray([*found, tuple(left)], np.int64), tests


def _is_ear(flat: NDArray[np.float64], left: list[int], a: int, b: int, c: int) -> bool:
    one, two, three = flat[a], flat[b], flat[c]
    if _turns(one, two, three) <= 0:
        return False
    others = flat[[at for at in left if at not in (a, b, c)]]
    inside = (
        (_turns(one, two, others) >= 0) & (_turns(two, three, others) >= 0) & (_turns(three, one, others) >= 0)
    )  # fmt: skip
    return not bool(inside.any())
