"""Live pictures: a file looped in the place of a camera, and the ring that keeps the last seconds of what was seen."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, QSize, Qt, Signal, SignalInstance
from PySide6.QtGui import QImage, QImageReader

from workbench.core.framepipe import VideoReader, read_index
from workbench.core.problem import Problem
from workbench.core.video import FrameIndex, FrameTold, VideoFacts
from workbench.gui.films.ownthread import OwnThread, lost
from workbench.gui.films.sources import PICTURES_PER_S, TICKS_PER_S, framed, picture_of, pixels_of

KEPT_S, KEPT_BYTES = 30.0, 128 << 20
QUALITY = 90
"""Of the JPEG pictures that are kept: half a minute of raw ones would take a gigabyte."""
LIVE_BOX = (1280, 720)


class LiveSource(Protocol):
    """Pictures as they come. `arrived` carries (QImage, seconds since the start), `ended` a ProblemRecord.

    Both are told on the GUI thread; `ended` at most once, and never after `stop`.
    """

    name: str
    arrived: SignalInstance
    ended: SignalInstance

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Let the device or file go."""


class LoopedFile(OwnThread, QObject):
    """A video as a camera: its frames at its own rate, from the start again at its end, late ones left out."""

    arrived = Signal(object, float)
    ended = Signal(object)

    def __init__(
        self, path: Path, parent: QObject | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__(parent)
        self.path, self.name = path, f"{path.name}, looped"
        self._clock = clock
        self._ready("looped film")
        self.rounds = 0
        """How often the film has come to its end."""

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more; the thread ends by itself."""
        self.close()

    def _run(self) -> None:
        try:
            _, index = read_index(self.path)
            with VideoReader(self.path) as reader:
                self._play(reader, index)
        except (Problem, OSError) as error:
            self._tell(self.ended, lost(error))

    def _play(self, reader: VideoReader, index: FrameIndex) -> None:
        began_s, round_s = self._clock(), 0.0
        whole_s = max(index.duration_s, 0.04)
        while not self._closed:
            frame = 0
            while frame < len(index) and not self._closed:
                # What has gone by while a frame was decoded is not made up for: a camera would not either.
                behind_s = self._clock() - began_s - round_s
                frame = max(frame, min(index.frame_at(behind_s), len(index) - 1)) if behind_s > 0 else frame
                due_s = round_s + index.time_s(frame)
                found = reader.at(index.times[frame], width=LIVE_BOX[0], height=LIVE_BOX[1])
                wait_s = due_s - (self._clock() - began_s)
                if wait_s > 0 and self._rest(wait_s):
                    return
                if found is not None:
                    self._tell(self.arrived, picture_of(found).image.copy(), self._clock() - began_s)
                frame += 1
            wait_s = round_s + whole_s - (self._clock() - began_s)
            if wait_s > 0:
                self._rest(wait_s)
            round_s = max(round_s + whole_s, self._clock() - began_s)
            self.rounds += 1


class Kept(NamedTuple):
    """A picture of the ring: JPEG bytes, and when it came."""

    data: bytes
    time_s: float


class Ring(OwnThread):
    """The last seconds of what a camera saw, bounded in time and in memory; pictures are packed off the GUI thread.

    `put` never waits: where packing falls behind, pictures are left out and counted.
    """

    def __init__(self, *, seconds: float = KEPT_S, most_bytes: int = KEPT_BYTES) -> None:
        self._seconds, self._most_bytes = seconds, most_bytes
        self._new: deque[tuple[QImage, float]] = deque()
        self._kept: deque[Kept] = deque()
        self.bytes = self.left_out = 0
        self._ready("ring of a camera").start()

    def put(self, image: QImage, time_s: float) -> None:
        """Keep a picture that nobody draws on any more."""
        with self._turn:
            if len(self._new) >= 8:
                self.left_out += 1
                return
            self._new.append((image, time_s))
            self._turn.notify_all()

    def pictures(self) -> list[Kept]:
        """What is kept, the oldest first."""
        with self._turn:
            return list(self._kept)

    def settle(self, within_s: float = 5.0) -> bool:
        """Wait until everything that was put is packed."""
        with self._turn:
            return self._turn.wait_for(lambda: not self._new, within_s)

    def _run(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._closed or bool(self._new))
                if self._closed:
                    return
                image, time_s = self._new[0]
            kept = Kept(packed(image), time_s)
            with self._turn:
                self._new.popleft()
                self._kept.append(kept)
                self.bytes += len(kept.data)
                while len(self._kept) > 1 and (
                    time_s - self._kept[0].time_s > self._seconds or self.bytes > self._most_bytes
                ):
                    self.bytes -= len(self._kept.popleft().data)
                self._turn.notify_all()


def packed(image: QImage) -> bytes:
    """A picture as JPEG."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "JPEG", QUALITY)  # type: ignore[call-overload]
    return bytes(data.data())


class KeptReader:
    """What a ring has kept as a film: the FrameSource of the last seconds before a camera was stopped."""

    def __init__(self, pictures: Sequence[Kept]) -> None:
        self._pictures = list(pictures)
        self._asked: deque[tuple[int, int, int]] = deque()
        self._size = QSize()
        first = self._image(0, QSize())
        self._size = first.size()
        rate = (len(pictures) - 1) / span_s if (span_s := pictures[-1].time_s - pictures[0].time_s) > 0 else 0.0
        self.facts = VideoFacts(
            width=first.width(), height=first.height(), coded_width=first.width(), coded_height=first.height(),
            codec="jpeg", format="camera", pixel_format="rgb24", frames_per_s=rate, frames=len(pictures),
            duration_s=span_s,
        )  # fmt: skip
        start_s = pictures[0].time_s
        ticks = [round((one.time_s - start_s) * TICKS_PER_S) for one in pictures]
        for at in range(1, len(ticks)):  # two pictures of one instant are two frames all the same
            ticks[at] = max(ticks[at], ticks[at - 1] + 1)
        self.index = FrameIndex(1 / TICKS_PER_S, tuple(ticks), tuple(range(len(ticks))), alone_s=1 / PICTURES_PER_S)

    def ask(self, time: int, *, width: int = 0, height: int = 0) -> None:
        """Want the picture of a time."""
        self._asked.append((time, width, height))

    def take(self) -> tuple[FrameTold, bytes] | None:
        """The next picture asked for."""
        time, width, height = self._asked.popleft()
        frame = self.index.frame_at(time / TICKS_PER_S)
        image = self._image(frame, QSize(width, height)).convertToFormat(QImage.Format.Format_RGB888)
        return FrameTold(self.index.times[frame], image.width(), image.height(), key=True,
                         last=frame == len(self._pictures) - 1), pixels_of(image)  # fmt: skip

    def close(self) -> None:
        """Nothing is held open."""
        self._asked.clear()

    def _image(self, frame: int, box: QSize) -> QImage:
        data = QByteArray(self._pictures[frame].data)
        buffer = QBuffer(data)
        buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        reader = QImageReader(buffer, b"JPEG")
        image = reader.read()
        if self._size.isValid() and image.size() != self._size:
            image = framed(image, self._size)  # the camera changed its size meanwhile
        if box.isEmpty() or (box.width() >= image.width() and box.height() >= image.height()):
            return image
        return image.scaled(box, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
