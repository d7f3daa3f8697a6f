"""Segmenting a case with a saved model, warm after the first call."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from workbench.core.problem import InputError
from workbench.core.segmenting import Segmented, SegmentingWish
from workbench.core.volumes import Geometry, Label, VolumeMeta
from workbench.engine.warm import warm

from .recipe import MIRRORS, MODALITY, PHANTOM, BrainTumorResunet

if TYPE_CHECKING:
    from workbench.engine.medical import serving

LEAST_MM = 40.0
"""No head, and no piece of one that is worth looking at, is narrower."""

ASKED_SEED = (99, 9, 0)
"""The generated head that is asked about is of no run's parts."""


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
    quick: Any = None
    """The network in its faster form, once it was asked."""


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> Segmented:
    """Segment a SegmentingWish, or inputs['volume'] (or ['data']): the sample's address, a case's folder with one file
    per sequence, a four-dimensional file with as many frames as the model has channels, or a .npy (C, z, y, x) with
    inputs['meta'].

    Raises InputError where there is no such volume, or it has other channels than the model.
    """
    from workbench.engine.medical import segmentation, serving

    tool = warm(job, "brain-tumor-resunet", folder, lambda card: _load(folder, card, job))
    wish = serving.wish_of(inputs)
    raw, meta, name = _opened(inputs, tool) if wish is None else _asked(wish, tool)
    grid, shape = _grid(raw, meta, tool)
    image = segmentation.standardise(_onto(raw, meta.geometry, grid, shape))
    return serving.segment(
        job, _reader(job, folder, tool), serving.Readable(image, grid, meta, raw.shape[1:], name), wish
    )


def _reader(job: Any, folder: Path, tool: Segmenter) -> serving.Reader:
    """The network and what its probabilities mean: regions one within the other."""
    from workbench.engine.medical import serving
    from workbench.engine.medical.segmentation import Windows

    from .data import assembled
    from .method import THRESHOLD

    def regions(share: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = np.logical_and.accumulate(share > THRESHOLD, axis=0)
        return found

    def counts(share: np.ndarray[Any, Any], _: Any) -> list[tuple[str, int]]:
        return [(name, int(one.sum())) for name, one in zip(tool.regions, regions(share), strict=True)]

    windows = Windows((tool.params.size, tool.params.size), batch=32 if tool.place.is_cuda else 8)
    tool.quick = tool.quick or serving.fast(job, tool.model, windows, channels=len(tool.channels), place=tool.place)
    return serving.Reader(
        tool.quick, windows, tool.place, tool.labels, lambda share: assembled(regions(share), tool.params.scheme),
        serving.name_of(folder), mirrors=MIRRORS, counts=counts, maps=tool.regions,
    )  # fmt: skip


def _asked(wish: SegmentingWish, tool: Segmenter) -> tuple[np.ndarray[Any, Any], VolumeMeta, str]:
    """The channels (C, z, y, x) that the page of cases or the terminal names."""
    from workbench.engine.medical import serving

    image, meta = serving.channels_of(wish, tool.channels, MODALITY)
    serving.check_size(meta, image.shape[1:], (0.0, LEAST_MM, LEAST_MM))
    return image, meta, wish.title or "case"


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
