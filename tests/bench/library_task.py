"""Which library is this sentence from: fine-tuned MiniLM against a linear probe and TF-IDF, equal data.

python -m tests.bench.library_task [--json] [--seeds 0,1,2] [--limit N] [--epochs N] [--arms a,b]

Every arm is a run of the recipe berturk-nlu on the same sentences of a seed (the seed draws them):
the same train, validation and test parts, divided by file, with the libraries' names masked.
The linear probe is a logistic regression on mean-pooled frozen features, fitted on all training
sentences; its C, like that of TF-IDF + logistic regression, is picked on the validation part,
by which the fine-tuned arm picks its best weights. Test sentences are looked at once, at the end.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from workbench.core.params import values_of
from workbench.core.settings import Settings
from workbench.recipes import recipe
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

ARMS = {
    "fine-tuned": ({}, "accuracy", "macro_f1"),
    "linear probe": ({"adapt": "linear probe", "epochs": 1, "evaluations": 1}, "probe_accuracy", "probe_macro_f1"),
    "TF-IDF + logistic regression": ({"model": "classical"}, "accuracy", "macro_f1"),
}
"""Arm → what differs from the common knobs, and the names of its two numbers."""


def measure(arm: str, *, seed: int, common: dict[str, object], folder: Path) -> dict[str, float]:
    """One run in this process; raises RuntimeError with the run's problem when it fails."""
    changes, accuracy, macro_f1 = ARMS[arm]
    declared = recipe("berturk-nlu")
    params = declared.preset("desk").replace(**(common | changes))
    config = RunConfig("berturk-nlu", values_of(params), inputs={"data": "sample:docstrings-library"}, seed=seed)
    run, began = create_run(folder, config), time.monotonic()
    execute(run, settings=Settings())
    state = run.state()
    if state.phase != "finished":
        raise RuntimeError(state.problem.text() if state.problem else state.phase)
    return {
        "accuracy": state.results[accuracy],
        "macro_f1": state.results[macro_f1],
        "seconds": time.monotonic() - began,
    }


def table(found: dict[str, dict[int, dict[str, float]]]) -> dict[str, dict[str, object]]:
    """Values per seed, means and standard deviations of each arm."""
    made: dict[str, dict[str, object]] = {}
    for arm, by_seed in found.items():
        made[arm] = {}
        for name in ("accuracy", "macro_f1", "seconds"):
            values = [one[name] for one in by_seed.values()]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            made[arm][name] = {"values": values, "mean": statistics.fmean(values), "sd": spread}
    return made


def main() -> int:
    """Run every arm on every seed and print the numbers, whatever they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--limit", type=int, default=3000, help="sentences of all parts together")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--arms", default=",".join(ARMS))
    args = parser.parse_args()
    common = {"limit": args.limit, "epochs": args.epochs, "learning_rate": args.learning_rate}
    found: dict[str, dict[int, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for seed in map(int, args.seeds.split(",")):
            for arm in args.arms.split(","):
                numbers = measure(arm, seed=seed, common=common, folder=Path(scratch))
                found.setdefault(arm, {})[seed] = numbers
                if not args.json:
                    print(f"seed {seed}  {arm:30} accuracy {numbers['accuracy']:.4f}  "
                          f"macro F1 {numbers['macro_f1']:.4f}  {numbers['seconds']:.0f} s", flush=True)  # fmt: skip
    made = table(found)
    if args.json:
        print(json.dumps({"bench": "library_task", "knobs": common, "seeds": args.seeds, "arms": made}))
        return 0
    for arm, numbers in made.items():
        print(f"{arm:30} accuracy {numbers['accuracy']['mean']:.4f} ± {numbers['accuracy']['sd']:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
