"""A client that waits for one answer: it hears the news of every look, and what the worker is busy with otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from workbench.core.events import Underway, WorkerState
from workbench.runner.answering import SILENT_LOOKS, Stopped, one_answer
from workbench.runner.base import Runner


class Sum(msgspec.Struct):
    """An answer."""

    value: int = 0


class Worker:
    """Says at each look what is next in its script, then answers."""

    def __init__(self, script: list[list[Underway]], state: WorkerState | None = None) -> None:
        self.script, self.now = script, state or WorkerState()
        self.cancelled = False

    def inspect(self, what: str, told: Callable[[Underway], None], **about: Any) -> Worker:
        self.told = told
        return self

    def state(self) -> WorkerState:
        return self.now

    def result(self, timeout: float | None = None) -> bytes:
        if not self.script:
            return b'{"value":7}'
        for news in self.script.pop(0):
            self.told(news)
        raise TimeoutError

    def done(self) -> bool:
        return False

    def cancel(self) -> None:
        self.cancelled = True


def news(words: str, value: int | None = None) -> Underway:
    partial = msgspec.Raw(b"null") if value is None else msgspec.Raw(msgspec.json.encode(Sum(value)))
    return Underway(fraction=0.5, words=words, partial=partial)


def heard(worker: Worker, stop: threading.Event) -> tuple[Sum, list[tuple[int | None, str]]]:
    said: list[tuple[int | None, str]] = []
    found = one_answer(
        cast(Runner, worker), "add", Sum(), Sum, stop, reads="the film",
        told=lambda partial, _, words: said.append((partial.value if partial else None, words)),
    )  # fmt: skip
    return found, said


def test_that_what_comes_after_several_news_at_once_is_heard_too() -> None:
    worker = Worker([[news("a", 1), news("b", 2), news("c")], [news("d", 3)], [], [news("e")]])
    found, said = heard(worker, threading.Event())
    assert found.value == 7
    assert said == [(2, "b"), (None, "c"), (3, "d"), (None, "e")]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (WorkerState(), "the worker is starting"),
        (WorkerState(pid=9, interactive="looking at data"), "the worker is looking at data first"),
        (WorkerState(pid=9, interactive="looking at add", questions=2), "reading the film and the model"),
        (WorkerState(pid=9, questions=2), "behind 2 other questions"),
    ],
)
def test_that_a_long_silence_is_explained_once(state: WorkerState, words: str) -> None:
    _, said = heard(Worker([[] for _ in range(2 * SILENT_LOOKS)], state), threading.Event())
    assert said == [(None, words)]


def test_that_whoever_waits_can_be_told_to_stop() -> None:
    stop = threading.Event()
    stop.set()
    worker = Worker([])
    with pytest.raises(Stopped):
        heard(worker, stop)
    assert worker.cancelled
