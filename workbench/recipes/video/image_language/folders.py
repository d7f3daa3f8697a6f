"""Own pictures with captions: a table, texts beside the pictures, or COCO's captions."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.text.encoding import detect

from .data import PICTURES_SLOT, Data, Pairs
from .recipe import ImageLanguage

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
TABLES = ("captions.csv", "metadata.csv")
FILE_COLUMNS = ("file", "file_name", "filename", "image", "picture", "path", "name")
CAPTION_COLUMNS = ("caption", "captions", "text", "description", "title", "sentence")
HELD_OUT = 0.1
FEWEST = 20
LARGEST_BYTES = 2 << 30
Captioned = dict[Path, list[str]]


def check_measures(params: ImageLanguage) -> None:
    """Raise InputError where the encoder's measures do not fit each other."""
    for what, value, by in (("image_px", params.image_px, params.patch), ("width", params.width, params.heads)):
        if value % by:
            name = {"image_px": "The picture's edge", "width": "The encoder's width"}[what]
            of = {"image_px": "patch", "width": "heads"}[what]
            raise InputError(
                f"{name} is no multiple of the {of}.", expected=f"a multiple of {by}", received=str(value),
                fix=f"Take {max(by, value // by * by)}, or another number for the {of}.", field=what,
            )  # fmt: skip


def _fault(what: str, *, expected: str, received: str, fix: str, place: Path) -> InputError:
    return InputError(
        what, expected=expected, received=received, fix=fix, field=PICTURES_SLOT, place=str(place)
    )  # fmt: skip


def captioned(address: str) -> Captioned:
    """Pictures with their captions, by path; files that are named but not there stay in. Raises InputError."""
    path = Path(address).expanduser()
    if path.is_dir():
        found = _of_folder(path)
    elif path.suffix.lower() == ".csv" and path.is_file():
        found = _of_table(path)
    elif path.suffix.lower() == ".json" and path.is_file():
        found = _of_coco(path)
    else:
        raise _fault(
            "There are no pictures with captions here.", expected="a folder, captions.csv, or COCO's captions JSON",
            received=path.name or "nothing", fix="Choose a folder of pictures with their captions.", place=path,
        )  # fmt: skip
    if not found:
        raise _fault(
            "No picture here has a caption.",
            expected="captions.csv (file, caption), a .txt beside each picture, or COCO's captions JSON",
            received=_contents(path), fix="Write captions.csv beside the pictures.", place=path,
        )  # fmt: skip
    return found


def _contents(path: Path) -> str:
    if not path.is_dir():
        return f"{path.name} without a caption"
    pictures = sum(one.suffix.lower() in PICTURES for one in path.rglob("*"))
    return f"{pictures} pictures without captions"


def _of_folder(folder: Path) -> Captioned:
    for name in TABLES:
        if (folder / name).is_file():
            return _of_table(folder / name)
    for one in sorted([*folder.glob("captions*.json"), *folder.glob("annotations/captions*.json")]):
        return _of_coco(one)
    found: Captioned = {}
    for picture in sorted(folder.rglob("*")):
        beside = picture.with_suffix(".txt")
        if picture.suffix.lower() in PICTURES and beside.is_file():
            lines = beside.read_text(encoding="utf-8", errors="replace").splitlines()
            if texts := [line.strip() for line in lines if line.strip()]:
                found[picture] = texts
    return found


def _of_table(path: Path) -> Captioned:
    with path.open(encoding=detect(path, field=PICTURES_SLOT).name, errors="replace", newline="") as file:
        head = file.readline()
        file.seek(0)
        mark = max(",;\t", key=head.count)
        reader = csv.DictReader(file, delimiter=mark)
        columns = [one.strip() for one in reader.fieldnames or []]
        reader.fieldnames = columns
        named, said = (_column(columns, known) for known in (FILE_COLUMNS, CAPTION_COLUMNS))
        if not named or not said:
            raise _fault(
                "The table does not say which column is the picture and which the caption.",
                expected="columns 'file' and 'caption'", received=", ".join(columns) or "no columns",
                fix="Name the columns file and caption in the first line.", place=path,
            )  # fmt: skip
        try:
            rows = [(str(row[named] or "").strip(), str(row[said] or "").strip()) for row in reader]
        except csv.Error as error:
            raise _fault(
                "This table is damaged.", expected="rows of fields, quoted where they hold the separator",
                received=f"{error}, line {reader.line_num}", fix="Check the quotation marks before this line.",
                place=path,
            ) from None  # fmt: skip
        return _gathered((_below(path.parent, name), text) for name, text in rows if name and text)


def _column(columns: Iterable[str], known: Iterable[str]) -> str:
    lower = {one.lower(): one for one in columns}
    return next((lower[one] for one in known if one in lower), "")


def _below(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).is_file() else folder / "images" / name


def _gathered(rows: Iterable[tuple[Path, str]]) -> Captioned:
    found: Captioned = {}
    for path, text in rows:
        found.setdefault(path, []).append(text)
    return found


def _of_coco(path: Path) -> Captioned:
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
        names = {one["id"]: str(one["file_name"]) for one in told["images"]}
        rows = [(names[one["image_id"]], " ".join(str(one["caption"]).split())) for one in told["annotations"]]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise _fault(
            "These are no captions as COCO writes them.",
            expected="images (id, file_name) and annotations (image_id, caption)",
            received=f"{type(error).__name__}: {error}"[:200], fix="Choose captions_train2017.json or its like.",
            place=path,
        ) from None  # fmt: skip
    folder = _coco_folder(path, rows[0][0]) if rows else path.parent
    return _gathered((folder / name, text) for name, text in rows if text)


def _coco_folder(path: Path, first: str) -> Path:
    """Where the pictures of a COCO file lie: beside it, below it, or beside its folder, as COCO unpacks."""
    around = [path.parent, path.parent.parent]
    around += [one for root in around for one in sorted(root.iterdir()) if one.is_dir()]
    return next((one for one in around if (one / first).is_file()), path.parent)


def read_picture(path: Path, edge: int) -> NDArray[np.uint8]:
    """A picture, (edge, edge, 3): its shorter side becomes the edge, its middle is kept. Raises InputError."""
    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * edge, 2 * edge))
            rgb = image.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        raise _fault(
            "This picture cannot be read.", expected="PNG, JPEG, WebP, BMP, GIF or TIFF",
            received=f"{path.name}: {str(error)[:150]}", fix="Save it again as PNG or JPEG.", place=path,
        ) from None  # fmt: skip
    wide, tall = rgb.size
    short = min(wide, tall)
    left, top = (wide - short) // 2, (tall - short) // 2
    box = (left, top, left + short, top + short)
    return np.array(rgb.resize((edge, edge), Image.Resampling.BICUBIC, box=box))


def own_pairs(job: Job, address: str, params: ImageLanguage) -> Data:
    """The user's pictures, a tenth of them to choose by and a tenth to test; which, is drawn by the job's seed.

    Pictures that cannot be read are left out and counted in the log. Raises InputError where too few are left, or
    where they would not fit into memory.
    """
    known = list(captioned(address).items())
    if len(known) * params.image_px**2 * 3 > LARGEST_BYTES:
        raise InputError(
            "These pictures do not fit into memory.", expected=f"at most {LARGEST_BYTES >> 30} GB of pixels",
            received=f"{len(known)} pictures of {params.image_px} × {params.image_px}",
            fix="Take smaller pictures, or fewer of them.", field="image_px",
        )  # fmt: skip
    job.phase("reading pictures", len(known))
    images, captions, lost = [], [], []
    for at, (path, texts) in enumerate(known):
        try:
            images.append(read_picture(path, params.image_px))
            captions.append(tuple(texts))
        except InputError as problem:
            lost.append(problem.received)
        if at % 64 == 0:
            job.progress(at, len(known))
    if lost:
        job.log(f"{len(lost)} of {len(known)} pictures were left out, such as {lost[0]}.", "warning")
    if len(images) < FEWEST:
        raise _fault(
            "There are too few pictures with captions.", expected=f"at least {FEWEST} that can be read",
            received=f"{len(images)}; {len(lost)} named ones cannot be read", fix="Add pictures with captions.",
            place=Path(address),
        )  # fmt: skip
    order = np.random.default_rng([job.seed, 11]).permutation(len(images))
    held = max(2, round(HELD_OUT * len(images)))

    def part(places: NDArray[np.int64]) -> Pairs:
        return Pairs(np.stack([images[at] for at in places]), [captions[at] for at in places])

    return Data(part(order[2 * held :]), part(order[:held]), part(order[held : 2 * held]))


def preview_folder(address: str) -> DataPreview:
    """The first pictures with their captions, and which of those that are named are not there."""
    found = captioned(address)
    rows = [[path.name, " / ".join(texts)] for path, texts in list(found.items())[:8]]
    missing = sum(not path.is_file() for path in found)
    detail = f"{len(found)} pictures, {sum(map(len, found.values()))} captions"
    detail += f"; {missing} named pictures are not there" if missing else ""
    return DataPreview("Pictures", detail, ["picture", "caption"], rows, row_count=len(found))
