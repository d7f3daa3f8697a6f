"""Imports what the first curve needs just after the first paint, in pieces that nobody feels."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator, Sequence

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import QObject, QTimer

from workbench.gui.link import Link

PLAIN = (
    "numpy",
    "numpy.typing",
    "cProfile",
    "colorama",
    "multiprocessing.connection",
    "pydoc",
    "xml.etree.ElementTree",
)
"""Modules without any Qt type: imported on another thread."""
VIEWS = ("pyqtgraph", "workbench.gui.views.curve", "workbench.gui.views.table")
IN_SPACE = tuple(
    f"workbench.gui.{one}"
    for one in (
        "scenes.scene", "scenes.looks", "scenes.gl", "scenes.device", "scenes.items", "scenes.rays", "scenes.splatter",
        "scenes.renderer", "scenes.warming", "scenes.canvas", "volumes.bodies", "volumes.spacepane",
    )
)  # fmt: skip
"""What shows a case in 3-D; imported once a case is shown, as all at once would be felt."""
NAMES_AT_ONCE = 80


def warm_up(link: Link, owner: QObject) -> None:
    """Begin; ends with its owner. Whoever needs a view earlier imports it then and waits for the rest."""
    link.background(_plain, then=lambda _: in_turns(_pieces(), owner), owner=owner)


def _plain() -> None:
    for module in PLAIN:
        with contextlib.suppress(ImportError):  # whoever needs it says so
            importlib.import_module(module)


def in_turns(pieces: Iterator[Callable[[], object]], owner: QObject) -> None:
    """One piece, then whatever else waits for the GUI thread, then the next; ends with its owner."""
    piece = next(pieces, None)
    if piece is not None:
        piece()
        QTimer.singleShot(0, owner, lambda: in_turns(pieces, owner))


def import_later(modules: Sequence[str], owner: QObject) -> None:
    """Import what a person may ask for next, a module for each turn of the event loop; ends with its owner."""
    in_turns(iter([functools.partial(importlib.import_module, one) for one in modules]), owner)


def _pieces() -> Iterator[Callable[[], object]]:
    """Qt's types are made safely on this thread only (resources/decisions/qt-on-one-thread.md).

    pyqtgraph copies every name of three Qt modules, and PySide6 makes a type when its name is first
    asked for: half of the import's time, which is spent here beforehand.
    """
    for module in (QtCore, QtGui, QtWidgets):
        names = dir(module)
        for start in range(0, len(names), NAMES_AT_ONCE):
            yield functools.partial(_touch, module, names[start : start + NAMES_AT_ONCE])
    for name in VIEWS:
        yield functools.partial(importlib.import_module, name)


def _touch(module: object, names: list[str]) -> None:
    for name in names:
        getattr(module, name, None)
