"""Folders of data: train/dev/test files, Hugging Face data sets, and one folder of texts per class."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path

from workbench.core.problem import InputError
from workbench.engine.text.examples import SplitName
from workbench.engine.text.tables import class_names_of

SUFFIXES = (
    ".csv",
    ".tsv",
    ".jsonl",
    ".ndjson",
    ".json",
    ".parquet",
    ".arrow",
    ".txt",
    ".conll",
    ".iob2",
    ".iob",
    ".bio",
)
_SIDE_FILES = re.compile(
    r"^(readme|licen[cs]e|labels?|classes|vocab|requirements|dataset_info|dataset_dict|dataset_infos|state|config|"
    r"metadata)\b|^[._]",
    re.IGNORECASE,
)
_SPLIT = re.compile(r"(?:^|[^a-z])(?:(train)(?:ing)?|(dev|valid|validation|val|eval)|(test))(?![a-z])", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Part:
    """Files that belong together, with the split that their name says."""

    paths: tuple[Path, ...]
    split: SplitName = ""
    label: str = ""


@dataclasses.dataclass(frozen=True)
class Folder:
    """What was found in a folder; `names` are class names from a dataset_info.json."""

    parts: list[Part]
    detail: str
    names: dict[str, list[str]] = dataclasses.field(default_factory=dict)


def split_of(name: str) -> SplitName:
    """The split that a file's or folder's name says: 'train-00000-of-00002', 'dev2012', 'my_test.csv'."""
    hit = _SPLIT.search(name)
    if not hit:
        return ""
    return "train" if hit[1] else "validation" if hit[2] else "test"


def look(path: Path, *, field: str = "data") -> Folder:
    """The parts of a folder, or the one part that a file is.

    Raises InputError when nothing in it can be read, or when it is not clear what belongs together.
    """
    if not path.exists():
        raise InputError(
            "There is no such file or folder.",
            expected="an existing file, a folder, or sample:NAME",
            received=str(path),
            fix="Choose an existing file.",
            field=field,
            place=str(path),
        )
    if not path.is_dir():
        return Folder([Part((path,))], "")
    found = _class_folders(path) or _data_files(path)
    if not found:
        raise InputError(
            "Nothing in this folder can be read.",
            expected="train, dev and test files (CSV, JSON, Parquet, CoNLL …), or one folder of .txt files per class",
            received=", ".join(sorted(one.name for one in itertools.islice(path.iterdir(), 8))) or "an empty folder",
            fix="Choose a folder with such files, or a single file.",
            field=field,
            place=str(path),
        )
    if len(found) > 1 and not any(part.split for part in found) and not any(part.label for part in found):
        raise InputError(
            "It is not clear how the files of this folder belong together.",
            expected="names such as train.csv, dev.csv and test.csv",
            received=", ".join(part.paths[0].name for part in found[:8]),
            fix="Name the files after their part, or choose one of them.",
            field=field,
            place=str(path),
        )
    found.sort(key=lambda part: ("train", "validation", "test", "").index(part.split))
    return Folder(found, _said(found), _names(path))


def _class_folders(path: Path) -> list[Part]:
    found = _classes(path, "")
    for below in sorted(one for one in path.iterdir() if one.is_dir() and split_of(one.name)):
        found += _classes(below, split_of(below.name))
    return found


def _classes(path: Path, split: SplitName) -> list[Part]:
    folders = [one for one in sorted(path.iterdir()) if one.is_dir() and not split_of(one.name)]
    parts = [Part(tuple(sorted(one.glob("*.txt"))), split, one.name) for one in folders]
    parts = [part for part in parts if part.paths]
    return parts if len(parts) >= 2 else []


def _data_files(path: Path) -> list[Part]:
    folders = [path, path / "data", *sorted(one for one in path.iterdir() if one.is_dir() and split_of(one.name))]
    files: dict[tuple[SplitName, str], list[Path]] = {}
    for folder in (one for one in folders if one.is_dir()):
        for file in sorted(folder.iterdir()):
            if not file.is_file() or _SIDE_FILES.search(file.name) or file.name.startswith("cache-"):
                continue
            split = split_of(file.stem) or (split_of(folder.name) if folder != path else "")
            if file.suffix.lower() in SUFFIXES or (split and not file.suffix) or re.fullmatch(r"\.\d+", file.suffix):
                shard = re.sub(r"[-_]\d{5}-of-\d{5}$", "", file.stem) + file.suffix
                files.setdefault((split, shard), []).append(file)
    parts: dict[SplitName, Part] = {}
    for (split, _), paths in files.items():
        # Of several candidates for one split (test2011, test2011asr) the first by name stands.
        parts.setdefault(split, Part(tuple(paths), split))
    unnamed = [Part(tuple(paths)) for (split, _), paths in files.items() if not split]
    named = [part for split, part in parts.items() if split]
    return named if any(part.split == "train" for part in named) or not unnamed else unnamed


def _said(parts: Sequence[Part]) -> str:
    if any(part.label for part in parts):
        return f"a folder of texts for each of {len({part.label for part in parts})} classes"
    return ", ".join(f"{part.split or 'data'}: {part.paths[0].name}" for part in parts)


def _names(path: Path) -> dict[str, list[str]]:
    for file in (path / "dataset_info.json", *sorted(path.glob("*/dataset_info.json"))):
        try:
            info = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(info, dict):
            return class_names_of(info.get("features", {}))
    return {}
