"""Normals, fewer points, and points that stand apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.sceneprocess import Distances, DownSample, Fact, Normals, Outliers
from workbench.core.words import spaced
from workbench.engine.scenes.processingarrays import (
    Cloud,
    Indices,
    Numbers,
    Outcome,
    Say,
    Values,
    class_colours,
    histogram,
    need_breadth,
    need_points,
    open3d,
    spacing_of,
)

MOST_ORIENTED = 1_000_000
"""Points that a spanning tree of normals is made over: its edges and their costs take 300 bytes a point."""
TREE_NEIGHBOURS = 12
SLAB = 400_000
"""Points whose pairs of neighbours are in memory at once."""


def legacy(points: Numbers, normals: NDArray[np.float32] | None = None) -> Any:
    """Open3D's cloud of these points."""
    o3d = open3d()
    found = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(np.ascontiguousarray(points, np.float64)))
    if normals is not None:
        found.normals = o3d.utility.Vector3dVector(np.ascontiguousarray(normals, np.float64))
    return found


def normals(cloud: Cloud, p: Normals, say: Say) -> Outcome:
    """A normal at each point: the axis of least spread of its neighbours (Hoppe et al. 1992), and which way it points.

    Facing "consistent" goes along a spanning tree of nearby points; beyond `MOST_ORIENTED` points the others follow
    the nearest of an even sample.
    """
    need_points(cloud, 3, "A surface")
    need_breadth(cloud, "A surface")
    found = oriented(cloud.points, min(p.neighbours, len(cloud)), p.facing, say, p.radius)
    return Outcome(added=(Values("normal", "normal", found),), facts=[Fact("points", len(cloud))])


def oriented(points: Numbers, neighbours: int, facing: str, say: Say, radius: float = 0.0) -> NDArray[np.float32]:
    """Normals (N, 3) of length 1, facing one way as `normals` has it."""
    o3d = open3d()
    say(0.05, "fitting planes to neighbours")
    one = legacy(points - points.mean(axis=0))
    search = (o3d.geometry.KDTreeSearchParamHybrid(radius, neighbours) if radius
              else o3d.geometry.KDTreeSearchParamKNN(neighbours))  # fmt: skip
    one.estimate_normals(search)
    found = np.asarray(one.normals, np.float64)
    if facing == "consistent":
        say(0.4, "turning normals alike")
        found = _alike(points, found, neighbours, say)
    elif facing != "either way":
        towards = np.array([0.0, 0.0, 1.0]) if facing == "up" else points - points.mean(axis=0)
        found = found * np.where((found * towards).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    return found.astype(np.float32)


def _alike(points: Numbers, found: Numbers, neighbours: int, say: Say) -> Numbers:
    from scipy.spatial import cKDTree

    some = min(len(points), MOST_ORIENTED)
    sure = found[:some] * _signs(points[:some], found[:some], min(neighbours, TREE_NEIGHBOURS))[:, None]
    if some == len(points):
        return sure
    say(0.8, "turning the rest after them")
    _, nearest = cKDTree(points[:some]).query(points[some:], workers=-1)
    rest = found[some:]
    rest = rest * np.where((rest * sure[nearest]).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    return np.concatenate([sure, rest])


def _signs(points: Numbers, normals: Numbers, neighbours: int) -> Numbers:
    """Signs (N,) that turn normals alike along the tree of neighbours whose normals differ least (Hoppe et al. 1992).

    A tree settles how neighbours stand to each other and not which side is out: where each connected piece is
    farthest to the six sides, its normals point there. Open3D's own goes over a triangulation of space, which fails
    for points on a sphere or in a plane.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
    from scipy.spatial import cKDTree

    count = len(points)
    near = cKDTree(points).query(points, k=min(neighbours + 1, count), workers=-1)[1][:, 1:].ravel()
    of = np.repeat(np.arange(count), len(near) // count)
    cost = 1 - np.abs((normals[of] * normals[near]).sum(axis=1)) + 1e-6  # an edge of weight 0 would be none
    graph = coo_matrix((np.maximum(cost, 1e-6), (of, near)), shape=(count, count)).tocsr()
    tree = minimum_spanning_tree(graph)
    pieces, piece = connected_components(tree, directed=False)
    signs = np.ones(count)
    starts = np.unique(piece, return_index=True)[1]
    links = tree.tocoo()
    # One more node joins the pieces, so that one walk reaches all of them.
    joined = coo_matrix(
        (np.ones(links.nnz + pieces), (np.r_[links.row, np.full(pieces, count)], np.r_[links.col, starts])),
        shape=(count + 1, count + 1),
    ).tocsr()  # fmt: skip
    order, before = breadth_first_order(joined, count, directed=False)
    before[starts] = starts
    order = order[1:]
    steps = np.where((normals * normals[before[:count]]).sum(axis=1) < 0, -1.0, 1.0)
    walked, parents, along = signs.tolist(), before.tolist(), steps.tolist()
    for at in order.tolist():
        walked[at] = walked[parents[at]] * along[at]
    signs = np.asarray(walked)
    outside: Numbers = _outside(points, normals * signs[:, None], piece, pieces)[piece]
    return signs * outside


def _outside(points: Numbers, normals: Numbers, piece: NDArray[np.integer], pieces: int) -> Numbers:
    """For each piece −1 where the normals of its farthest points point inwards, else 1."""
    votes = np.zeros(pieces)
    for axis in range(3):
        order = np.lexsort((points[:, axis], piece))
        lowest = order[np.searchsorted(piece[order], np.arange(pieces))]
        highest = order[np.searchsorted(piece[order], np.arange(pieces), side="right") - 1]
        votes += normals[highest, axis] - normals[lowest, axis]
    return np.where(votes < 0, -1.0, 1.0)


def down_sample(cloud: Cloud, p: DownSample, say: Say) -> Outcome:
    """Fewer points: the mean of each cell of a grid (its commonest class, its mean colour), an even share, or a
    maximal set of points that are nowhere closer than the spacing (Luby's algorithm over a random order)."""
    need_points(cloud, 1, "Down-sampling")
    say(0.05, "thinning")
    if p.method == "random":
        made = cloud.at(np.arange(max(1, round(p.share * len(cloud)))))
    elif p.method == "voxel":
        made = voxel_means(cloud, p.spacing)
    else:
        made = cloud.at(apart(cloud.points, p.spacing, p.seed, say))
    facts = [Fact("points", len(made)), Fact("of", len(cloud)), Fact("kept", 100 * len(made) / len(cloud), "%")]
    return Outcome(clouds=[("thinned", made)], facts=facts)


def cells_of(points: Numbers, side: float) -> Indices:
    """The number of the cell of a grid that each point lies in; raises InputError where there are too many cells."""
    at = np.floor((points - points.min(axis=0)) / side)
    shape = at.max(axis=0) + 1
    if float(np.prod(shape)) >= 2.0**62:
        raise InputError("The cells are too small for a cloud of this size.", expected="a larger spacing",
                         received=f"{side:g}", fix="Choose a larger spacing.", field="spacing")  # fmt: skip
    whole = at.astype(np.int64)
    found: Indices = (whole[:, 0] * int(shape[1]) + whole[:, 1]) * int(shape[2]) + whole[:, 2]
    return found


def voxel_means(cloud: Cloud, side: float) -> Cloud:
    """The mean of the points in each cell of a grid, in the order of each cell's first point."""
    _, first, inverse, counts = np.unique(
        cells_of(cloud.points, side), return_index=True, return_inverse=True, return_counts=True
    )
    # In the order of first points: of an even sample the first ones of each cell are one, too.
    rank = np.empty(len(first), np.int64)
    order = np.argsort(first, kind="stable")
    rank[order] = np.arange(len(first))
    cell, counts = rank[inverse.ravel()], counts[order]

    def mean(values: NDArray[np.generic]) -> Numbers:
        flat = np.asarray(values, np.float64).reshape(len(values), -1)
        sums = [np.bincount(cell, flat[:, at], len(counts)) for at in range(flat.shape[1])]
        return (np.stack(sums, axis=1) / counts[:, None]).reshape(len(counts), *values.shape[1:])

    columns = []
    for one in cloud.columns:
        if one.kind == "class":
            array = _commonest(cell, one.array, len(counts))
        elif one.kind == "normal":
            long = mean(one.array)
            lengths = np.linalg.norm(long, axis=1, keepdims=True)
            array = np.divide(long, lengths, out=np.zeros_like(long), where=lengths > 0).astype(np.float32)
        else:
            found = mean(one.array)
            array = np.rint(found).astype(one.array.dtype) if one.kind == "colour" else found.astype(np.float32)
        columns.append(Values(one.name, one.kind, array, one.unit, one.names))
    return Cloud(mean(cloud.points), tuple(columns))


def _commonest(cell: Indices, classes: NDArray[np.generic], cells: int) -> NDArray[np.generic]:
    values, which = np.unique(classes, return_inverse=True)
    pairs, counts = np.unique(cell * len(values) + which.ravel(), return_counts=True)
    order = np.lexsort((-counts, pairs // len(values)))
    of, first = np.unique((pairs // len(values))[order], return_index=True)
    found: NDArray[np.generic] = np.empty(cells, values.dtype)
    found[of] = values[(pairs % len(values))[order][first]]
    return found


def apart(points: Numbers, distance: float, seed: int, say: Say) -> Indices:
    """Indices, rising, of points that are nowhere closer than `distance`, to which no point of those looked at can be
    added.

    One point by chance of each cell whose diagonal is the distance is looked at: so every point has a chosen one
    within twice the distance. Worked slab by slab, which bounds the memory.
    """
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(seed)
    priority = rng.permutation(len(points))
    cells = cells_of(points, distance / np.sqrt(3.0))
    by = np.lexsort((priority, cells))
    looked = by[np.unique(cells[by], return_index=True)[1]]
    axis = int(np.argmax(np.ptp(points[looked], axis=0)))
    looked = looked[np.argsort(points[looked, axis], kind="stable")]
    chosen: list[Indices] = []
    edge = np.empty((0, 3))
    for start in range(0, len(looked), SLAB):
        say(0.1 + 0.9 * start / len(looked), f"{spaced(start)} of {spaced(len(looked))} cells")
        slab = looked[start : start + SLAB]
        if len(edge):
            near, _ = cKDTree(edge).query(points[slab], distance_upper_bound=distance)
            slab = slab[~(near < distance)]
        taken = slab[_independent(points[slab], priority[slab], distance)]
        chosen.append(taken)
        if len(taken):
            last = points[looked[min(start + SLAB, len(looked)) - 1], axis]
            every = np.concatenate([edge, points[taken]])
            edge = every[every[:, axis] > last - distance]
    return np.sort(np.concatenate(chosen))


def _independent(points: Numbers, priority: Indices, distance: float) -> NDArray[np.bool_]:
    """A maximal set without two closer than the distance: whoever is first among its undecided neighbours is in."""
    from scipy.spatial import cKDTree

    chosen, alive = np.zeros(len(points), bool), np.ones(len(points), bool)
    if not len(points):
        return chosen
    one, two = cKDTree(points).query_pairs(np.nextafter(distance, 0.0), output_type="ndarray").T
    while alive.any():
        first = alive.copy()
        later = np.where(priority[one] < priority[two], two, one)
        first[later] = False
        chosen |= first
        beaten = np.concatenate([two[first[one]], one[first[two]]])
        alive &= ~first
        alive[beaten] = False
        still = alive[one] & alive[two]
        one, two = one[still], two[still]
    return chosen


def outliers(cloud: Cloud, p: Outliers, say: Say) -> Outcome:
    """Points whose neighbours are on average farther than elsewhere, or too few (as in PCL, Rusu et al. 2008)."""
    need_points(cloud, 3, "Telling outliers")
    one = legacy(cloud.points)
    say(0.1, "looking at neighbours")
    facts = []
    if p.method == "statistical":
        _, kept = one.remove_statistical_outlier(min(p.neighbours, len(cloud)), p.deviations)
    else:
        radius = p.radius or 4 * spacing_of(cloud.points)
        facts = [Fact("radius", radius, "scene units")]
        _, kept = one.remove_radius_outlier(p.least, radius)
    out = np.ones(len(cloud), bool)
    out[np.asarray(kept, np.int64)] = False
    count = int(out.sum())
    facts = [Fact("outliers", count), Fact("of", len(cloud)), Fact("share", 100 * count / len(cloud), "%"), *facts]
    if p.keep:
        marks = Values("outlier", "class", out.astype(np.uint8), names=class_colours(("inlier", "outlier")))
        return Outcome(added=(marks,), facts=facts)
    if count == len(cloud):
        raise InputError("Every point is an outlier by this measure.", expected="points that stay",
                         received=f"{spaced(count)} outliers", fix="Widen the radius, or lower how many must be there.",
                         field="radius" if p.method == "radius" else "deviations")  # fmt: skip
    return Outcome(clouds=[("without outliers", cloud.at(np.flatnonzero(~out)))], facts=facts)


def distances(cloud: Cloud, to: Numbers, faces: Indices | None, p: Distances, say: Say) -> Outcome:
    """How far each point is from the nearest point of another cloud, or from another mesh's surface."""
    need_points(cloud, 1, "Measuring")
    say(0.1, "measuring")
    far = distances_to(cloud.points, to, faces)
    facts = [Fact("mean", float(far.mean()), "scene units"), Fact("median", float(np.median(far)), "scene units"),
             Fact("root mean square", float(np.sqrt((far**2).mean())), "scene units"),
             Fact("95 % within", float(np.percentile(far, 95)), "scene units"),
             Fact("largest", float(far.max()), "scene units")]  # fmt: skip
    shown = np.minimum(far, p.most) if p.most else far
    found = Values("distance", "scalar", shown.astype(np.float32), "scene units")
    return Outcome(added=(found,), facts=facts, histograms=[histogram("Distances", far, "scene units")])


def distances_to(points: Numbers, to: Numbers, faces: Indices | None) -> Numbers:
    """Distances (N,) to the nearest of other points, or to the surface of a mesh."""
    if faces is None:
        from scipy.spatial import cKDTree

        near: Numbers = cKDTree(to).query(points, workers=-1)[0]
        return near
    o3d = open3d()
    middle = to.mean(axis=0)  # the library's scene has single precision
    rays = o3d.t.geometry.RaycastingScene()
    rays.add_triangles(o3d.core.Tensor(np.ascontiguousarray(to - middle, np.float32)),
                       o3d.core.Tensor(np.ascontiguousarray(faces, np.uint32)))  # fmt: skip
    asked = o3d.core.Tensor(np.ascontiguousarray(points - middle, np.float32))
    return np.asarray(rays.compute_distance(asked).numpy(), np.float64)
