"""Recognising in videos: ms a window, live answers, features per second, finding among 10,000.

python -m tests.bench.recognising [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from workbench.core.filmwriter import VideoWriter
from workbench.core.recognising import FeaturesWish, FindWish, LiveWish, RecognisingWish
from workbench.core.videorecognisers import SHIPPED_NAME
from workbench.engine.video.motions import MOTIONS, clips
from workbench.engine.video.retrieval import Gallery
from workbench.runner.local import LocalRunner
from workbench.runner.recognising import featured, recognised, watch_live
from workbench.store.framering import RingWriter
from workbench.store.home import open_home

CLASSES = ("a red circle", "a green circle", "a blue circle", "a cyan circle", "a purple circle", "a yellow circle")
EDGE_PX, RATE, SECONDS_EACH, LIVE_S, VIDEOS, REPEATS = 320, 24, 4, 8.0, 4, 5


def film(path: Path, seed: int) -> Path:
    """A film of eight motions."""
    with VideoWriter(path, width=EDGE_PX, height=EDGE_PX, frames_per_s=RATE) as writer:
        for at, motion in enumerate(MOTIONS):
            drawn = clips(1, seed + at, frames=SECONDS_EACH * RATE, size=EDGE_PX, motions=(motion,), noise=0.0)
            for frame in drawn.frames[0]:
                writer.write(frame.tobytes(), writer.frames / RATE)
    return path


def measured(root: Path) -> dict[str, float]:
    """Every figure by name."""
    home = open_home(root / "home")
    folder = root / "videos"
    folder.mkdir()
    films = [film(folder / f"{at}.mp4", 90 + 10 * at) for at in range(VIDEOS)]
    stop, found = threading.Event(), {}
    runner = LocalRunner(home, client="bench")
    try:
        wish = RecognisingWish(str(films[0]), SHIPPED_NAME, CLASSES, 1.0, 0.25)
        recognised(runner, wish, stop)  # the first one also loads the model
        took = []
        for one in films[1:]:
            began = time.perf_counter()
            answer = recognised(runner, RecognisingWish(str(one), SHIPPED_NAME, CLASSES, 1.0, 0.25), stop)
            took.append((time.perf_counter() - began) * 1000 / len(answer.windows))
        found |= {"window_decode_ms": answer.decode_ms, "window_inference_ms": answer.inference_ms,
                  "window_whole_ms": statistics.median(took)}  # fmt: skip
        for looks in (False, True):
            found |= _live(runner, root / f"ring-{looks}", looks=looks)
        began = time.perf_counter()
        done = featured(runner, FeaturesWish(str(folder), SHIPPED_NAME, 10.0), stop)
        found["features_per_s"] = done.made / (time.perf_counter() - began)
        began = time.perf_counter()
        featured(runner, FeaturesWish(str(folder), SHIPPED_NAME, 10.0), stop)
        found["features_all_there_ms"] = 1000 * (time.perf_counter() - began)
        find = FindWish(str(folder), SHIPPED_NAME, "a red circle", 10.0)
        took = []
        for _ in range(REPEATS + 1):
            began = time.perf_counter()
            runner.inspect("video-find", folder=find.folder, model=find.model, text=find.text,
                           rate_per_s=10.0).result(60)  # fmt: skip
            took.append(1000 * (time.perf_counter() - began))
        found["find_round_trip_ms"] = statistics.median(took[1:])
    finally:
        runner.shutdown(now=True).result(30)
        runner.close()
    return found | _ranking()


def _live(runner: LocalRunner, place: Path, *, looks: bool) -> dict[str, float]:
    """Answers a second while pictures come at 24 a second."""
    ring, stop = RingWriter(place, 96, 32, 32), threading.Event()
    frames = clips(1, 99, frames=48, size=32, motions=("moves right",)).frames[0]

    def camera() -> None:
        began = time.perf_counter()
        while not stop.wait(1 / RATE):
            ring.put(frames[ring.sequence % len(frames)], time.perf_counter() - began)

    answers: list[tuple[float, float]] = []
    threads = [
        threading.Thread(target=camera),
        threading.Thread(target=lambda: watch_live(
            runner, LiveWish(str(place), SHIPPED_NAME, CLASSES), stop,
            lambda one: answers.append((time.perf_counter(), one.inference_ms)), saliency=lambda: looks)),
    ]  # fmt: skip
    for one in threads:
        one.start()
    time.sleep(LIVE_S)
    stop.set()
    for one in threads:
        one.join()
    name = "live_with_saliency" if looks else "live"
    warm = answers[2:]
    return {f"{name}_answers_per_s": (len(warm) - 1) / (warm[-1][0] - warm[0][0]),
            f"{name}_inference_ms": statistics.median(ms for _, ms in warm)}  # fmt: skip


def _ranking() -> dict[str, float]:
    """Ranking 10,000 and 1,000,000 vectors of 128 in memory."""
    found, chance = {}, np.random.default_rng(90)
    for total, videos in ((10_000, 200), (1_000_000, 20_000)):
        rows = chance.normal(size=(videos, total // videos, 128)).astype(np.float32)
        gallery = Gallery.of([(Path(str(at)), one) for at, one in enumerate(rows)], 2.0)
        took = []
        for at in range(REPEATS):
            began = time.perf_counter()
            gallery.ranked(gallery.vectors[at], 50)
            took.append(1000 * (time.perf_counter() - began))
        found[f"rank_{total}_ms"] = statistics.median(took)
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-recognising-") as folder:
        found = {name: round(value, 2) for name, value in measured(Path(folder)).items()}
    if asked.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:32} {value:10.2f}")


if __name__ == "__main__":
    main()
