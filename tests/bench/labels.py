"""How long labels take: files of annotations of the size of data sets, clips from videos, and edits of many spans.

    python -m tests.bench.labels [--repeats 5] [--spans 10000] [--clips 32] [--json]

`read` and `write` are of generated files as large as Kinetics-400's and ActivityNet's; the limit beside them is
reading the same bytes with the standard library alone (`csv`, `json`). Clips: 8 frames of 112 pixels from videos of
10 s, decoded, and then out of the cache. Edits are timed on the GUI thread from the key to the end of the paint, with
`--spans` spans on eight tracks; `list` is telling the panel's list anew, which happens once for many edits.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

KINETICS_ROWS, ACTIVITYNET_VIDEOS = 240_000, 20_000


def median_s(do: Callable[[], Any], repeats: int) -> float:
    """Seconds of a call, the median."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        do()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def files(folder: Path, repeats: int) -> dict[str, float]:
    """Reading and writing what data sets come as."""
    from workbench.core.spans import AnnotatedVideo, LabelFile, LabelledSpan
    from workbench.engine.video.labelfiles import read_labels, write_labels

    chance, labels = random.Random(0), [f"class {at}" for at in range(400)]
    kinetics = folder / "kinetics.csv"
    with kinetics.open("w", encoding="utf-8") as file:
        file.write("label,youtube_id,time_start,time_end,split\n")
        for at in range(KINETICS_ROWS):
            start = chance.randrange(300)
            file.write(f"{chance.choice(labels)},id{at:08d}abc,{start},{start + 10},train\n")
    videos = []
    for at in range(ACTIVITYNET_VIDEOS):
        starts = [one * 20.0 for one in range(chance.randint(1, 3))]
        spans = [LabelledSpan(chance.choice(labels), start, start + chance.uniform(1, 19)) for start in starts]
        videos.append(AnnotatedVideo(f"v{at}", spans, 120.0))
    net = folder / "net.json"
    whole = LabelFile("activitynet", videos)
    found = {"activitynet_write_s": median_s(lambda: write_labels(whole, net), repeats)}
    found["kinetics_read_s"] = median_s(lambda: read_labels(kinetics), repeats)
    found["kinetics_csv_module_s"] = median_s(lambda: list(csv.reader(kinetics.open(newline=""))), repeats)
    found["activitynet_read_s"] = median_s(lambda: read_labels(net), repeats)
    found["activitynet_json_module_s"] = median_s(lambda: json.loads(net.read_bytes()), repeats)
    return found


def clips(folder: Path, count: int) -> dict[str, float]:
    """Decoding clips, and taking them out of the cache."""
    from tests.engine.video.films import film
    from workbench.engine.video.clipsets import ClipSpec, load_clips

    specs = [ClipSpec(str(film(folder / f"{at}.mp4", frames=250, width=320, height=240))) for at in range(count)]
    os.environ["WORKBENCH_HOME"] = str(folder / "home")
    return {"clips_decoded_per_s": count / median_s(lambda: load_clips(specs, 8, 112), 1),
            "clips_cached_per_s": count / median_s(lambda: load_clips(specs, 8, 112), 3)}  # fmt: skip


def edits(count: int, repeats: int) -> dict[str, float]:
    """Milliseconds on the GUI thread."""
    import msgspec
    from PySide6.QtWidgets import QApplication

    from workbench.core.audio import Segment, Tier, TiersDoc
    from workbench.core.video import FrameIndex
    from workbench.gui.films.scene import FilmScene
    from workbench.gui.films.spanpanel import SpanPanel
    from workbench.gui.films.spanstrip import SpanStrip

    _app = QApplication.instance() or QApplication([])
    scene = FilmScene()
    scene.show(FrameIndex(0.04, tuple(range(25 * count)), (0,)))
    strip = SpanStrip(scene)
    tracks = [
        Tier(f"label {at}", "segments", [Segment(one, one + 0.6) for one in range(at, count, 8)]) for at in range(8)
    ]
    strip.show_spans(TiersDoc(tracks))
    strip.resize(1400, strip.height())
    panel = SpanPanel(strip)
    for one in (strip, panel):
        one.show()
    strip.mark(3, len(tracks[3].segments) // 2)

    def nudge() -> None:
        strip.nudge(1)
        strip.nudge(-1)
        strip.grab()

    def whole() -> None:
        strip.redraw()
        strip.grab()

    def listed() -> None:
        panel.refresh()
        panel.list.grab()

    scene.fit()
    found = {"paint_all_ms": 1000 * median_s(whole, repeats), "two_edits_ms": 1000 * median_s(nudge, repeats),
             "list_ms": 1000 * median_s(listed, repeats)}  # fmt: skip
    found["snapshot_ms"] = 1000 * median_s(lambda: msgspec.convert(msgspec.to_builtins(strip.doc), TiersDoc), repeats)
    return found


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--spans", type=int, default=10_000)
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as named:
        found = files(Path(named), asked.repeats) | clips(Path(named), asked.clips)
    found |= edits(asked.spans, asked.repeats)
    if asked.json:
        print(json.dumps({"bench": "labels", **found}))
    else:
        for name, value in found.items():
            print(f"{name:28} {value:10.3f}")


if __name__ == "__main__":
    main()
