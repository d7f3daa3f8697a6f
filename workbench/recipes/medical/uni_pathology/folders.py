"""Own tiles and slides: class folders as of NCT-CRC-HE-100K, slide lists, CLAM's features.

A slide list is a CSV with slide_id, label and, better, case_id. Its slides are looked for below its folder: as
features (`<slide_id>.h5`, CLAM's), which are taken as they are, or as slides that are tiled and described here.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.core.words import spaced

from .bags import Encoded
from .data import Data, Pixels, Tiles
from .recipe import UniPathology

PICTURES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
SLIDES = (".svs", ".ndpi", ".tif", ".tiff", ".mrxs", ".scn", ".bif", ".svslide", ".vms", ".vmu", ".btf", ".czi")
MOST_TILES = 20_000
VALIDATION_SHARE, TEST_SHARE = 0.2, 0.3
MASK_PX = 1024


# Tiles --------------------------------------------------------------------------------------


def classes_of(folder: Path) -> dict[str, list[Path]]:
    """Class folders with their pictures, both by name. Raises InputError where there are fewer than two."""
    if not folder.is_dir():
        raise InputError(
            "There is no such folder of tiles.", expected="a folder with one folder of pictures for each class",
            received=folder.name, fix="Choose the folder above ADI, BACK, DEB …", field="tiles", place=str(folder),
        )  # fmt: skip
    found = {}
    for one in sorted(path for path in folder.iterdir() if path.is_dir()):
        pictures = sorted(path for path in one.iterdir() if path.suffix.lower() in PICTURES)
        if pictures:
            found[one.name] = pictures
    if len(found) < 2:
        raise InputError(
            "There are no classes to tell apart.", expected="at least two class folders with pictures",
            received=f"{len(found)} of {', '.join(PICTURES)}", fix="Choose the folder above the class folders.",
            field="tiles", place=str(folder),
        )  # fmt: skip
    return found


def slide_of(path: Path) -> str:
    """The slide that a tile was cut from, where its name tells it (TCGA, `<slide>_x_y`); else empty.

    Tiles of NCT-CRC-HE-100K do not tell: their test set is apart by patient.
    """
    words = path.stem.split("_")
    if path.stem.startswith("TCGA-"):
        return "-".join(path.stem.split("-")[:3])
    coordinates = [one for one in words[-2:] if one.lstrip("xy-").isdigit()]
    return "_".join(words[:-2]) if len(words) > 2 and len(coordinates) == 2 else ""


def own_tiles(job: Job, train: str, test: str, params: UniPathology) -> Data:
    """Tiles of the user's folders; pretraining sees the labelled ones' pictures without their names.

    Validation is cut from the training tiles, by slide where names tell it. Without a test folder the test part
    is, too. Raises InputError where classes or parts do not fit.
    """
    known = classes_of(Path(train))
    names = tuple(known)
    chance = np.random.default_rng(job.seed)
    paths = [(path, at) for at, name in enumerate(names) for path in known[name]]
    parts = _divided(paths, chance, test=not test)
    if test:
        there = classes_of(Path(test))
        if set(there) - set(names):
            raise InputError(
                "Test tiles have other classes than the training tiles.", expected=", ".join(names),
                received=", ".join(there), fix="Give the folders the same names.", field="test_tiles", place=test,
            )  # fmt: skip
        parts["test"] = [(path, at) for at, name in enumerate(names) for path in there.get(name, [])]
    elif not any(slide_of(path) for path, _ in paths):
        job.log("Tiles' names do not tell their slide: test tiles may share slides with the labelled ones. "
                "Give a test folder of other patients.", "warning")  # fmt: skip
    job.phase("reading tiles")
    read = {name: _tiles(job, found, params.tile, chance) for name, found in parts.items()}
    for name, found in read.items():
        lacking = set(range(len(names))) - set(found.labels.tolist())
        if lacking and name != "validation":
            raise InputError(
                f"The {name} tiles lack a class.", expected=", ".join(names),
                received=f"none of {names[min(lacking)]}", fix="Add tiles of it.", field="tiles", place=train,
            )  # fmt: skip
    labelled = read["labelled"]
    return Data(names, labelled.pictures, (), labelled, read["validation"], read["test"])


Found = list[tuple[Path, int]]


def _divided(paths: Found, chance: np.random.Generator, *, test: bool) -> dict[str, Found]:
    """Labelled, validation (and test) tiles; all tiles of a slide whose name is told go to one part."""
    groups: dict[str, Found] = {}
    for path, label in paths:
        groups.setdefault(slide_of(path) or str(path), []).append((path, label))
    names = [list(groups)[at] for at in chance.permutation(len(groups))]
    count = len(names)
    held = max(1, round(VALIDATION_SHARE * count))
    tested = max(1, round(TEST_SHARE * count)) if test else 0
    cut = {"validation": names[:held], "labelled": names[held + tested :]}
    if test:
        cut["test"] = names[held : held + tested]
    return {part: [one for name in chosen for one in groups[name]] for part, chosen in cut.items()}


def _tiles(job: Job, found: Found, size: int, chance: np.random.Generator) -> Tiles:
    if not found:
        raise InputError("A part of the tiles is empty.", expected="tiles", received="none", field="tiles")
    if len(found) > MOST_TILES:
        job.log(f"{spaced(MOST_TILES)} of {spaced(len(found))} tiles are used, chosen at random.", "warning")
        found = [found[at] for at in np.sort(chance.choice(len(found), MOST_TILES, replace=False))]
    pictures = np.empty((len(found), size, size, 3), np.uint8)
    for at, (path, _) in enumerate(found):
        pictures[at] = read_picture(path, size)
        if at % 50 == 0:
            job.progress(at, len(found))
    slides = [slide_of(path) for path, _ in found]
    named = tuple(slides) if all(slides) else ()
    return Tiles(pictures, np.array([label for _, label in found], np.int64), named)


def read_picture(path: Path, size: int) -> Pixels:
    """A picture brought to (size, size, 3), antialiased; raises InputError where it cannot be read."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            "A tile cannot be read.", expected="a TIFF, PNG or JPEG picture", received=str(error)[:200],
            fix="Take it out of the folder.", field="tiles", place=str(path),
        ) from None  # fmt: skip


# Slides -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Listed:
    """A line of a slide list."""

    slide: str
    label: str
    case: str


def slide_list(path: Path) -> list[Listed]:
    """The lines of a slide list; a slide without case_id is its own case. Raises InputError for another table."""
    if path.is_dir():
        path = next(iter(sorted(path.glob("*.csv"))), path / "slides.csv")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "The list of slides cannot be read.", expected="a CSV in UTF-8", received=str(error)[:200],
            field="slides", place=str(path),
        ) from None  # fmt: skip
    columns = set(rows[0]) if rows else set()
    if not {"slide_id", "label"} <= columns:
        raise InputError(
            "This is no list of slides.", expected="the columns slide_id, label and, better, case_id",
            received=", ".join(map(str, columns)) or "no lines", fix="Name the columns so in the first line.",
            field="slides", place=str(path),
        )  # fmt: skip
    found = [Listed(row["slide_id"].strip(), row["label"].strip(), (row.get("case_id") or row["slide_id"]).strip())
             for row in rows if row["slide_id"] and row["label"]]  # fmt: skip
    twice = {one.slide for one in found if sum(other.slide == one.slide for other in found) > 1}
    if twice:
        raise InputError(
            "A slide stands in the list twice.", expected="one line for each slide", received=min(twice),
            fix="Remove the second line.", field="slides", place=str(path),
        )  # fmt: skip
    return found


def by_case(listed: list[Listed], *, seed: int) -> tuple[list[Listed], list[Listed]]:
    """Slides to learn from and to test, 70 : 30 in every label, all slides of a case on one side."""
    chance = np.random.default_rng((seed, 31))
    label_of: dict[str, str] = {}
    for one in listed:
        label_of.setdefault(one.case, one.label)
    tested: set[str] = set()
    for label in sorted(set(label_of.values())):
        cases = [case for case in label_of if label_of[case] == label]
        order = chance.permutation(len(cases))
        tested |= {cases[at] for at in order[: max(1, round(TEST_SHARE * len(cases)))]}
    return [one for one in listed if one.case not in tested], [one for one in listed if one.case in tested]


def own_slides(
    job: Job, address: str, describe: Callable[[Pixels], NDArray[np.float32]], params: UniPathology
) -> tuple[list[Encoded], list[Encoded], tuple[str, ...]]:
    """Slides of a list to learn from and to test, as features, and their classes.

    Raises InputError where a slide is not there, or a class is on one side only.
    """
    path = Path(address)
    listed = slide_list(path)
    classes = tuple(sorted({one.label for one in listed}))
    train, test = by_case(listed, seed=job.seed)
    if {one.label for one in train} != set(classes) or len(classes) < 2:
        raise InputError(
            "There are too few cases to learn from.", expected="two classes at least, two cases of each at least",
            received=f"{len(listed)} slides of {len(classes)} classes", field="slides", place=address,
        )  # fmt: skip
    root = path if path.is_dir() else path.parent
    files = _files(root)
    job.phase("reading slides")
    parts: list[list[Encoded]] = [[], []]
    for at, one in enumerate((*train, *test)):
        job.progress(at, len(listed))
        features, places = _described(one, files, describe, params, address)
        parts[at >= len(train)].append(Encoded(one.slide, classes.index(one.label), features, places))
    widths = {found.features.shape[1] for part in parts for found in part}
    if len(widths) > 1:
        raise InputError(
            "Features of the slides come from different encoders.", expected="one width", received=str(sorted(widths)),
            fix="Describe all slides by the same encoder.", field="slides", place=address,
        )  # fmt: skip
    return parts[0], parts[1], classes


def _files(root: Path) -> dict[str, Path]:
    """Slides and features below a folder by their stem; features come first, the list of coordinates never."""
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix == ".h5" and path.parent.name != "patches":
            found[path.stem] = path
        elif path.suffix.lower() in SLIDES:
            found.setdefault(path.stem, path)
    return found


def _described(
    one: Listed, files: dict[str, Path], describe: Callable[[Pixels], NDArray[np.float32]], params: UniPathology,
    address: str,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:  # fmt: skip
    from workbench.engine.medical.slides.clam import read_features

    path = files.get(one.slide) or files.get(Path(one.slide).stem)
    if path is None:
        raise InputError(
            "A slide of the list is not there.", expected=f"{one.slide} as a slide or as .h5 below the list's folder",
            received="no such file", fix="Put slides or features beside the list.", field="slides", place=address,
        )  # fmt: skip
    if path.suffix == ".h5":
        return read_features(path)
    tiles, places, _ = cut_slide(path, mpp=params.spacing, tile=params.tile)
    return describe(tiles), places


def cut_slide(path: Path, *, mpp: float, tile: int) -> tuple[Pixels, NDArray[np.int64], float]:
    """The tiles (N, tile, tile, 3) of a slide's tissue, their level-0 corners (N, 2), and a tile's level-0 width."""
    from workbench.engine.medical.slides import open_slide
    from workbench.engine.medical.slides.tiling import read_tile, tile_grid, tile_plan
    from workbench.engine.medical.slides.tissue import tissue_mask

    with open_slide(path) as slide:
        mask = tissue_mask(slide.thumbnail(MASK_PX))
        places = tile_grid(slide, mask, mpp=mpp, tile=tile)
        if len(places) > MOST_TILES:
            places = places[np.linspace(0, len(places) - 1, MOST_TILES).astype(int)]
        tiles = np.stack([read_tile(slide, at, mpp=mpp, tile=tile) for at in places])
        return tiles, places, tile_plan(slide, mpp, tile).span


def look(slot: str, address: str) -> DataPreview:
    """The classes of a folder with their numbers, or the first lines of a slide list."""
    rows: list[list[str]]
    if slot == "slides":
        listed = slide_list(Path(address))
        numbers: dict[str, int] = {}
        for one in listed:
            numbers[one.label] = numbers.get(one.label, 0) + 1
        files = _files(Path(address) if Path(address).is_dir() else Path(address).parent)
        rows = [[one.slide, one.label, one.case, files[one.slide].name if one.slide in files else "not found"]
                for one in listed[:40]]  # fmt: skip
        columns = ["slide", "label", "case", "file"]
        return DataPreview("Slide list", f"{len(listed)} slides", columns, rows, len(listed), labels=numbers)
    known = classes_of(Path(address))
    rows = [[name, str(len(paths)), paths[0].name] for name, paths in known.items()]
    counts: dict[str, Any] = {name: len(paths) for name, paths in known.items()}
    return DataPreview("Class folders", f"{sum(counts.values())} tiles", ["class", "tiles", "first"], rows,
                       len(rows), labels=counts)  # fmt: skip
