"""PySide6 has dropped references to None before (6.12.0 on Python 3.11, until the interpreter aborts)."""

from __future__ import annotations

import gc
import sys
import weakref

from PySide6.QtCore import QObject, QTimer, Signal
from pytestqt.qtbot import QtBot

from tests.gui.runs import demo_recipe
from workbench.gui.card import Card
from workbench.gui.forms import Form
from workbench.gui.side import Chart
from workbench.gui.statusbar import StatusBar

SLACK = 60
TIMES = 1000


class Sender(QObject):
    told = Signal(object)


def growth(turn: object) -> int:
    """How much the references to None changed over a thousand turns."""
    for _ in range(20):
        turn()
    gc.collect()
    before = sys.getrefcount(None)
    for _ in range(TIMES):
        turn()
    gc.collect()
    return sys.getrefcount(None) - before


def test_that_repaints_leave_none_alone(qtbot: QtBot) -> None:
    form, status = Form(type(demo_recipe().preset("desk"))), StatusBar()
    for widget in (form, status):
        qtbot.addWidget(widget)
        widget.show()
    assert abs(growth(form.repaint)) < SLACK
    assert abs(growth(status.repaint)) < SLACK


def test_that_signals_leave_none_alone(qtbot: QtBot) -> None:
    sender, seen = Sender(), []
    sender.told.connect(lambda value: seen.append(value) if value else None)
    assert abs(growth(lambda: sender.told.emit(None))) < SLACK


def test_that_timers_leave_none_alone(qtbot: QtBot, qapp: object) -> None:
    timer, count = QTimer(), [0]

    def beat() -> None:
        count[0] += 1

    timer.timeout.connect(beat)
    timer.start(0)
    assert abs(growth(qapp.processEvents)) < SLACK
    timer.stop()
    assert count[0] >= TIMES


def test_that_captions_and_bodies_leave_none_alone(qtbot: QtBot) -> None:
    card = Card("A card")
    qtbot.addWidget(card)
    card.show()
    assert abs(growth(lambda: card.set_caption("a" if card.caption() == "b" else "b"))) < SLACK


def test_that_a_card_that_is_closed_is_freed(qtbot: QtBot) -> None:
    chart = Chart("loss")
    gone = weakref.ref(chart)
    chart.deleteLater()
    del chart
    qtbot.wait(10)
    gc.collect()
    assert gone() is None
