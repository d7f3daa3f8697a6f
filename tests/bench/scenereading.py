"""How soon a large cloud is read into a scene, against the libraries that read it into memory.

    python -m tests.bench.scenereading [--points 10000000] [--runs 5] [--json]

A PLY with colours and a scalar and a LAZ with classes are made and read by `read_scene` (arrays on disk, in an order
of which every beginning is an even sample), by Open3D (PLY; it drops the scalar) and by laspy (LAZ). Every reading is a
process of its own; wall and processor seconds are medians, memory is the most that the process held.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

GOAL_S = 3.0


def make(folder: Path, count: int) -> dict[str, Path]:
    """The two files."""
    import laspy

    chance = np.random.default_rng(0)
    names = [(one, "<f4") for one in "xyz"] + [(one, "u1") for one in ("red", "green", "blue")] + [("intensity", "<f4")]
    rows = np.zeros(count, names)
    for name, kind in names:
        rows[name] = chance.random(count, np.float32) * 100 if kind == "<f4" else chance.integers(0, 255, count)
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
    header += [f"property {'float' if kind == '<f4' else 'uchar'} {name}" for name, kind in names]
    with (folder / "cloud.ply").open("wb") as file:
        file.write("\n".join([*header, "end_header\n"]).encode())
        rows.tofile(file)
    las = laspy.LasData(laspy.LasHeader(version="1.4", point_format=7))
    las.header.scales = np.full(3, 0.01)
    las.x, las.y, las.z = np.sort(rows["x"]), rows["y"], rows["z"] / 10
    las.classification = chance.integers(1, 7, count)
    las.write(folder / "cloud.laz")
    return {"ply": folder / "cloud.ply", "laz": folder / "cloud.laz"}


def ours(path: Path) -> int:
    from workbench.engine.scenes import readinglas, readingply
    from workbench.engine.scenes.reading import read_scene

    assert readinglas and readingply  # loaded before the clock starts, as the worker has them
    cache = path.parent / "cache"
    begin()
    found = read_scene(path, cache).things[0].thing
    end()
    shutil.rmtree(cache)
    return int(found.count)


def open3d(path: Path) -> int:
    import open3d as library

    begin()
    found = library.io.read_point_cloud(str(path))
    end()
    return len(found.points)


def laspy(path: Path) -> int:
    import laspy as library

    begin()
    found = library.read(path)
    positions = found.xyz
    end()
    return len(positions)


CLOCK: dict[str, float] = {}


def begin() -> None:
    CLOCK["wall"], CLOCK["cpu"] = time.perf_counter(), time.process_time()


def end() -> None:
    CLOCK["wall"], CLOCK["cpu"] = time.perf_counter() - CLOCK["wall"], time.process_time() - CLOCK["cpu"]


READERS: dict[str, tuple[str, Callable[[Path], int]]] = {
    "ply, ours": ("ply", ours), "ply, Open3D": ("ply", open3d),
    "laz, ours": ("laz", ours), "laz, laspy": ("laz", laspy),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        count = READERS[asked.child][1](asked.file)
        # Not getrusage's: that begins with what the process held that this one was started from.
        said = Path("/proc/self/status").read_text(encoding="ascii")
        most_mb = int(said.partition("VmHWM:")[2].split()[0]) / 1024
        print(json.dumps({"wall_s": CLOCK["wall"], "cpu_s": CLOCK["cpu"], "most_mb": most_mb, "points": count}))
        return
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        files = make(Path(folder), asked.points)
        for name, (kind, _) in READERS.items():
            runs = []
            for _ in range(asked.runs):
                words = [sys.executable, "-m", "tests.bench.scenereading", "--child", name, "--file", str(files[kind])]
                runs.append(json.loads(subprocess.run(words, check=True, capture_output=True).stdout.splitlines()[-1]))
            found[name] = {key: round(statistics.median(one[key] for one in runs), 2) for key in runs[0]}
    if asked.json:
        print(json.dumps(found | {"goal_s": GOAL_S}))
        return
    for name, told in found.items():
        print(f"{name:>12}  {told['wall_s']:6.2f} s  {told['cpu_s']:6.2f} s of processor  {told['most_mb']:6.0f} MB")


if __name__ == "__main__":
    main()
