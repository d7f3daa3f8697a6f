"""One question to the worker and its answer, for a client that waits on a thread of its own and can be told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import msgspec

from workbench.core.events import Underway
from workbench.core.questions import doing
from workbench.runner.base import Runner

T = TypeVar("T", bound=msgspec.Struct)
LOOK_S = 0.05
SILENT_LOOKS = 30
"""A worker that says nothing for so many looks is waited for, and that is told."""


class Stopped(Exception):
    """Whoever waited has asked for the end."""


def one_answer(
    runner: Runner, what: str, wish: msgspec.Struct, kind: type[T], stop: threading.Event, *,
    told: Callable[[T | None, float, str], object], reads: str,
) -> T:  # fmt: skip
    """The answer to one question; `told` hears partial ones (None: only how far), as a share (0 to 1; negative: nobody
    knows) and in words. `reads` is what the worker reads first, in words.

    Raises Stopped when `stop` is set, else the worker's Problem.
    """
    heard: list[Underway] = []
    future: Future[msgspec.Raw] = runner.inspect(what, told=heard.append, **msgspec.to_builtins(wish))
    silent, words = 0, ""
    while stop.is_set() or not resolved(future):
        if stop.is_set():
            future.cancel()
            raise Stopped
        silent += 1
        news = list(heard)
        del heard[: len(news)]  # more may have come meanwhile, on the runner's thread
        if news:
            silent = 0
            for one in _latest(news):
                partial = msgspec.json.decode(one.partial, type=kind) if bytes(one.partial) != b"null" else None
                told(partial, one.fraction, one.words)
        elif silent > SILENT_LOOKS and (now := _waiting(runner, what, reads)) != words:
            words = now
            told(None, -1.0, words)
    return msgspec.json.decode(future.result(), type=kind)


def _latest(news: list[Underway]) -> list[Underway]:
    """What was heard last, with the last part of the answer before it where it carries none itself."""
    partial = next((one for one in reversed(news) if bytes(one.partial) != b"null"), None)
    return [news[-1]] if partial is None or partial is news[-1] else [partial, news[-1]]


def _waiting(runner: Runner, what: str, reads: str) -> str:
    """What the worker does while a question waits, in words."""
    state = runner.state()
    if state.silent:
        return "the worker has stopped answering; end it in the job panel"
    if not state.pid or state.interactive == "starting":
        return "the worker is starting"
    if state.interactive and state.interactive != doing(what):
        return f"the worker is {state.interactive} first"
    if state.questions and not state.interactive:
        return f"behind {state.questions} other questions"
    return f"reading {reads} and the model"


def resolved(future: Future[Any]) -> bool:
    """Whether an answer, or why there is none, has come; waits for it a moment."""
    try:
        future.result(LOOK_S)
    except TimeoutError:
        return future.done()
    except Exception:
        return True
    return True
