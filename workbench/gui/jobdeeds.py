"""What a person can do with the running job; the job panel offers it, and pages that show what the job makes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from workbench.core.events import WorkerState
from workbench.runner.base import Runner

Deed = tuple[str, str, str, Callable[[], object]]
"""A picture, the text, the tooltip, and what is done."""


def running_deeds(state: WorkerState, ask: Runner, await_: Callable[[Future[Any]], object]) -> list[Deed]:
    """Hold, stop and keep, cancel: as far as they make sense now. `await_` is given what the runner answers with."""
    run = state.running
    cancel = ("mdi6.close", "Cancel", "End the run without its model", lambda: await_(ask.cancel(run)))
    if state.ending == "cancelling":
        return []
    if state.ending:
        return [cancel]
    hold = ("mdi6.pause", "Pause", "Hold the run still; its memory is kept", lambda: await_(ask.pause(run)))
    if state.paused:
        hold = ("mdi6.play", "Go on", "Let the run go on", lambda: await_(ask.resume(run)))
    keep = (
        "mdi6.content-save-outline", "Stop and keep", "End early and keep the model",
        lambda: await_(ask.cancel(run, keep=True)),
    )  # fmt: skip
    return [hold, keep, cancel]
