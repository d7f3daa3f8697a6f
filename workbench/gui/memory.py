"""What the window remembers between starts: its size, open page, borders, and every form."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, QTimer

SAVE_AFTER_MS = 800


class WindowMemory(QObject):
    """A JSON file, read once and written a moment after the last change."""

    def __init__(self, path: Path, collect: Callable[[], dict[str, Any]], parent: QObject) -> None:
        super().__init__(parent)
        self._path, self._collect = path, collect
        self._stopped = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SAVE_AFTER_MS)
        self._timer.timeout.connect(self.save)

    def read(self) -> dict[str, Any]:
        """What was remembered; nothing when the file is missing or damaged."""
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Any])
        return {}

    def stop(self) -> None:
        """Never save again."""
        self._stopped = True
        self._timer.stop()

    def touch(self) -> None:
        """Something changed: save soon."""
        if not self._stopped:
            self._timer.start()

    def save(self) -> None:
        """Save now; a full disk costs the layout, never the work."""
        if self._stopped:
            return
        self._timer.stop()
        scratch = self._path.with_suffix(".tmp")
        with contextlib.suppress(OSError):
            scratch.write_bytes(msgspec.json.format(msgspec.json.encode(self._collect())))
            scratch.replace(self._path)
