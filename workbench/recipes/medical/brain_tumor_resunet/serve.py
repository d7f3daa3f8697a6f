"""Segmenting a case with a saved model, warm after the first call."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, Label, VolumeFile, VolumeMeta
from workbench.engine.warm import warm

from .recipe import PHANTOM, BrainTumorResunet

ASKED_SEED = (99, 9, 0)
"""The generated head that is asked about is of no run's parts."""


class Segmented(AnswersDoc):
    """Volumes in ml; labels on the grid of what was asked about, and how unsure the model was of each voxel."""

    labels: VolumeFile
    uncertainty: VolumeFile


@dataclasses.dataclass
class Segmenter:
    """A network with what its card tells."""

    model: Any
    params: BrainTumorResunet
    channels: tuple[str, ...]
    labels: tuple[Label, ...]
    regions: tuple[str, ...]
    spacing_mm: tuple[float, ...]
    place: Any


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> Segmented:
    """Segment inputs['volume'] (or ['data']): the sample's address, a case's folder with one file per sequence, a
    four-dimensional file with as many frames as the model has channels, or a .npy (C, z, y, x) with inputs['meta'].

    Raises InputError where there is no such volume, or it has other channels than the model.
    """
    from workbench.engine.medical import segmentation
    from workbench.engine.text import cache

    from .data import assembled
    from .method import THRESHOLD, predicted

    began = time.perf_counter()
    tool = warm(job, "brain-tumor-resunet", folder, lambda card: _load(folder, card, job))
    raw, meta, name = _opened(inputs, tool)
    grid, shape = _grid(raw, meta, tool)
    image = segmentation.standardise(_onto(raw, meta.geometry, grid, shape))
    share = predicted(tool.model, image, tool.params, tool.place, told=lambda: job.progress(0, 0))
    share = _onto(share, grid, meta.geometry, raw.shape[1:])
    regions = np.logical_and.accumulate(share > THRESHOLD, axis=0)
    labels = assembled(regions, tool.params.scheme)
    millilitres = float(np.prod(meta.geometry.spacing_mm)) / 1000
    volumes = [(region, round(float(one.sum()) * millilitres, 2)) for region, one in
               zip(tool.regions, regions, strict=True)]  # fmt: skip
    found = ", ".join(f"{region} {volume:,.1f} ml" for region, volume in volumes if volume)
    out = cache.folder("segmentations")
    stem = f"{name[:40]}-{cache.digest(folder, name, labels.tobytes())}"
    made = msgspec.structs.replace(meta, modality="SEG", unit="", window=None, labels=tool.labels,
                                   title=f"{name}, segmented")  # fmt: skip
    doubt = msgspec.structs.replace(meta, modality="OT", unit="bit", window=(0.5, 1.0), labels=(),
                                    title=f"{name}, uncertainty")  # fmt: skip
    return Segmented(
        [Answer("Segmentation", found or "No tumour was found.", scores=volumes, seconds=time.perf_counter() - began,
                note="Research use only, not a medical device.")],
        labels=_written(out / f"{stem}.npy", labels, made),
        uncertainty=_written(out / f"{stem}-uncertainty.npy", segmentation.entropy(share), doubt),
    )  # fmt: skip


def _grid(raw: np.ndarray[Any, Any], meta: VolumeMeta, tool: Segmenter) -> tuple[Geometry, tuple[int, ...]]:
    """The grid that the network reads this case on: its own where the slices have the right size already."""
    from .folders import square_grid

    if raw.shape[2:] == (tool.params.size, tool.params.size):
        return meta.geometry, raw.shape[1:]
    return square_grid(raw, meta.geometry, tool.params.size)


def _onto(values: np.ndarray[Any, Any], lies: Geometry, onto: Geometry, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Every channel of (C, z, y, x) on another grid; nothing is done where it is the same."""
    from workbench.engine.medical.geometry import resample

    if lies == onto and values.shape[1:] == shape:
        return values
    return np.stack([resample(one, lies, onto, shape, nearest=False) for one in values])


def _written(path: Path, array: np.ndarray[Any, Any], meta: VolumeMeta) -> VolumeFile:
    from workbench.engine.text import cache

    def save(scratch: Path) -> None:
        with scratch.open("wb") as file:
            np.save(file, array, allow_pickle=False)

    return VolumeFile(str(cache.keep(path, save)), meta)


def _opened(inputs: dict[str, Any], tool: Segmenter) -> tuple[np.ndarray[Any, Any], VolumeMeta, str]:
    """The case's channels (C, z, y, x) as they were read, how they lie, and a name."""
    asked = str(next((inputs[name] for name in ("volume", "data") if inputs.get(name)), ""))
    if asked == PHANTOM.address:
        from workbench.engine.medical.phantoms.head import HeadPlan, make_head

        head = make_head(ASKED_SEED, HeadPlan(size=tool.params.size), name="generated head")
        return _checked(head.images, tool), head.meta, head.name
    path = Path(asked)
    if not asked or not path.exists():
        raise InputError(
            "There is no case to segment.", expected=f"a folder or file with {', '.join(tool.channels)}, or the sample",
            received=asked or "nothing", fix="Choose a case's folder.", field="volume", place=path.name,
        )  # fmt: skip
    if path.suffix != ".npy":
        from .folders import read_case

        image, meta = read_case(path, tool.channels)
        return _checked(image, tool), meta, path.name.split(".")[0]
    meta = msgspec.convert(inputs.get("meta") or {}, VolumeMeta)
    return _checked(np.load(path, allow_pickle=False).astype(np.float32), tool), meta, path.stem


def _checked(image: np.ndarray[Any, Any], tool: Segmenter) -> np.ndarray[Any, Any]:
    if image.ndim != 4 or len(image) != len(tool.channels):
        raise InputError(
            "This case has other sequences than the model learned from.",
            expected=f"(C, z, y, x) with the channels {', '.join(tool.channels)}", received=str(image.shape),
            fix="Choose a case with these sequences.", field="volume",
        )  # fmt: skip
    return image


def _load(folder: Path, card: dict[str, Any], job: Any) -> Segmenter:
    from workbench.engine.devices import choose

    from .method import load_network

    model, params = load_network(folder, card)
    place = choose(job.device, job.precision)
    labels = tuple(msgspec.convert(one, Label) for one in card["labels"])
    return Segmenter(
        model.to(place.device), params, tuple(card["channels"]), labels, tuple(name for name, _ in card["regions"]),
        tuple(card["spacing_mm"]), place,
    )  # fmt: skip
