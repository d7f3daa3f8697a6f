"""A case for looking around without any file: the head phantom, written as files like those of a scanner."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import SimpleITK as sitk  # noqa: N813

from workbench.engine.medical.export import write_volume
from workbench.engine.medical.geometry import to_sitk
from workbench.engine.medical.phantoms.head import LABELS, HeadPlan, make_head

PLAN = HeadPlan(
    size=144, slices=40, thickness_mm=3.0, tumour_mm=(24.0, 30.0), noise=(0.015, 0.025), bias=0.1, tilt=0.05
)
SEED = 12
NAME = "head-phantom"
SEQUENCES = ("t1", "flair", "t1ce")
"""How files of the phantom's contrasts are named, in its order."""


def write_sample(folder: Path) -> Path:
    """The head phantom below `folder`: three MR sequences as NIfTI, its tumour's labels as NRRD; returns its folder.

    Written once. Raises OSError or RuntimeError where it cannot be.
    """
    out = folder / NAME
    if out.is_dir():
        return out
    scratch = folder / f".{NAME}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    head = make_head(SEED, PLAN, name=NAME)
    for image, sequence in zip(head.images, SEQUENCES, strict=True):
        write_volume(image.round().astype("int16"), head.meta.geometry, scratch / f"phantom_{sequence}.nii.gz")
    labels: Any = to_sitk(head.labels, head.meta.geometry)
    for at, label in enumerate(LABELS):  # as 3D Slicer names segments, which is how label files carry names
        labels.SetMetaData(f"Segment{at}_Name", label.name)
        labels.SetMetaData(f"Segment{at}_LabelValue", str(label.value))
    sitk.WriteImage(labels, str(scratch / "phantom_seg.nrrd"), useCompression=True)
    scratch.rename(out)
    return out
