"""What each layer of the encoder knows about organs: a linear classifier on the tokens of whole crops.

A patch's label is the organ that fills most of it, if organs fill a fifth of it, else nothing. Classifiers learn
from the labelled scans and are asked on the test scans; each scan's number is the mean recall over its organs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.documents import Column, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Outcomes, Table
from workbench.engine.devices import Place

from .data import Case, Floats, Scans, labels_of, middle
from .networks import Encoder, MaskedAutoencoder, patches_of, picked, positions, standardised
from .recipe import HiEndMae

FILLED = 0.2
MEAN_SCANS = 64
"""Scans from which the mean patch of each place is taken."""
MOST_SCANS = 8
"""Scans that a probe learns from; more change it little."""


def probe(
    job: Job, encoder: Encoder, scans: Scans, params: HiEndMae, place: Place, *, taps: Sequence[int]
) -> dict[str, float]:
    """Probe every layer; writes the table and the scans' outcomes, returns probe_taps and one number a layer."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    known, asked = list(scans.labelled[:MOST_SCANS]), list(scans.test)
    classes = len(scans.organs)
    truth = [patch_labels(labels_of(one), params, classes) for one in (*known, *asked)]
    layers = tokens(encoder, [*known, *asked], params, place)
    recalls = np.full((params.layers, len(asked)), np.nan)
    for layer, found in enumerate(layers):
        scaler = StandardScaler().fit(np.concatenate(found[: len(known)]))
        model = LogisticRegression(C=0.1, max_iter=500, tol=1e-3, class_weight="balanced")
        model.fit(scaler.transform(np.concatenate(found[: len(known)])), np.concatenate(truth[: len(known)]))
        for at in range(len(asked)):
            said = model.predict(scaler.transform(found[len(known) + at]))
            recalls[layer, at] = mean_recall(said, truth[len(known) + at])
        job.progress(layer + 1, params.layers)
    return told(job, recalls, taps)


def told(job: Job, recalls: Floats | NDArray[np.float64], taps: Sequence[int]) -> dict[str, float]:
    """Write recalls (layers, scans); the tapped layers' mean is the number that claims compare."""
    of_layer = np.nanmean(recalls, axis=1)
    tapped = [tap - 1 for tap in taps]
    rows = [
        [f"{layer + 1}{' (tap)' if layer in tapped else ''}", round(float(value), 4)]
        for layer, value in enumerate(of_layer)
    ]
    columns = [Column("layer", "text"), Column("mean recall over organs", best="high")]
    caption = "Linear probe on frozen tokens, learned from labelled scans, asked on test scans. The last layer is "
    caption += "taken after its normalisation."
    job.artifact("probes", Table, TableDoc(columns, rows, caption), title="What each layer knows about organs")
    of_scan = np.nan_to_num(recalls[tapped].mean(0)).astype(np.float32)[:, None]
    job.artifact("outcomes_probe", Outcomes, of_scan, meta={"columns": ["mean recall"], "measure": "mean"})
    numbers = {f"probe_layer_{layer + 1}": float(value) for layer, value in enumerate(of_layer)}
    return {"probe_taps": float(of_scan.mean())} | numbers


def patch_labels(labels: NDArray[np.uint8], params: HiEndMae, classes: int) -> NDArray[np.int64]:
    """The organ (0: none) of each patch of a scan's middle crop, (N,)."""
    crop = torch.from_numpy(np.ascontiguousarray(middle(labels, params.crop)))[None, None]
    found = patches_of(crop, params.patch)[0].numpy()
    counts = np.stack([(found == value).sum(-1) for value in range(1, classes + 1)], 1)
    filled = counts.sum(1) >= FILLED * found.shape[1]
    return np.where(filled, counts.argmax(1) + 1, 0).astype(np.int64)


def mean_recall(said: NDArray[Any], truth: NDArray[np.int64]) -> float:
    """The mean over organs that are there of the share of their patches that was found; NaN without organs."""
    there = [value for value in np.unique(truth) if value]
    return float(np.mean([(said[truth == value] == value).mean() for value in there])) if there else float("nan")


@torch.no_grad()
def tokens(encoder: Encoder, cases: Sequence[Case], params: HiEndMae, place: Place) -> list[list[Floats]]:
    """Per layer and scan the tokens (N, D) of its middle crop, nothing hidden; the last layer normalised."""
    encoder.eval()
    where = positions(params.crop // params.patch, params.width).to(place.device)
    layers: list[list[Floats]] = [[] for _ in range(params.layers)]
    for one in cases:
        crop = torch.from_numpy(np.ascontiguousarray(middle(one.image, params.crop)))[None, None].to(place.device)
        with place.autocast():
            *found, _, end = encoder(patches_of(crop, params.patch), where)
        for layer, seen in enumerate([*found, end]):
            layers[layer].append(seen[0, 1:].float().cpu().numpy())
    return layers


@torch.no_grad()
def place_mean_error(model: MaskedAutoencoder, known: Sequence[Case], crops: Tensor, orders: Tensor) -> float:
    """The mean squared error of guessing each hidden patch by the mean of the `known` scans' patches at its place.

    Crops are (B, 1, Z, Y, X), orders (B, N), visible patches first; targets are standardised as in the loss. What
    does not fall below this has not learned to look at what is visible.
    """
    patch, hidden = model.encoder.patch, orders[:, model.visible :]
    total = torch.zeros(())
    for one in known[:MEAN_SCANS]:
        crop = torch.from_numpy(np.ascontiguousarray(middle(one.image, model.grid * patch)))[None, None]
        total = total + standardised(patches_of(crop, patch))
    mean = total / len(known[:MEAN_SCANS])
    wanted = picked(standardised(patches_of(crops, patch)), hidden)
    return float((picked(mean.expand(len(crops), -1, -1), hidden) - wanted).square().mean())
