"""The caches of cases stay below a limit: what nobody has used for longest goes first."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import NamedTuple

from workbench.store.home import Home

FOLDERS = ("segmentations", "volumes", "changes", "scene-files", "film-copies")
"""Below the home's cache: what a model said of cases, cases as they were read, maps of changes, things in space as they
were read, small pictures of films. All come again."""
IN_USE_S = 6 * 3600.0
"""A file that was read or written this recently may be one that a window shows, and stays whatever the limit is."""
GROWING = "growing-"
"""Files whose writer was ended before they had their name; they are of no use to anybody."""
GB = 10**9


class Shed(NamedTuple):
    """What went, and what is left."""

    files: int
    freed_bytes: int
    left_bytes: int


class _File(NamedTuple):
    used: float
    size_bytes: int
    path: Path


def shed(home: Home, limit_bytes: float, *, now: float | None = None) -> Shed:
    """Delete what nobody has used for longest until the caches of cases take no more than `limit_bytes`.

    What cannot be deleted stays for the next time; never raises.
    """
    old = (time.time() if now is None else now) - IN_USE_S
    found = sorted(file for name in FOLDERS for file in _files(home.cache / name))
    left, files, freed = sum(one.size_bytes for one in found), 0, 0
    for one in found:
        forsaken = one.path.name.startswith(GROWING) or one.path.suffix == ".tmp"
        if one.used >= old or (left <= limit_bytes and not forsaken):
            continue
        with contextlib.suppress(OSError):
            one.path.unlink()
            files, freed, left = files + 1, freed + one.size_bytes, left - one.size_bytes
    return Shed(files, freed, left)


def _files(folder: Path) -> list[_File]:
    found = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                if entry.is_file(follow_symlinks=False):
                    found.append(_File(max(facts.st_mtime, facts.st_atime), facts.st_size, Path(entry.path)))
    return found
