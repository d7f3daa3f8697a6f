"""What is selected of a thing, for an operation that keeps to it: how much, and as files for the worker."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workbench.core.scenes import MeshDoc, Node, PointsDoc
from workbench.core.words import spaced
from workbench.gui.scenes.selecting import Mask, count_of

NOTHING = "Choose a cloud or a mesh in the tree."


class PartFiles(NamedTuple):
    """Masks (N,) on disk: what is selected, and that together with what was cropped away before."""

    selected: str
    gone: str


class Parts:
    """Files of selections, which are there as long as somebody works on them."""

    def __init__(self) -> None:
        self._files: list[Path] = []

    def write(self, folder: Path, selected: Mask, hidden: str) -> PartFiles:
        """The masks in files of their own, from any thread; raises OSError and ValueError."""
        paths = [folder / f"{kind}-{uuid.uuid4().hex[:16]}.npy" for kind in ("selected", "gone")]
        self._files += paths
        gone = selected if not hidden else selected | np.load(hidden, mmap_mode="r", allow_pickle=False)
        for path, mask in zip(paths, (selected, gone), strict=True):
            np.save(path, mask, allow_pickle=False)
        return PartFiles(*map(str, paths))

    def drop(self) -> None:
        """Nobody works on them any more."""
        for path in self._files:
            with contextlib.suppress(OSError):  # what cannot be deleted yet goes with the session's leftovers
                path.unlink(missing_ok=True)
        self._files = []


def amount(many: int, node: Node) -> str:
    """'12 345 points'."""
    noun = "points" if isinstance(node.thing, PointsDoc) else "faces"
    return f"{spaced(many)} {noun if many != 1 else noun[:-1]}"


def named(node: Node | None, selected: int, *, part: bool, whole_only: bool) -> str:
    """What an operation works on: 'On scan: 1 200 selected of 40 000 points'."""
    if node is None:
        return NOTHING
    whole = amount(count_of(node), node)
    if part:
        return f"On {node.name}: {spaced(selected)} selected of {whole}"
    why = ", selected or not: a mesh is mended whole" if whole_only and selected else ""
    return f"On {node.name}: {whole}{why}"


def made_of(title: str, node: Node, selected: int) -> str:
    """Where a thing came from: 'outliers of 1 200 selected points of scan'."""
    some = amount(selected, node).split(" ")
    return f"{title.lower()} of " + (f"{some[0]} selected {some[1]} of {node.name}" if selected else node.name)


def can_be_processed(node: Node | None) -> bool:
    """Whether there are operations on it."""
    return node is not None and isinstance(node.thing, PointsDoc | MeshDoc)
