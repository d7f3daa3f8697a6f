from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from workbench.core.events import WorkerState
from workbench.core.problem import KnownTrouble, ProblemRecord
from workbench.core.settings import Settings
from workbench.gui.link import Link
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home


@pytest.fixture
def link(home: Home, scripted: ScriptedRunner, qtbot: QtBot) -> Iterator[Link]:
    made = Link(home, lambda: scripted, Settings())
    yield made
    made.close()


def test_that_work_is_done_elsewhere_and_its_result_told_here(link: Link, qtbot: QtBot) -> None:
    seen: list[tuple[int, int]] = []
    link.background(threading.get_ident, then=lambda where: seen.append((where, threading.get_ident())))
    qtbot.waitUntil(lambda: bool(seen))
    assert seen[0][0] != threading.get_ident()
    assert seen[0][1] == threading.get_ident()


def test_that_a_failure_without_a_reader_becomes_a_problem_of_the_window(link: Link, qtbot: QtBot) -> None:
    told: list[ProblemRecord] = []
    link.problem.connect(told.append)
    future: Future[None] = Future()
    link.deliver(future)
    future.set_exception(KnownTrouble("The disk is full.", fix="Free some."))
    qtbot.waitUntil(lambda: bool(told))
    assert (told[0].what, told[0].fix, told[0].severity) == ("The disk is full.", "Free some.", "known")


def test_that_a_bug_arrives_with_its_trace(link: Link, qtbot: QtBot) -> None:
    told: list[ProblemRecord] = []
    link.background(lambda: 1 / 0, failed=told.append)
    qtbot.waitUntil(lambda: bool(told))
    assert told[0].severity == "bug" and "ZeroDivisionError" in told[0].trace


def test_that_nothing_is_told_to_what_is_gone_or_was_cancelled(link: Link, qtbot: QtBot) -> None:
    told: list[object] = []
    owner = QWidget()
    late: Future[int] = Future()
    dropped: Future[int] = Future()
    link.deliver(late, then=told.append, owner=owner)
    link.deliver(dropped, then=told.append, failed=told.append)
    owner.deleteLater()
    qtbot.wait(20)
    late.set_result(1)
    dropped.cancel()
    qtbot.wait(50)
    assert told == []


def test_that_the_workers_states_arrive_after_attaching(link: Link, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    states: list[WorkerState] = []
    link.worker_changed.connect(states.append)
    link.attach()
    qtbot.waitUntil(lambda: bool(states) and states[-1].pid > 0)
    scripted.lose()
    qtbot.waitUntil(lambda: states[-1].pid == 0)


def test_that_after_closing_nothing_arrives_any_more(home: Home, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    link = Link(home, lambda: scripted, Settings())
    told: list[object] = []
    future: Future[int] = Future()
    link.deliver(future, then=told.append)
    link.close()
    future.set_result(1)
    link.background(lambda: 1, then=told.append)
    qtbot.wait(30)
    assert told == []
