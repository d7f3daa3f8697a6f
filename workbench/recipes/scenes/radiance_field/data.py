"""The photographs of a run: a sample scene's, or a folder's with poses."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.scenes import CamerasDoc, PoseReading
from workbench.engine.scenes.fieldviews import HELD_OUT_EVERY, Photographs, from_cameras
from workbench.engine.scenes.posed import read_posed
from workbench.engine.scenes.posedsamples import sample_cameras

from .recipe import OBJECT, ROOM, RadianceField

SAMPLES = {one.address: one.name for one in (ROOM, OBJECT)}
KNOWN = ("images", "size", "scene", "repair", "axes", "upright")
"""Knobs on which it hangs what is read."""
LISTED = 8
PREVIEWED = 8


def cameras_of(address: str, folder: Path, params: RadianceField, seed: int, job: Job | None = None) -> CamerasDoc:
    """The posed pictures at an address; a sample's are drawn into `folder`. Raises InputError."""
    name = SAMPLES.get(address)
    if name is None:
        return read_posed(Path(address).expanduser(), PoseReading(params.repair, params.axes, params.upright))
    scene = seed if params.scene < 0 else params.scene
    return sample_cameras(name, folder, images=params.images, size=params.size, seed=scene,
                          tell=job.progress if job is not None else None)  # fmt: skip


def load(job: Job, params: RadianceField) -> tuple[Photographs, CamerasDoc]:
    """What the field learns from, and where the photographs were taken; notes go to the log."""
    job.phase("reading photographs")
    address = job.inputs["pictures"]
    doc = cameras_of(address, job.folder / "photographs", params, job.seed, job)
    found = from_cameras(doc, longest_px=params.longest_px, told=job.progress, place=address)
    for note in found.notes:
        job.log(note)
    lens = found.learned[0].lens
    job.log(f"{len(found.learned)} photographs to learn from, {len(found.held_out)} held out; the first has "
            f"{lens.width} × {lens.height} pixels.")  # fmt: skip
    return found, doc


def preview(address: str, values: dict[str, Any]) -> DataPreview:
    """The first photographs of a slot."""
    known = {name: value for name, value in values.items() if name in KNOWN}
    params = RadianceField(**known)
    if address in SAMPLES:
        with tempfile.TemporaryDirectory() as scratch:
            few = params.replace(images=PREVIEWED, size=16)
            doc = cameras_of(address, Path(scratch), few, 0)
            return _told(doc, "Sample", f"{params.images} photographs of {params.size} × {params.size} pixels")
    doc = cameras_of(address, Path(), params, 0)
    return _told(doc, "Posed photographs", f"{len(doc.images)} photographs")


def _told(doc: CamerasDoc, kind: str, detail: str) -> DataPreview:
    marked = any(one.held_out for one in doc.images)
    rows = [[Path(one.path).name, f"{one.lens.width} × {one.lens.height}", "held out" if one.held_out else "learned"]
            for one in doc.images[:LISTED]]  # fmt: skip
    held = "some marked as held out" if marked else f"every {HELD_OUT_EVERY}th is held out"
    return DataPreview(kind, "; ".join([f"{detail}, {held}", *doc.notes]), ["photograph", "pixels", "use"], rows,
                       row_count=len(doc.images))  # fmt: skip
