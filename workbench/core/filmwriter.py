"""Videos written through the process that encodes them (`engine/video/avwrite.py`): whole under their name, or not."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.sideprocess import begin, end, last_words

SCRIPT = Path(__file__).parents[1] / "engine" / "video" / "avwrite.py"
FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".gif": "gif"}
"""What a file's ending makes of it: H.264, VP9 in WebM, or an animated GIF."""
TICKS_PER_S = 90_000
LEAVES_WITHIN_S = 120.0
"""So long an encoder may take for what it holds back when the last frame is in."""


class VideoWriter:
    """A video that is written frame by frame; it is there under its name once `finish` returns.

    Raises InputError for an ending that nothing can be written as, KnownTrouble where the encoder is missing or
    ends, with the disk full for example.
    """

    def __init__(self, path: Path, *, width: int, height: int, frames_per_s: float) -> None:
        form = FORMATS.get(path.suffix.lower())
        if form is None:
            raise InputError(
                "Videos are not written in this format.", expected=", ".join(FORMATS), received=path.suffix or "none",
                fix="Give the file another ending.", field="out", place=path.name,
            )  # fmt: skip
        self.path, self.width, self.height = path, width, height
        self.frames = 0
        self._part = path.with_name(f".{path.name}.part")
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the writer)
        self._process = begin(SCRIPT, str(self._part), form, said=self._said)
        self._give({"width": width, "height": height, "frames_per_s": frames_per_s or 25.0})

    def write(self, pixels: bytes | memoryview, time_s: float) -> None:
        """A frame of RGB (height, width, 3), a byte each, shown from a time on; times ascend."""
        if len(pixels) != self.width * self.height * 3:
            raise ValueError(f"a frame has {self.width * self.height * 3} bytes, not {len(pixels)}")
        self._give({"pts": round(time_s * TICKS_PER_S)}, pixels)
        self.frames += 1

    def finish(self) -> None:
        """Write what is held back, and give the file its name; raises KnownTrouble where that fails."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            said = self._last_words()
            if "error" in said:
                raise self._trouble(said)
            self._part.replace(self.path)
        except OSError as error:
            raise self._trouble({"error": str(error)}) from None
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Leave nothing behind."""
        end(self._process, self._said)
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _give(self, line: dict[str, Any], more: bytes | memoryview = b"") -> None:
        given = self._process.stdin
        if given is None:
            raise RuntimeError("the writer was made without an input")
        try:
            given.write(msgspec.json.encode(line) + b"\n")
            given.write(more)
        except OSError:
            said = self._last_words()
            self.abandon()
            raise self._trouble(said) from None

    def _last_words(self) -> dict[str, Any]:
        out = self._process.stdout
        timer = threading.Timer(LEAVES_WITHIN_S, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            line = out.readline() if out is not None else b""
        finally:
            timer.cancel()
        with contextlib.suppress(msgspec.DecodeError):
            found: dict[str, Any] = msgspec.json.decode(line)
            return found
        return {"error": last_words(self._process, self._said)}

    def _trouble(self, said: dict[str, Any]) -> KnownTrouble:
        if said.get("missing"):
            return KnownTrouble(
                "Videos need FFmpeg's encoders, which are not installed.", expected="the package av",
                received=str(said["error"]), fix="pip install 'transfer-workbench[speech]'", place=self.path.name,
            )  # fmt: skip
        return KnownTrouble(
            "The video could not be written.", expected="a folder that can be written to, with room for it",
            received=str(said.get("error", said)), fix="Choose another folder, or free some space.",
            place=self.path.name,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()
