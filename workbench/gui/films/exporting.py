"""Taking stretches and frames of a film away: a video of its own, a PNG, or the clipboard."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QWidget

from workbench.core.filmwriter import VideoWriter
from workbench.core.problem import KnownTrouble, Problem, ProblemRecord, record_of
from workbench.core.video import FrameIndex, VideoFacts
from workbench.core.words import spaced
from workbench.gui.films.sources import OpenSource, framed, picture_of, pixels_of, rgb_of
from workbench.gui.savedialog import ask_where

IN_FLIGHT = 3
KINDS = {".mp4": "MP4, H.264", ".mkv": "Matroska, H.264", ".webm": "WebM, VP9", ".gif": "Animated GIF"}


class Film:
    """What is needed to read a film anew, apart from whoever plays it."""

    def __init__(self, path: str, open_source: OpenSource, facts: VideoFacts, index: FrameIndex) -> None:
        self.path, self.open_source, self.facts, self.index = path, open_source, facts, index


class Exporting(QObject):
    """Frames are read and written on a thread; one file at a time."""

    written = Signal(str)
    """A line for the banner."""
    progress = Signal(str, float)
    """What is being written, and how much of it; empty when nothing is."""
    failed = Signal(object)
    taken = Signal(object)
    """A frame (QImage) for the clipboard."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self._number = 0
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self.doing = ""
        self.taken.connect(self._copy)
        self.progress.connect(self._note)

    @property
    def busy(self) -> bool:
        """Whether a file is being written."""
        return bool(self.doing)

    # Asking

    def ask(self, film: Film, stretch: tuple[int, int] | None) -> None:
        """Ask where to and as what; the stretch where there is one, else the whole film."""
        what = "Stretch" if stretch else "Video"
        kinds = {f"{what} as {name} (*{suffix})": suffix for suffix, name in KINDS.items()}
        name = Path(film.path).stem + ("-stretch" if stretch else "-copy")
        ask_where(self._window, "Export", Path(film.path).with_name(name), kinds,
                  then=lambda out: self.write(film, out, stretch), failed=self.failed.emit)  # fmt: skip

    def ask_frame(self, film: Film, frame: int) -> None:
        """Ask where the frame goes as a PNG."""
        name = f"{Path(film.path).stem}-frame{frame}"
        ask_where(self._window, "Save frame", Path(film.path).with_name(name), {"Picture as PNG (*.png)": ".png"},
                  then=lambda out: self.save_frame(film, frame, out), failed=self.failed.emit)  # fmt: skip

    # Doing

    def write(self, film: Film, out: Path, stretch: tuple[int, int] | None) -> None:
        """Write frames `first` to `last`, both included, or all of them, in the format of the ending."""
        if out.exists() and Path(film.path).exists() and out.samefile(film.path):
            self.failed.emit(ProblemRecord(
                "A video is not written over itself.", expected="another name than the video that is seen",
                received=str(out), fix="Choose another name.", severity="input", place=out.name,
            ))  # fmt: skip
            return
        first, last = stretch or (0, len(film.index) - 1)

        def work(number: int) -> str:
            _write(film, out, first, last, lambda done: self._reach(number, out, done))
            sound = "; its sound stays behind" if film.facts.has_sound else ""
            return f"{spaced(last - first + 1)} frames were written to {out}{sound}."

        self._begin(f"Writing {out.name}", work)

    def save_frame(self, film: Film, frame: int, out: Path) -> None:
        """Write a frame at its own size."""

        def work(_: int) -> str:
            if not _frame(film, frame).save(str(out), "PNG"):  # type: ignore[call-overload]
                raise KnownTrouble(
                    "The picture could not be written.", expected="a folder that can be written to", received=str(out),
                    fix="Choose another folder, or free some space.", place=out.name,
                )  # fmt: skip
            return f"Frame {spaced(frame)} was written to {out}."

        self._begin(f"Writing {out.name}", work)

    def copy_frame(self, film: Film, frame: int) -> None:
        """Put a frame at its own size on the clipboard."""

        def work(number: int) -> str:
            image = _frame(film, frame)
            with self._turn:
                if number == self._number:
                    self.taken.emit(image)
            return f"Frame {spaced(frame)} is on the clipboard: {image.width()} × {image.height()} pixels."

        self._begin("Copying the frame", work)

    def cancel(self) -> None:
        """Write no further; the file that is not whole goes away."""
        with self._turn:
            self._number += 1
        self.progress.emit("", -1.0)

    def join(self, within_s: float = 30.0) -> bool:
        """Wait until nothing is written any more."""
        if self._thread is not None:
            self._thread.join(within_s)
        return self._thread is None or not self._thread.is_alive()

    def _begin(self, doing: str, work: Callable[[int], str]) -> None:
        self.cancel()
        number = self._number
        self.progress.emit(doing, -1.0)

        def run() -> None:
            said: str | ProblemRecord
            try:
                said = work(number)
            except _Left:
                return
            except (Problem, OSError) as error:
                said = record_of(error)
            with self._turn:
                if number == self._number:
                    self.progress.emit("", -1.0)
                    (self.written if isinstance(said, str) else self.failed).emit(said)

        self._thread = threading.Thread(target=run, name="writer of a film", daemon=True)
        self._thread.start()

    def _reach(self, number: int, out: Path, done: float) -> None:
        with self._turn:
            if number != self._number:
                raise _Left
            self.progress.emit(f"Writing {out.name}", done)

    def _note(self, doing: str, _share: float) -> None:
        self.doing = doing

    def _copy(self, image: QImage) -> None:
        QGuiApplication.clipboard().setImage(image)


class _Left(Exception):
    """The file is not wanted any more."""


def _frame(film: Film, frame: int) -> QImage:
    source = film.open_source(False)
    try:
        source.ask(film.index.times[frame])
        found = source.take()
        if found is None:
            raise KnownTrouble("This frame cannot be decoded.", received=f"frame {frame}", place=Path(film.path).name)
        return picture_of(found).image.copy()
    finally:
        source.close()


def _write(film: Film, out: Path, first: int, last: int, reach: Callable[[float], None]) -> None:
    """Decode and encode frame by frame; a few are asked for ahead, so that both work at once."""
    index, count = film.index, last - first + 1
    source = film.open_source(False)
    writer: VideoWriter | None = None
    try:
        asked = 0
        for at in range(count):
            while asked < min(at + IN_FLIGHT, count):
                source.ask(index.times[first + asked])
                asked += 1
            found = source.take()
            if found is None:
                continue
            told = found[0]
            if writer is None:
                writer = VideoWriter(out, width=told.width, height=told.height, frames_per_s=film.facts.frames_per_s)
            pixels = rgb_of(found)
            if (told.width, told.height) != (writer.width, writer.height):  # streams may change their size on the way
                pixels = pixels_of(framed(picture_of(found).image, QSize(writer.width, writer.height)))
            writer.write(pixels, index.time_s(first + at) - index.time_s(first))
            reach((at + 1) / count)
        if writer is None:
            raise KnownTrouble("None of these frames can be decoded.", place=Path(film.path).name)
        writer.finish()
    except BaseException:
        if writer is not None:
            writer.abandon()
        raise
    finally:
        source.close()
