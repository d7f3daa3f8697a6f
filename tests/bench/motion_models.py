"""How far each model of the recipe motion-transfer falls on variants that it never saw.

    python -m tests.bench.motion_models [--seeds 90] [--models NAME ...] [--json]

Every model learns the same clips for as many passes as the desk preset says, with its own settings below. K, U, their
difference and harmonic mean are of held-out clips; `seconds` is the whole run on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from workbench.core.params import values_of
from workbench.core.settings import Settings
from workbench.recipes.video.motion_transfer.recipe import (
    BOTH,
    DESK,
    DISENTANGLED,
    DIST,
    MOTIONS,
    ON_FINE,
    TEXT,
    MotionTransfer,
)
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

MODELS: dict[str, MotionTransfer] = {
    "differencing": DESK,
    "differencing, coarse and fine": DESK.replace(heads=BOTH),
    "differencing, disentangled": DESK.replace(heads=DISENTANGLED),
    "differencing, half as wide": DESK.replace(channels=12, width=28),
    "differencing, twice as wide": DESK.replace(channels=48, width=112),
    "DiST": DESK.replace(model=DIST, learning_rate=3e-3),
    "image-language, motions": DESK.replace(model=TEXT),
    "image-language, variants": DESK.replace(model=TEXT, protocol=ON_FINE),
}
TOLD = ("known_accuracy", "unknown_accuracy", "drop", "harmonic_mean")


def measured(params: MotionTransfer, seed: int) -> dict[str, float]:
    """The numbers of one run."""
    with tempfile.TemporaryDirectory() as scratch:
        config = RunConfig(recipe="motion-transfer", params=values_of(params.replace(keep_model=False)), seed=seed,
                           inputs={"clips": MOTIONS.address}, device="cpu")  # fmt: skip
        folder = create_run(Path(scratch), config)
        began = time.perf_counter()
        execute(folder, settings=Settings())
        state = folder.state()
        if state.phase != "finished":
            raise SystemExit(state.problem.text() if state.problem else state.phase)
        found = {name: float(state.results[name] or 0.0) for name in TOLD}
        return found | {"seconds": time.perf_counter() - began}


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="90", help="comma-separated")
    parser.add_argument("--models", nargs="*", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    seeds = [int(one) for one in asked.seeds.split(",")]
    if not asked.json:
        print(f"{'model':32}{'K':>8}{'U':>8}{'K - U':>8}{'H':>8}{'seconds':>9}")
    for name in asked.models:
        runs = [measured(MODELS[name], seed) for seed in seeds]
        mean = {key: statistics.fmean(run[key] for run in runs) for key in (*TOLD, "seconds")}
        if asked.json:
            print(json.dumps({"model": name, "seeds": seeds, **mean}), flush=True)
        else:
            print(f"{name:32}" + "".join(f"{mean[key]:8.3f}" for key in TOLD) + f"{mean['seconds']:9.1f}", flush=True)


if __name__ == "__main__":
    main()
