"""Labels as they are now, in a file of their own: the array and, beside it, what it means."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from workbench.core.problem import InputError, Problem
from workbench.core.volumes import VolumeFile
from workbench.gui.volumes.labelmap import LabelMap

Say = Callable[[str, str], object]


def export(labels: LabelMap, path: Path) -> None:
    """Write NAME.npy and NAME.json (a VolumeFile); raises InputError for the artifact's own place, OSError."""
    if labels.path is not None and path.resolve() == labels.path.resolve():
        raise InputError("The original labels are kept as they are.", expected="another file name",
                         received=path.name, fix="Choose a new name.", place=str(path))  # fmt: skip
    scratch = path.with_name(path.name + ".tmp")
    with scratch.open("wb") as file:
        np.save(file, labels.array, allow_pickle=False)
    scratch.replace(path)
    meta = msgspec.structs.replace(labels.meta, labels=tuple(labels.labels))
    path.with_suffix(".json").write_bytes(msgspec.json.encode(VolumeFile(path.name, meta)))


def ask_export(parent: QWidget, labels: LabelMap, say: Say) -> None:
    """Ask where to, then write."""
    dialog = QFileDialog(parent, "Save labels as")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(["NumPy array (*.npy)"])
    dialog.setDefaultSuffix("npy")
    dialog.fileSelected.connect(functools.partial(_chosen, labels, say))
    dialog.open()


def _chosen(labels: LabelMap, say: Say, name: str) -> None:
    try:
        export(labels, Path(name))
        say(f"saved {Path(name).name}", "dim")
    except (OSError, Problem) as error:
        say(f"not saved: {error}", "error")
