"""How soon a cloud is written as text, against pandas, which writes the same numbers.

    python -m tests.bench.scenewriting [--points 1000000] [--runs 5] [--json]

The cloud has places and a scalar in single precision, colours and classes. Processor and wall seconds are medians, ours
of all that `write_scene` does, the peer's of `DataFrame.to_csv` alone; `exact` says whether every number of our file,
read as text, is the one that was written.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.core.scenefiles import SceneWriteWish, WriteThing
from workbench.core.scenes import Column, PointsDoc
from workbench.engine.scenes.writing import write_scene


def cloud(folder: Path, count: int) -> tuple[PointsDoc, pd.DataFrame]:
    """The cloud, and what the peer writes of it."""
    chance = np.random.default_rng(0)
    arrays = {
        "places": (chance.random((count, 3)) * 100).astype(np.float32),
        "intensity": chance.random(count, np.float32),
        "rgb": chance.integers(0, 256, (count, 3), np.uint8), "classification": chance.integers(0, 7, count, np.uint8),
    }  # fmt: skip
    paths = {name: str(folder / f"{name}.npy") for name in arrays}
    for name, array in arrays.items():
        np.save(paths[name], array)
    low, high = arrays["places"].min(axis=0), arrays["places"].max(axis=0)
    kinds = {"intensity": "scalar", "rgb": "colour", "classification": "class"}
    columns = tuple(Column(name, kind, paths[name]) for name, kind in kinds.items())
    doc = PointsDoc(paths["places"], count, tuple(map(float, low)), tuple(map(float, high)), columns=columns)
    three = {name: arrays["rgb"][:, at] for at, name in enumerate(("red", "green", "blue"))}
    places = {axis: arrays["places"][:, at] for at, axis in enumerate("xyz")}
    rest = {"intensity": arrays["intensity"], **three, "classification": arrays["classification"]}
    return doc, pd.DataFrame(places | rest)


def timed(do: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    do()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    took: dict[str, list[tuple[float, float]]] = {"ours": [], "pandas": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        doc, table = cloud(folder, asked.points)
        for at in range(asked.runs):
            out, other = folder / f"ours-{at}.xyz", folder / f"pandas-{at}.xyz"
            took["ours"].append(timed(lambda out=out: write_scene(SceneWriteWish((WriteThing(doc),), str(out)))))
            took["pandas"].append(timed(lambda other=other: table.to_csv(other, sep=" ", index=False)))
        again = pd.read_csv(folder / "ours-0.xyz", sep=" ", skiprows=1, names=list(table.columns))
        exact = all((again[one].to_numpy().astype(table[one].dtype) == table[one].to_numpy()).all() for one in table)
    found = {
        side: {
            name: round(statistics.median(one[at] for one in all_), 3) for at, name in enumerate(("wall_s", "cpu_s"))
        }
        for side, all_ in took.items()
    }
    ratio = round(found["pandas"]["cpu_s"] / found["ours"]["cpu_s"], 2)
    if asked.json:
        print(json.dumps({"points": asked.points, **found, "times_as_fast": ratio, "exact": exact}))
        return
    for side, row in found.items():
        print(f"{side:>7}  {row['wall_s']:.2f} s, {row['cpu_s']:.2f} s of processor")
    print(f"{ratio:.1f} times as fast by the processor; exact: {exact}")


if __name__ == "__main__":
    main()
