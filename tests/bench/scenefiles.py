"""What damaged files of things in space do to their readers: nothing but an InputError, in little time and memory.

    python -m tests.bench.scenefiles [--rounds 200] [--seed 0] [--json]

Every round damages a small file of every kind (cut off, bits flipped, claims made huge, parts put elsewhere, under
another kind's name) and reads it. What is counted: how many were read all the same, refused, and anything else, the
slowest reading, and by how much the process grew. A file whose reading raises something else is kept and named.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from tests.engine.scenes.scenefiles import damages, write_all
from workbench.core.problem import InputError, KnownTrouble


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    from workbench.engine.scenes.reading import read_scene

    counts = {"read": 0, "refused": 0, "no room": 0, "crashed": 0}
    slowest, crashes = (0.0, ""), list[str]()
    keep = Path(tempfile.mkdtemp(prefix="scenefiles-"))
    with tempfile.TemporaryDirectory() as folder:
        files = write_all(Path(folder) / "whole")
        for path in files.values():
            read_scene(path, Path(folder) / "cache")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for name, data in damages(files, asked.rounds, asked.seed):
            path = Path(folder) / "whole" / f"damaged-{name}"
            path.write_bytes(data)
            began = time.perf_counter()
            try:
                read_scene(path, Path(folder) / "cache")
                counts["read"] += 1
            except InputError:
                counts["refused"] += 1
            except KnownTrouble:
                counts["no room"] += 1
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                counts["crashed"] += 1
                crashes.append(f"{keep / name}: {type(error).__name__}: {str(error)[:120]}")
                (keep / name).write_bytes(data)
            slowest = max(slowest, (time.perf_counter() - began, name))
            path.unlink()
            for one in (Path(folder) / "cache").iterdir():
                one.unlink()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    found = counts | {"slowest_s": round(slowest[0], 2), "slowest": slowest[1], "grown_mb": round(grown, 1),
                      "crashes": crashes[:40]}  # fmt: skip
    if asked.json:
        print(json.dumps(found))
        return
    for key, value in found.items():
        print(f"{key:>12}  {value if not isinstance(value, list) else chr(10).join(['', *value])}")


if __name__ == "__main__":
    main()
