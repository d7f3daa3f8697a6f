"""Segmenting a scan with a saved model, warm after the first call."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.segmenting import Segmented, SegmentingWish
from workbench.core.volumes import Geometry, Label, VolumeFile, VolumeMeta
from workbench.engine.warm import warm

from .recipe import MODALITY, PHANTOM, HiEndMae

if TYPE_CHECKING:
    from workbench.engine.medical import serving

CPU_BATCH = 2
"""Windows at once on a processor, where more of them leave its caches."""
LEAST_WINDOW = 0.5
"""A scan spans at least this share of the network's window along every axis."""


@dataclasses.dataclass
class Segmenter:
    """A network with the shape and the organs that its card tells."""

    model: Any
    params: HiEndMae
    organs: tuple[Label, ...]
    spacing_mm: tuple[float, ...]
    place: Any
    quick: Any = None
    """The network in its faster form, once it was asked."""


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> Segmented:
    """Segment a SegmentingWish, or inputs['volume']: a .npy (z, y, x) in HU with inputs['meta'] (a VolumeMeta) or
    a NIfTI file.

    The slots' names are taken as well, and a sample's address means one of its test scans. Raises InputError
    for what is no scan, and where the model is an encoder without segmentation.
    """
    from workbench.engine.medical import serving

    wish = serving.wish_of(inputs)
    hu, meta, name = _opened(inputs) if wish is None else _asked(wish)
    tool = warm(job, "hi-end-mae", folder, lambda card: _load(folder, card, job))
    if wish is not None:
        least = [LEAST_WINDOW * tool.params.crop * step for step in reversed(tool.spacing_mm)]
        serving.check_size(meta, hu.shape, least)
    case = _case(hu, meta, name, tool)
    readable = serving.Readable(np.asarray(case.image)[None], case.meta.geometry, meta, hu.shape, name)
    return serving.segment(job, _reader(job, folder, tool), readable, wish)


def _reader(job: Any, folder: Path, tool: Segmenter) -> serving.Reader:
    """The network and what its probabilities mean: the likeliest class."""
    from workbench.engine.medical import serving

    from .method import windows_of

    windows = dataclasses.replace(windows_of(tool.params), batch=windows_of(tool.params).batch if
                                  tool.place.is_cuda else CPU_BATCH)  # fmt: skip
    tool.quick = tool.quick or serving.fast(job, tool.model, windows, channels=1, place=tool.place)
    return serving.Reader(
        tool.quick, windows, tool.place, tool.organs, lambda share: share.argmax(0).astype(np.uint8),
        serving.name_of(folder),
    )  # fmt: skip


def _asked(wish: SegmentingWish) -> tuple[NDArray[Any], VolumeMeta, str]:
    """The scan that the page of cases or the terminal names."""
    from workbench.engine.medical import serving

    image, meta = serving.channels_of(wish, (MODALITY,), MODALITY)
    return image[0], meta, wish.title or "case"


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
