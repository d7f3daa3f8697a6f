"""How much memory the segmentation of a whole volume takes, over what is there before it begins.

    python -m tests.bench.segment_memory [--edge 256] [--classes 9] [--window 96] [--turned] [--json]

A small network with chance weights stands for a trained one: what it holds itself is next to nothing, so that the
peak is that of the windows' sums, the answer and its uncertainty. `--turned` asks about a volume whose axes are
counted from the other end than the network's, as in most NIfTI files; `--shifted` about one between whose voxels the
network's lie, so that the answer is brought onto another grid. The peak is
the process's largest resident size while it works, sampled each 5 ms. Labels' checksum tells whether two versions of
the program find the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")


class Peak(threading.Thread):
    """Watches the resident size of this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        import psutil

        self._process, self.bytes, self.going = psutil.Process(), 0, True

    def run(self) -> None:
        while self.going:
            self.bytes = max(self.bytes, self._process.memory_info().rss)
            time.sleep(0.005)


class Asked:
    """What a recipe is given while somebody waits: progress and partial answers that nobody looks at."""

    def progress(self, done: int, of: int, words: str = "") -> None:
        """Said to nobody."""

    def partial(self, document: Any, done: int, of: int, words: str = "") -> None:
        """Said to nobody."""


def measure(
    edge: int, classes: int, window: int, *, turned: bool, shifted: bool, probabilities: bool
) -> dict[str, Any]:
    """Peak and what was there before (MB), seconds, the labels' checksum."""
    import numpy as np
    import psutil
    import torch
    from torch import nn

    from workbench.core.segmenting import SegmentingWish
    from workbench.core.volumes import Geometry, Label, VolumeMeta
    from workbench.engine.devices import choose
    from workbench.engine.medical import serving
    from workbench.engine.medical.segmentation import Windows

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = nn.Conv3d(1, classes, 3, padding=1).eval()
    chance = np.random.default_rng(0)
    coarse = torch.from_numpy(chance.normal(size=(1, 1, *[edge // 8] * 3)).astype(np.float32))
    image = nn.functional.interpolate(coarse, size=(edge,) * 3, mode="trilinear")[0].numpy() * 4
    meta = VolumeMeta(modality="CT")
    grid = Geometry(origin_mm=(0, 0, 0))
    if turned:
        lies = Geometry(origin_mm=(edge - 1.0, edge - 1.0, 0), direction=(-1, 0, 0, 0, -1, 0, 0, 0, 1))
        meta = VolumeMeta(modality="CT", geometry=lies)
    elif shifted:
        meta = VolumeMeta(modality="CT", geometry=Geometry(origin_mm=(0.3, 0.4, 0.2)))
    windows = Windows((window,) * 3, overlap=0.5, batch=2, reading="classes")
    labels = tuple(Label(value, f"Organ {value}") for value in range(1, classes))
    reader = serving.Reader(
        model, windows, choose("cpu"), labels, lambda share: share.argmax(0).astype(np.uint8), "bench"
    )
    case = serving.Readable(image, grid, meta, image.shape[1:], "bench")
    wish = SegmentingWish({}, "bench", probabilities=probabilities)
    small = serving.Readable(image[:, :window, :window, :window], grid, VolumeMeta(), (window,) * 3, "warm")
    serving.segment(Asked(), reader, small)  # the libraries' own memory is no part of it
    before = psutil.Process().memory_info().rss
    peak = Peak()
    peak.start()
    began = time.perf_counter()
    found = serving.segment(Asked(), reader, case, wish)
    taken = time.perf_counter() - began
    peak.going = False
    peak.join()
    array = np.load(found.labels.path)
    return {
        "edge": edge, "classes": classes, "window": window, "turned": turned, "shifted": shifted,
        "seconds": round(taken, 2),
        "before_mb": round(before / 1e6), "peak_over_before_mb": round((peak.bytes - before) / 1e6),
        "labels": hashlib.sha256(array.tobytes()).hexdigest()[:12], "counts": np.bincount(array.ravel()).tolist(),
    }  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--edge", type=int, default=256)
    options.add_argument("--classes", type=int, default=9)
    options.add_argument("--window", type=int, default=96)
    options.add_argument("--turned", action="store_true")
    options.add_argument("--shifted", action="store_true")
    options.add_argument("--probabilities", action="store_true", help="keep each label's probabilities as well")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as home:
        os.environ["WORKBENCH_HOME"] = home
        report = measure(chosen.edge, chosen.classes, chosen.window, turned=chosen.turned, shifted=chosen.shifted,
                         probabilities=chosen.probabilities)  # fmt: skip
    print(json.dumps(report) if chosen.json else json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
