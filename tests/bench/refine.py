"""Dice after 1, 3, 5 and 10 simulated clicks on generated heads and torsos, and seconds per click.

`python -m tests.bench.refine [--seeds 3] [--cases 6] [--candidates …] [--json]`. The first click is deep inside the
structure, each further one deep inside the largest part that is wrong; which of the deep voxels is drawn by the seed.
Every candidate gets the same cases, crops and rule of clicking, and a label never sees its truth but by clicks.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np

from tests.bench import refine_candidates
from workbench.core.refining import REACH_MM
from workbench.engine.medical import refine
from workbench.engine.medical.clicks.person import box_around, click
from workbench.engine.medical.phantoms import torso
from workbench.engine.medical.phantoms.head import HeadPlan, make_head

CLICKS = (1, 3, 5, 10)
PLAN = HeadPlan(size=96, slices=32, thickness_mm=4.0)
HELD_OUT = 90_000
"""Heads from this seed on are not trained or tuned on; of torsos the stream 'test' is held out."""
ORGANS = (3, 4, 5, 7)
"""Liver, spleen, right kidney, aorta."""


def cases(seed: int, count: int, *, held_out: bool = True) -> list[tuple[str, np.ndarray, np.ndarray, tuple]]:
    """(name, values, truth, spacing) of heads (the whole tumour in FLAIR) and torsos (an organ each)."""
    found = []
    for at in range(count):
        number = seed * 100 + at
        head = make_head((HELD_OUT if held_out else 0) + number, PLAN)
        found.append(("head", head.images[1], head.labels > 0, head.meta.geometry.spacing_mm[::-1]))
        body = torso.subject(0, "test" if held_out else "labelled", number, size=64)
        organ = ORGANS[at % len(ORGANS)]
        found.append((torso.ORGANS[organ - 1].name, body.hu, body.labels == organ, body.meta.geometry.spacing_mm))
    return found


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))


def run(candidate: Any, values: np.ndarray, truth: np.ndarray, spacing: tuple, rng: Any, most: int = 10) -> Any:
    """Dice and seconds after each click."""
    mask = np.zeros_like(truth)
    marks: dict[bool, list] = {True: [], False: []}
    scores, seconds = [], []
    for _ in range(most):
        wrong = mask != truth
        if wrong.any():
            at = click(wrong, spacing, rng)
            marks[bool(truth[tuple(at)])].append(at)
        everything = np.asarray(marks[True] + marks[False])
        box = box_around(everything, truth.shape, spacing, REACH_MM)
        corner = np.asarray([one.start for one in box])
        yes, no = (np.asarray(marks[key]).reshape(-1, 3).astype(int) - corner for key in (True, False))
        begun = time.perf_counter()
        found = refine.refine(values[box], yes, no, spacing, candidate=candidate)
        seconds.append(time.perf_counter() - begun)
        mask = np.zeros_like(truth)
        mask[box] = found.mask
        scores.append(dice(mask, truth))
    return scores, seconds


def measure(names: list[str], seeds: list[int], count: int, *, held_out: bool = True) -> dict[str, Any]:
    """Means over cases for each seed, by candidate."""
    report: dict[str, Any] = {}
    for name in names:
        candidate = refine_candidates.CANDIDATES[name]
        kinds: dict[str, list] = {}
        seconds: list[float] = []
        for seed in seeds:
            for at, (kind, values, truth, spacing) in enumerate(cases(seed, count, held_out=held_out)):
                scores, took = run(candidate, values, truth, spacing, np.random.default_rng([seed, at]))
                for key in {"all", "head" if kind == "head" else "torso"}:
                    kinds.setdefault(key, []).append((seed, [scores[n - 1] for n in CLICKS]))
                seconds += took
        report[name] = {"seconds median": round(float(np.median(seconds)), 3),
                        "seconds p95": round(float(np.percentile(seconds, 95)), 3)}  # fmt: skip
        for kind, rows in kinds.items():
            per_seed = [np.mean([row for one, row in rows if one == seed], axis=0) for seed in seeds]
            report[name][kind] = {str(n): [round(float(one[k]), 3) for one in per_seed] for k, n in enumerate(CLICKS)}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cases", type=int, default=6, help="heads, and as many torsos, per seed")
    parser.add_argument("--candidates", nargs="+", default=list(refine_candidates.CANDIDATES))
    parser.add_argument("--tuning", action="store_true", help="on cases that are not held out")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    report = measure(asked.candidates, list(range(asked.seeds)), asked.cases, held_out=not asked.tuning)
    if asked.json:
        print(json.dumps(report))
        return
    for name, rows in report.items():
        print(f"{name}: {rows['seconds median']} s a click (p95 {rows['seconds p95']})")
        for kind in ("all", "head", "torso"):
            words = [f"{n}: {np.mean(rows[kind][str(n)]):.3f} {rows[kind][str(n)]}" for n in CLICKS]
            print(f"  {kind:6}", "  ".join(words))


if __name__ == "__main__":
    main()
