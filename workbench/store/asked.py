"""What a window asks of a running job: small documents in the run's folder, which the job looks at between two steps.

A document is replaced in one step, so that the job never reads half of one; whoever asks renews it while it looks.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TypeVar

import msgspec

from workbench.core import events as ev

T = TypeVar("T", bound=msgspec.Struct)
FOLDER = "asked"
LASTS_S = 60.0
"""A document that was not renewed for so long is of a window that is gone."""
TAIL_BYTES = 1 << 16
"""No last event is longer."""


def asked_path(run: Path, name: str) -> Path:
    """Where the document of a name lies in a run's folder."""
    return run / FOLDER / f"{name}.json"


def ask(run: Path, name: str, document: msgspec.Struct) -> None:
    """Ask, or ask for something else; raises OSError where the folder cannot be written."""
    path = asked_path(run, name)
    path.parent.mkdir(exist_ok=True)
    scratch = path.with_suffix(".tmp")
    scratch.write_bytes(msgspec.json.encode(document))
    scratch.replace(path)


def withdraw(run: Path, name: str) -> None:
    """Ask no longer."""
    with contextlib.suppress(OSError):
        asked_path(run, name).unlink()


class AskedFile:
    """One document as the job sees it: read when it changed, forgotten when nobody renews it."""

    def __init__(self, run: Path, name: str) -> None:
        self._path = asked_path(run, name)
        self._stamp = (0, 0)
        self._bytes = b""

    def read(self, kind: type[T]) -> T | None:
        """The document; None where nothing is asked, or nothing that makes sense."""
        try:
            told = self._path.stat()
            if time.time() - told.st_mtime > LASTS_S:
                return None
            if (told.st_mtime_ns, told.st_ino) != self._stamp:
                self._bytes = self._path.read_bytes()
                self._stamp = (told.st_mtime_ns, told.st_ino)
            return msgspec.json.decode(self._bytes, type=kind)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None


def is_over(run: Path) -> bool:
    """Whether the last event of a run's folder says that nobody is there to be asked any more."""
    try:
        with (run / "events.jsonl").open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().rstrip(b"\n").rsplit(b"\n", 1)
        return isinstance(ev.decode_event(lines[-1]), ev.Finished | ev.Failed | ev.Cancelled)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
