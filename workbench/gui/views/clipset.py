"""Short clips of a run as a view holds them: read without a copy, judged, filtered, ordered, drawn frame by frame."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter

from workbench.core import events as ev
from workbench.core.documents import Item
from workbench.core.video import ClipsMeta
from workbench.core.words import spaced
from workbench.gui.views import reading
from workbench.gui.volumes.canvas import heat

Order = Literal["given", "surest", "unsurest"]
TABLES_KEPT = 16


@dataclasses.dataclass(frozen=True)
class ClipSet:
    """Clips (N, T, H, W, 3) uint8 with an item each, mapped from a file; `maps` (N, T, h, w), 0 to 1, may be None."""

    frames: NDArray[np.uint8]
    items: list[Item]
    maps: NDArray[Any] | None = None
    meta: ClipsMeta = dataclasses.field(default_factory=ClipsMeta)

    @property
    def length(self) -> int:
        """How many frames each clip has."""
        return int(self.frames.shape[1])

    @property
    def size_px(self) -> QSize:
        """Width and height of a frame."""
        return QSize(int(self.frames.shape[3]), int(self.frames.shape[2]))

    def fits(self, room: QSize) -> QSize:
        """The largest size of a frame within `room`; tiny frames are enlarged by a whole number where one fits."""
        found = self.size_px.scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        times = found.width() // max(self.size_px.width(), 1)
        return self.size_px * times if times >= 2 else found

    def paint(self, painter: QPainter, place: QRect, clip: int, frame: int, share: float = 0.0) -> None:
        """Draw a frame into a place, its map over it `share` opaque; plain pixels where enlarged."""
        pixels = np.ascontiguousarray(self.frames[clip, frame])
        rows, columns = pixels.shape[:2]
        image = QImage(pixels.data, columns, rows, columns * 3, QImage.Format.Format_RGB888)
        shrunk = place.width() < columns or place.height() < rows
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, shrunk)
        painter.drawImage(place, image)
        if self.maps is not None and share > 0:
            tones = _tones(np.asarray(self.maps[clip, frame]))
            rows, columns = tones.shape
            over = QImage(tones.data, columns, rows, columns, QImage.Format.Format_Indexed8)
            over.setColorTable(_table(round(share, 2)))
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
            painter.drawImage(place, over.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied))

    def picture(self, clip: int, frame: int, size: QSize, share: float = 0.0) -> QImage:
        """A frame with its map at this size; any thread may ask for it."""
        made = QImage(size, QImage.Format.Format_RGB888)
        made.fill(Qt.GlobalColor.black)
        painter = QPainter(made)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), clip, frame, share)
        painter.end()
        return made


def read_clipset(folder: Path, artifact: ev.Artifact) -> ClipSet:
    """Clips with their items and maps; raises InputError where they are missing, damaged or do not fit each other."""
    path = reading.inside(folder, artifact.path)
    frames = reading.array(path, ndim=5)
    if frames.dtype != np.uint8 or frames.shape[-1] != 3 or 0 in frames.shape[1:]:
        raise reading.damaged(path, "clips of shape (N, T, H, W, 3), uint8", f"{frames.shape}, {frames.dtype}")
    items = reading.items_of(folder, artifact) or [Item("") for _ in range(len(frames))]
    if len(items) != len(frames):
        where = reading.inside(folder, artifact.parts["items"])
        raise reading.damaged(where, f"{spaced(len(frames))} items, one for each clip", f"{spaced(len(items))} items")
    try:
        meta = msgspec.convert(artifact.meta, ClipsMeta)
    except msgspec.ValidationError as error:
        raise reading.damaged(path, "a ClipsMeta in the artifact's meta", str(error)) from None
    if not 0 < meta.frames_per_s <= 1000:
        raise reading.damaged(path, "from 0 to 1000 frames per second", f"{meta.frames_per_s:g}")
    return ClipSet(frames, items, _maps(folder, artifact, frames), meta)


def _maps(folder: Path, artifact: ev.Artifact, frames: NDArray[np.uint8]) -> NDArray[Any] | None:
    part = artifact.parts.get("maps", "")
    if not part:
        return None
    path = reading.inside(folder, part)
    maps = reading.array(path, ndim=4)
    if maps.shape[:2] != frames.shape[:2] or 0 in maps.shape[2:]:
        raise reading.damaged(path, f"maps of shape {(*frames.shape[:2], 'h', 'w')}", str(maps.shape))
    return maps


def verdict(item: Item) -> bool | None:
    """Whether a prediction is right; None where there is nothing to judge."""
    return item.predicted == item.label if item.predicted and item.label else None


def labels_of(items: list[Item]) -> list[str]:
    """Every true label, each once, in natural order."""
    return sorted({one.label for one in items if one.label})


def sorted_by(order: Order, shown: list[int], items: list[Item]) -> list[int]:
    """Positions in the order asked for; equal scores stay as given."""
    if order == "given":
        return shown
    sign = -1 if order == "surest" else 1
    return sorted(shown, key=lambda at: sign * items[at].score)


def _tones(values: NDArray[Any]) -> NDArray[np.uint8]:
    # What is not a number is drawn as nothing: tone 0 is clear.
    found = np.clip(np.nan_to_num(values.astype(np.float32), nan=0.0), 0.0, 1.0)
    return np.ascontiguousarray(np.round(found * 255).astype(np.uint8))


@functools.lru_cache(maxsize=TABLES_KEPT)
def _table(share: float) -> tuple[int, ...]:
    return tuple(heat(share))
