"""Where frames come from: a video file through its decoder's process, or a folder of single pictures.

Both answer alike, by time in ticks, so that the player, the thumbnails and exporting know one way only.
"""

from __future__ import annotations

import copy
import time as clock
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QImage, QImageIOHandler, QImageReader, QPainter

from workbench.core.problem import InputError
from workbench.core.video import PICTURE_SUFFIXES, FrameIndex, FrameTold, VideoFacts

PICTURES_PER_S = 25.0
TICKS_PER_S = 1_000_000


class Picture(NamedTuple):
    """A frame in memory; `image` leans on `pixels`, which must live as long."""

    told: FrameTold
    image: QImage
    pixels: bytes

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return len(self.pixels)


class FrameSource(Protocol):
    """Frames asked for by time, answered in the order of asking; used by one thread at a time.

    `ask` never waits for the answers before it; `take` waits for one, and gives None where no frame is. Raises
    KnownTrouble where its decoder ends.
    """

    facts: VideoFacts

    def ask(self, time: int, *, width: int = 0, height: int = 0) -> None:
        """Want the frame of a time (ticks of the index) in a box of so many pixels, or (0) at its own size."""

    def take(self) -> tuple[FrameTold, bytes] | None:
        """The next of the frames that were asked for; its pixels have as many bytes as it says."""

    def close(self) -> None:
        """Let the file go."""


OpenSource = Callable[[bool], FrameSource]
"""Opens another reader of the same film; True for one that lets all others go before it."""


def picture_of(found: tuple[FrameTold, bytes]) -> Picture:
    """A frame's bytes as a picture that Qt can paint."""
    told, pixels = found
    form = QImage.Format.Format_RGB32 if told.channels == 4 else QImage.Format.Format_RGB888
    image = QImage(pixels, told.width, told.height, told.width * told.channels, form)
    return Picture(told, image, pixels)


def pixels_of(image: QImage) -> bytes:
    """The bytes of a picture in RGB888, its lines close to each other."""
    lines, row = bytes(image.constBits()), image.width() * 3
    if image.bytesPerLine() == row:
        return lines
    return b"".join(lines[at : at + row] for at in range(0, len(lines), image.bytesPerLine()))


def rgb_of(found: tuple[FrameTold, bytes]) -> bytes:
    """A frame's pixels as RGB, whatever they came as."""
    told, pixels = found
    if told.channels == 3:
        return pixels
    return np.frombuffer(pixels, np.uint8).reshape(-1, 4)[:, 2::-1].tobytes()


def framed(image: QImage, size: QSize) -> QImage:
    """A picture in the middle of a black one (RGB888) of a size, as large as it fits; nothing where it is null."""
    ground = QImage(size, QImage.Format.Format_RGB888)
    ground.fill(QColor(Qt.GlobalColor.black))
    if not image.isNull():
        small = image.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
        painter = QPainter(ground)
        painter.drawImage((size.width() - small.width()) // 2, (size.height() - small.height()) // 2, small)
        painter.end()
    return ground


def pictures_in(folder: Path) -> list[Path]:
    """The single pictures of a folder in the natural order of their names: frame2 before frame10.

    Raises InputError where there is none.
    """
    found = [one for one in folder.iterdir() if one.suffix.lower() in PICTURE_SUFFIXES and one.is_file()]
    if not found:
        raise InputError(
            "There is no picture in this folder.", expected=f"files such as {', '.join(PICTURE_SUFFIXES[:4])}",
            received=str(folder), fix="Choose another folder, or a video file.", field="path", place=folder.name,
        )  # fmt: skip
    return sorted(found, key=lambda one: (natural(one.name), one.name))


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts the numbers in names by their value."""
    parts: list[tuple[int, int, str]] = []
    digits = ""
    for sign in [*name.lower(), ""]:
        if sign.isascii() and sign.isdigit():
            digits += sign
            continue
        if digits:
            parts.append((0, int(digits), ""))
            digits = ""
        if sign:
            parts.append((1, 0, sign))
    return parts


def steady_index(frames: int, frames_per_s: float, notes: Sequence[str] = ()) -> FrameIndex:
    """Frames that are all shown for the same time, each one a key frame."""
    times = tuple(round(at * TICKS_PER_S / frames_per_s) for at in range(frames))
    return FrameIndex(1 / TICKS_PER_S, times, tuple(range(frames)), tuple(notes), alone_s=1 / frames_per_s)


class PictureReader:
    """Single pictures as the frames of a film; those of another size than the first stand in a black frame of it.

    Raises InputError where the first picture cannot be read.
    """

    def __init__(self, pictures: Sequence[Path], *, frames_per_s: float = PICTURES_PER_S) -> None:
        self._pictures = list(pictures)
        self._asked: deque[tuple[int, int, int]] = deque()
        first = QImageReader(str(self._pictures[0]))
        first.setAutoTransform(True)
        image = first.read()
        if image.isNull():
            raise InputError(
                "The first picture of this folder cannot be read.", expected="a PNG, JPEG, BMP, TIFF or WebP picture",
                received=f"{self._pictures[0].name}: {first.errorString()}", fix="Take it out, or copy it again.",
                field="path", place=self._pictures[0].parent.name,
            )  # fmt: skip
        self._size = image.size()
        self.facts = VideoFacts(
            width=image.width(), height=image.height(), coded_width=image.width(), coded_height=image.height(),
            codec=self._pictures[0].suffix.lower().removeprefix("."), format="single pictures", pixel_format="rgb24",
            frames_per_s=frames_per_s, frames=len(self._pictures), duration_s=len(self._pictures) / frames_per_s,
            notes=self._told_sizes(),
        )  # fmt: skip
        self.index = steady_index(len(self._pictures), frames_per_s)
        """When each picture is shown."""

    def _told_sizes(self) -> tuple[str, ...]:
        """What is unlike the first picture, as far as the headers say; nothing is decoded for it."""
        others = 0
        for path in self._pictures[1:]:
            reader = QImageReader(str(path))
            size = reader.size()
            if reader.transformation() & QImageIOHandler.Transformation.TransformationRotate90:
                size = size.transposed()
            others += size.isValid() and size != self._size
        if not others:
            return ()
        whole = f"{self._size.width()} × {self._size.height()}"
        return (
            f"{others} of {len(self._pictures)} pictures are not {whole}: they stand in a black frame of that size",
        )

    def again(self) -> PictureReader:
        """Another reader of the same pictures, for another thread; no header is read anew."""
        other = copy.copy(self)
        other._asked = deque()
        return other

    def ask(self, time: int, *, width: int = 0, height: int = 0) -> None:
        """Want the picture that is shown at a time."""
        self._asked.append((time, width, height))

    def take(self) -> tuple[FrameTold, bytes] | None:
        """The next picture asked for; None for one that cannot be read."""
        time, width, height = self._asked.popleft()
        frame, began_s = self.index.frame_at(time / TICKS_PER_S), clock.perf_counter()
        image = self._read(frame)
        if image.isNull():
            return None
        if width and height and (width < image.width() or height < image.height()):
            image = image.scaled(QSize(width, height), Qt.AspectRatioMode.KeepAspectRatio,
                                 Qt.TransformationMode.SmoothTransformation)  # fmt: skip
        tight = image.convertToFormat(QImage.Format.Format_RGB888)
        pixels, decode_ms = pixels_of(tight), 1000 * (clock.perf_counter() - began_s)
        told = FrameTold(self.index.times[frame], tight.width(), tight.height(), decode_ms, key=True,
                         last=frame == len(self._pictures) - 1)  # fmt: skip
        return told, pixels

    def _read(self, frame: int) -> QImage:
        reader = QImageReader(str(self._pictures[frame]))
        reader.setAutoTransform(True)
        image = reader.read()
        if image.isNull() or image.size() == self._size:
            return image
        return framed(image, self._size)

    def close(self) -> None:
        """Nothing is held open."""
        self._asked.clear()
