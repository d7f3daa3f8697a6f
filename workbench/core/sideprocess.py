"""Processes that do what the program's own must not: how they are begun and ended, and what they said last."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import IO, Any


def begin(script: Path, *options: str, said: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a script that is spoken to line by line; what it says on the side goes to the file `said`."""
    # -I: nothing of the folder it is started in, or of the user's, is imported.
    return subprocess.Popen(
        [sys.executable, "-I", str(script), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
    )


def end(process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    """End a process, whatever it does, and close what it was spoken to through."""
    with contextlib.suppress(OSError):
        process.kill()
    process.wait()
    streams: tuple[Any, ...] = (process.stdin, process.stdout, said)
    for stream in streams:
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def last_words(process: subprocess.Popen[bytes], said: IO[bytes]) -> str:
    """With which status a process ended, and the last line that it said on the side."""
    said.seek(0)
    last = said.read().decode(errors="replace").strip().rpartition("\n")[2]
    return f"exit status {process.poll()}" + (f": {last[:200]}" if last else "")
