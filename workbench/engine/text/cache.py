"""The folder below the home's cache in which texts and samples are kept between runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import platformdirs

from workbench.core.problem import KnownTrouble


def folder(name: str) -> Path:
    """A folder below the cache of the home in use (WORKBENCH_HOME); raises KnownTrouble when it cannot be made."""
    named = os.environ.get("WORKBENCH_HOME")
    root = Path(named).expanduser() if named else platformdirs.user_data_path("workbench", appauthor=False)
    path = root / "cache" / name
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KnownTrouble(
            "The cache folder cannot be written.",
            expected=f"a writable folder at {path}",
            received=str(error),
            fix="Set WORKBENCH_HOME to a folder of yours, or free space and permissions there.",
        ) from None
    return path


def digest(*facts: object) -> str:
    """A short name for what a cached file depends on."""
    return hashlib.sha256("\0".join(map(str, facts)).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def keep(path: Path, write: Callable[[Path], None]) -> Path:
    """Write a cache file beside its place and move it there in one step; an existing one stays, as just used."""
    if path.exists():
        touch(path)
    else:
        # Threads too may write one file at once: clips of equal videos.
        scratch = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            write(scratch)
            scratch.replace(path)
        finally:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)
    return path


def touch(path: Path) -> None:
    """A file was used now: what was not used for longest goes first where the worker makes room."""
    with contextlib.suppress(OSError):
        os.utime(path)
