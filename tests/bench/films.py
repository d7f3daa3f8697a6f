"""How a 1080p film plays, how soon any frame of ten minutes is seen, and what four hours take in memory.

    python -m tests.bench.films [--seconds 10] [--seeks 40] [--group 250] [--slices 1] [--size 1366x768]
                                [--file FILM] [--no-copy] [--json]

Everything runs in a window over the page of videos, without a worker. The film is made here: a textured ground that
moves, H.264 with three B-frames and a key frame every `--group` frames and nowhere else, 60 s of it encoded and
repeated to ten minutes; with `--slices` above 1 several threads can share a frame, as in the films of cameras. `late`
is the share of frames that were due and not shown in their time. A seek is timed from the wish to the end of the paint
of just that frame, over frames drawn at random: `exact` as it is, `right` as a small picture of it or as it is,
whichever comes first. Seeks are measured without the film's small copy, then the copy is made (`copy`: how long that
took, processor time of its maker, what it takes on the disk and beside the film, how far the window grew and how large
its maker was at most), and the same frames are sought once more. `scrub` is a drag, a wish every 40 ms: how many of its
frames were on screen before the next but one was wished, and how long the last took to be there as it is.
`bare_decode_frames_per_s` is what PyAV alone decodes of the same film in the same run, on as many threads, which bounds
all of them: on a machine that works on other things as well ratios tell more than times, and processor time more than
`made_s`, since the maker lets everything else go first. The film of four hours has a small frame a second; memory is
the window's resident memory with it open and played, less that with a film of a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

GOALS = {"late_share": 0.01, "seek_right_p95_ms": 150.0}
PATIENCE_S, COPIED_WITHIN_S = 120.0, 3600.0
WIDE, HIGH, RATE = 1920, 1080, 25
SCRUB_S, SCRUBS = 0.04, 100
ENCODED, REPEATED = 60, 10
"""Seconds that are encoded, and how often they follow each other."""

BARE = """
import av, sys, time
with av.open(sys.argv[1]) as container:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    began, count = time.perf_counter(), 0
    for _ in container.decode(stream):
        count += 1
        if count == 500:
            break
    print(count / (time.perf_counter() - began))
"""


def write_film(path: Path, group: int, slices: int = 1) -> None:
    """Ten minutes of 1080p; what is encoded is a minute, and the rest are its packets again."""
    import av
    import numpy as np

    chance = np.random.default_rng(0)
    coarse = chance.integers(0, 255, (HIGH // 8 + 40, WIDE // 8 + 40, 3), dtype=np.uint8)
    ground = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    with av.open(str(path), "w") as container:
        told = {"preset": "veryfast", "crf": "23", "sc_threshold": "0", "slices": str(slices)}
        stream: Any = container.add_stream("libx264", rate=RATE, options=told)
        # PyAV's choice would cut each frame into as many slices as there are cores.
        stream.thread_type = "FRAME"
        stream.width, stream.height, stream.pix_fmt = WIDE, HIGH, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = group, 3
        packets = []
        for number in range(ENCODED * RATE):
            x, y = number * 3 % 300, number * 2 % 300
            view = np.ascontiguousarray(ground[y : y + HIGH, x : x + WIDE])
            packets += stream.encode(av.VideoFrame.from_ndarray(view, "rgb24"))
        packets += stream.encode()
        base = packets[0].time_base
        long = round(ENCODED / base)
        for turn in range(REPEATED):
            for one in packets:
                copy = av.Packet(bytes(one))
                copy.stream, copy.time_base, copy.is_keyframe = stream, base, one.is_keyframe
                copy.pts, copy.dts = one.pts + turn * long, one.dts + turn * long
                container.mux(copy)


def write_long(path: Path, seconds: int) -> None:
    """A small frame a second."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuvj420p"
        picture = np.random.default_rng(1).integers(0, 255, (180, 320, 3), dtype=np.uint8)
        data = bytes((stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")) + stream.encode())[0])
        for second in range(seconds):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, second, second, Fraction(1)
            packet.is_keyframe = True
            container.mux(packet)


def resident_mb() -> float:
    """What this process holds."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


def opened(app: Any, page: Any, path: Path) -> dict[str, float]:
    """Seconds until the first frame is painted, and until the index is whole."""
    from tests.bench.compare import serve

    began = time.perf_counter()
    page.open_paths([str(path)])
    stall = serve(app, lambda: page.path == str(path) and page.viewer.canvas.draw_ms > 0
                  and not page.viewer.canvas.image.isNull(), PATIENCE_S)  # fmt: skip
    found = {"first_picture_s": time.perf_counter() - began}
    stall = max(stall, serve(app, lambda: page.index_complete, PATIENCE_S))
    return {**found, "index_s": time.perf_counter() - began, "longest_turn_ms": stall}


def played(app: Any, page: Any, seconds: float) -> dict[str, float]:
    """What became of the frames that were due."""
    from tests.bench.compare import serve

    player = page.viewer.player
    costs: list[tuple[float, float]] = []
    hear = player.shown.connect(lambda _, one: costs.append((one.told.decode_ms, page.viewer.canvas.draw_ms)))
    player.go(0)
    serve(app, lambda: player.on_screen == 0, PATIENCE_S)
    player.play(1.0)
    serve(app, lambda: player.beats_shown > 0, PATIENCE_S)
    stall = serve(app, lambda: False, seconds)
    share, shown = player.late_share, player.beats_shown
    player.halt()
    player.shown.disconnect(hear)
    return {"late_share": share, "shown": shown, "decode_ms": statistics.median(one[0] for one in costs),
            "draw_ms": statistics.median(one[1] for one in costs), "longest_turn_ms": stall}  # fmt: skip


def sought(app: Any, page: Any, seeks: int) -> dict[str, float]:
    """Milliseconds from the wish for a frame until a picture of it is painted, and until it is as it is."""
    from tests.bench.compare import serve

    player, chance = page.viewer.player, random.Random(5)
    serve(app, lambda: not page.viewer.thumbnails.waiting, PATIENCE_S)
    right, exact, previews = [], [], 0
    for _ in range(seeks):
        frame = chance.randrange(page.viewer.scene.frames)
        began = time.perf_counter()
        page.viewer.go(frame)
        serve(app, lambda frame=frame: frame in (player.on_screen, player.standing_in), PATIENCE_S)
        page.viewer.canvas.repaint()
        right.append((time.perf_counter() - began) * 1000)
        previews += player.standing_in == frame
        serve(app, lambda frame=frame: player.on_screen == frame and player.standing_in < 0, PATIENCE_S)
        page.viewer.canvas.repaint()
        exact.append((time.perf_counter() - began) * 1000)
        serve(app, lambda: False, 0.15)  # the next wish is one of its own, not one of a drag
    return {**spread("right", right), **spread("exact", exact), "first_as_preview": previews}


def spread(name: str, waits: list[float]) -> dict[str, float]:
    """The middle and the 95th percentile."""
    ordered = sorted(waits)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return {f"{name}_median_ms": statistics.median(ordered), f"{name}_p95_ms": p95}


def scrubbed(app: Any, page: Any, wishes: int) -> dict[str, float]:
    """A playhead that is dragged through the film: how many of its frames were seen, and how soon."""
    from tests.bench.compare import serve

    player = page.viewer.player
    wished: dict[int, float] = {}
    waits: dict[int, float] = {}

    def seen(frame: int, _picture: object) -> None:
        page.viewer.canvas.repaint()
        if frame in wished:
            waits.setdefault(frame, (time.perf_counter() - wished[frame]) * 1000)

    hears = [(one, one.connect(seen)) for one in (player.shown, player.stood_in)]
    step = page.viewer.scene.frames // (wishes + 1)
    for at in range(1, wishes + 1):
        wished[at * step] = time.perf_counter()
        player.go(at * step)
        serve(app, lambda: False, SCRUB_S)
    serve(app, lambda: player.on_screen == player.scene.frame and player.standing_in < 0, PATIENCE_S)
    rested = (time.perf_counter() - wished[wishes * step]) * 1000
    for signal, hear in hears:
        signal.disconnect(hear)
    soon = sum(one <= 2000 * SCRUB_S for one in waits.values())
    return {"seen_share": soon / wishes, **spread("seen", list(waits.values())), "exact_at_rest_ms": rested}


def copied(app: Any, page: Any, film_bytes: int) -> dict[str, float]:
    """How long the small copy takes to be made, and what it takes."""
    import psutil

    from tests.bench.compare import serve

    copying, began, stall = page.copying, time.perf_counter(), 0.0
    page.link.change_settings(film_copies=4.0)
    before, most_mb, copier_mb, copier_s = resident_mb(), 0.0, 0.0, 0.0
    while copying.going_on and time.perf_counter() - began < COPIED_WITHIN_S:
        stall = max(stall, serve(app, lambda: not copying.going_on, 1.0))
        most_mb = max(most_mb, resident_mb())
        for one in psutil.Process().children():
            try:
                if any("avcopy" in word for word in one.cmdline()):
                    copier_mb = max(copier_mb, one.memory_info().rss / 2**20)
                    copier_s = max(copier_s, sum(one.cpu_times()[:2]))
            except psutil.Error:
                continue
    copy = copying.copy
    return {"made_s": time.perf_counter() - began, "mb": copy.size_bytes / 1e6, "of_film": copy.size_bytes / film_bytes,
            "parts": copy.made, "of_parts": len(copy.parts), "window_grows_mb": most_mb - before,
            "copier_mb": copier_mb, "copier_processor_s": copier_s, "longest_turn_ms": stall}  # fmt: skip


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """All figures of one machine."""
    from tests.bench.compare import serve
    from workbench.app import application, make_window
    from workbench.runner.scripted import ScriptedRunner
    from workbench.store.home import open_home

    folder = Path(tempfile.mkdtemp(prefix="bench-films-"))
    path = asked.file or folder / "film.mp4"
    if asked.file is None:
        write_film(path, asked.group, asked.slices)
    write_long(folder / "minute.mkv", 60)
    write_long(folder / "hours.mkv", 4 * 3600)
    app = application()
    home = open_home(folder / "home")
    window = make_window(home, demo=False, make_runner=lambda: ScriptedRunner(home, answers={"backbones": []}))
    window.resize(*(int(one) for one in asked.size.split("x")))
    window.show()
    page = window.open_page("films")
    page.link.change_settings(film_copies=0.0)
    serve(app, lambda: False, 1.0)
    report: dict[str, Any] = {"file": path.name, "group": asked.group, "slices": asked.slices,
                              "load_average": os.getloadavg()[0], "cores": os.cpu_count()}  # fmt: skip
    try:
        opened(app, page, folder / "minute.mkv")
        page.viewer.player.play(8.0)
        serve(app, lambda: not page.viewer.player.playing, 20.0)
        before = resident_mb()
        report["four_hours"] = opened(app, page, folder / "hours.mkv")
        page.viewer.player.play(8.0)
        serve(app, lambda: False, 8.0)
        report["four_hours"]["window_grows_mb"] = resident_mb() - before
        report["opening"] = opened(app, page, path)
        report["canvas"] = [page.viewer.canvas.width(), page.viewer.canvas.height()]
        report["playing"] = played(app, page, asked.seconds)
        report["seek"] = sought(app, page, asked.seeks)
        report["scrub"] = scrubbed(app, page, SCRUBS)
        if not asked.no_copy:
            report["copy"] = copied(app, page, path.stat().st_size)
            report["seek_with_copy"] = sought(app, page, asked.seeks)
            report["scrub_with_copy"] = scrubbed(app, page, SCRUBS)
        bare = subprocess.run([sys.executable, "-c", BARE, str(path)], capture_output=True, text=True, check=True)
        report["bare_decode_frames_per_s"] = float(bare.stdout)
    finally:
        window.leave_quietly()
    return report


def main() -> int:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--seeks", type=int, default=40)
    options.add_argument("--group", type=int, default=250)
    options.add_argument("--slices", type=int, default=1)
    options.add_argument("--size", default="1366x768")
    options.add_argument("--file", type=Path, default=None)
    options.add_argument("--no-copy", action="store_true")
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    found = {**measure(asked), "goals": GOALS}
    if asked.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:28} {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
