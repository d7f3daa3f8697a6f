"""What the page of cases says when files have been written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from workbench.core.words import count
from workbench.gui.banner import Banner

MOST_NAMES = 6


def tell_written(banner: Banner, files: Sequence[str]) -> None:
    """Labels were exported."""
    folder = Path(files[0]).parent
    banner.show_note(f"Written to {folder}:\n{_names(files)}", ("Show folder", lambda: _show(folder)))


def tell_copied(banner: Banner, told: dict[str, Any]) -> None:
    """DICOM files were copied without the patient's data; `told` has files and notes."""
    files = [Path(one) for one in told.get("files", [])]
    if files:
        root = files[0].parent.parent
        lines = [f"{count(len(files), 'file')} copied without the patient's data to {root}", *told.get("notes", [])]
        banner.show_note("\n".join(lines), ("Show folder", lambda: _show(root)))


def _names(files: Sequence[str]) -> str:
    names = [Path(one).name for one in files]
    rest = f" and {count(len(names) - MOST_NAMES, 'more file')}" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + rest


def _show(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
