"""Embeddings to speakers: how many there are, who is which, and when they change."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

MOST_CLUSTERED = 1500
"""Clustering takes memory by the square of their number; beyond it, neighbours are averaged first."""
MOST_SPEAKERS = 20
MOST_ODD = 40
ROUNDS = 5


def unit(rows: np.ndarray) -> np.ndarray:
    """(n, D) rows at length 1; a row of zeros stays one."""
    found: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return found


def cluster(rows: np.ndarray, *, speakers: int = 0, threshold: float, least: int = 1) -> np.ndarray:
    """Which speaker each of (n, D) unit rows belongs to: (n,) from 0, the most frequent one first.

    Agglomerative by the average cosine; without a number of `speakers` clusters are joined while their
    average cosine is at least `threshold`, and those of fewer than `least` rows go to the nearest others.
    """
    if not len(rows):
        return np.zeros(0, np.int64)
    if len(rows) == 1:
        return np.zeros(1, np.int64)
    every = -(-len(rows) // MOST_CLUSTERED)
    group = np.arange(len(rows)) // every
    means = unit(np.stack([rows[group == one].mean(0) for one in range(int(group[-1]) + 1)])) if every > 1 else rows
    tree = linkage(pdist(means, "cosine"), "average")
    if not speakers:
        labels = fcluster(tree, 1.0 - threshold, "distance")[group]
        return _refined(rows, _without_small(rows, labels, least, MOST_SPEAKERS))
    # A few odd windows are no speaker: the tree is cut lower until so many clusters of some size are there.
    for count in range(speakers, min(len(means), speakers + MOST_ODD) + 1):
        labels = fcluster(tree, count, "maxclust")[group]
        if (np.unique(labels, return_counts=True)[1] >= least).sum() >= speakers:
            return _refined(rows, _without_small(rows, labels, least, speakers))
    return _refined(rows, fcluster(tree, speakers, "maxclust")[group])


def centroids(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean direction of each speaker, (speakers, D) at length 1."""
    return unit(np.stack([rows[labels == one].mean(0) for one in range(int(labels.max()) + 1)]))


def _without_small(rows: np.ndarray, labels: np.ndarray, least: int, most: int) -> np.ndarray:
    names, counts = np.unique(labels, return_counts=True)
    order = names[np.argsort(-counts, kind="stable")]
    kept = [one for one in order.tolist() if (labels == one).sum() >= least][:most] or order[:1].tolist()
    means = unit(np.stack([rows[labels == one].mean(0) for one in kept]))
    nearest = np.asarray(kept)[(rows @ means.T).argmax(1)]
    found: np.ndarray = np.where(np.isin(labels, kept), labels, nearest)
    return found


def _refined(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Rows given to the nearest mean a few times over (spherical k-means); no speaker is lost by it."""
    labels = _by_size(labels)
    for _ in range(ROUNDS):
        moved = (rows @ centroids(rows, labels).T).argmax(1)
        if (moved == labels).all() or len(np.unique(moved)) <= int(labels.max()):
            break
        labels = moved
    return _by_size(labels)


def _by_size(labels: np.ndarray) -> np.ndarray:
    names, counts = np.unique(labels, return_counts=True)
    rank = {int(one): at for at, one in enumerate(names[np.argsort(-counts, kind="stable")].tolist())}
    return np.array([rank[int(one)] for one in labels], np.int64)


def smooth_path(scores: np.ndarray, change_costs: np.ndarray) -> np.ndarray:
    """The best sequence of speakers (T,) for scores (T, speakers); a change before frame t costs change_costs[t].

    (Viterbi, 1967.)
    """
    steps, speakers = scores.shape
    back = np.zeros((steps, speakers), np.int64)
    best = scores[0].astype(np.float64)
    stay = np.arange(speakers)
    for t in range(1, steps):
        champion = int(best.argmax())
        changed = best[champion] - change_costs[t]
        back[t] = np.where(best >= changed, stay, champion)
        best = np.maximum(best, changed) + scores[t]
    path = np.zeros(steps, np.int64)
    if steps:
        path[-1] = int(best.argmax())
    for t in range(steps - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path
