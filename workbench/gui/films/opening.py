"""From a path to a film that is seen: its first frame at once, its index as it is read, off the GUI thread."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, SignalInstance

from workbench.core.framepipe import VideoReader, read_index
from workbench.core.problem import Problem, ProblemRecord, record_of
from workbench.core.video import PICTURE_SUFFIXES, VIDEO_SUFFIXES, FrameIndex, VideoFacts
from workbench.core.words import spaced
from workbench.gui.films.sources import (
    PICTURES_PER_S,
    FrameSource,
    OpenSource,
    Picture,
    PictureReader,
    picture_of,
    pictures_in,
)

MOST_FILES = 5000
FIRST_BOX = (1920, 1080)
QUICK_MS = 150
"""Of wishes that come faster, as while a key is held in the list, only the last is read: each takes two processes."""


class _Left(Exception):
    """Another film is wished by now."""


@dataclasses.dataclass
class Opened:
    """A film with its first frame; `index` has what is known of it by then, all of it when it is `complete`."""

    path: str
    facts: VideoFacts
    index: FrameIndex
    open_source: OpenSource
    first: Picture | None = None
    complete: bool = False
    let_go: Callable[[], None] = lambda: None
    """Ends what was opened for it, where nobody wants to see it any more."""


class _Begun(threading.Event):
    """The film is shown, or will not be; `duration_s` is what its header states."""

    duration_s = 0.0


class Opening(QObject):
    """Only the last wish counts; each signal belongs to it."""

    opened = Signal(object)
    """An Opened."""
    grown = Signal(object)
    """More of the FrameIndex."""
    indexed = Signal(object)
    """The whole FrameIndex."""
    progress = Signal(str, float)
    """What is being read, and how much of it (0 to 1, negative where nobody knows); empty when nothing is."""
    failed = Signal(object)
    _news = Signal(int, object, object)
    """A thread's word: of which wish, the signal to pass it on with, and what that carries."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._news.connect(self._pass_on)
        self._turn = threading.Lock()
        self._number = 0
        self.pictures_per_s = PICTURES_PER_S
        """How fast a folder of single pictures is played."""
        self.seen: os.stat_result | None = None
        """The file whose whole index was told last, as it was before it was read."""
        self._threads: list[threading.Thread] = []
        self._path, self._wished_s = "", -math.inf
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(QUICK_MS)
        self._settled.timeout.connect(self._read)

    def open(self, path: str) -> None:
        """Read a file or a folder of pictures."""
        self._begin()
        self._path = path
        self.progress.emit(f"Opening {Path(path).name}", -1.0)
        now_s, last_s = time.monotonic(), self._wished_s
        self._wished_s = now_s
        if (now_s - last_s) * 1000 < QUICK_MS:
            self._settled.start()
        else:
            self._read()

    def _read(self) -> None:
        number, path = self._number, self._path
        place = Path(path)
        if place.is_dir():
            rate = self.pictures_per_s
            self.progress.emit("", -1.0)
            self._start(lambda: self._pictures(number, place, rate), "opener of pictures")
            return
        begun = _Begun()
        self._start(lambda: self._first(number, place, begun), "opener of a film")
        self._start(lambda: self._index(number, place, begun), "index of a film")

    def cancel(self) -> None:
        """Read on no more."""
        self._begin()
        self.progress.emit("", -1.0)

    def join(self, within_s: float = 5.0) -> bool:
        """Wait until nothing is read any more."""
        for one in self._threads:
            one.join(within_s)
        return not any(one.is_alive() for one in self._threads)

    # On threads

    def _first(self, number: int, path: Path, begun: _Begun) -> None:
        try:
            reader = VideoReader(path, for_screens=True)
            try:
                found = next(reader.following(1, width=FIRST_BOX[0], height=FIRST_BOX[1]), None)
                first = picture_of(found) if found is not None else None
                index = FrameIndex(1.0, (first.told.time if first is not None else 0,), (0,))
                self._tell(number, self.opened, Opened(
                    str(path), reader.facts, index, _reusing(path, reader), first, let_go=reader.close
                ))  # fmt: skip
            except BaseException:
                reader.close()
                raise
            begun.duration_s = reader.facts.duration_s
        finally:
            begun.set()

    def _index(self, number: int, path: Path, begun: _Begun) -> None:
        def grown(index: FrameIndex) -> None:
            begun.wait()  # the film is shown before its frames are counted
            self._tell(number, self.grown, index)

        def tell(frames: int, done_s: float) -> None:
            share = min(done_s / begun.duration_s, 1.0) if begun.duration_s > 0 else -1.0
            said = f"Reading when the frames of {path.name} are shown: {spaced(frames)} so far"
            self._tell(number, self.progress, said, share)

        # Before it is read: what is replaced meanwhile is found out then.
        seen = None
        with contextlib.suppress(OSError):
            seen = path.stat()
        _, index = read_index(path, tell, grown)
        begun.wait()
        with self._turn:
            if number == self._number:
                self.seen = seen
        self._tell(number, self.indexed, index)
        self._tell(number, self.progress, "", -1.0)

    def _pictures(self, number: int, folder: Path, rate: float) -> None:
        pictures = pictures_in(folder)
        reader = PictureReader(pictures, frames_per_s=rate)
        reader.ask(0, width=FIRST_BOX[0], height=FIRST_BOX[1])
        found = reader.take()
        first = picture_of(found) if found is not None else None

        def open_source(_yields: bool) -> FrameSource:
            return reader.again()

        shown = Opened(str(folder), reader.facts, reader.index, open_source, first, complete=True)
        self._tell(number, self.opened, shown)

    # Whose turn it is

    def _begin(self) -> None:
        self._settled.stop()
        with self._turn:
            self._number += 1
            self._threads = [one for one in self._threads if one.is_alive()]

    def _start(self, work: Callable[[], None], name: str) -> None:
        number = self._number

        def run() -> None:
            try:
                work()
            except _Left:
                pass
            except (Problem, OSError) as error:
                self._fail(number, record_of(error))

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _tell(self, number: int, signal: SignalInstance, *carried: object) -> None:
        with self._turn:
            if number != self._number:
                raise _Left
        self._news.emit(number, signal, carried)

    def _fail(self, number: int, record: ProblemRecord) -> None:
        with self._turn:
            if number != self._number:
                return
            number = self._number = self._number + 1  # one film fails once, however many threads read it
        self._news.emit(number, self.progress, ("", -1.0))
        self._news.emit(number, self.failed, (record,))

    def _pass_on(self, number: int, signal: SignalInstance, carried: tuple[object, ...]) -> None:
        """On the GUI thread, where another wish may have come since the thread spoke."""
        if number == self._number:
            signal.emit(*carried)
            return
        for one in carried:
            if isinstance(one, Opened):
                one.let_go()


def _reusing(path: Path, reader: VideoReader) -> OpenSource:
    """Gives the reader that is open already to whoever asks first."""
    spare: list[FrameSource] = [reader]

    def open_source(yields: bool) -> FrameSource:
        return spare.pop() if spare and not yields else VideoReader(path, yields=yields, for_screens=True)

    return open_source


def listed(paths: Sequence[str]) -> list[str]:
    """The videos among paths and below folders, in the order of their names; folders of pictures count as one."""
    found: list[str] = []
    for path in map(Path, paths):
        if not path.is_dir():
            found.append(str(path))
            continue
        inner = sorted(one for one in path.rglob("*") if one.suffix.lower() in VIDEO_SUFFIXES and one.is_file())
        found += [str(one) for one in inner[:MOST_FILES]]
        if not inner and any(one.suffix.lower() in PICTURE_SUFFIXES for one in path.iterdir()):
            found.append(str(path))
    return list(dict.fromkeys(found))
