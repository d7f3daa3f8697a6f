"""Garbage is collected by the window's own sweeps, and by nothing else while they run."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from workbench.gui import sweeping
from workbench.gui.sweeping import MIDDLE_EVERY, OLD_EVERY, Sweeper


class Node:
    """Something that refers to itself, which only a collection ends."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def sweeper(qtbot: QtBot) -> Iterator[Sweeper]:
    owner = QObject()
    made = Sweeper(owner)
    gc.enable()
    made.start()
    yield made
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # as before: what the test files have loaded is left out of every sweep


def cycle() -> weakref.ref[Node]:
    return weakref.ref(Node())


def test_that_nothing_else_collects_once_it_has_started(sweeper: Sweeper) -> None:
    lost = cycle()
    assert not gc.isenabled() and gc.get_freeze_count() > 0
    young = [[] for _ in range(5000)]
    assert len(young) == 5000
    assert lost() is not None


def test_that_young_garbage_goes_within_a_round_of_sweeps(sweeper: Sweeper) -> None:
    lost = cycle()
    for _ in range(MIDDLE_EVERY):
        sweeper.sweep()
    assert lost() is None


def test_that_sweeps_come_by_themselves(sweeper: Sweeper, qtbot: QtBot) -> None:
    lost = cycle()
    qtbot.waitUntil(lambda: lost() is None)


def test_that_survivors_are_not_looked_at_again(sweeper: Sweeper) -> None:
    node = Node()
    lost = weakref.ref(node)
    for _ in range(OLD_EVERY):
        sweeper.sweep()
    del node
    for _ in range(OLD_EVERY):
        sweeper.sweep()
    assert lost() is not None


def test_that_what_was_frozen_goes_when_nobody_looks(sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node()
    lost = weakref.ref(node)
    for _ in range(OLD_EVERY):
        sweeper.sweep()
    del node
    monkeypatch.setattr(sweeping, "WHOLE_EVERY_S", 0.0)
    monkeypatch.setattr(sweeping, "_nobody_looks", lambda: True)
    for _ in range(OLD_EVERY):
        sweeper.sweep()
    assert lost() is None
