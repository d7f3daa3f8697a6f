"""Reviewed cases as an nnU-Net tree: images as they were read, labels as they were signed, geometry kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.volumes import VolumeFile, VolumeMeta
from workbench.engine.medical.export import save_volume
from workbench.engine.medical.geometry import is_same_grid


class TrainingCase(msgspec.Struct, frozen=True):
    """A case to be learnt from: a name without the patient, its images by channel, its signed labels (z, y, x)."""

    name: str
    images: dict[str, VolumeFile]
    labels: NDArray[np.integer]
    meta: VolumeMeta
    digest: str
    """SHA-256 of the labels, as the log has it."""
    seen: bool = False
    """Whether the model to be continued from was trained on it already."""
    patient: str = ""
    """A pseudonym that cases of one patient share; empty where each is one of its own."""


def write_training_set(
    cases: Sequence[TrainingCase], channels: Sequence[str], out: Path, *,
    told: Callable[[int, int], object] = lambda done, of: None,
) -> Path:  # fmt: skip
    """Write the tree in a new folder, or nothing at all; returns it.

    Raises InputError where cases lack a channel, lie on other grids or call a value differently, and
    KnownTrouble where the disk is short.
    """
    names = _names(cases)
    scratch = out.with_name(f".{out.name}.part")
    try:
        for at, case in enumerate(cases):
            _write(case, channels, scratch)
            told(at + 1, len(cases))
        document = {
            "channel_names": {str(at): name for at, name in enumerate(channels)},
            "labels": {"background": 0} | {name: value for value, name in sorted(names.items())},
            "numTraining": len(cases), "file_ending": ".nii.gz",
            "trained_before": [case.name for case in cases if case.seen],
            "patients": {case.name: case.patient for case in cases if case.patient},
            "signed_labels": {case.name: case.digest for case in cases},
        }  # fmt: skip
        (scratch / "dataset.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
        scratch.replace(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return out


def _names(cases: Sequence[TrainingCase]) -> dict[int, str]:
    found: dict[int, str] = {}
    for case in cases:
        for one in case.meta.labels:
            if found.setdefault(one.value, one.name) != one.name:
                raise InputError(
                    "Cases mean different things by the same label.", expected=f"{one.value} {found[one.value]}",
                    received=f"{one.value} {one.name} in {case.name}",
                    fix="Give the labels the same names and sign the case again, or leave it out.",
                )  # fmt: skip
    return found


def _write(case: TrainingCase, channels: Sequence[str], folder: Path) -> None:
    missing = [name for name in channels if name not in case.images]
    if missing:
        raise InputError("A case lacks an image that the model needs.", expected=", ".join(channels),
                         received=f"{', '.join(case.images)} in {case.name}",
                         fix="Leave the case out, or open it with those series and sign it again.")  # fmt: skip
    for at, name in enumerate(channels):
        file = case.images[name]
        array = np.load(file.path, mmap_mode="r", allow_pickle=False)
        geometry = file.meta.geometry
        if array.shape != case.labels.shape or not is_same_grid(geometry, case.meta.geometry, array.shape):
            raise InputError("Labels and image of a case lie on different grids.", expected=str(case.labels.shape),
                             received=f"{array.shape} of {name} in {case.name}", fix="Leave the case out.")  # fmt: skip
        save_volume(array, geometry, folder / "imagesTr" / f"{case.name}_{at:04d}.nii.gz")
    save_volume(case.labels, case.meta.geometry, folder / "labelsTr" / f"{case.name}.nii.gz")
