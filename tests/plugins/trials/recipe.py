"""A recipe of a few numpy steps that misbehaves on request; found through WORKBENCH_PLUGINS."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

from workbench.core.documents import Answer, AnswersDoc, TextDoc
from workbench.core.job import Job
from workbench.core.kinds import Curve, InputKind, Sample, Slot, Text
from workbench.core.params import Params, knob
from workbench.core.recipe import LAB, Paper, recipe

NUMBERS = InputKind("numbers", (".txt",), False, "a text file of numbers")


class Trials(Params):
    """How many steps, how slow, and what goes wrong at which of them."""

    behaviour: Literal[
        "good",
        "raise",
        "hang",
        "print",
        "exit",
        "ignore",
        "leak",
        "segfault",
        "sys-exit",
        "swallow",
        "bad-input",
        "helper",
    ] = knob("good", "What happens at the step of trouble")
    steps: int = knob(20, "Steps", low=1, high=100_000)
    step_s: float = knob(0.01, "Time that a step takes", low=0.0, high=10.0, unit="s")
    trouble_at: int = knob(3, "The step of trouble", low=0, high=100_000)
    once: bool = knob(False, "Whether only the first attempt has trouble")
    every: int = knob(5, "Steps between checkpoints", low=1, high=100_000)
    notes: str = knob("", "A file", widget="path")


@recipe(
    tab=LAB,
    title="Trials",
    paper=Paper("None", 2026),
    reads={
        "data": Slot(NUMBERS, "Numbers", samples=(Sample("ones", "Ones", "all ones", True),)),
        "more": Slot(NUMBERS, "More numbers", required=False),
    },
    writes={"value": Curve, "note": Text},
    presets={"smoke": Trials(steps=3), "desk": Trials(), "paper": Trials(steps=1000)},
)
def run(job: Job, p: Trials) -> None:
    """Follow a random walk, step by step, so that a resumed run must end where an uninterrupted one does."""
    chance = np.random.default_rng(job.seed)
    value, first = 0.0, 0
    saved = job.checkpoint()
    if saved is not None:
        first = int((saved / "step").read_text())
        value = float((saved / "value").read_text())
        for _ in range(first):
            chance.normal()
    job.phase("walking", p.steps)
    for step in range(first + 1, p.steps + 1):
        value += chance.normal()
        if step == p.trouble_at and p.behaviour != "good" and not (p.once and saved is not None):
            _misbehave(job, p.behaviour)
        job.metric("value", value, step=step)
        time.sleep(p.step_s)
        if step % p.every == 0:
            job.save_checkpoint(step, lambda folder, step=step, value=value: _save(folder, step, value))
        if not job.step(step):
            break
    job.artifact("note", Text, TextDoc(f"ended at {value!r}"))
    np.save(job.model_folder() / "value.npy", np.array(value))
    job.result("value", value)
    job.write_card()


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> AnswersDoc:
    """Say something about a text with the model's number; misbehave when asked to."""
    wish = inputs.get("wish", "")
    if wish == "crash":
        os._exit(9)
    if wish == "raise":
        raise ValueError("asked to")
    if wish == "wait":
        while not job.cancelled():
            time.sleep(0.01)
    if wish == "hang":
        time.sleep(3600)
    key = str(model)
    note = "warm" if key in job.cache else "cold"
    job.cache[key] = float(np.load(model / "value.npy", allow_pickle=False))
    job.log(f"applied to {inputs['text']}")
    return AnswersDoc([Answer("tuned", f"{inputs['text']} {job.cache[key]:.3f}", note=note)])


def _save(folder: Path, step: int, value: float) -> None:
    (folder / "step").write_text(str(step))
    (folder / "value").write_text(repr(value))


def _misbehave(job: Job, behaviour: str) -> None:
    if behaviour in ("exit", "sys-exit", "segfault"):
        _leave(behaviour)
    match behaviour:
        case "raise":
            raise RuntimeError("the recipe fell over")
        case "bad-input":
            from workbench.core.problem import InputError

            raise InputError("The numbers are odd.", expected="even numbers", field="data")
        case "hang":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
            re.match(r"(a+)+$", "a" * 60 + "b")  # backtracks for ages while holding the interpreter
        case "print":
            print("printed by the recipe")
            os.write(1, b"written to descriptor 1\n")
            print("said on stderr", file=sys.stderr)
        case "leak" | "helper":
            _hold(job, behaviour)
        case "ignore":
            while True:
                time.sleep(0.05)
        case "swallow":
            while True:
                try:
                    job.step(0)
                except BaseException:
                    time.sleep(0.05)


def _hold(job: Job, behaviour: str) -> None:
    if behaviour == "leak":
        job.leaked = bytearray(300_000_000)  # type: ignore[attr-defined]
    else:
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        job.log(f"helper {helper.pid}")


def _leave(behaviour: str) -> None:
    if behaviour == "exit":
        os._exit(7)
    if behaviour == "sys-exit":
        sys.exit(3)
    os.kill(os.getpid(), signal.SIGSEGV)
