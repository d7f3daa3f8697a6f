"""What was measured for click refinement; the shipped one lives in the product, the others only here."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from workbench.engine.medical import refine
from workbench.engine.medical.refine import Floats, Question


def likelihood(question: Question) -> Floats:
    """How much more a value looks like the wanted marks' surroundings than like the rest, 0 … 1.

    Two histograms under a Gaussian: of what lies within two voxels of the marks, and of the marks
    against the label and the crop's border.
    """
    bins = 64
    at = np.clip((question.values + 0.5) / 2 * bins, 0, bins - 1).astype(np.intp)
    inside, outside = refine.seeds(question)
    flat = [size for size in question.values.shape if size > 1]
    brush = ndimage.generate_binary_structure(3, 1) if len(flat) == 3 else None
    near = ndimage.binary_dilation(question.wanted, brush) & ~question.unwanted
    inside = near | inside if question.prior is not None else near
    seen = []
    for mask in (inside, outside | question.unwanted):
        counts = np.bincount(at[mask], minlength=bins).astype(np.float64)
        soft = ndimage.gaussian_filter1d(counts, 2.5, mode="nearest")
        seen.append(soft / max(soft.sum(), 1e-9) + 1e-3)
    share = seen[0] / (seen[0] + seen[1])
    found: Floats = share.astype(np.float32)[at]
    return found


SEED_MM = 10.0


def random_walker(question: Question) -> Floats:
    """Grady's random walker (PAMI 2006) from the marks and the crop's border, by scikit-image."""
    from skimage import segmentation

    _, weak_out = refine.seeds(question)
    labels = np.zeros(question.values.shape, np.int32)
    labels[weak_out] = 2
    if question.wanted.any():  # a seed of one voxel is drowned by a whole border of the others
        away_mm = ndimage.distance_transform_edt(~question.wanted, sampling=question.spacing_mm)
        labels[away_mm <= SEED_MM] = 1
    labels[question.unwanted] = 2
    values = ndimage.gaussian_filter(question.values, 0.7)
    shares = segmentation.random_walker(
        values, labels, beta=5000, mode="cg_j", tol=1e-3, return_full_prob=True, spacing=question.spacing_mm
    )
    return np.asarray(shares[0], np.float32)


REGION, CONTRAST = 3, 100


def graph_cut(question: Question) -> Floats:
    """Boykov and Jolly's cut (ICCV 2001) by scipy's maximum flow: likelihoods as regions, contrast as boundary."""
    from scipy import sparse
    from scipy.sparse import csgraph

    like = likelihood(question).ravel()
    _, weak_out = refine.seeds(question)
    values = question.values
    size, source, sink = values.size, values.size, values.size + 1
    index = np.arange(size).reshape(values.shape)
    rows, columns, weights = [], [], []
    sigma2 = 2 * max(float(np.var(np.diff(values, axis=1))), 1e-6)
    for axis in range(3):
        if values.shape[axis] < 2:
            continue
        a = np.take(index, range(values.shape[axis] - 1), axis).ravel()
        b = np.take(index, range(1, values.shape[axis]), axis).ravel()
        step = min(question.spacing_mm) / question.spacing_mm[axis]
        weight = np.rint(CONTRAST * step * np.exp(-((values.ravel()[a] - values.ravel()[b]) ** 2) / sigma2)) + 1
        rows += [a, b]
        columns += [b, a]
        weights += [weight, weight]
    hard = 10_000
    to_source = np.rint(-REGION * np.log(1 - like + 1e-3)) + hard * question.wanted.ravel()
    to_sink = np.rint(-REGION * np.log(like + 1e-3)) + hard * (weak_out | question.unwanted).ravel()
    every = np.arange(size)
    rows += [np.full(size, source), every]
    columns += [every, np.full(size, sink)]
    weights += [np.maximum(to_source, 0), np.maximum(to_sink, 0)]
    capacity = sparse.csr_matrix(
        (np.concatenate(weights).astype(np.int32), (np.concatenate(rows), np.concatenate(columns))),
        (size + 2, size + 2),
    )
    flow = csgraph.maximum_flow(capacity, source, sink).flow
    rest = capacity - flow
    rest.data = np.where(rest.data > 0, rest.data, 0)
    rest.eliminate_zeros()
    reached = csgraph.breadth_first_order(rest, source, return_predecessors=False)
    share = np.zeros(size + 2, np.float32)
    share[reached] = 1
    return share[:size].reshape(values.shape)


CANDIDATES = {"geodesic": refine.geodesic, "random walker": random_walker, "graph cut": graph_cut}
