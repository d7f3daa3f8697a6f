"""How long a whole volume takes to be segmented, against MONAI's sliding_window_inference, at which Dice.

    python -m tests.bench.sliding [--repeats 5] [--steps 120] [--model RUN/model ...] [--json]

Two networks that were trained in the run itself on generated subjects (or that `--model` names): hi-end-mae's
on volumes, brain-tumor-resunet's on slices. Both ways read the same test volumes of seeds that no training saw,
by turns, with one thread unless OMP_NUM_THREADS says otherwise; MONAI's with the windows, overlap and batch that
the recipes gave it before. Dice is the mean over labels and volumes, against the truth; the two ways' labels are
compared as well. `plain` is this program's way with the network as it is, so that what the windows gain stands
apart from what the frozen network gains. `wide` is a torso in a field of view that has air around it, as scans have.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
GOAL, DICE_WITHIN = 1.3, 0.002
SEED = 991
"""Of the volumes that are timed; recipes draw theirs from the seeds of runs."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is segmented: channels (C, z, y, x) as the network reads them, and the truth (z, y, x)."""

    image: Any
    truth: Any


def trained(recipe: str, preset: dict[str, Any], home: Path) -> Path:
    """The model folder of a run that is done here and now."""
    from workbench.core.params import values_of
    from workbench.recipes import recipe as named
    from workbench.runner.local import LocalRunner
    from workbench.store.home import open_home
    from workbench.store.runfolder import RunConfig

    declared = named(recipe)
    params = {**values_of(declared.preset("desk")), **preset}
    runner = LocalRunner(open_home(home))
    folder = runner.submit(RunConfig(recipe=declared.id, params=params, preset="desk", seed=0, device="cpu"))
    while folder.state().phase not in ("finished", "failed", "cancelled"):
        time.sleep(0.5)
    runner.shutdown(now=True).result(20)
    runner.close()
    return Path(folder.path) / "model"


def brain(folder: Path) -> tuple[Any, Any, list[Subject], Callable[[Any], Any], int]:
    """Network, windows, subjects, labels of probabilities, channels; the last subject is skull-stripped."""
    import numpy as np

    from workbench.engine.medical import segmentation
    from workbench.engine.medical.phantoms.head import HeadPlan, make_head
    from workbench.recipes.medical.brain_tumor_resunet.data import assembled
    from workbench.recipes.medical.brain_tumor_resunet.method import load_network

    model, params = load_network(folder, json.loads((folder / "workbench.json").read_text()))
    plan = HeadPlan(size=params.size, slices=24)
    subjects = []
    for serial in range(3):
        head = make_head((SEED, serial), plan, name=f"bench-{serial}")
        subjects.append(Subject(segmentation.standardise(head.images), head.labels))

    def labels(share: Any) -> Any:
        return assembled(np.logical_and.accumulate(share > 0.5, axis=0), params.scheme)

    return model, segmentation.Windows((params.size, params.size), batch=8), subjects, labels, 3


def organs(folder: Path, *, wide: int = 0, count: int = 2) -> tuple[Any, Any, list[Subject], Callable[[Any], Any], int]:
    """The same of organs; `wide` voxels of air are put around each torso."""
    import numpy as np
    from safetensors.torch import load_file

    from workbench.engine.medical.phantoms import torso
    from workbench.recipes.medical.hi_end_mae.method import make_encoder, make_segmenter, windows_of
    from workbench.recipes.medical.hi_end_mae.recipe import HiEndMae

    card = json.loads((folder / "workbench.json").read_text())
    params = HiEndMae(**card["shape"])
    model = make_segmenter(make_encoder(params), params, classes=len(card["labels"]) + 1)
    model.load_state_dict(load_file(folder / "segmenter.safetensors"))
    subjects = []
    for serial in range(count):
        made = torso.subject(SEED, "test", serial)
        image = torso.scaled(made.hu, params.window_low, params.window_high)[None]
        around = [(wide, wide)] * 3
        subjects.append(Subject(np.pad(image, [(0, 0), *around]), np.pad(made.labels, around)))
    return model.eval(), windows_of(params), subjects, lambda share: share.argmax(0).astype(np.uint8), 1


def dice(found: Any, truth: Any) -> float:
    """The mean over labels that are in either."""
    import numpy as np

    values = [one for one in np.union1d(np.unique(found), np.unique(truth)) if one]
    scores = [2 * ((found == one) & (truth == one)).sum() / ((found == one).sum() + (truth == one).sum())
              for one in values]  # fmt: skip
    return float(np.mean(scores)) if scores else 1.0


def measure(
    made: tuple[Any, Any, list[Subject], Callable[[Any], Any], int], repeats: int, cpu_batch: int
) -> dict[str, Any]:
    """Seconds by turns, Dice of each way, agreement, and windows that the network did not have to see."""
    import numpy as np

    from workbench.engine.devices import choose
    from workbench.engine.medical.segmentation import probabilities
    from workbench.engine.medical.sliding import Fast, Growing, slide

    model, windows, subjects, labels, channels = made
    place = choose("cpu")
    seen: list[Growing] = []
    own = dataclasses.replace(windows, batch=cpu_batch)
    began = time.perf_counter()
    quick = Fast(copy.deepcopy(model), channels, windows.size, place)
    prepared_s = time.perf_counter() - began
    wider = dataclasses.replace(own, overlap=windows.overlap / 2)
    ways: dict[str, Callable[[Any], Any]] = {
        "monai": lambda image: probabilities(model, image, windows, place),
        "plain": lambda image: slide(model, image, own, place),
        "ours": lambda image: slide(quick, image, own, place, told=seen.append),
    }
    if len(windows.size) == 3:
        ways["half_overlap"] = lambda image: slide(quick, image, wider, place)
    times: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, list[Any]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name in sorted(ways, reverse=bool(turn % 2)):
            began = time.perf_counter()
            found = [ways[name](one.image) for one in subjects]
            if turn:
                times[name].append(time.perf_counter() - began)
            results[name] = [labels(one) for one in found]
    middle = {name: statistics.median(taken) for name, taken in times.items()}
    scores = {name: float(np.mean([dice(one, subject.truth) for one, subject in zip(found, subjects, strict=True)]))
              for name, found in results.items()}  # fmt: skip
    last = [one for one in seen if one.done == one.of][-len(subjects) :]
    return {
        **{f"{name}_s": round(one, 3) for name, one in middle.items()},
        **{f"{name}_dice": round(one, 5) for name, one in scores.items()},
        **{f"{name}_faster": round(middle["monai"] / one, 2) for name, one in middle.items() if name != "monai"},
        "same_labels": round(float(np.mean([(a == b).mean() for a, b in
                                            zip(results["monai"], results["ours"], strict=True)])), 6),
        "windows": sum(one.of for one in last), "windows_seen": sum(one.computed for one in last),
        "prepared_s": round(prepared_s, 2),
        "holds": middle["monai"] / middle["ours"] >= GOAL and abs(scores["monai"] - scores["ours"]) <= DICE_WITHIN,
    }  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--steps", type=int, default=120)
    options.add_argument("--model", type=Path, nargs=2, metavar=("BRAIN", "ORGANS"), help="models to use instead")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-sliding-") as home:
        if chosen.model:
            heads, torsos = chosen.model
        else:
            os.environ["WORKBENCH_HOME"] = home
            heads = trained("brain-tumor-resunet", {}, Path(home))
            torsos = trained("hi-end-mae", {"pretrain": "none", "fine_steps": chosen.steps, "test": 2, "validation": 2,
                                            "unlabelled": 4}, Path(home))  # fmt: skip
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        report: dict[str, Any] = {"bench": "sliding", "goal": GOAL, "dice_within": DICE_WITHIN,
                                  "threads": torch.get_num_threads(), "torch": torch.__version__}  # fmt: skip
        report["slices"] = measure(brain(heads), chosen.repeats, 8)
        report["volumes"] = measure(organs(torsos), chosen.repeats, 2)
        report["volumes_wide"] = measure(organs(torsos, wide=24, count=1), chosen.repeats, 2)
        report["load"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    print(json.dumps(report) if chosen.json else json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
