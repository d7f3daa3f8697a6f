"""Several GPUs for one run: a helper process per further GPU does the same run on a scratch copy.

Recipes stay as they are: engine.training.fit shares out every batch when it finds itself in a
group of processes. Only the first process writes to the run folder; what the helpers write goes
to a folder that is thrown away. `python -m workbench.worker.ranks RUN --device D` is a helper.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from workbench.core.params import check
from workbench.core.settings import Settings
from workbench.recipes import recipe
from workbench.store.runfolder import RunFolder
from workbench.worker.job import RunningJob
from workbench.worker.orphans import leave_with

GRACE_S = 5.0


def processes(settings: Settings, device: str) -> int:
    """How many processes a run gets: one per GPU that the settings allow, when no single GPU is named."""
    if device != "cuda" or settings.gpus == 1:
        return 1
    import torch

    present = int(torch.cuda.device_count())
    return max(1, min(settings.gpus or present, present))


@contextlib.contextmanager
def helpers(folder: RunFolder, *, count: int, device: str, precision: str = "auto") -> Iterator[None]:
    """While the block runs, this process is the first of `count` that train together."""
    if count == 1:
        yield
        return
    group = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1"}
    group["MASTER_PORT"] = str(_free_port())
    command = [sys.executable, "-m", "workbench.worker.ranks", str(folder.path)]
    command += ["--device", device, "--precision", precision, "--parent", str(os.getpid())]
    started = [
        subprocess.Popen(command, env=os.environ | group | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(1, count)
    ]
    before = dict(os.environ)
    os.environ.update(group | {"RANK": "0", "LOCAL_RANK": "0"})
    try:
        yield
    finally:
        _leave_group()
        os.environ.clear()
        os.environ.update(before)
        _end(started)


def _leave_group() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _end(started: list[subprocess.Popen[bytes]]) -> None:
    for process in started:
        try:
            process.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def help_with(folder: RunFolder, *, device: str, precision: str) -> None:
    """Do the run on a scratch copy, beside the process that owns it."""
    with tempfile.TemporaryDirectory(prefix="workbench-rank-") as scratch:
        copy = RunFolder(Path(scratch) / folder.id)
        copy.artifacts.mkdir(parents=True)
        shutil.copy(folder.path / "run.json", copy.path)
        if folder.checkpoint.is_dir():
            shutil.copytree(folder.checkpoint, copy.checkpoint)
        job = RunningJob(copy, device=device, precision=precision, preview_share=0.0, checkpoint_every=1e9)
        config = folder.config()
        declared = recipe(config.recipe)
        try:
            declared.run(job, check(declared.params, config.params))
        finally:
            job.writer.close()
            _leave_group()


def main() -> None:
    """Entry point of a helper process."""
    parser = argparse.ArgumentParser(prog="workbench.worker.ranks", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--device", required=True)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--parent", type=int, required=True)
    asked = parser.parse_args()
    leave_with(asked.parent)
    help_with(RunFolder(asked.run), device=asked.device, precision=asked.precision)


if __name__ == "__main__":
    main()
