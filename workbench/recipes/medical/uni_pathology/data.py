"""Tiles and slides of a run, generated or the user's own; no slide stands in two parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.medical.phantoms import histology, histoslides
from workbench.engine.text import cache

from . import natural
from .recipe import HISTOLOGY, UniPathology

Pixels = NDArray[np.uint8]
Ints = NDArray[np.int64]

EDITION = 3
"""Raised when the same seed would give other pictures."""
CENTRE = {"pretraining": "A", "labelled": "A", "validation": "A", "test": "B", "bags": "A", "unseen bags": "B"}
"""Where each part of the generated data was made: everything is learned and chosen at A, tested at B."""


@dataclasses.dataclass(frozen=True)
class Tiles:
    """Pictures (N, H, W, 3) with their class (N,) and the slide each was cut from."""

    pictures: Pixels
    labels: Ints
    slides: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


@dataclasses.dataclass(frozen=True)
class Bag:
    """A slide as the pooling sees it: tiles (N, H, W, 3) at level-0 places (N, 2: x, y), and what is known of them."""

    name: str
    label: int
    tiles: Pixels
    places: Ints
    tumour: NDArray[np.float32] | None
    """Each tile's share of tumour, where a mask tells."""
    slide: histoslides.MadeSlide | None = None


@dataclasses.dataclass(frozen=True)
class Data:
    """All tiles of a run. Pretraining has no labels; the labelled ones are learned from, the test ones only named."""

    classes: tuple[str, ...]
    pretraining: Pixels
    pretraining_slides: tuple[str, ...]
    labelled: Tiles
    validation: Tiles
    test: Tiles

    def __post_init__(self) -> None:
        apart(self.pretraining_slides, self.labelled.slides, self.validation.slides, self.test.slides)


def apart(*parts: Sequence[str]) -> None:
    """Raise InputError where a slide stands in two of these parts."""
    seen: dict[str, int] = {}
    for at, part in enumerate(parts):
        for name in set(part):
            if seen.setdefault(name, at) != at:
                raise InputError(
                    "Tiles of one slide stand in more than one part of the data.",
                    expected="pretraining, labelled, validation and test tiles of slides apart from each other",
                    received=f"the slide {name} twice",
                    fix="Divide the data by slide (better: by patient), not by tile.",
                    field="tiles",
                )


def load(job: Job, params: UniPathology) -> Data:
    """The tiles that the job's slots name; generated ones come from the job's seed."""
    tiles, test = (job.inputs.get(slot) or HISTOLOGY.address for slot in ("tiles", "test_tiles"))
    if tiles != HISTOLOGY.address:
        from .folders import own_tiles

        return own_tiles(job, tiles, "" if test == HISTOLOGY.address else test, params)
    if test != HISTOLOGY.address:
        raise InputError(
            "Generated tissue is no training for these test tiles.", expected="training tiles of the same classes",
            received=HISTOLOGY.address, fix="Choose the folder of training tiles as well.", field="tiles",
        )  # fmt: skip
    parts = {
        name: generated(job.seed, name, slides, params.tiles_per_class, params)
        for name, slides in (("labelled", params.labelled_slides), ("validation", params.validation_slides),
                             ("test", params.test_slides))
    }  # fmt: skip
    pictures, names = unlabelled(job.seed, params)
    return Data(histology.TISSUES, pictures, names, parts["labelled"], parts["validation"], parts["test"])


def unlabelled(seed: int, params: UniPathology) -> tuple[Pixels, tuple[str, ...]]:
    """What the encoder is pretrained on: tiles (N, H, W, 3) of generated slides, or squares of photographs."""
    count = params.pretrain_slides * params.tiles_per_slide
    if params.pretrain_on == "natural pictures":
        return natural.squares(count, params.tile, seed=seed), ("photographs",)
    pictures: list[Pixels] = []
    names = []
    each, size = params.tiles_per_slide, params.tile
    for slide in range(params.pretrain_slides):
        made = _kept("pretraining", seed, slide, each, size, make=lambda at=slide: [
            _tile(seed, "pretraining", at, None, number=number, size=size) for number in range(each)
        ])  # fmt: skip
        pictures.extend(made)
        names.append(f"pretraining-{slide}")
    return np.stack(pictures), tuple(names)


def generated(seed: int, part: str, slides: int, per_class: int, params: UniPathology) -> Tiles:
    """`per_class` tiles of every tissue from each of a part's slides."""
    kinds = len(histology.TISSUES)
    made = _kept(part, seed, slides, per_class, params.tile, make=lambda: [
        _tile(seed, part, slide, kind, number=number, size=params.tile)
        for slide in range(slides) for kind in range(kinds) for number in range(per_class)
    ])  # fmt: skip
    labels = np.tile(np.repeat(np.arange(kinds), per_class), slides)
    names = np.repeat([f"{part}-{slide}" for slide in range(slides)], kinds * per_class)
    return Tiles(np.asarray(made), labels.astype(np.int64), tuple(map(str, names)))


def _tile(seed: int, part: str, slide: int, kind: int | None, *, number: int, size: int) -> Pixels:
    style = histology.style_of(histology.chance_of(seed, part, slide), CENTRE[part])
    chance = histology.chance_of(seed, part, slide, len(histology.TISSUES) if kind is None else kind, number)
    tissue = int(chance.integers(len(histology.TISSUES))) if kind is None else kind
    return histology.tile(tissue, size, style, chance)


def _kept(*facts: Any, make: Any) -> Pixels:
    """An array from the cache, or made for it: all arms of a claim see the same pictures."""
    path = cache.folder("histology") / f"{cache.digest(EDITION, *facts)}.npy"
    cache.keep(path, lambda scratch: _save(scratch, np.stack(make())))
    found: Pixels = np.load(path, allow_pickle=False)
    return found


def _save(path: Path, array: Pixels) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


# Slides --------------------------------------------------------------------------------------

MOST_GLASS = 0.5
"""Tiles with less tissue than this are left out, as a tissue mask would."""


def made_bags(seed: int, part: str, count: int, params: UniPathology) -> list[Bag]:
    """Generated slides cut into tiles; every second one holds tumour."""
    return [made_bag(made_slide(seed, part, number, params), params.tile) for number in range(count)]


def made_slide(seed: int, part: str, number: int, params: UniPathology) -> histoslides.MadeSlide:
    """A slide of a part, its pixels kept in the cache."""
    size = params.slide_size
    folder = cache.folder("histology")
    stem = cache.digest(EDITION, "slide", seed, part, number, size)
    path = folder / f"{stem}.npy"
    style = histology.style_of(histology.chance_of(seed, part, number), CENTRE[part])

    def write(scratch: Path) -> None:
        made = histoslides.make_slide(seed, part, number, centre=CENTRE[part], size=size)
        _save(scratch, np.dstack([made.rgb, made.tissue.astype(np.uint8), made.tumour.astype(np.uint8)]))

    cache.keep(path, write)
    planes = np.load(path, mmap_mode="r", allow_pickle=False)
    tissue, tumour = (np.asarray(planes[..., at]) > 0 for at in (3, 4))
    return histoslides.MadeSlide(f"{part}-{number}", np.ascontiguousarray(planes[..., :3]), tissue, tumour, style)


def made_bag(slide: histoslides.MadeSlide, tile: int) -> Bag:
    """The tiles of a generated slide that hold tissue."""
    places, pictures, shares = [], [], []
    for y in range(0, slide.rgb.shape[0] - tile + 1, tile):
        for x in range(0, slide.rgb.shape[1] - tile + 1, tile):
            window = slice(y, y + tile), slice(x, x + tile)
            if slide.tissue[window].mean() > MOST_GLASS:
                places.append((x, y))
                pictures.append(slide.rgb[window])
                shares.append(slide.tumour[window].mean())
    return Bag(slide.name, int(slide.has_tumour), np.stack(pictures), np.array(places, np.int64),
               np.array(shares, np.float32), slide)  # fmt: skip


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's data is: its classes with their tiles, or the list of slides."""
    if address != HISTOLOGY.address:
        from .folders import look

        seen: DataPreview = look(slot, address)
        return seen
    if slot == "slides":
        rows = [[f"bags-{at}", "tumour" if at % 2 else "no tumour", "centre A"] for at in range(4)]
        return DataPreview("Sample", "generated slides, tumour over 2 to 20 % of the tissue of every second one",
                           ["slide", "label", "where"], rows)  # fmt: skip
    centre = CENTRE["test" if slot == "test_tiles" else "labelled"]
    rows = [[one, "64 × 64", f"centre {centre}"] for one in histology.TISSUES]
    return DataPreview("Sample", f"nine tissues, {histology.MPP:g} µm a pixel", ["class", "pixels", "where"], rows)
