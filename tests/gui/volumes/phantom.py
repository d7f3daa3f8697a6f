"""A head of ellipsoids with a lesion, and labels over it, for looking at volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.core import events as ev
from workbench.core.volumes import Geometry, Label, VolumeMeta, to_meta

LABELS = (Label(1, "oedema"), Label(2, "core"), Label(3, "enhancing"))


def head(shape=(80, 120, 100), *, seed=0):
    """CT-like int16 values in HU and labels, both (z, y, x): x to the left, y to the back, z to the head."""
    z, y, x = (np.linspace(-1, 1, size).reshape([-1 if axis == at else 1 for at in range(3)])
               for axis, size in enumerate(shape))  # fmt: skip
    away = (x / 0.8) ** 2 + (y / 0.9) ** 2 + (z / 0.9) ** 2
    values = np.full(shape, -1000.0, np.float32)
    values[away < 1] = 900
    values[away < 0.85] = 35
    values[(np.abs(x) < 0.28) & (np.abs(x) > 0.08) & ((y / 0.4) ** 2 + (z / 0.3) ** 2 < 1) & (away < 0.8)] = 5
    values[(np.abs(x) < 0.02) & (away < 0.84)] = 60
    lesion = ((x - 0.35) / 0.25) ** 2 + ((y - 0.2) / 0.3) ** 2 + ((z - 0.1) / 0.3) ** 2
    labels = np.zeros(shape, np.uint8)
    for value, (size, tone) in enumerate(((1.0, 25), (0.5, 55), (0.15, 75)), start=1):
        inside = (lesion < size) & (away < 0.85)
        values[inside] = tone
        labels[inside] = value
    values += np.random.default_rng(seed).normal(0, 5, shape)
    return values.astype(np.int16), labels


def meta(**more):
    """What the phantom is: 2 × 2 × 2.5 mm voxels, origin so that 0 lies in the middle."""
    geometry = Geometry((2.0, 2.0, 2.5), (-100.0, -120.0, -100.0))
    return VolumeMeta(**{"geometry": geometry, "modality": "CT", "unit": "HU", "window": (40, 120), **more})


def artifacts(folder: Path, shape=(80, 120, 100)):
    """A volume artifact and a labels artifact that lies over it, in a run folder."""
    values, labels = head(shape)
    (folder / "artifacts").mkdir(exist_ok=True)
    np.save(folder / "artifacts" / "image.npy", values)
    np.save(folder / "artifacts" / "labels.npy", labels)
    volume = ev.Artifact(slot="image", kind="volume", path="artifacts/image.npy", meta=to_meta(meta(title="head CT")))
    over = ev.Artifact(slot="labels", kind="labels", path="artifacts/labels.npy", meta=to_meta(meta(labels=LABELS)),
                       parts={"volume": "artifacts/image.npy"})  # fmt: skip
    return volume, over
