"""Whether looking at a field slows its training: steps a second with the view open, hidden, and being dragged.

    python -m tests.bench.fields_view [--seconds 8] [--rounds 5] [--json]

One run of voxels on a generated room; the three states take turns, so that what else the machine does meets them
alike. Each state's figure is the median over the rounds; the shares are of the hidden one's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch

from tests.bench.fields_method import photographs
from workbench.core.fields import VIEW, FieldLook
from workbench.core.scenes import Viewpoint
from workbench.engine.scenes import fields
from workbench.engine.scenes.fieldlive import LiveView
from workbench.engine.scenes.fields import FieldFacts
from workbench.engine.scenes.fieldtraining import Learner, Learning
from workbench.gui.views.frame import turned
from workbench.store.asked import ask, withdraw
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.job import RunningJob

STATES = ("hidden", "open", "dragged")
DRAG_EVERY_S = 0.04


def rate(learner: Learner, live: LiveView, job: RunningJob, state: str, seconds: float, look: FieldLook) -> float:
    """Steps a second while the view is in a state."""
    withdraw(job.folder, VIEW)
    if state != "hidden":
        ask(job.folder, VIEW, look)
    began = asked = time.perf_counter()
    steps = 0
    while (now := time.perf_counter()) - began < seconds:
        if state == "dragged" and now - asked >= DRAG_EVERY_S:
            asked = now
            look = FieldLook(turned(look.view, 2, 0), look.width, look.height)
            ask(job.folder, VIEW, look)
        learner.step()
        job.step(learner.done)
        live.tick()
        steps += 1
    return steps / (time.perf_counter() - began)


def main() -> None:
    """Print the three rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    taken = photographs(5, 24, 64)
    torch.manual_seed(0)
    field = fields.made(FieldFacts("voxels", taken.low, taken.high, side=96))
    learner = Learner(field, taken, Learning(steps=100_000, side=96, skip_from=0.0), torch.device("cpu"))
    pose = taken.held_out[0].pose
    middle = tuple((a + b) / 2 for a, b in zip(taken.low, taken.high, strict=True))
    look = FieldLook(Viewpoint(pose, (middle[0], middle[1], middle[2]), 60.0), 512, 384)
    with tempfile.TemporaryDirectory() as scratch:
        job = RunningJob(create_run(Path(scratch), RunConfig(recipe="radiance-field", params={})))
        live = LiveView(job, learner, "view")
        for _ in range(40):
            learner.step()
        found: dict[str, list[float]] = {state: [] for state in STATES}
        for turn in range(asked.rounds):
            for state in STATES[turn % 3 :] + STATES[: turn % 3]:
                found[state].append(rate(learner, live, job, state, asked.seconds, look))
        job.writer.close()
    middle_of = {state: statistics.median(rates) for state, rates in found.items()}
    shares = {state: middle_of[state] / middle_of["hidden"] for state in STATES}
    told = {"steps_per_s": middle_of, "share_of_hidden": shares, "rounds": found, "view_s": live.spent_s}
    if asked.json:
        print(json.dumps(told))
        return
    for state in STATES:
        print(f"{state:8}{middle_of[state]:8.1f} steps/s{shares[state]:8.1%} of hidden")


if __name__ == "__main__":
    main()
