"""Dice after 0, 1, 3, 5 and 10 simulated clicks, and seconds per click: the small network beside geodesic distance.

`python -m tests.bench.clicks [--seeds 3] [--cases 4] [--ways network geodesic] [--scribbles] [--tuning] [--json]`.
A person (engine/medical/clicks/person.py) starts from nothing, or from the mask of a model that got it wrong, and marks
the largest part that is wrong, ten times. Both ways get the same cases, damage and rule. Structures are the whole
tumour in FLAIR, liver and right kidney, which the network was trained on, and the tumour's core in MR after contrast
agent, spleen and aorta, which it was never asked for. All subjects are of random states that nothing was trained on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.refining import REACH_MM
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.medical import refine
from workbench.engine.medical.clicks import network, person
from workbench.engine.medical.clicks.objects import Case
from workbench.engine.medical.phantoms import torso
from workbench.engine.medical.phantoms.head import CORE, RING, HeadPlan, make_head

CLICKS = (0, 1, 3, 5, 10)
PLAN = HeadPlan(size=96, slices=32, thickness_mm=4.0)
HELD_OUT, TUNING = 96_000, 91_000
"""Heads from these numbers on; of torsos subjects of the stream 'test' and of 'validation'."""
ORGANS = ("liver", "right kidney", "spleen", "aorta")
NEVER_ASKED_FOR = ("tumour core", "spleen", "aorta")


def cases(seed: int, count: int, *, held_out: bool = True) -> list[Case]:
    """Of each seed `count` heads (whole tumour and its core) and as many torsos (an organ of each kind in turn)."""
    found = []
    for at in range(count):
        number = seed * 100 + at
        head = make_head((HELD_OUT if held_out else TUNING) + number, PLAN)
        x, y, z = PLAN.spacing_mm
        core = np.isin(head.labels, (CORE, RING))
        found.append(Case("whole tumour", head.images[1], head.labels > 0, (z, y, x)))
        found.append(Case("tumour core", head.images[2], core, (z, y, x)))
        body = torso.subject(1, "test" if held_out else "validation", number, size=64)
        for name in ORGANS:
            label = 1 + next(k for k, one in enumerate(torso.ORGANS) if one.name == name)
            found.append(Case(name, body.hu, body.labels == label, (torso.FIELD_MM / 64,) * 3))
    return [one for one in found if one.truth.sum() >= 20]


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))


def damaged(case: Case, rng: Any) -> np.ndarray:
    """The structure as a model gets it wrong, which is not to be nearly right by chance."""
    while True:
        mask = person.damaged(case.truth, case.spacing_mm, rng)
        if dice(mask, case.truth) < 0.95:
            return mask


def run(candidate: refine.Candidate, case: Case, start: np.ndarray, rng: Any, *, scribbles: bool) -> Any:
    """Dice from before the first click on, and seconds of each click."""
    mask, shown = start.copy(), None
    marks: dict[bool, list] = {True: [], False: []}
    scores, seconds = [dice(mask, case.truth)], []
    for _ in range(CLICKS[-1]):
        wrong = mask != case.truth
        if wrong.any():
            draw = person.scribble if scribbles else person.click
            found = draw(wrong, case.spacing_mm, rng).reshape(-1, 3)
            marks[bool(case.truth[tuple(found[0])])].extend(found)
        box = person.box_around(np.asarray(marks[True] + marks[False]), mask.shape, case.spacing_mm, REACH_MM)
        corner = np.asarray([one.start for one in box])
        yes, no = (np.asarray(marks[key]).reshape(-1, 3).astype(int) - corner for key in (True, False))
        begun = time.perf_counter()
        answer = refine.refine(
            case.values[box], yes, no, case.spacing_mm, prior=start[box],
            shown=None if shown is None else shown[box], candidate=candidate,
        )  # fmt: skip
        seconds.append(time.perf_counter() - begun)
        mask = start.copy()
        mask[box] = answer.mask
        shown = mask
        scores.append(dice(mask, case.truth))
    return [scores[n] for n in CLICKS], seconds


def measure(
    ways: dict[str, refine.Candidate], seeds: list[int], count: int, *, held_out: bool = True, scribbles: bool = False
) -> dict[str, Any]:
    """By way, start and structure: Dice after CLICKS as means over cases for each seed; seconds over all."""
    rows: dict[tuple[str, str, str], list] = {}
    seconds: dict[str, list[float]] = {}
    for seed in seeds:
        for at, case in enumerate(cases(seed, count, held_out=held_out)):
            worse = damaged(case, np.random.default_rng([seed, at, 1]))
            for begin, start in (("from nothing", np.zeros_like(case.truth)), ("from a damaged mask", worse)):
                for way, candidate in ways.items():
                    scores, took = run(candidate, case, start, np.random.default_rng([seed, at]), scribbles=scribbles)
                    groups = ("never asked for" if case.name in NEVER_ASKED_FOR else "trained on", "all")
                    for name in (case.name, *groups):
                        rows.setdefault((way, begin, name), []).append((seed, scores))
                    seconds.setdefault(way, []).extend(took)
                    said = [seed, case.name, begin, way, np.round(scores, 3).tolist(), round(float(np.median(took)), 3)]
                    print(json.dumps(said), file=sys.stderr, flush=True)  # it is long: say how it goes
    report: dict[str, Any] = {}
    for (way, begin, name), found in rows.items():
        told = report.setdefault(way, {"seconds median": round(float(np.median(seconds[way])), 3),
                                       "seconds p95": round(float(np.percentile(seconds[way], 95)), 3)})  # fmt: skip
        per_seed = [
            np.mean([one for of, one in found if of == seed], axis=0) for seed in sorted({of for of, _ in found})
        ]
        told.setdefault(begin, {})[name] = {
            str(n): {"mean": round(float(np.mean([one[k] for one in per_seed])), 3),
                     "seeds": [round(float(one[k]), 3) for one in per_seed]}
            for k, n in enumerate(CLICKS)
        }  # fmt: skip
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cases", type=int, default=4, help="heads, and as many torsos, per seed")
    parser.add_argument("--ways", nargs="+", default=["network", "geodesic"])
    parser.add_argument("--network", type=Path, default=STARTERS / "click-refiner")
    parser.add_argument("--scribbles", action="store_true", help="strokes of up to 20 mm instead of clicks")
    parser.add_argument("--tuning", action="store_true", help="on cases that settings may be chosen on")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    known: dict[str, Any] = {"geodesic": lambda: refine.geodesic, "network": lambda: network.load(asked.network).shares}
    ways = {name: known[name]() for name in asked.ways}
    seeds = list(range(asked.seeds))
    report = measure(ways, seeds, asked.cases, held_out=not asked.tuning, scribbles=asked.scribbles)
    if asked.json:
        print(json.dumps(report))
        return
    for way, told in report.items():
        print(f"{way}: {told['seconds median']} s a click (p95 {told['seconds p95']})")
        for begin in ("from nothing", "from a damaged mask"):
            for name, by in told[begin].items():
                print(f"  {begin:20} {name:16}", "  ".join(f"{n}: {one['mean']:.3f}" for n, one in by.items()))


if __name__ == "__main__":
    main()
