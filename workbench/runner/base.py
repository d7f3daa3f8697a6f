"""What a window or a terminal may ask, whoever does the work (local worker, Ray, or a script)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import msgspec

from workbench.core.events import Underway, WorkerState
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder

Told = Callable[[Underway], None]
"""Hears, on the runner's own thread, how far an answer is."""


class Runner(Protocol):
    """Submits runs and watches them; live events are read from the run folder's events.jsonl.

    Methods return at once and never raise for the worker's troubles: those arrive in the Future
    as a Problem. Futures resolve, and watchers are called, on the runner's own thread; a window
    hands them to its event loop.
    """

    @property
    def home(self) -> Home:
        """Where runs live."""

    def prepare(self, config: RunConfig) -> RunFolder:
        """Check a configuration and make its run folder (nothing is queued yet).

        Raises Problems with every fault of its parameters and inputs.
        """

    def submit(self, config: RunConfig, *, first: bool = False) -> RunFolder:
        """Prepare a run and queue it (`first`: before the others)."""

    def enqueue(self, folder: RunFolder, *, first: bool = False) -> Future[None]:
        """Queue a prepared run; the Future tells that the worker has it. One that waits or runs already stays."""

    def cancel(self, run: str, *, keep: bool = False) -> Future[None]:
        """End a run; with `keep` it stops early and keeps its model."""

    def pause(self, run: str) -> Future[None]:
        """Hold a running run still."""

    def resume(self, run: str) -> Future[None]:
        """Let a paused run go on, or queue an ended one to continue from its checkpoint."""

    def reorder(self, runs: Sequence[str]) -> Future[None]:
        """Put waiting runs into this order."""

    def apply(
        self, recipe: str, model: str, inputs: dict[str, Any], *, device: str = "", told: Told | None = None
    ) -> Future[msgspec.Raw]:
        """Use a trained model on the interactive lane; the result is the recipe's JSON document.

        `told` hears how far it is and what there is of the answer. Cancelling the Future abandons the request.
        """

    def inspect(self, what: str, *, told: Told | None = None, **arguments: Any) -> Future[msgspec.Raw]:
        """Look at data, backbones or devices on the interactive lane; see `apply` for `told`."""

    def state(self) -> WorkerState:
        """The worker's last known state; an empty one (pid 0) when none is attached."""

    def watch(self, tell: Callable[[WorkerState], None]) -> Callable[[], None]:
        """Call `tell` at every change of state; returns a function that ends the watch."""

    def attach(self) -> Future[WorkerState]:
        """Connect to the home's worker, starting it where none runs."""

    def shutdown(self, *, now: bool = False, keep: bool = False) -> Future[None]:
        """End the worker: when idle, now (its run stays resumable), or once its run has kept its model.

        With `keep` waiting runs stay queued; the next worker goes on with them.
        """

    def close(self) -> None:
        """Detach; the worker and its work go on."""
