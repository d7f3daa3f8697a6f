"""Spectrogram tiles at hand: asked for off the GUI thread, kept as tones, the nearest one shown meanwhile."""

from __future__ import annotations

import dataclasses
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from workbench.core.audio import TILE_COLUMNS, SpectrogramSettings, SpectrogramTile
from workbench.core.problem import ProblemRecord
from workbench.gui.autosave import Background
from workbench.gui.sounds.waves import Sound, tile_columns, tones

MOST_TILES = 256
MOST_ASKED = 3
"""So many are under way at once: what is asked for later is what is looked at then."""
Key = tuple[SpectrogramSettings, int, int]
Then = Callable[[NDArray[Any]], None]
Failed = Callable[[ProblemRecord], None]


@dataclasses.dataclass
class Tile:
    """A tile as a picture (bins, columns) of tones, and its power (columns, bins) in dB."""

    power_db: NDArray[Any]
    picture: QImage
    bits: NDArray[np.uint8]
    _coloured: tuple[tuple[int, ...], QImage] | None = None

    def coloured(self, table: tuple[int, ...]) -> QImage:
        """The picture in these colours; kept, since tones are slow to scale."""
        if self._coloured is None or self._coloured[0] is not table:
            self.picture.setColorTable(list(table))
            self._coloured = (table, self.picture.convertToFormat(QImage.Format.Format_RGB32))
        return self._coloured[1]


class TileSource(Protocol):
    """Who works out a tile."""

    def fetch(
        self, settings: SpectrogramSettings, level: int, index: int, *, then: Then, failed: Failed, owner: QObject
    ) -> None:
        """Call `then` on the GUI thread with power (columns, bins) in dB."""


class LocalTiles:
    """Tiles of a sound that lies open here, worked out on another thread."""

    def __init__(self, background: Background, sound: Sound) -> None:
        self._background, self._sound = background, sound

    def fetch(
        self, settings: SpectrogramSettings, level: int, index: int, *, then: Then, failed: Failed, owner: QObject
    ) -> None:
        sound = self._sound
        work = lambda: tile_columns(sound, settings, level, index)  # noqa: E731
        self._background.background(work, then=then, failed=failed, owner=owner)


class WorkerTiles:
    """Tiles that the worker keeps in its cache; `link` is a gui.link.Link."""

    def __init__(self, link: Any, path: str) -> None:
        self._link, self._path = link, path

    def fetch(
        self, settings: SpectrogramSettings, level: int, index: int, *, then: Then, failed: Failed, owner: QObject
    ) -> None:
        asked = msgspec.to_builtins(settings)
        future = self._link.runner.inspect("spectrogram", path=self._path, settings=asked, level=level, index=index)

        def read(raw: Any) -> None:
            def work() -> NDArray[Any]:
                found = msgspec.json.decode(raw, type=SpectrogramTile)
                array: NDArray[Any] = np.load(found.path, mmap_mode="r")
                return array

            self._link.background(work, then=then, failed=failed, owner=owner)

        self._link.deliver(future, then=read, failed=failed, owner=owner)


class TileStore(QObject):
    """Tiles by settings, level and index; the oldest go."""

    arrived = Signal()
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.source: TileSource | None = None
        self._samples = 0
        self._kept: OrderedDict[Key, Tile] = OrderedDict()
        self._asked: set[Key] = set()
        self._wanted: list[Key] = []
        self._broken = False

    def use(self, source: TileSource | None, samples: int = 0) -> None:
        """Tiles of another sound, or of more of it."""
        if source is not self.source:
            self._kept.clear()
        self.source, self._samples, self._broken = source, samples, False
        self._asked.clear()
        self._wanted = []

    def forget_end(self, samples: int, rate_hz: int) -> None:
        """The sound has grown: its former last tiles were not whole."""
        former, self._samples = self._samples, samples
        for key in list(self._kept):
            settings, level, index = key
            if (index + 1) * TILE_COLUMNS * settings.column_s * 2**level * rate_hz > former:
                del self._kept[key]
        self._asked.clear()
        self._wanted = []

    @property
    def waiting(self) -> bool:
        """Whether a tile is under way."""
        return bool(self._asked or self._wanted)

    def peek(self, settings: SpectrogramSettings, level: int, index: int) -> Tile | None:
        """A tile that is at hand."""
        return self._kept.get((settings, level, index))

    def want(self, keys: list[Key]) -> None:
        """What is looked at now; others that were asked for before and not begun are let go."""
        for key in keys:
            if key in self._kept:
                self._kept.move_to_end(key)
        self._wanted = [key for key in keys if key not in self._kept and key not in self._asked]
        self._ask()

    def _ask(self) -> None:
        while self._wanted and len(self._asked) < MOST_ASKED and self.source is not None and not self._broken:
            key = self._wanted.pop(0)
            self._asked.add(key)
            source, at = self.source, self._samples

            def then(power: NDArray[Any], key: Key = key, source: TileSource = source, at: int = at) -> None:
                if source is self.source and at == self._samples:
                    self._take(key, power)

            def failed(record: ProblemRecord, source: TileSource = source) -> None:
                if source is self.source:
                    self._asked.clear()
                    self._broken = True  # one message, not one for every tile
                    self.failed.emit(record)

            source.fetch(*key, then=then, failed=failed, owner=self)

    def _take(self, key: Key, power: NDArray[Any]) -> None:
        self._asked.discard(key)
        if power.shape[0]:
            bits = tones(power)
            rows, columns = bits.shape
            picture = QImage(bits.data, columns, rows, columns, QImage.Format.Format_Indexed8)
            self._kept[key] = Tile(power, picture, bits)
            while len(self._kept) > MOST_TILES:
                self._kept.popitem(last=False)
            self.arrived.emit()
        self._ask()


def level_for(settings: SpectrogramSettings, seconds_per_pixel: float) -> int:
    """The coarsest level whose columns are no wider than a pixel."""
    return max(0, math.floor(math.log2(max(seconds_per_pixel / settings.column_s, 1.0))))


def tile_span_s(settings: SpectrogramSettings, level: int) -> float:
    """How long a whole tile of a level is."""
    return TILE_COLUMNS * settings.column_s * float(2**level)
