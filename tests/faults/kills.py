"""Kill a training run at random moments, resume it each time, and compare it with one left alone.

python -m tests.faults.kills --count 50 --json

Each kill is a SIGKILL of the training process, of the worker, or of both. A run is killed and
resumed until it ends; then its weights must be the uninterrupted run's bit for bit, and its loss
curve (after voiding what a resume repeats) the same number for number.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.plugins.fixtures import PATIENCE_S, end_worker
from workbench.core import events as ev
from workbench.core.job import ENDED, JobState
from workbench.core.problem import Problem
from workbench.recipes import recipes
from workbench.runner.local import LocalRunner
from workbench.store.address import announced
from workbench.store.home import Home, open_home
from workbench.store.runfolder import EventTail, RunConfig, RunFolder

TARGETS = ("run", "worker", "both")


def config(*, epochs: int, step_s: float) -> RunConfig:
    """The run that is killed: 16 steps an epoch."""
    knobs = {"epochs": epochs, "batch": 32, "step_s": step_s, "evaluations": 6}
    return RunConfig("tiny", knobs, seed=11, device="cpu")


def curve(folder: RunFolder) -> dict[int, float | None]:
    """Loss by step as the events leave it: a resume voids what was written beyond its step."""
    losses: dict[int, float | None] = {}
    for event in folder.events():
        if isinstance(event, ev.Resumed):
            losses = {step: value for step, value in losses.items() if step <= event.step}
        elif isinstance(event, ev.Metric) and event.name == "loss":
            losses[event.step] = event.value
    return losses


def kill(home: Home, folder: RunFolder, target: str) -> bool:
    """Kill what is meant; whether anything was there to be killed."""
    address, pids = announced(home), set()
    if target in ("worker", "both") and address is not None:
        pids.add(address.pid)
    if target in ("run", "both"):
        pids.add(folder.state().pid)
    hit = False
    for pid in pids - {0}:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if str(home.root) in process.cmdline():
                process.kill()
                hit = True
    return hit


def settled(runner: LocalRunner, folder: RunFolder) -> JobState:
    """The state of the run once it has ended, with a worker there to resume it."""
    patience = time.monotonic() + PATIENCE_S
    while time.monotonic() < patience:
        with contextlib.suppress(Problem):
            runner.attach().result(PATIENCE_S)
        state = folder.state()
        if state.phase in ENDED:
            return state
        time.sleep(0.02)
    words = runner.home.worker_log.read_text(errors="replace")[-3000:]
    raise AssertionError(f"{folder.id} was left as {folder.state()}\n{runner.state()}\n{words}")


def running(folder: RunFolder, attempt: int) -> bool:
    """Whether the run's newest attempt has begun; False when it ended before it was seen to run."""
    patience = time.monotonic() + PATIENCE_S
    while time.monotonic() < patience:
        state = folder.state()
        if state.attempt >= attempt:
            return state.phase not in ENDED
        time.sleep(0.02)
    raise AssertionError(f"{folder.id} never came to attempt {attempt}")


def training(folder: RunFolder) -> None:
    """Wait until the newest attempt has written a number, or has ended."""
    patience = time.monotonic() + PATIENCE_S
    while time.monotonic() < patience and folder.state().phase not in ENDED:
        numbers = 0
        for event in folder.events():
            numbers = 0 if isinstance(event, ev.Started) else numbers + isinstance(event, ev.Metric)
        if numbers:
            return
        time.sleep(0.02)


def torment(runner: LocalRunner, asked: RunConfig, *, kills_left: int, chance: random.Random, span_s: float) -> Any:
    """Kill one run until it ends or the kills are used up; what happened, and its folder."""
    hits = dict.fromkeys(TARGETS, 0)
    at_steps: list[int] = []
    folder = runner.submit(asked)
    while True:
        attempt = folder.state().attempt
        begun = running(folder, max(attempt, 1))
        if begun and sum(hits.values()) < kills_left:
            if chance.random() < 0.8:  # the rest hits start-up: imports, reading the checkpoint
                training(folder)
            time.sleep(chance.uniform(0.0, span_s))
            target = chance.choice(TARGETS)
            if kill(runner.home, folder, target):
                hits[target] += 1
                at_steps.append(max(curve(folder), default=0))
        state = settled(runner, folder)
        if state.phase == "finished":
            return folder, hits, at_steps
        assert state.problem is not None, "a failed run says why"
        resume(runner, folder)
        running(folder, state.attempt + 1)


def resume(runner: LocalRunner, folder: RunFolder) -> None:
    """Press Resume until a worker takes it."""
    for _ in range(10):
        try:
            runner.resume(folder.id).result(PATIENCE_S)
            return
        except Problem:
            time.sleep(0.2)
    raise AssertionError(f"nobody resumed {folder.id}")


def experiment(root: Path, *, count: int, seed: int, epochs: int, step_s: float, span_s: float) -> dict[str, Any]:
    """Kill runs `count` times in all; the counts of what was tried and of what was kept."""
    began, chance = time.monotonic(), random.Random(seed)
    runner = LocalRunner(open_home(root), client="kills")
    asked = config(epochs=epochs, step_s=step_s)
    report: dict[str, Any] = {"kills": 0, **dict.fromkeys(TARGETS, 0), "runs": 0, "identical_weights": 0}
    report |= {"identical_curves": 0, "attempts": 0, "damaged_lines": 0, "killed_at_steps": []}
    try:
        whole = runner.submit(asked)
        assert settled(runner, whole).phase == "finished"
        while report["kills"] < count:
            folder, hits, at_steps = torment(
                runner, asked, kills_left=count - report["kills"], chance=chance, span_s=span_s
            )
            for target, number in hits.items():
                report[target] += number
            report["kills"] += sum(hits.values())
            report["killed_at_steps"] += at_steps
            report["runs"] += 1
            report["attempts"] += folder.state().attempt
            report["identical_weights"] += weights(folder) == weights(whole)
            report["identical_curves"] += curve(folder) == curve(whole)
            report["damaged_lines"] += damaged(folder)
    finally:
        end_worker(runner.home)
        runner.close()
    report["steps"] = len(curve(whole))
    report["seconds"] = round(time.monotonic() - began, 1)
    report["nothing_lost"] = report["identical_weights"] == report["identical_curves"] == report["runs"]
    return report


def weights(folder: RunFolder) -> bytes:
    """The model file."""
    return (folder.model / "model.safetensors").read_bytes()


def damaged(folder: RunFolder) -> int:
    """Lines that kills left torn."""
    tail = EventTail(folder.events_path)
    tail.read()
    return tail.damaged


def equip() -> None:
    """Let this process and its workers know the recipe and save a checkpoint every second."""
    os.environ |= {
        "WORKBENCH_PLUGINS": "tests.plugins.tiny.recipe",
        "WORKBENCH_CHECKPOINT_EVERY": "1",
        "WORKBENCH_WARM": "torch,accelerate",
        "WORKBENCH_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
    }
    recipes.cache_clear()


def main() -> int:
    """Print the counts; exit status 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50, help="kills in all")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments and targets")
    parser.add_argument("--epochs", type=int, default=30, help="length of a run, 16 steps each")
    parser.add_argument(
        "--span",
        type=float,
        default=3.0,
        help="longest time from the first number (or the start) to the kill, in seconds",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    asked = parser.parse_args()
    equip()
    with tempfile.TemporaryDirectory(prefix="kills-") as root:
        report = experiment(
            Path(root), count=asked.count, seed=asked.seed, epochs=asked.epochs, step_s=0.02, span_s=asked.span
        )
    if asked.json:
        print(json.dumps(report))
    else:
        print("\n".join(f"{name}: {value}" for name, value in report.items()))
    return 0 if report["nothing_lost"] else 1


if __name__ == "__main__":
    sys.exit(main())
