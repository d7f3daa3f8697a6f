"""Own clips with two levels of classes: the benchmark's split files (Syn-TA, SSv2-TA, Kinetics400-TA), or a CSV.

The benchmark keeps `<coarse|fine>_classes/{train,val}_set{1,2}_{coarse,fine}.txt`, lines "relative/path.mp4 label"
(once "path,label"), where *head* is another word for *coarse* and labels count anew in each fine list. Names come from
the taxonomy (`Coarse class id,Coarse class,Intra class no.,Fine Class,Set`) or from `labels/*.csv` (`id,name`).
Source: the split and taxonomy files of the paper's repository (raiyaan-abdullah/Motion-Transfer).
"""

from __future__ import annotations

import csv
import dataclasses
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.core.words import spaced

from .data import Data, Part
from .recipe import MotionTransfer
from .taxonomy import Taxonomy, numbered

SPLIT_FILE = re.compile(r"(train|val)_set([12])_(coarse|head|fine)\.txt$")
SYNTHETIC = re.compile(r"(?P<fine>[a-z_ ]+?(?P<number>\d+))(?:_front)?_id_(?P<id>\d+)$", re.IGNORECASE)
"""Syn-TA's files: `appearing3_front_id_31.mp4` is clip 31 of the third variant; ids up to 30 are for training."""
LAST_TRAINING_ID = 30
TAXONOMY = ("coarse class id", "coarse class", "intra class no.", "fine class", "set")
NEEDED = ("path", "coarse", "fine", "set")
TESTED_EVERY = 4
"""Where a CSV tells no split, every so many clips of a variant are held out."""
SPLITS = {"train": "train", "training": "train"} | dict.fromkeys(("val", "valid", "validation", "dev", "test"), "val")
"""What a CSV may call its parts."""


@dataclasses.dataclass(frozen=True)
class Listed:
    """A clip as a list tells it; `end_s` is None at the video's own end."""

    path: Path
    coarse: str
    fine: str
    set: int
    split: str
    start_s: float = 0.0
    end_s: float | None = None


def own_clips(job: Job, address: str, params: MotionTransfer) -> Data:
    """The clips of a folder or a list, decoded. Raises InputError where lists, classes or files do not fit."""
    listed = read(Path(address))
    apart(listed)
    known = 1 if params.direction == "1 → 2" else 2
    chosen = [[one for one in listed if (one.set, one.split) == part]
              for part in ((known, "train"), (known, "val"), (3 - known, "val"))]  # fmt: skip
    _check_parts(chosen, known, address)
    taxonomy = taxonomy_of(listed)
    train, mine, other = (_part(job, some_, taxonomy, params) for some_ in chosen)
    return Data(taxonomy, train, mine, other, known)


def _check_parts(parts: Sequence[Sequence[Listed]], known: int, address: str) -> None:
    """Before hours of decoding: raise InputError where a part is empty, or asks for what nobody could learn."""
    for part, number, what in zip(parts, (known, known, 3 - known), ("training", "testing", "testing"), strict=True):
        if not part:
            raise _fault("A part of the clips is empty.", f"clips of Set {number} for {what}", "none",
                         "Add some, or learn from the other set.", address)  # fmt: skip
    learned, asked = ({one.coarse for one in part} for part in (parts[0], [*parts[1], *parts[2]]))
    if asked - learned:
        raise _fault(
            "A motion has unknown variants but no known one to learn from.", "variants of every motion in both sets",
            some(sorted(asked - learned)),
            "Take its clips out, or give clips of it to the set that is learned.", address,
        )  # fmt: skip


def _part(job: Job, listed: Sequence[Listed], taxonomy: Taxonomy, params: MotionTransfer) -> Part:
    from workbench.engine.video.clipsets import ClipSpec, load_clips

    places = {(taxonomy.coarse[one.coarse], one.name, one.set): at for at, one in enumerate(taxonomy.fine)}
    job.phase("reading clips")
    frames = load_clips(
        [ClipSpec(str(one.path), one.start_s, one.end_s, one.fine) for one in listed], params.frames, params.size,
        tell=job.progress,
    )  # fmt: skip
    fine = [places[one.coarse, one.fine, one.set] for one in listed]
    return Part(frames, np.array(fine, np.int64), tuple(one.path.stem for one in listed))


def decoded(path: Path, start_s: Any, end_s: Any, params: MotionTransfer) -> NDArray[np.uint8]:
    """A stretch of a video as the model reads it, (T, S, S, 3); the whole video where no times are given."""
    from workbench.engine.video.clipsets import ClipSpec, load_clips

    end = None if end_s in (None, "") else float(end_s)
    spec = ClipSpec(str(path), float(start_s or 0.0), end)
    found: NDArray[np.uint8] = load_clips([spec], params.frames, params.size, cached=False)[0]
    return found


def taxonomy_of(listed: Sequence[Listed]) -> Taxonomy:
    """The classes of all clips, in order of the alphabet."""
    return numbered(sorted({(one.coarse, one.fine, one.set) for one in listed}))


def apart(listed: Sequence[Listed]) -> None:
    """Raise InputError where the same stretch of a video stands in two parts."""
    found: dict[tuple[Path, float, float | None], tuple[int, str]] = {}
    for one in listed:
        part = one.set, one.split
        if found.setdefault((one.path, one.start_s, one.end_s), part) != part:
            raise _fault(
                "A clip stands in more than one part.", "each clip in one set, for training or for testing",
                one.path.name, "Take it out of one of the lists.", str(one.path.parent),
            )  # fmt: skip


# Lists -------------------------------------------------------------------------------------------


def read(address: Path) -> list[Listed]:
    """The clips that a CSV, or a folder with split files or Syn-TA's file names, lists."""
    if address.is_file():
        return _csv(address)
    if not address.is_dir():
        raise _fault("There is no such folder or list.", "a folder with split files, or a CSV",
                     address.name or "nothing", "Choose the folder above dataset_splits, or a CSV.",
                     str(address))  # fmt: skip
    lists = _split_files(address)
    if lists:
        return _benchmark(address, lists)
    if (taxonomy := _taxonomy(address)) and (found := list(_by_names(address, taxonomy))):
        return found
    raise _fault(
        "This folder tells no sets of variants.", "train_set1_coarse.txt and its like, or a taxonomy beside Syn-TA's "
        "videos", f"{address.name} without them", "Choose the folder above the split files, or write a CSV with path, "
        "coarse, fine and set.", str(address),
    )  # fmt: skip


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines of a CSV with their numbers, columns by their names in small letters."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            for row in table:
                yield table.line_num, {
                    name.strip().lower(): (value or "").strip() for name, value in row.items()
                    if isinstance(name, str) and (value is None or isinstance(value, str))
                }  # fmt: skip
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _fault("This list cannot be read.", "a CSV in UTF-8", str(error)[:200], "Save it again as CSV, UTF-8.",
                     path.name) from None  # fmt: skip


def _csv(path: Path) -> list[Listed]:
    found, counts = [], dict[tuple[str, str, str], int]()
    for line, row in _rows(path):
        lacking = [name for name in NEEDED if not row.get(name)]
        if lacking:
            raise _fault("A line of this list is incomplete.", ", ".join(NEEDED), f"line {line} without {lacking[0]}",
                         "Fill it in, or take the line out.", path.name)  # fmt: skip
        key = row["coarse"], row["fine"], row["set"]
        counts[key] = counts.get(key, 0) + 1
        held = "val" if counts[key] % TESTED_EVERY == 0 else "train"
        word = row.get("split", "").lower()
        split = held if not word else SPLITS.get(word, "")
        if not split:
            raise _fault("A line of this list is in a part that is not known.", ", ".join(SPLITS),
                         f"line {line}: {word!r}", "Write train or val, or leave it empty.", path.name)  # fmt: skip
        video = Path(row["path"]).expanduser()
        found.append(Listed(
            video if video.is_absolute() else path.parent / video, row["coarse"], row["fine"],
            _set(row["set"], path, line), split, _seconds(row, "start_s", path, line) or 0.0,
            _seconds(row, "end_s", path, line),
        ))  # fmt: skip
    if not found:
        raise _fault("This list is empty.", "a line for each clip below " + ",".join(NEEDED), "none", "Add clips.",
                     path.name)  # fmt: skip
    return found


def _set(text: str, path: Path, line: int) -> int:
    digits = text.lower().removeprefix("set").strip()
    if digits not in ("1", "2"):
        raise _fault("There are two sets of variants.", "1 or 2", f"{text!r} in line {line}", "Correct the line.",
                     path.name)  # fmt: skip
    return int(digits)


def _seconds(row: dict[str, str], name: str, path: Path, line: int) -> float | None:
    if not (text := row.get(name, "")):
        return None
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise _fault("A time is no number.", f"{name} in seconds", f"{text!r} in line {line}", "Correct the line.",
                     path.name)  # fmt: skip
    return found


# The benchmark's files ---------------------------------------------------------------------------

Key = tuple[str, int, str]
"""Split, set, level ('coarse' or 'fine')."""


def _split_files(root: Path) -> dict[Key, Path]:
    """Split files below a folder; where it holds several data sets, InputError asks for one of them."""
    found: dict[Key, Path] = {}
    for path in sorted(root.rglob("*_set[12]_*.txt")):
        named = SPLIT_FILE.search(path.name)
        if named is None or path.parent.name == "fine_context_classes":
            continue
        split, number, level = named.groups()
        key = split, int(number), "fine" if level == "fine" else "coarse"
        other = found.setdefault(key, path)
        if other.parent.parent != path.parent.parent:
            raise _fault(
                "There are split files of several data sets here.", "those of one data set",
                f"{other.parent.parent.name} and {path.parent.parent.name}", "Choose the folder of one of them, with "
                "its videos in it.", str(root),
            )  # fmt: skip
    return found


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    """Path and label of every line; the label is behind the last comma or blank."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _fault("A split file cannot be read.", "text in UTF-8", str(error)[:200], "Copy it again.",
                     path.name) from None  # fmt: skip
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        named = re.match(r"(.+?)\s*[,\s]\s*(\d+)$", line.strip())
        if named is None:
            raise _fault("A line of a split file is not understood.", "relative/path.mp4 label",
                         f"{line.strip()[:80]!r} in line {number}", "Correct the line.", path.name)  # fmt: skip
        yield named.group(1), named.group(2)


def _benchmark(root: Path, lists: dict[Key, Path]) -> list[Listed]:
    from workbench.engine.video.clipsets import find_video, look_anew

    look_anew()
    lacking = [f"{split}_set{number}_coarse.txt" for split in ("train", "val") for number in (1, 2)
               if (split, number, "coarse") not in lists and (split, number) != ("train", 2)]  # fmt: skip
    if lacking:
        raise _fault("A split file is missing.", "train_set1, val_set1 and val_set2 with coarse labels", some(lacking),
                     "Copy the data set's splits again.", str(root))  # fmt: skip
    names = _Names(root)
    found, missing = [], []
    for (split, number, level), path in lists.items():
        if level == "fine":
            continue
        fine = dict(_pairs(lists[split, number, "fine"])) if (split, number, "fine") in lists else {}
        for relative, label in _pairs(path):
            video = find_video(root, relative)
            if video is None:
                missing.append(relative)
                continue
            coarse = names.coarse(label)
            variant = names.fine(number, fine[relative]) if relative in fine else f"{coarse}, Set {number}"
            found.append(Listed(video, coarse, variant, number, split))
    if missing:
        raise _fault(
            "Videos that the split files name are not there.", "all of them below the chosen folder",
            f"{spaced(len(missing))} of {spaced(len(missing) + len(found))} missing, {missing[0]} among them",
            "Put the split files beside the videos, or take missing videos out of them.", str(root),
        )  # fmt: skip
    return found


class _Names:
    """Names of coarse and fine labels, as far as taxonomy and label files tell them."""

    def __init__(self, root: Path) -> None:
        rows = _taxonomy(root)
        self._coarse = {row["coarse class id"]: row["coarse class"] for row in rows}
        self._fine: dict[tuple[int, str], str] = {}
        for path in sorted(root.rglob("labels/*.csv")):
            words = path.stem.lower()
            table = {row.get("id", ""): row.get("name", "") for _, row in _rows(path)}
            number = next((one for one in (1, 2) if f"set{one}" in words or f"set_{one}" in words), 0)
            if "fine" in words and "context" not in words and number:
                self._fine |= {(number, label): name for label, name in table.items()}
            elif "coarse" in words or "head" in words:
                self._coarse = table | self._coarse
        if not self._fine:
            for number in (1, 2):
                mine = [row["fine class"] for row in rows if row["set"].removeprefix("Set").strip() == str(number)]
                self._fine |= {(number, str(at)): name for at, name in enumerate(mine)}

    def coarse(self, label: str) -> str:
        return self._coarse.get(label) or f"motion {label}"

    def fine(self, number: int, label: str) -> str:
        return self._fine.get((number, label)) or f"variant {label} of Set {number}"


def _taxonomy(root: Path) -> list[dict[str, str]]:
    """The rows of the first taxonomy below a folder; none where there is none."""
    for path in sorted(root.rglob("*.csv")):
        rows = [row for _, row in _rows(path)] if _heads(path) else []
        if rows:
            return rows
    return []


def _heads(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
    except (OSError, UnicodeDecodeError):
        return False
    return set(TAXONOMY) <= {name.strip().lower() for name in first.split(",")}


def _by_names(root: Path, taxonomy: Sequence[dict[str, str]]) -> Iterator[Listed]:
    """Syn-TA's videos by their file names alone."""
    known = {
        (row["coarse class"].lower().replace(" ", "_"), row["intra class no."]): row for row in taxonomy
    }  # fmt: skip
    for path in sorted(root.rglob("*.mp4")):
        named = SYNTHETIC.match(path.stem)
        row = named and known.get((path.parent.name.lower().replace(" ", "_"), named["number"]))
        if named and row:
            split = "train" if int(named["id"]) <= LAST_TRAINING_ID else "val"
            number = int(row["set"].removeprefix("Set").strip())
            yield Listed(path, row["coarse class"], row["fine class"], number, split)


def preview(address: str, values: dict[str, Any]) -> DataPreview:
    """Motions with their variants in both sets, and how many clips there are."""
    listed = read(Path(address))
    apart(listed)
    taxonomy = taxonomy_of(listed)
    rows = []
    for at, name in enumerate(taxonomy.coarse):
        variants = [[one.name for one in taxonomy.fine if (one.coarse, one.set) == (at, number)] for number in (1, 2)]
        rows.append([name, *("; ".join(one) for one in variants)])
    counts = {name: sum(one.coarse == name for one in listed) for name in taxonomy.coarse}
    of_sets = ", ".join(f"{len(taxonomy.of_set(number))} variants in Set {number}" for number in (1, 2))
    return DataPreview(
        "clips with two levels of classes", f"{spaced(len(listed))} clips of {len(taxonomy.coarse)} motions, {of_sets}",
        ["coarse motion", "Set 1", "Set 2"], rows, row_count=len(rows), labels=counts,
    )  # fmt: skip


def some(names: Sequence[str]) -> str:
    """The first three names, and how many there are beside them."""
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest


def _fault(what: str, expected: str, received: str, fix: str, place: str) -> InputError:
    return InputError(what, expected=expected, received=received, fix=fix, field="clips", place=place)
