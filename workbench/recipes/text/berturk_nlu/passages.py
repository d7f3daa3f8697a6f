"""Passages to pretrain on, texts and token ids alike read by position: memory stays flat however many there are."""

from __future__ import annotations

import tempfile
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from workbench.engine.text import cache

PIECE = np.dtype(np.int32)


class Picked(Sequence[str]):
    """The texts of some examples, in a chosen order, each looked up when it is asked for."""

    def __init__(self, examples: Sequence[Any], order: Sequence[int] | np.ndarray) -> None:
        self._examples, self._order = examples, order

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Picked: ...
    def __getitem__(self, index: int | slice) -> str | Picked:
        if isinstance(index, slice):
            return Picked(self._examples, self._order[index])
        one = self._examples[int(self._order[index])]
        return one if isinstance(one, str) else str(one.text)


class Blocks(Sequence[list[int]]):
    """Rows of token ids in a file without a name, which goes when they do."""

    def __init__(self, rows: Iterable[Sequence[int]]) -> None:
        self._file = tempfile.TemporaryFile(dir=cache.folder("tokens"))  # noqa: SIM115
        self._ends, self._reading = array("q", [0]), threading.Lock()
        for row in rows:
            self._file.write(np.asarray(row, PIECE).tobytes())
            self._ends.append(self._ends[-1] + len(row))
        self._file.flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> list[int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[int]]: ...
    def __getitem__(self, index: int | slice) -> list[int] | list[list[int]]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        begin, end = self._ends[at], self._ends[at + 1]
        with self._reading:
            self._file.seek(begin * PIECE.itemsize)
            raw = self._file.read((end - begin) * PIECE.itemsize)
        found: list[int] = np.frombuffer(raw, PIECE).tolist()
        return found


def in_portions(
    texts: Sequence[str], size: int, work: Callable[[list[str]], Iterable[list[int]]]
) -> Iterator[list[int]]:
    """What `work` makes of the texts, `size` of them at a time."""
    for at in range(0, len(texts), size):
        yield from work(list(texts[at : at + size]))
