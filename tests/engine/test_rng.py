from __future__ import annotations

import random

import numpy as np
import torch

from workbench.engine import checkpoints, rng


def draw() -> tuple[float, float, float, float]:
    return torch.rand(1).item(), float(np.random.rand()), random.random(), random.gauss(0, 1)


def test_that_a_seed_fixes_every_source():
    rng.seed(3)
    first = draw()
    rng.seed(3)
    assert draw() == first


def test_that_a_snapshot_survives_the_disk(tmp_path):
    rng.seed(3)
    draw()
    checkpoints.write(tmp_path, rng.snapshot())
    first = draw()
    rng.restore(checkpoints.read(tmp_path))
    assert draw() == first


def test_that_what_happens_aside_leaves_no_trace():
    rng.seed(3)
    first = draw()
    rng.seed(3)
    with rng.aside():
        draw()
    assert draw() == first
