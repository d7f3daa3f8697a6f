"""Tiles of a slide, asked of the worker, decoded off the GUI thread, the last ones kept."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from workbench.core.problem import ProblemRecord
from workbench.core.slides import TILE_PX
from workbench.gui.link import Link
from workbench.gui.slides.viewpoint import Key

CACHE_BYTES = 192 << 20
TILE_BYTES = TILE_PX * TILE_PX * 4
AT_ONCE = 4
"""Questions under way; what is wanted is chosen when one comes back, so that old wishes are never served."""


class TileStore(QObject):
    """The tiles of one slide; `want` says which matter now, `arrived` that there are new ones."""

    arrived = Signal()
    failed = Signal(object)
    """A ProblemRecord, once per slide: one damaged tile is told, not all of them."""

    def __init__(self, link: Link, parent: QObject) -> None:
        super().__init__(parent)
        self._link = link
        self._path = ""
        self._kept: OrderedDict[Key, QImage] = OrderedDict()
        self._bytes = 0
        self._wanted: list[Key] = []
        self._asked: set[Key] = set()
        self._broken: set[Key] = set()
        self._turn = 0

    @property
    def busy(self) -> bool:
        """Whether tiles are on their way."""
        return bool(self._asked)

    @property
    def held_bytes(self) -> int:
        """Of the tiles that are kept."""
        return self._bytes

    @property
    def broken(self) -> frozenset[Key]:
        """Tiles that could not be read."""
        return frozenset(self._broken)

    def open(self, path: str) -> None:
        """Forget the tiles of the slide before."""
        self._turn += 1
        self._path = path
        self._kept.clear()
        self._bytes = 0
        self._wanted, self._asked, self._broken = [], set(), set()

    def tile(self, key: Key) -> QImage | None:
        """A tile that is here."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def want(self, keys: Sequence[Key]) -> None:
        """These are needed, the first ones most; what was wanted before and is not under way is forgotten.

        No more than can be kept, or they would push each other out for ever.
        """
        self._wanted = list(keys[: max(CACHE_BYTES // TILE_BYTES, 1)])
        self._ask()

    def _ask(self) -> None:
        for key in self._wanted:
            if len(self._asked) >= AT_ONCE:
                return
            if key in self._kept or key in self._asked or key in self._broken:
                continue
            self._asked.add(key)
            turn, (zoom, column, row) = self._turn, key
            future = self._link.runner.inspect("slide-tile", path=self._path, zoom=zoom, column=column, row=row)
            self._link.deliver(
                future,
                then=functools.partial(self._decode, turn, key),
                failed=functools.partial(self._fail, turn, key),
                owner=self,
            )

    def _decode(self, turn: int, key: Key, raw: bytes) -> None:
        if turn == self._turn:
            self._link.background(
                lambda: picture(msgspec.json.decode(raw, type=bytes)), then=lambda image: self._take(turn, key, image),
                failed=lambda record: self._fail(turn, key, record), owner=self,
            )  # fmt: skip

    def _take(self, turn: int, key: Key, image: QImage) -> None:
        if turn != self._turn:
            return
        self._asked.discard(key)
        self._kept[key] = image
        self._bytes += image.sizeInBytes()
        self._shrink()
        self._ask()
        self.arrived.emit()

    def _shrink(self) -> None:
        """Down to the bound: what was used longest ago goes, but nothing that is wanted now."""
        wanted = set(self._wanted)
        for key in [one for one in self._kept if one not in wanted]:
            if self._bytes <= CACHE_BYTES:
                return
            self._bytes -= self._kept.pop(key).sizeInBytes()

    def _fail(self, turn: int, key: Key, record: ProblemRecord) -> None:
        if turn != self._turn:
            return
        self._asked.discard(key)
        first = not self._broken
        self._broken.add(key)
        if first:
            self.failed.emit(record)
        self._ask()


def picture(data: bytes) -> QImage:
    """A JPEG as a 32-bit picture, which is drawn fastest; raises ValueError for anything else."""
    image = QImage.fromData(data)
    if image.isNull():
        raise ValueError("the worker sent a tile that is no picture")
    return image.convertToFormat(QImage.Format.Format_RGB32)
