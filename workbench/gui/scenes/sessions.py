"""Where a scene lies while it is edited: a folder of its own, saved after each edit, found again after a crash.

Each window has one folder below the home's edits and holds a lock on it. A folder that nobody holds was left by a
window that is gone; whoever comes next goes on with it.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from pathlib import Path

from PySide6.QtCore import QLockFile

from workbench.core.problem import InputError
from workbench.gui.labelledits import write_whole
from workbench.gui.scenes import projects
from workbench.gui.scenes.projects import Kept
from workbench.gui.scenes.scene import strings_of

NAME, LOCK = "scene.json", "lock"
DAMAGED = ".damaged"


class Session:
    """A folder that this window holds."""

    def __init__(self, folder: Path, lock: QLockFile) -> None:
        self.folder, self._lock = folder, lock
        self._found: list[Path] = []
        """What lay there when the scene of a window before was found: nothing that this window makes is among it."""

    @classmethod
    def begin(cls, root: Path) -> Session:
        """A new one; raises OSError."""
        return cls._held(root / f"scene-{uuid.uuid4().hex[:10]}", make=True) or cls.begin(root)

    @classmethod
    def _held(cls, folder: Path, *, make: bool = False) -> Session | None:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        lock = QLockFile(str(folder / LOCK))
        lock.setStaleLockTime(0)  # only a process that is gone gives it up
        return cls(folder, lock) if lock.tryLock(0) else None

    @classmethod
    def left(cls, root: Path) -> tuple[Session, Kept] | None:
        """The newest scene that no window holds, if it has anything in it; empty ones are cleared away."""
        for place in sorted(root.glob(f"scene-*/{NAME}"), key=_changed_s, reverse=True):
            session = cls._held(place.parent)
            if session is None:
                continue
            try:
                kept = projects.decoded(place.read_bytes(), place.name)
            except (InputError, OSError):
                place.replace(place.with_suffix(DAMAGED))
                session.release()
                continue
            if kept.scene.nodes:
                session._found = list(session.folder.rglob("*"))
                return session, kept
            session.remove()
        return None

    def write(self, kept: Kept) -> None:
        """Save the scene; raises OSError."""
        write_whole(self.folder / NAME, projects.encoded(kept))

    def tidy(self, kept: Kept) -> None:
        """Delete arrays of edits that can no longer be undone, and what work that was cut off has left."""
        needed = {path for node in kept.scene.nodes for path in strings_of(node)} | {
            str(self.folder / name) for name in (NAME, LOCK)}  # fmt: skip
        # Inner files come before the folders that they lie in; a folder in which something is needed stays.
        for one in sorted(self._found, key=lambda path: len(path.parts), reverse=True):
            with contextlib.suppress(OSError):
                if one.is_dir():
                    one.rmdir()
                elif str(one) not in needed and one.suffix != DAMAGED:
                    one.unlink(missing_ok=True)

    def release(self) -> None:
        """Hold it no longer; the scene stays."""
        self._lock.unlock()

    def remove(self) -> None:
        """Nothing of it is wanted any more."""
        self._lock.unlock()
        shutil.rmtree(self.folder, ignore_errors=True)


def _changed_s(path: Path) -> float:
    """When a file was written last; 0 for one that another window has just removed."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
