"""How long an hour of sound takes to be seen, to zoom and to pan, and the live spectrogram from sound to pixel.

    python -m tests.bench.sounds [--repeats 5] [--frames 120] [--live-s 6] [--json]

Opening is measured in a window with a real, warm worker, each time with another file: from the wish to the end of
the first paint of the waveform, until the spectrogram of what is seen has no tile under way, and until the file is
read to its end. A frame is timed from the call that moves the view to the end of the paint of all strips, over the
hour, with tiles that are at hand and tiles that are not. The limit beside it is a bare picture of the same size,
scaled as the tiles are; `pyqtgraph` is its ImageItem in a PlotWidget of that size, panned in the same run, and
`zoom_to_pyqtgraph` and the like are ratios of the p95. Where other work keeps the cores busy, ratios tell more than
times, and the processor time of a frame (`cpu`, all threads) more than both. Live: a stand-in for the sound card
hands over blocks of 10 ms in real time, on a thread of its own; `sound to pixel` runs from the beginning of a
block's sound to the end of the paint that shows all of it.
A sound card's own latency comes on top of that.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

RATE_HZ = 16_000
BLOCK_S = 0.01
GOALS = {"first_picture_s": 2.0, "frame_p95_ms": 16.0, "sound_to_pixel_p95_ms": 50.0, "live_frames_per_s": 60.0}
PATIENCE_S = 120.0


def write_hour(path: Path, seconds: int, seed: int) -> None:
    """Words of noise and tones with pauses, 16 bit, one channel."""
    import numpy as np
    import soundfile

    chance = np.random.default_rng(seed)
    at = np.arange(RATE_HZ) / RATE_HZ
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, subtype="PCM_16") as file:
        for _ in range(seconds):
            word = np.sin(2 * np.pi * chance.uniform(100, 300) * at * (1 + at)) + chance.normal(0, 0.2, RATE_HZ)
            file.write(0.3 * word * np.abs(np.sin(2 * np.pi * 2 * at)))


def percentiles(values: list[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]


def opened(app: Any, page: Any, path: Path) -> dict[str, float]:
    """Seconds until a file's waveform is painted, its spectrogram is, and it is read whole."""
    from tests.bench.compare import serve

    viewer = page.viewer
    began = time.perf_counter()
    page.open_sound(str(path))

    def seen() -> bool:
        return page.path == str(path) and viewer.scene.samples > 0 and viewer.waveform._ground is not None

    found = {}
    stall = serve(app, seen, PATIENCE_S)
    found["first_picture_s"] = time.perf_counter() - began
    stall = max(stall, serve(app, lambda: viewer.spectrogram._ground is not None and not viewer.store.waiting, 120.0))
    found["spectrogram_s"] = time.perf_counter() - began
    stall = max(stall, serve(app, lambda: viewer.scene.sound.complete and not page.opening.asking.doing, PATIENCE_S))
    stall = max(stall, serve(app, lambda: not viewer.store.waiting, PATIENCE_S))
    found["whole_s"] = time.perf_counter() - began
    found["longest_turn_ms"] = stall
    return found


def moved(app: Any, viewer: Any, frames: int) -> dict[str, list[float]]:
    """Milliseconds of frames while zooming in and out and while panning, tiles at hand and not, and the limit."""
    import numpy as np
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QImage, QPainter

    from tests.bench.compare import serve

    chance, scene = np.random.default_rng(0), viewer.scene
    whole = scene.duration_s

    found: dict[str, list[float]] = {name: [] for name in ("zoom", "pan", "pan_cold", "limit", "pyqtgraph", "cpu")}

    def timed(start_s: float, span_s: float) -> float:
        began, worked = time.perf_counter(), time.process_time()
        scene.look(start_s, span_s)
        app.sendPostedEvents(None, QEvent.Type.UpdateRequest.value)  # every strip once, as the window does it
        found["cpu"].append((time.process_time() - worked) * 1000)
        return (time.perf_counter() - began) * 1000

    def settle() -> None:
        serve(app, lambda: not viewer.store.waiting, PATIENCE_S)

    spans = np.geomspace(whole, 0.05, frames // 2)
    middle = whole * 0.37
    for span_s in [*spans, *spans[::-1]]:
        found["zoom"].append(timed(max(0.0, min(middle, whole - span_s)), float(span_s)))
        app.processEvents()
    for _ in range(frames):
        found["pan_cold"].append(timed(float(chance.uniform(0, whole - 30)), 30.0))
        app.processEvents()
    scene.look(600.0, 30.0)
    viewer.spectrogram.repaint()
    settle()
    for at in range(frames):
        found["pan"].append(timed(600.0 + at * 0.05, 30.0))
        app.processEvents()
        settle()
    strip = viewer.spectrogram
    picture = QImage(512, 256, QImage.Format.Format_RGB32)
    picture.fill(0x336699)
    ground = QImage(strip.size(), QImage.Format.Format_RGB32)
    for _ in range(frames):
        began = time.perf_counter()
        painter = QPainter(ground)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(ground.rect(), picture)
        painter.end()
        found["limit"].append((time.perf_counter() - began) * 1000)
    found["pyqtgraph"] = bare(app, strip, frames)
    return found


def bare(app: Any, strip: Any, frames: int) -> list[float]:
    """Milliseconds of frames of pyqtgraph alone: a picture of as many columns as the strip has, panned."""
    import numpy as np
    import pyqtgraph

    plot = pyqtgraph.PlotWidget()
    plot.resize(strip.size())
    rows = np.random.default_rng(0).integers(0, 255, (256, 4096), dtype=np.uint8)
    picture = pyqtgraph.ImageItem(rows, axisOrder="row-major")
    picture.setLookupTable(pyqtgraph.colormap.get("inferno").getLookupTable())
    plot.addItem(picture)
    plot.show()
    app.processEvents()
    found = []
    for at in range(frames):
        began = time.perf_counter()
        plot.setXRange(at * 3, at * 3 + 2400, padding=0)
        plot.viewport().repaint()
        found.append((time.perf_counter() - began) * 1000)
        app.processEvents()
    plot.close()
    return found


class Clockwork:
    """A microphone that hands over blocks in real time, and keeps when each began to sound."""

    def __init__(self) -> None:
        self.ended_s: list[float] = []
        """When the last frame of each block sounded."""
        self._stop = threading.Event()

    def make(self, _device: int, rate_hz: int, channels: int, take: Any) -> Clockwork:
        self.rate_hz, self.channels, self.take = rate_hz, channels, take
        return self

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        import numpy as np

        count = round(BLOCK_S * self.rate_hz)
        noise = np.random.default_rng(0).normal(0, 0.1, (count, self.channels)).astype(np.float32)
        due = time.perf_counter() + BLOCK_S
        while not self._stop.is_set():
            time.sleep(max(0.0, due - time.perf_counter()))
            self.ended_s.append(due)  # late thread or not, that is when it sounded
            self.take(noise, False)
            due += BLOCK_S


def live(app: Any, seconds: float) -> dict[str, Any]:
    """Milliseconds from sound to pixel of every block, and pictures a second."""
    from tests.bench.compare import serve
    from workbench.gui.sounds.devices import Device
    from workbench.gui.sounds.live import LiveCanvas
    from workbench.gui.sounds.recordpanel import RecordPanel
    from workbench.gui.volumes.away import Away

    paints: list[tuple[float, int]] = []
    plain = LiveCanvas.paintEvent

    def watched(self: Any, event: Any) -> None:
        plain(self, event)
        paints.append((time.perf_counter(), self.seen))

    LiveCanvas.paintEvent = watched  # type: ignore[method-assign]
    source = Clockwork()
    device = Device(0, "Stand-in", 1, 48_000)
    panel = RecordPanel(Away(), Path(tempfile.mkdtemp()), make_input=source.make, inputs=lambda: [device])
    panel.resize(1280, 640)
    panel.show()
    panel.open()
    serve(app, lambda: panel.recorder is not None, PATIENCE_S)
    serve(app, lambda: False, 1.0)
    first = len(paints)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:  # no pause of ours between events
        app.processEvents()
        time.sleep(0.0005)
    panel.finish()
    panel.hide()
    LiveCanvas.paintEvent = plain  # type: ignore[method-assign]
    step = round(BLOCK_S * 48_000)
    waits, at = [], paints[first - 1][1] // step
    for painted_s, seen in paints[first:]:
        while (at + 1) * step <= seen:
            waits.append((painted_s - source.ended_s[at] + BLOCK_S) * 1000)
            at += 1
    took = paints[-1][0] - paints[first][0]
    return {"waits": waits, "frames_per_s": (len(paints) - first - 1) / took}


def measure(repeats: int, frames: int, live_s: float, seconds: int) -> dict[str, object]:
    """All figures of one machine."""
    from tests.bench.compare import serve
    from tests.plugins.fixtures import end_worker
    from workbench.app import application, make_window
    from workbench.runner.local import LocalRunner
    from workbench.store.home import open_home

    app = application()
    folder = Path(tempfile.mkdtemp(prefix="bench-sounds-"))
    home = open_home(folder / "home")
    window = make_window(home, demo=False, make_runner=lambda: LocalRunner(home, client="bench"))
    window.resize(1600, 960)
    window.show()
    report: dict[str, object] = {}
    try:
        serve(app, lambda: window.link.state.pid > 0, PATIENCE_S)
        page = window.open_page("sounds")
        write_hour(folder / "warm.flac", 5, 99)
        opened(app, page, folder / "warm.flac")
        for kind in ("wav", "flac"):
            found = []
            for at in range(repeats):
                path = folder / f"hour-{at}.{kind}"
                write_hour(path, seconds, at)
                found.append(opened(app, page, path))
                if at < repeats - 1:
                    path.unlink()
            report |= {f"{kind}_{name}": round(statistics.median(one[name] for one in found), 3) for name in found[0]}
        found = moved(app, page.viewer, frames)
        for name, values in found.items():
            middle, high = percentiles(values)
            report |= {f"{name}_ms": round(middle, 2), f"{name}_p95_ms": round(high, 2)}
        peer = percentiles(found["pyqtgraph"])[1]
        for name in ("zoom", "pan", "pan_cold"):
            report[f"{name}_to_pyqtgraph"] = round(percentiles(found[name])[1] / peer, 2)
    finally:
        window.leave_quietly()
        end_worker(home)
        window.deleteLater()
        serve(app, lambda: False, 0.2)
    heard = live(app, live_s)
    middle, high = percentiles(heard["waits"])
    report |= {"sound_to_pixel_ms": round(middle, 1), "sound_to_pixel_p95_ms": round(high, 1),
               "live_frames_per_s": round(heard["frames_per_s"], 1)}  # fmt: skip
    return report


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--frames", type=int, default=120)
    options.add_argument("--live-s", type=float, default=6.0)
    options.add_argument("--seconds", type=int, default=3600, help="length of the sound")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    found = measure(chosen.repeats, chosen.frames, chosen.live_s, chosen.seconds)
    report = {"bench": "sounds", "seconds": chosen.seconds, "cores": os.cpu_count(), **found, "goals": GOALS}
    report["load"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    print(json.dumps(report) if chosen.json else "\n".join(f"{name:26} {value}" for name, value in report.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
