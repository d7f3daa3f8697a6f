"""Runs of the survey's recipe for its tests."""

from __future__ import annotations

import collections
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from workbench.core import events as ev
from workbench.core.params import values_of
from workbench.core.settings import Settings
from workbench.recipes.video.image_to_video_survey.recipe import ImageToVideo
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute
from workbench.worker.job import Control


def finished(
    tmp_path: Path, params: ImageToVideo, inputs: dict[str, str] | None = None, *, keep_after: str = ""
) -> tuple[Path, dict[str, list[ev.Artifact]], dict[str, float | None]]:
    """A run's folder, its artifacts by slot, its results; it must have finished.

    With `keep_after` somebody stops it and keeps the model at the first artifact of that slot.
    """
    config = RunConfig(
        recipe="image-to-video-survey", params=values_of(params), seed=7, device="cpu", inputs=inputs or {}
    )
    folder = create_run(tmp_path, config)
    control = Control()

    def watch(event: ev.AnyEvent) -> None:
        if isinstance(event, ev.Artifact) and event.slot == keep_after:
            control.keep.set()

    execute(folder, settings=Settings(), control=control, watch=watch)
    state = folder.state()
    assert state.phase == "finished", state.problem and state.problem.text() + state.problem.trace
    artifacts = collections.defaultdict(list)
    for event in folder.events():
        if isinstance(event, ev.Artifact):
            artifacts[event.slot].append(event)
    return folder.path, artifacts, dict(state.results)


def asked() -> Any:
    """A job as apply() is given one."""
    return SimpleNamespace(device="cpu", precision="fp32", cache={})
