"""Runs read from their folders, whole, for a report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from workbench.core import events as ev
from workbench.core.job import JobState
from workbench.store.runfolder import RunConfig, RunFolder
from workbench.store.tracks import RunReader, Tracks


class Run(Protocol):
    """What is asked of a run to hold it against others; the window's live model offers the same."""

    @property
    def folder(self) -> RunFolder: ...
    @property
    def config(self) -> RunConfig: ...
    @property
    def state(self) -> JobState: ...
    @property
    def metrics(self) -> Tracks: ...
    @property
    def artifacts(self) -> dict[str, list[ev.Artifact]]: ...
    @property
    def log(self) -> Sequence[ev.Log]: ...


@dataclasses.dataclass(frozen=True)
class Gathered:
    """A run as it stands now; `damaged` counts lines of its events that could not be read."""

    folder: RunFolder
    config: RunConfig
    state: JobState
    metrics: Tracks
    artifacts: dict[str, list[ev.Artifact]]
    log: list[ev.Log]
    damaged: int = 0


def gather(folder: RunFolder) -> Gathered:
    """Read a run; raises InputError when its configuration is missing or damaged."""
    config, reader = folder.config(), RunReader(folder.events_path)
    log: list[ev.Log] = []
    while (snapshot := reader.read(-1)) is not None:
        log.extend(snapshot.change.log)
    return Gathered(folder, config, reader.state, reader.tracks(), reader.artifacts, log, reader.tail.damaged)


def names_of(runs: Sequence[Run]) -> list[str]:
    """Short names by which people tell runs apart: title, arm or preset, and the end of the id where needed."""
    stems = [_stem(run) for run in runs]
    return [
        stem if stems.count(stem) == 1 and run.config.title else f"{stem} {run.folder.id[-6:]}"
        for stem, run in zip(stems, runs, strict=True)
    ]


def _stem(run: Run) -> str:
    config = run.config
    return config.title or config.arm or config.preset or config.recipe or "run"


def metric_names(runs: Sequence[Run]) -> list[str]:
    """Every metric of these runs, in the order in which it first appeared."""
    return list(dict.fromkeys(name for run in runs for name in run.metrics))
