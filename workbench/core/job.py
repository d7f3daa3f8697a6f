"""A run's state as a pure function of its events, and what a recipe may ask of its job."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from workbench.core import events as ev
from workbench.core.kinds import ArtifactKind
from workbench.core.problem import ProblemRecord

T = TypeVar("T", bound=msgspec.Struct)
Phase = Literal["new", "queued", "running", "paused", "failed", "cancelled", "finished"]
ENDED: frozenset[Phase] = frozenset({"failed", "cancelled", "finished"})
ALIVE: frozenset[Phase] = frozenset({"running", "paused"})


class JobState(msgspec.Struct, frozen=True):
    """What is known of a run after some of its events."""

    phase: Phase = "new"
    step: int = 0
    total: int = 0
    done: int = 0
    of: int = 0
    doing: str = ""
    steps_per_s: float = 0.0
    seconds_left: float = -1.0
    memory_bytes: int = 0
    preview_share: float = 0.0
    device: str = ""
    pid: int = 0
    attempt: int = 0
    queued_at: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    checkpoint_step: int = -1
    results: dict[str, float | None] = {}
    kept_early: bool = False
    problem: ProblemRecord | None = None

    @property
    def share(self) -> float | None:
        """How much of the phase is done, 0 to 1; None where nobody knows."""
        done, whole = (self.step, self.total) if self.total else (self.done, self.of)
        return min(1.0, done / whole) if whole else None

    @property
    def resumable(self) -> bool:
        """Whether the run ended short of its goal with a checkpoint to continue from."""
        return self.phase in ("failed", "cancelled") and self.checkpoint_step >= 0


def advance(state: JobState, event: ev.AnyEvent) -> JobState:
    """The state after one more event; metrics, artifacts and log lines leave it as it is."""
    change = msgspec.structs.replace
    match event:
        case ev.Queued(t=t):
            return change(state, phase="queued", queued_at=t, ended_at=0.0, problem=None)
        case ev.Started():
            return change(
                state, phase="running", pid=event.pid, device=event.device, attempt=event.attempt,
                started_at=state.started_at or event.t, ended_at=0.0, problem=None,
            )  # fmt: skip
        case ev.Progress():
            return change(
                state, step=event.step, total=event.total, done=event.done, of=event.of, doing=event.phase,
                steps_per_s=event.steps_per_s, seconds_left=event.seconds_left,
                memory_bytes=event.memory_bytes, preview_share=event.preview_share,
            )  # fmt: skip
        case ev.Paused(step=step):
            return change(state, phase="paused", step=step)
        case ev.Resumed(step=step):
            return change(state, phase="running", step=step)
        case ev.Checkpoint(step=step):
            return change(state, checkpoint_step=step)
        case ev.Failed():
            return change(state, phase="failed", problem=event.problem, ended_at=event.t, seconds_left=-1.0)
        case ev.Cancelled():
            return change(state, phase="cancelled", ended_at=event.t, seconds_left=-1.0)
        case ev.Finished():
            return change(
                state, phase="finished", results=event.results, kept_early=event.kept_early,
                ended_at=event.t, seconds_left=0.0,
            )  # fmt: skip
        case _:
            return state


class JobCancelled(BaseException):
    """Raised out of job.step() when a person cancels; a recipe lets it pass."""


class Job(Protocol):
    """What a recipe's run() is given. See worker/job.py for the one that works."""

    run_id: str
    seed: int
    device: str
    folder: Path

    @property
    def inputs(self) -> Mapping[str, str]:
        """Slot → file path, or the address of a sample ('sample:name')."""

    def metric(self, name: str, value: float, *, series: str = "", step: int | None = None) -> None:
        """Report a number at this step (or another one)."""

    def artifact(
        self,
        slot: str,
        kind: ArtifactKind,
        content: Any,
        *,
        title: str = "",
        parts: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write content (array, document, or a callable that is given the path) and announce it."""

    def log(self, message: str, level: str = "info") -> None:
        """Add a line to the log."""

    def phase(self, name: str, total: int = 0) -> None:
        """Say what is being done now, with the steps it will take where known; a cancel is obeyed here too."""

    def progress(self, done: int, of: int) -> None:
        """Say how far a phase without steps is; pause and cancel happen here too. During steps it does nothing."""

    def step(self, step: int) -> bool:
        """Call once a step: progress, pause and cancel happen here.

        Returns False when the run should end early and keep its model.
        """

    def preview(self, name: str, *, force: bool = False) -> AbstractContextManager[bool]:
        """A timed block for something shown only for the eye; yields False when the budget is spent."""

    def asked(self, name: str, kind: type[T]) -> T | None:
        """What a window asks for under a name just now (store/asked.py), such as a view; None where nobody does."""

    def checkpoint_due(self) -> bool:
        """Whether enough time has passed to save the state."""

    def save_checkpoint(self, step: int, save: Any) -> None:
        """Call save(folder) for a new folder and make it the checkpoint in one atomic step."""

    def checkpoint(self) -> Path | None:
        """The folder to continue from, or None when starting afresh."""

    def model_folder(self) -> Path:
        """The folder that receives the model and its card."""

    def write_card(self, **facts: Any) -> None:
        """Write model/workbench.json: how the model was made and what apply() needs to know."""

    def result(self, name: str, value: float) -> None:
        """A final number of the run, shown in the history and judged by claims."""
