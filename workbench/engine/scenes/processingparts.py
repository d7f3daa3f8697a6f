"""A cloud taken apart: planes, and heaps of points that lie close together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.core import words
from workbench.core.problem import InputError
from workbench.core.sceneprocess import Clusters, Fact, Planes
from workbench.core.words import spaced
from workbench.engine.scenes.processingarrays import (
    Cloud,
    Indices,
    Numbers,
    Outcome,
    Say,
    Values,
    class_colours,
    need_breadth,
    need_points,
    open3d,
    spacing_of,
)
from workbench.engine.scenes.processingclouds import legacy

MOST_TRIED = 200_000
"""Points, an even sample, among which planes are looked for; all points are then told which one they lie on."""
MOST_NEIGHBOURS = 300_000_000
"""Pairs of neighbours that clustering holds in memory (4 bytes each)."""
TOLD_CLUSTERS, SPLIT_CLUSTERS = 8, 20
NEIGHBOUR_SAMPLE = 2000


def planes(cloud: Cloud, p: Planes, say: Say) -> Outcome:
    """Planes by RANSAC (Fischler and Bolles 1981), the largest first: each is fitted to its points by least squares,
    and its points are set aside before the next one is looked for."""
    need_points(cloud, 3, "A plane")
    need_breadth(cloud, "A plane")
    o3d = open3d()
    o3d.utility.random.seed(p.seed)
    points = cloud.points
    distance = p.distance or 1.5 * spacing_of(points)
    label = np.zeros(len(points), np.uint8 if p.most < 256 else np.uint16)
    facts = [Fact("distance", distance, "scene units")]
    least = max(3, int(np.ceil(p.least * len(points))))
    for number in range(1, p.most + 1):
        say((number - 1) / p.most, f"looking for plane {number}")
        left = np.flatnonzero(label == 0)
        if len(left) < least:
            break
        tried = points[left[:MOST_TRIED]]
        found, _ = legacy(tried).segment_plane(distance, 3, p.tries)
        normal, offset = refined(tried, np.asarray(found, np.float64), distance)
        far = np.abs(points[left] @ normal + offset)
        on = left[far <= distance]
        if len(on) < least:
            break
        label[on] = number
        rms = float(np.sqrt((far[far <= distance] ** 2).mean()))
        facts.append(Fact(f"plane {number}", float(len(on)), "points", _equation(normal, offset, rms, len(on))))
    count = int(label.max())
    facts.insert(0, Fact("planes", count))
    facts.append(Fact("on none", float((label == 0).sum()), "points"))
    names = class_colours(["on no plane", *(f"plane {at + 1}" for at in range(count))])
    notes = [] if count else [f"No plane has {spaced(least)} points within {distance:.4g}: raise the distance, or "
                              "ask for a smaller share"]  # fmt: skip
    if len(points) > MOST_TRIED:
        notes.append(
            f"Planes were looked for among {spaced(MOST_TRIED)} points; all {spaced(len(points))} were told apart"
        )
    marks = Values("plane", "class", label, names=names)
    return _divided(cloud, marks, facts, notes, count, apart=p.apart, rest="the rest")


def refined(points: Numbers, plane: Numbers, distance: float) -> tuple[Numbers, float]:
    """The unit normal and offset (n · x + d = 0) of the least-squares plane through what lies within the distance."""
    normal, offset = plane[:3] / np.linalg.norm(plane[:3]), plane[3] / np.linalg.norm(plane[:3])
    for _ in range(3):
        near = points[np.abs(points @ normal + offset) <= distance]
        if len(near) < 3:
            break
        middle = near.mean(axis=0)
        normal = np.linalg.eigh((near - middle).T @ (near - middle))[1][:, 0]
        offset = -float(normal @ middle)
    main = int(np.argmax(np.abs(normal)))
    return (normal, offset) if normal[main] > 0 else (-normal, -offset)


def _equation(normal: Numbers, offset: float, rms: float, count: int) -> str:
    x, y, z = (f"{round(float(one), 3) + 0.0:.3f}" for one in normal)
    return f"{words.count(count, 'point')}, normal ({x}, {y}, {z}), offset {-offset:.4g}, RMS {rms:.2g}"


def clusters(cloud: Cloud, p: Clusters, say: Say) -> Outcome:
    """Heaps of points by DBSCAN (Ester et al. 1996), the largest first; 0 is noise."""
    need_points(cloud, 2, "Clustering")
    points = cloud.points
    distance = p.distance or 3 * spacing_of(points)
    pairs = neighbours_within(points, distance)
    if pairs > MOST_NEIGHBOURS:
        raise InputError(
            "So many points are neighbours at this distance that they do not fit into memory.",
            expected=f"at most {spaced(MOST_NEIGHBOURS)} pairs",
            received=f"about {spaced(pairs)} within {distance:.4g}",
            fix="Choose a smaller distance, or down-sample the cloud first.", field="distance",
        )  # fmt: skip
    say(0.1, f"clustering {spaced(len(points))} points")
    found = np.asarray(legacy(points).cluster_dbscan(distance, p.least, False), np.int64)
    label, sizes = by_size(found, p.smallest)
    count = len(sizes)
    noise = int((label == 0).sum())
    facts = [Fact("clusters", count), Fact("noise", noise, "points"), Fact("distance", distance, "scene units")]
    facts += [Fact(f"cluster {at + 1}", int(one), "points") for at, one in enumerate(sizes[:TOLD_CLUSTERS])]
    if count > TOLD_CLUSTERS:
        facts.append(Fact("smallest cluster", int(sizes[-1]), "points"))
    names = class_colours(["noise", *(f"cluster {at + 1}" for at in range(min(count, 256)))])
    notes = [] if count else ["No cluster was found: raise the distance, or lower how many neighbours make a core"]
    marks = Values("cluster", "class", label.astype(np.uint8 if count < 256 else np.int32), names=names)
    return _divided(cloud, marks, facts, notes, min(count, SPLIT_CLUSTERS), apart=p.apart, rest="noise")


def neighbours_within(points: Numbers, distance: float) -> float:
    """About how many pairs of neighbours there are (each counted from both ends), judged by some points."""
    from scipy.spatial import cKDTree

    some = points[:NEIGHBOUR_SAMPLE]
    counts = cKDTree(points).query_ball_point(some, distance, return_length=True)
    return float(np.mean(counts)) * len(points)


def by_size(found: Indices, smallest: int) -> tuple[Indices, Indices]:
    """Labels from 1, the largest cluster first, and their sizes; noise (−1) and clusters below `smallest` become 0."""
    sizes = np.bincount(found[found >= 0]) if (found >= 0).any() else np.zeros(0, np.int64)
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] >= smallest]
    number = np.zeros(len(sizes) + 1, np.int64)  # the last one is noise's, at −1
    number[order] = np.arange(1, len(order) + 1)
    return number[found], sizes[order]


def _divided(
    cloud: Cloud, marks: Values, facts: list[Fact], notes: list[str], count: int, *, apart: bool, rest: str
) -> Outcome:
    """The column, or a cloud for each of the first classes and one for all others."""
    if not apart or not count:
        return Outcome(added=(marks,), facts=facts, notes=notes)
    label: NDArray[np.integer] = marks.array
    whole = cloud.having(marks)
    made = [(marks.names[str(at)], whole.at(np.flatnonzero(label == at))) for at in range(1, count + 1)]
    others = np.flatnonzero((label == 0) | (label > count))
    return Outcome(clouds=[*made, *([(rest, whole.at(others))] if len(others) else [])], facts=facts, notes=notes)
