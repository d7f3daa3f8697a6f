"""How long the shipped recogniser takes for a minute of sound: the real-time factor, whole and in pieces.

    python -m tests.bench.recogniser [--repeats 5] [--threads 2] [--piece 20] [--json]

The sound is noise with pauses: the network's work does not depend on what is said. Goal: at most 0.2 times real time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time

GOAL = 0.2
LENGTH_S = 60


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--piece", type=float, default=20.0, help="seconds of sound in a piece")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    import numpy as np
    import torch

    from workbench.engine.backbone_folders import STARTERS
    from workbench.engine.speech.recogniser import CtcRecogniser

    torch.set_num_threads(asked.threads)
    began = time.perf_counter()
    model = CtcRecogniser.load(STARTERS / "speech-recogniser")
    loaded_s = time.perf_counter() - began
    wave = np.random.default_rng(0).normal(0, 0.05, LENGTH_S * model.sample_rate_hz).astype(np.float32)
    piece = round(asked.piece * model.sample_rate_hz)
    taken: list[float] = []
    for _ in range(asked.repeats + 1):
        began = time.perf_counter()
        for at in range(0, len(wave), piece):
            model.emissions(wave[at : at + piece])
        taken.append(time.perf_counter() - began)
    factors = [one / LENGTH_S for one in taken[1:]]  # the first warms up
    median = statistics.median(factors)
    facts = {"real_time_factor": median, "factors": factors, "threads": asked.threads, "piece_s": asked.piece,
             "load_s": loaded_s, "goal": GOAL, "met": median <= GOAL}  # fmt: skip
    if asked.json:
        print(json.dumps(facts))
    else:
        print(f"{median:.4f} of real time with {asked.threads} threads, pieces of {asked.piece:g} s "
              f"(goal {GOAL}); loaded in {loaded_s:.2f} s")  # fmt: skip


if __name__ == "__main__":
    main()
