"""Segmenting a scan with a saved model, warm after the first call."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, Label, VolumeFile, VolumeMeta
from workbench.engine.warm import warm

from .recipe import PHANTOM, HiEndMae

TOLD_ORGANS = 3


class Segmented(AnswersDoc):
    """Organs with their volumes in ml, and the label volume on the grid of what was asked about."""

    labels: VolumeFile


@dataclasses.dataclass
class Segmenter:
    """A network with the shape and the organs that its card tells."""

    model: Any
    params: HiEndMae
    organs: tuple[Label, ...]
    spacing_mm: tuple[float, ...]
    place: Any


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> Segmented:
    """Segment inputs['volume']: a .npy (z, y, x) in HU with inputs['meta'] (a VolumeMeta), or a NIfTI file.

    The slots' names are taken as well, and a sample's address means one of its test scans. Raises InputError
    for what is no scan, and where the model is an encoder without segmentation.
    """
    from .method import predicted

    began = time.perf_counter()
    hu, meta, name = _opened(inputs)
    tool = warm(job, "hi-end-mae", folder, lambda card: _load(folder, card, job))
    case = _case(hu, meta, name, tool)
    found = predicted(tool.model, case, tool.params, tool.place, job).argmax(0).astype(np.uint8)
    labels = _back(found, case.meta.geometry, meta.geometry, hu.shape)
    path = _written(labels, folder, name)
    millilitres = float(np.prod(meta.geometry.spacing_mm)) / 1000
    organs = [(one.name, round(float((labels == one.value).sum()) * millilitres, 1)) for one in tool.organs]
    there = sorted((one for one in organs if one[1]), key=lambda one: -one[1])
    told = ", ".join(f"{organ} {volume:,.0f} ml" for organ, volume in there[:TOLD_ORGANS])
    headline = f"{len(there)} of {len(organs)} organs: {told}" if there else "No organ was found."
    made = VolumeMeta(meta.geometry, modality="SEG", labels=tool.organs, title=f"{name}, segmented")
    seconds = time.perf_counter() - began
    note = "Research use only, not a medical device."
    return Segmented(
        [Answer("Segmentation", headline, scores=there, seconds=seconds, note=note)], labels=VolumeFile(str(path), made)
    )


def _opened(inputs: dict[str, Any]) -> tuple[NDArray[Any], VolumeMeta, str]:
    """The scan in HU (z, y, x), how it lies, and its name."""
    asked = str(next((inputs[name] for name in ("volume", "cases", "scans") if inputs.get(name)), ""))
    if asked == PHANTOM.address:
        from workbench.engine.medical.phantoms import torso

        made = torso.subject(0, "test", 0)
        return made.hu, made.meta, made.name
    path = Path(asked)
    if not asked or not path.is_file():
        raise InputError(
            "There is no scan to segment.", expected="a .npy volume or a NIfTI file", received=asked or "nothing",
            fix="Open a scan first, or choose the sample.", field="volume",
        )  # fmt: skip
    if path.suffix != ".npy":
        from .folders import read_scan

        return (*read_scan(path), path.name.split(".")[0])
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim != 3:
        raise InputError(
            "This array is no volume.", expected="three axes (z, y, x)", received=f"{array.ndim} axes",
            fix="Choose one volume of the series.", field="volume", place=str(path),
        )  # fmt: skip
    return array, _meta(inputs, path), path.stem


def _meta(inputs: dict[str, Any], path: Path) -> VolumeMeta:
    beside = path.with_suffix(".json")
    try:
        if inputs.get("meta"):
            return msgspec.convert(inputs["meta"], VolumeMeta)
        if beside.is_file():
            return msgspec.json.decode(beside.read_bytes(), type=VolumeFile).meta
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise InputError(
            "What is told of this volume cannot be read.", expected="a VolumeMeta", received=str(error)[:200],
            field="meta", place=str(path),
        ) from None  # fmt: skip
    raise InputError(
        "Nothing tells how this volume lies.", expected="its meta, or a VolumeFile in JSON beside it",
        received="an array alone", fix="Give the spacing with it: sizes decide what an organ is.", field="meta",
        place=str(path),
    )  # fmt: skip


def _case(hu: NDArray[Any], meta: VolumeMeta, name: str, tool: Segmenter) -> Any:
    """The scan as the model learned: its window, its spacing, its axes."""
    from workbench.engine.medical.phantoms.torso import scaled

    from .data import Case

    values = scaled(hu, tool.params.window_low, tool.params.window_high)
    if _fits(meta.geometry, tool):
        return Case(name, values, None, meta)
    from .folders import onto_grid

    values, geometry = onto_grid(values, meta.geometry, tool.spacing_mm)
    return Case(name, values, None, msgspec.structs.replace(meta, geometry=geometry))


def _fits(geometry: Geometry, tool: Segmenter) -> bool:
    return bool(
        np.allclose(geometry.spacing_mm, tool.spacing_mm, rtol=0.02)
        and np.allclose(geometry.direction, Geometry().direction, atol=1e-3)
    )


def _back(labels: NDArray[np.uint8], lies: Geometry, asked: Geometry, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Labels on the grid of the scan that was asked about."""
    if lies == asked and labels.shape == shape:
        return labels
    from .folders import back_onto

    moved: NDArray[np.uint8] = back_onto(labels, lies, asked, shape)
    return moved


def _written(labels: NDArray[np.uint8], folder: Path, name: str) -> Path:
    from workbench.engine.text import cache

    made = cache.folder("segmentations") / f"{name[:40]}-{cache.digest(folder, name, labels.tobytes())}.npy"
    cache.keep(made, lambda scratch: _save(scratch, labels))
    return made


def _save(path: Path, labels: NDArray[np.uint8]) -> None:
    with path.open("wb") as file:
        np.save(file, labels, allow_pickle=False)


def _load(folder: Path, card: dict[str, Any], job: Any) -> Segmenter:
    from safetensors.torch import load_file

    from workbench.engine.devices import choose

    from .method import make_encoder, make_segmenter

    if card["task"] != "segmentation":
        raise InputError(
            "This model is an encoder that has not learned to segment.", expected="a run that went to its end",
            received="a run that was kept during pretraining", fix="Run it again and let the segmentation train.",
            field="model", place=str(folder),
        )  # fmt: skip
    params = HiEndMae(**card["shape"])
    organs = tuple(msgspec.convert(one, Label) for one in card["labels"])
    model = make_segmenter(make_encoder(params), params, classes=len(organs) + 1)
    model.load_state_dict(load_file(folder / "segmenter.safetensors"))
    place = choose(job.device, job.precision)
    return Segmenter(model.to(place.device).eval(), params, organs, tuple(card["spacing_mm"]), place)
