"""Small pictures of a video, made by a process of its own (`engine/video/avcopy.py`).

Everything here waits; a window calls it on a thread of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from workbench.core.framepipe import Pipe
from workbench.core.problem import KnownTrouble

SCRIPT = Path(__file__).parents[1] / "engine" / "video" / "avcopy.py"
OPTIONS = ("yields",)
"""The process lets all others go before it."""
SILENT_S = 120.0
"""On a machine that is at work on everything else, frames of a large film take their time."""


class Packed(NamedTuple):
    """What became of the frames that were asked for."""

    pictures: int
    bytes: int


class FilmCopier:
    """Decodes a video for small pictures; one thread at a time.

    Raises InputError where there is no video in the file, KnownTrouble where its decoder is missing or ends.
    """

    def __init__(self, path: Path, begun: Callable[[Pipe], None] | None = None) -> None:
        """`begun` gets what another thread may interrupt; who waits for an answer gets KnownTrouble then."""
        self._pipe = Pipe("copies", path, *OPTIONS, script=SCRIPT, silent_s=SILENT_S, begun=begun)

    def pack(self, out: Path, times: Sequence[int], *, side: int, quality: int) -> Packed:
        """JPEG pictures of the frames of these times (ticks, ascending), no longer than `side` pixels, into an archive.

        The file is there under its name when it is whole. Raises KnownTrouble where it cannot be written.
        """
        part = out.with_name(f"growing-{os.getpid()}-{out.name}")
        try:
            self._pipe.ask(out=str(out), part=str(part), times=list(times), side=side, quality=quality)
            while "done" in (said := self._pipe.line()):
                pass
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        if "failed" in said:
            raise KnownTrouble(
                "Small pictures of this video could not be written.", expected="a data folder with room in it",
                received=str(said["failed"]), fix="Free some space, or switch them off in the settings.",
                place=str(out.parent),
            )  # fmt: skip
        return Packed(int(said["pictures"]), int(said["bytes"]))

    def close(self) -> None:
        """Let the file go."""
        self._pipe.close()
