"""Remake the pictures of the 3D page: packaging/scenepictures.py [--theme dark] [--seconds 60] [--only NAME ...]

A real window and a real worker, under the display that is there or a virtual one with OpenGL; everything in the
pictures is generated. They go to resources/pictures/scenes, at most 300 kB each, and a turntable beside them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

OUT = ROOT / "resources" / "pictures" / "scenes"
SIZE, MOST_BYTES, SHADES = (1366, 768), 300_000, 160
PATIENCE_S = 600.0
SCENES = ("training", "composited", "volume", "selection", "boxes", "registration", "turntable")


class Photographer:
    """A window whose scene page is filled and photographed."""

    def __init__(self, folder: Path, theme: str, seconds: float) -> None:
        from workbench.app import application, make_window
        from workbench.runner.local import LocalRunner
        from workbench.store.home import open_home

        self.app = application()
        self.folder, self.seconds = folder, seconds
        home = open_home(folder / "home")
        self.window = make_window(home, demo=False, make_runner=lambda: LocalRunner(home, client="pictures"))
        self.window.resize(*SIZE)
        self.window.show()
        self.until(lambda: self.window.link.state.pid > 0)
        self.window.link.change_settings(theme=theme)
        self.page: Any = self.window.open_page("scenes")
        self.wait(1.0)

    def wait(self, seconds: float) -> None:
        """Let the window live."""
        from PySide6.QtTest import QTest

        QTest.qWait(int(seconds * 1000))

    def until(self, holds: Callable[[], object]) -> None:
        """Let the window live until something holds.

        Raises:
            SystemExit: it did not within ten minutes.
        """
        end = time.monotonic() + PATIENCE_S
        while not holds():
            self.wait(0.05)
            if time.monotonic() > end:
                raise SystemExit("What was to be photographed did not come.")

    def anew(self, *paths: str, sample: str | None = None) -> list[Any]:
        """An empty scene, then what is read into it."""
        page = self.page
        page._close()
        if sample is not None:
            page.open_sample(sample)
        else:
            page.open_paths(list(paths))
        self.until(lambda: bool(page.scene.nodes) and not page.opening.busy)
        page.banner.dismiss()
        self.wait(0.5)
        return list(page.scene.nodes.values())

    def keep(self, name: str) -> None:
        """What the window shows, once its picture is whole."""
        self.wait(1.5)
        self.until(lambda: self.page.canvas.whole)
        self.wait(0.5)
        out = OUT / f"{name}.png"
        self.window.grab().save(str(out))
        if out.stat().st_size > MOST_BYTES:
            Image.open(out).convert("RGB").quantize(SHADES).save(out, optimize=True)
        print(out, out.stat().st_size, flush=True)

    # The pictures

    def training(self) -> None:
        """A radiance field after a minute of learning, and the photographs that it is learned from."""
        from workbench.gui.scenes.fieldlearning import FieldLearning

        self._room("room")
        (cameras,) = self.anew(str(self.folder / "room" / "transforms.json"))
        self.page.scene.choose([cameras.id])
        self.page.findChild(FieldLearning).start()
        self.until(lambda: any(one.kind == "radiance" for one in self.page.scene.nodes.values()))
        self.wait(self.seconds)
        self.page.scene.choose([next(one.id for one in self.page.scene.nodes.values() if one.kind == "radiance")])
        self.keep("training")

    def composited(self) -> None:
        """The field, the boxes of the things in it, a mesh and a cloud, hidden by each other by depth."""
        import trimesh

        from workbench.core.scenes import RadianceDoc

        scene, page = self.page.scene, self.page
        if not any(one.kind == "radiance" for one in scene.nodes.values()):
            self.training()
        page.trees.show([one.id for one in scene.nodes.values() if one.kind == "cameras"], False)
        ring = trimesh.creation.torus(0.5, 0.14)
        ring.apply_translation((0, 0, 1.6))
        ring.visual.vertex_colors = (235, 170, 60, 255)
        ring.export(self.folder / "ring.ply")
        chance = np.random.default_rng(1)
        ball = chance.normal(size=(20_000, 3))
        ball = ball / np.linalg.norm(ball, axis=1, keepdims=True) * 0.35 + (0, 0, 1.6)
        write_cloud(self.folder / "ball.ply", ball, np.tile([90, 220, 240, 255], (len(ball), 1)))
        many = len(scene.nodes)
        page.open_paths([str(self.folder / one) for one in ("room/grid.npz", "ring.ply", "ball.ply")])
        self.until(lambda: len(scene.nodes) >= many + 5)  # a grid brings its boxes and a group
        exact = [one.id for one in scene.nodes.values() if isinstance(one.thing, RadianceDoc) and not one.thing.field]
        page.trees.show(exact, False)
        page.banner.dismiss()
        scene.choose([])
        self._fill(down_px=90)
        self.wait(20)  # the worker's pictures of the field grow finer
        self.keep("composited")
        self._end_runs()

    def volume(self) -> None:
        """The generated head by its transfer function, cut open by a plane."""
        (head,) = self.anew(sample="head")
        self.page.scene.choose([head.id])
        self._fill()
        low, high = self.page.cutting.extent(1)
        self.page.cutting.set_plane(1, low + 0.45 * (high - low), flipped=True)
        self.keep("volume")

    def selection(self) -> None:
        """Points chosen with the lasso."""
        nodes = self.anew(sample="")
        cloud = next(one for one in nodes if one.kind == "points")
        at = np.load(cloud.thing.positions)
        middle = np.median(at, 0)
        near = np.linalg.norm((at - middle)[:, :2], axis=1) < 0.25 * np.ptp(at[:, 0])
        self.page.scene.choose([cloud.id])
        self._fill()
        self.page.cropping._selected("select", {cloud.id: near}, "replace")
        self.keep("selection")

    def boxes(self) -> None:
        """A room's exact grid and the boxes of the things in it."""
        self._room("grid")
        folder = self.folder / "grid"
        nodes = self.anew(str(folder / "grid.npz"))
        self.page.scene.choose([next(one.id for one in nodes if one.kind == "boxes")])
        self._fill(down_px=130)
        self.keep("boxes")

    def registration(self) -> None:
        """Two scans of one hill, moved onto each other, with how far apart they stay."""
        from workbench.gui.scenes import looks
        from workbench.gui.scenes.processing import Processing

        scans = self._scans()
        first, second = self.anew(*map(str, scans))[:2]
        self.page.scene.choose([second.id])
        self._fill()
        self.page.properties.hide()
        deed = self.page.findChild(Processing)
        deed.toggle()
        deed.panel.which.setCurrentIndex(deed.panel.which.findData("register"))
        deed.panel.which.activated.emit(0)
        deed.panel.other.setCurrentIndex(max(0, deed.panel.other.findData(first.id)))
        deed.follow()
        deed.apply()
        self.until(lambda: not deed.asking.doing)
        bar = deed.panel.verticalScrollBar()
        bar.setValue(bar.maximum())
        self.page.properties._set_look("colour_by", f"{looks.COLUMN}residual")
        self.keep("registration")
        deed.toggle()
        self.page.properties.show()

    def turntable(self) -> None:
        """Once around the hill and the statue."""
        from workbench.gui.scenes.turntable import turntable

        self.window.resize(960, 600)
        self.anew(sample="")
        self._fill()
        out = OUT / "turntable.mp4"
        self.page.filming.make(turntable(self.page.scene.view, 60), out)
        self.until(lambda: not self.page.filming.doing)
        print(out, out.stat().st_size, flush=True)

    def leave(self) -> None:
        """End the worker and the window."""
        self._end_runs()
        self.window.leave_quietly()

    def _end_runs(self) -> None:
        running = self.window.link.state.running
        if running:
            self.window.link.runner.cancel(running, keep=True)
            self.until(lambda: not self.window.link.state.running)

    def _fill(self, down_px: float = 40, factor: float = 0.8) -> None:
        """Look at all of it from a little further up, and nearer."""
        canvas = self.page.canvas
        canvas.fit(at_once=True)
        canvas.navigator.orbit(0, down_px)
        canvas.navigator.zoom(factor, np.array(self.page.scene.bounds()).mean(0))
        self.wait(1.0)

    def _room(self, name: str) -> None:
        if not (self.folder / name).exists():
            words = [
                "scenes",
                "room",
                "--seed",
                "5",
                "--images",
                "40",
                "--size",
                "128",
                "--out",
                str(self.folder / name),
            ]
            subprocess.run([sys.executable, "-m", "workbench", *words], check=True, stdout=subprocess.DEVNULL)

    def _scans(self) -> list[Path]:
        """Two samples of the terrain, the second turned by twelve degrees, moved and noisy."""
        chance = np.random.default_rng(2)
        (cloud,) = (one for one in self.anew(sample="terrain") if one.kind == "points")
        at = np.load(cloud.thing.positions).astype(float)
        colours = np.load(next(one.path for one in cloud.thing.columns if one.kind == "colour"))
        found = []
        turn = np.deg2rad(12)
        matrix = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        for number in range(2):
            some = chance.choice(len(at), 40_000, replace=False)
            points = at[some] if not number else at[some] @ matrix.T + 0.05 * np.ptp(at[:, 0])
            path = self.folder / f"scan {number + 1}.ply"
            write_cloud(path, points + chance.normal(0, 0.02, points.shape), colours[some])
            found.append(path)
        return found


def write_cloud(path: Path, at: Any, colours: Any) -> None:
    """Points (n, 3) and their colours as a PLY."""
    import trimesh

    cloud: Any = trimesh
    cloud.PointCloud(at, colours).export(path)


def main() -> int:
    """Make those named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--seconds", type=float, default=60.0, help="of learning before the field is photographed")
    parser.add_argument("--only", nargs="*", default=SCENES, choices=SCENES, metavar="NAME")
    asked = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        one = Photographer(Path(folder), asked.theme, asked.seconds)
        try:
            for name in asked.only:
                getattr(one, name)()
        finally:
            one.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
