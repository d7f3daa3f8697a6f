"""What is imported after the first paint, where, and in which portions."""

from __future__ import annotations

import subprocess
import sys

import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from workbench.gui import warmup


def test_that_what_another_thread_imports_makes_no_type_of_qt() -> None:
    code = (
        f"import sys\nfor name in {warmup.PLAIN!r}: __import__(name)\nprint([m for m in sys.modules if 'PySide' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_that_other_events_get_their_turn_between_the_pieces(qtbot: QtBot) -> None:
    owner, order = QObject(), []
    warmup.in_turns(iter([lambda: order.append("first"), lambda: order.append("second")]), owner)
    assert order == ["first"]
    qtbot.waitUntil(lambda: order == ["first", "second"])


def test_that_it_ends_with_its_window(qtbot: QtBot) -> None:
    owner, order = QObject(), []
    warmup.in_turns(iter([lambda: order.append("first"), lambda: order.append("second")]), owner)
    shiboken6.delete(owner)
    qtbot.wait(20)
    assert order == ["first"]


def test_that_the_pieces_bring_everything_a_curve_is_drawn_with() -> None:
    for piece in warmup._pieces():
        piece()
    assert set(warmup.VIEWS) <= set(sys.modules)
