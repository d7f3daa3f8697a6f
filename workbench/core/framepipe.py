"""Frames from the process that decodes videos: asked for by time, in order, and waited for.

Everything here waits; a window calls it on a thread of its own. The process is `engine/video/avframes.py`.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.sideprocess import begin, end, last_words
from workbench.core.video import FrameIndex, FrameTold, VideoFacts

SCRIPT = Path(__file__).parents[1] / "engine" / "video" / "avframes.py"
SILENT_S = 20.0
"""A decoder that has said nothing for so long is ended: damaged files make decoders run in circles."""
ENDS_WITHIN_S = 2.0
"""A process whose output has ended has a status soon after."""
EXPECTED = "MP4, MOV, MKV, WebM, AVI, GIF, or another video that FFmpeg reads"


class Pipe:
    """The decoder's process, what it said first, and its answers."""

    def __init__(
        self, what: str, path: Path, *options: str, script: Path | None = None, silent_s: float = 0.0,
        begun: Callable[[Pipe], None] | None = None,
    ) -> None:  # fmt: skip
        """`what` is asked of a script, which is ended when it says nothing for so long, or (0) for SILENT_S.

        `begun` hears of the pipe before anything is waited for: another thread may interrupt it from then on.
        """
        self.path = path
        check_file(path)
        self._silent_s = silent_s or SILENT_S
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the pipe)
        self._overdue = False
        self._process = begin(script or SCRIPT, what, str(path), *options, said=self._said)
        try:
            if begun is not None:
                begun(self)
            self.facts = msgspec.convert(self.line(), VideoFacts)
        except BaseException:
            self.close()
            raise

    def ask(self, **asked: Any) -> None:
        """Send a line; the process need not have answered the one before."""
        given = self._process.stdin
        if given is None:
            raise RuntimeError("the pipe was made without an input")
        try:
            given.write(msgspec.json.encode(asked) + b"\n")
            given.flush()
        except OSError:
            raise self._gone() from None

    def line(self) -> dict[str, Any]:
        """The next line; raises InputError where it says that there is no video, KnownTrouble where nothing comes."""
        with self._patience():
            line = self._out.readline()
        if not line.endswith(b"\n"):
            raise self._gone()
        said: dict[str, Any] = msgspec.json.decode(line)
        if said.get("missing"):
            raise KnownTrouble(
                "Videos need FFmpeg's decoders, which are not installed.", expected="the package av",
                received=str(said["error"]), fix="pip install 'transfer-workbench[speech]'", place=self.path.name,
            )  # fmt: skip
        if "error" in said:
            raise InputError(
                "There is no video to be had from this file.", expected=EXPECTED, received=str(said["error"]),
                fix="Check that the file is what its name says; copy or export it again.", field="path",
                place=self.path.name,
            )  # fmt: skip
        return said

    def bytes(self, count: int) -> bytes:
        """So many bytes that follow a line."""
        with self._patience():
            found: bytes = self._out.read(count)
        if len(found) < count:
            raise self._gone()
        return found

    def close(self) -> None:
        """End the process."""
        end(self._process, self._said)

    def interrupt(self) -> None:
        """From another thread: whoever waits for an answer gets KnownTrouble, and is the one to close the pipe."""
        with contextlib.suppress(OSError):
            self._process.kill()

    @property
    def _out(self) -> Any:
        return self._process.stdout

    @contextlib.contextmanager
    def _patience(self) -> Iterator[None]:
        """End the process when it stays silent, so that reading from it ends too."""

        def give_up() -> None:
            self._overdue = True
            self._process.kill()

        timer = threading.Timer(self._silent_s, give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _gone(self) -> KnownTrouble:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_WITHIN_S)
        silent = f"silence for {self._silent_s:g} s"
        received = silent if self._overdue else last_words(self._process, self._said)
        return KnownTrouble(
            "The decoder of this video ended.", expected="frames", received=received,
            fix="The file may be damaged: play it elsewhere, or convert it with FFmpeg.", place=self.path.name,
        )  # fmt: skip


def check_file(path: Path) -> None:
    """Raises InputError where no video can be: nothing is at this path, a folder, or an empty file."""
    if not path.exists():
        raise InputError(
            "There is nothing at this path.", expected=f"a video: {EXPECTED}", received=str(path),
            fix="Check the path; a network drive may be away.", field="path", place=path.name,
        )  # fmt: skip
    if path.is_dir():
        raise InputError(
            "This is a folder, not a video.", expected=f"one file: {EXPECTED}", received=str(path),
            fix="Choose one of the files in it.", field="path", place=path.name,
        )  # fmt: skip
    if path.stat().st_size == 0:
        raise InputError(
            "The file is empty.", expected=f"a video: {EXPECTED}", received="0 bytes", fix="Copy it again.",
            field="path", place=path.name,
        )  # fmt: skip


class VideoReader:
    """A video whose frames are asked for by their times (ticks of its index); one thread at a time.

    Raises InputError where there is no video in the file, KnownTrouble where its decoder is missing or ends.
    """

    def __init__(self, path: Path, *, yields: bool = False, for_screens: bool = False) -> None:
        """With `yields` the decoder lets every other process go before it; `for_screens` gives BGRA instead of RGB."""
        options = [*(["yields"] if yields else []), *(["screen"] if for_screens else [])]
        self._pipe = Pipe("frames", path, *options)
        self.facts = self._pipe.facts

    def at(self, time: int, *, width: int = 0, height: int = 0) -> tuple[FrameTold, bytes] | None:
        """The frame that is shown at a time, within a box of so many pixels; None before the first one."""
        self.ask(time, width=width, height=height)
        return self.take()

    def ask(self, time: int, *, width: int = 0, height: int = 0) -> None:
        """Let the decoder go for the frame of a time, which `take` gives; several may be asked for ahead."""
        self._pipe.ask(at=time, width=width, height=height)

    def following(self, count: int, *, width: int = 0, height: int = 0) -> Iterator[tuple[FrameTold, bytes]]:
        """The frames after the one given last, as many as there are; the decoder works ahead of who reads them.

        All of them have to be read before anything else is asked for.
        """
        self._pipe.ask(next=count, width=width, height=height)
        for _ in range(count):
            found = self.take()
            if found is None:
                return
            yield found

    def take(self) -> tuple[FrameTold, bytes] | None:
        """The next frame that was asked for; None where there is none."""
        said = self._pipe.line()
        if said.get("end"):
            return None
        told = msgspec.convert(said, FrameTold)
        return told, self._pipe.bytes(told.width * told.height * told.channels)

    def close(self) -> None:
        """Let the file go."""
        self._pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_index(
    path: Path, tell: Callable[[int, float], None] | None = None, grown: Callable[[FrameIndex], None] | None = None
) -> tuple[VideoFacts, FrameIndex]:
    """When each frame of a video is shown; `tell` hears how many frames and seconds have been read so far.

    `grown` gets the index of the frames before which no further one can come, ever more of them.
    Raises InputError where there is no video, or a video without a frame; whatever `tell` or `grown` raise ends
    the reading.
    """
    pipe = Pipe("index", path, *(["growing"] if grown is not None else []))
    times: list[int] = []
    keys: list[int] = []
    try:
        while "times" not in (said := pipe.line()):
            if "more" in said and grown is not None:
                keys += [one + len(times) for one in said["more_keys"]]
                times += said["more"]
                grown(FrameIndex(said["tick_s"], tuple(times), tuple(keys)))
            if tell is not None:
                tell(int(said["packets"]), float(said["done_s"]))
    finally:
        pipe.close()
    index = msgspec.convert(said, FrameIndex)
    if not index.times:
        raise InputError(
            "This video has no frames.", expected="at least one frame", received="; ".join(index.notes) or "none",
            fix="The file may be cut off: copy or export it again.", field="path", place=path.name,
        )  # fmt: skip
    return pipe.facts, index
