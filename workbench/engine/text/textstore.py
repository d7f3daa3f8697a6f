"""Labelled texts on disk, read by position: memory stays flat however large the file was."""

from __future__ import annotations

import contextlib
import shutil
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import msgspec
import numpy as np

from workbench.core.documents import RowProblem
from workbench.engine.text import cache
from workbench.engine.text.examples import LabelledText, text_key

SPLITS = ("", "train", "validation", "test")
KEPT_STORES = 3
_ARRAYS = {"ends": np.int64, "labels": np.int32, "sources": np.int64, "splits": np.int8, "keys": np.int64}
_FLUSH_ROWS = 50_000
_BLOCK = 1 << 18
MOST_HELD_OUT = 20_000
"""Looking at more rows than this eight times a run would take longer than the training."""


class StoredTexts(Sequence[LabelledText]):
    """A folder of texts.bin and one small array per column, memory-mapped."""

    _file: Any

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = msgspec.json.decode((folder / "labels.json").read_bytes(), type=list[str])
        self.ends, self.labels, self.sources, self.splits, self.keys = (
            np.memmap(folder / f"{name}.bin", dtype=kind, mode="r") for name, kind in _ARRAYS.items()
        )
        # Read and not mapped: pages of a mapped gigabyte would count as this process's memory.
        self._file = (folder / "texts.bin").open("rb", buffering=0)
        self._reading = threading.Lock()

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> LabelledText: ...
    @overload
    def __getitem__(self, index: slice) -> list[LabelledText]: ...
    def __getitem__(self, index: int | slice) -> LabelledText | list[LabelledText]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        begin = int(self.ends[at - 1]) if at else 0
        with self._reading:
            self._file.seek(begin)
            text = self._file.read(int(self.ends[at]) - begin).decode("utf-8")
        split: Any = SPLITS[int(self.splits[at])]
        return LabelledText(text, self.names[int(self.labels[at])], int(self.sources[at]), split)

    def label_counts(self) -> dict[str, int]:
        """How often each class occurs."""
        counts = np.bincount(self.labels, minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, counts, strict=True)}

    def column(self, what: str) -> Iterator[Any]:
        """One column, without reading the texts; a text is told by its digest."""
        if what == "label":
            return (self.names[int(at)] for at in self.labels)
        if what == "split":
            return (SPLITS[int(at)] for at in self.splits)
        return iter(self.keys.tolist()) if what == "text" else iter([""] * len(self))

    @property
    def came_divided(self) -> bool:
        """Whether the file said which rows are for training and which for testing."""
        return bool((self.splits == 1).any() and (self.splits > 1).any())

    def divided(self, seed: int, *, validation: float, test: float) -> dict[str, np.ndarray]:
        """Positions by split, int64: as given, with missing parts drawn by each text's digest."""
        if not self.came_divided:
            return hashed_split(self, np.arange(len(self)), seed, validation=validation, test=test)
        given = {name: np.flatnonzero(self.splits == at) for at, name in enumerate(SPLITS) if name}
        shares = {"validation": validation, "test": test}
        missing = {name: 0.0 if len(given[name]) else share for name, share in shares.items()}
        if any(missing.values()):
            drawn = hashed_split(self, given["train"], seed, **missing)
            given |= {name: rows for name, rows in drawn.items() if name == "train" or not len(given[name])}
        return given


def stored(examples: Iterable[LabelledText], *facts: object) -> StoredTexts:
    """Write examples to the cache, one at a time; `facts` name the place (path, size, columns …).

    It counts for later runs once its reader has judged the rows and calls `note`.
    """
    folder = cache.folder("texts") / cache.digest(*facts)
    scratch = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        _write(examples, scratch)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _forget_old(folder.parent)
    return StoredTexts(folder)


class Notes(msgspec.Struct):
    """What the reader said of the rows that went into a store."""

    problems: list[RowProblem]
    problem_count: int
    detail: str


def note(texts: StoredTexts, notes: Notes) -> None:
    """Keep what the reader found, so that the same file need not be read again."""
    (texts.folder / "notes.json").write_bytes(msgspec.json.encode(notes))


def existing(*facts: object) -> tuple[StoredTexts, Notes] | None:
    """The store of an earlier run on the same file with the same choices, when it is whole."""
    folder = cache.folder("texts") / cache.digest(*facts)
    with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
        return StoredTexts(folder), msgspec.json.decode((folder / "notes.json").read_bytes(), type=Notes)
    return None


def _write(examples: Iterable[LabelledText], folder: Path) -> None:
    codes: dict[str, int] = {}
    columns = {name: array({8: "q", 4: "i", 1: "b"}[np.dtype(kind).itemsize]) for name, kind in _ARRAYS.items()}
    files = {name: (folder / f"{name}.bin").open("wb") for name in _ARRAYS}
    end = 0
    with (folder / "texts.bin").open("wb") as texts:
        for one in examples:
            end += texts.write(one.text.encode("utf-8"))
            values = (
                end,
                codes.setdefault(one.label, len(codes)),
                one.source,
                SPLITS.index(one.split),
                text_key(one.text),
            )
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
            if len(columns["ends"]) >= _FLUSH_ROWS:
                _flush(columns, files)
    _flush(columns, files)
    for file in files.values():
        file.close()
    (folder / "labels.json").write_bytes(msgspec.json.encode(list(codes)))


def _flush(columns: dict[str, array[int]], files: dict[str, Any]) -> None:
    for name, column in columns.items():
        column.tofile(files[name])
        del column[:]


def _forget_old(folder: Path) -> None:
    """Large files leave large stores: only the last few are kept."""
    stores = sorted(folder.glob("*/labels.json"), key=lambda path: path.stat().st_mtime)
    for path in stores[:-KEPT_STORES]:
        shutil.rmtree(path.parent, ignore_errors=True)


def hashed_split(
    texts: StoredTexts, positions: np.ndarray, seed: int, *, validation: float, test: float
) -> dict[str, np.ndarray]:
    """Some positions divided by each text's digest, so that equal texts stay on one side.

    At most about MOST_HELD_OUT rows go to each of validation and test; a class that would miss in
    train stays there.
    """
    test, validation = (min(share, MOST_HELD_OUT / max(len(positions), 1)) for share in (test, validation))
    part = np.concatenate(
        [np.zeros(0, np.int8)]
        + [
            _drawn(texts.keys[positions[at : at + _BLOCK]], seed, validation, test)
            for at in range(0, len(positions), _BLOCK)
        ]
    )
    labels = texts.labels[positions]
    in_train = np.bincount(labels[part == 0], minlength=len(texts.names))
    part[(in_train == 0)[labels]] = 0
    return {name: positions[part == at] for at, name in enumerate(("train", "validation", "test"))}


def _drawn(keys: np.ndarray, seed: int, validation: float, test: float) -> np.ndarray:
    """0 (train), 1 (validation) or 2 (test) for each digest, (N,) int8."""
    with np.errstate(over="ignore"):
        mixed = (keys.view(np.uint64) ^ np.uint64(seed * 2 + 1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    draw = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    return np.where(draw < test, 2, np.where(draw < test + validation, 1, 0)).astype(np.int8)
