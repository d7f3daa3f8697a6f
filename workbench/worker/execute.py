"""Run one run folder from start to end in this process; the job process and tests call it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from workbench.core import events as ev
from workbench.core.job import JobCancelled
from workbench.core.params import check
from workbench.core.problem import record_of
from workbench.core.settings import OF_RUNS, Settings, with_those
from workbench.recipes import recipe
from workbench.store.runfolder import RunFolder
from workbench.worker.job import Control, RunningJob
from workbench.worker.ranks import helpers, processes


def execute(
    folder: RunFolder,
    *,
    settings: Settings,
    device: str = "cpu",
    control: Control | None = None,
    watch: Callable[[ev.AnyEvent], None] | None = None,
) -> RunningJob:
    """Do the run and write its last event, whatever happens; returns the job for inspection."""
    config = folder.config()
    settings = with_those(settings, config.settings, OF_RUNS)
    job = RunningJob(
        folder, control=control, watch=watch, device=device, precision=settings.precision,
        preview_share=settings.preview_share, checkpoint_every=settings.checkpoint_every,
    )  # fmt: skip
    began = time.monotonic()
    job.say(ev.Started, pid=os.getpid(), device=device, attempt=folder.state().attempt + 1)
    try:
        if (checkpoint := job.checkpoint()) is not None:
            job.say(ev.Resumed, step=int(checkpoint.name.split("-")[1]))
        declared = recipe(config.recipe)
        with helpers(folder, count=processes(settings, device), device=device, precision=settings.precision):
            declared.run(job, check(declared.params, config.params))
        spent = time.monotonic() - began
        job.tell_progress()
        job.say(ev.Finished, results=dict(job.results), seconds=spent, kept_early=job.kept_early)
    except JobCancelled:
        job.say(ev.Cancelled, resumable=job.checkpoint() is not None)
    except BaseException as error:
        job.say(ev.Failed, problem=record_of(error), resumable=job.checkpoint() is not None)
        if not isinstance(error, Exception):
            raise
    finally:
        job.writer.close()
    return job
