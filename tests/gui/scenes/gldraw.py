"""Run by a test in a process of its own, on a display with OpenGL: draws known scenes, prints what came out."""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.gui.scenes import things
from workbench.core.scenes import Box, BoxesDoc, CamerasDoc, ClipPlane, Lens, MeshDoc, Node, PosedImage, Viewpoint
from workbench.gui.opengl import has_opengl
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.scene import Scene, placement_of

WIDE, HIGH = 241, 181
SOUTH = (HIGH // 2 + 6, WIDE // 2 + 6)
"""A pixel beside the middle, where the axes are."""


class Bench:
    """A canvas that looks straight down, without the floor's grid, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scene = Scene()
        self.canvas = SceneCanvas(self.scene)
        self.troubles: list[str] = []
        self.canvas.troubled.connect(lambda record: self.troubles.append(record.what))
        self.canvas.resize(WIDE, HIGH)
        self.canvas.show()
        self.down()

    def down(self, *, reach: float = 2.0, orthographic: bool = True, up: bool = False) -> None:
        eye = np.array([0, 0, -10.0 if up else 10.0])
        pose = gz.looking(eye, np.zeros(3), np.array([0, 1.0, 0]))
        angle = float(np.degrees(2 * np.arctan(reach / 10)))
        self.scene.look_from(Viewpoint(pose, orthographic=orthographic, height=2 * reach, height_deg=angle))

    def picture(self, *nodes: Node) -> np.ndarray:
        """(rows, columns, 4) of all that is drawn, once nodes stand in the scene."""
        if nodes:
            self.scene.set_nodes(nodes)
            QTest.qWait(1)
        self.settle()
        return pixels(self.canvas.grab_picture(QSize(WIDE, HIGH), transparent=True))

    def settle(self) -> None:
        """Until all is on the screen."""
        deadline = time.monotonic() + 40
        while not self.whole() and time.monotonic() < deadline:
            QTest.qWait(5)

    def whole(self) -> bool:
        return self.canvas.whole and not self.canvas.waiting

    def now(self) -> np.ndarray:
        """What is on the screen once a picture of the scene as it is has come, whole or not."""
        self.canvas.repaint()
        deadline = time.monotonic() + 40
        while not self.canvas.current and not self.canvas.plain and time.monotonic() < deadline:
            QTest.qWait(1)
        return pixels(self.canvas.grab().toImage())


def pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGBA8888_Premultiplied)
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4).astype(int)


def at(found: np.ndarray, dx: int = 6, dy: int = 6) -> list[int]:
    return found[HIGH // 2 + dy, WIDE // 2 + dx].tolist()


def opaque(bench: Bench, found: dict) -> None:
    """Points and meshes, each nearer than the other from one side; colours, selections, hidden and clipped parts."""
    high = things.square(bench.folder, z=0.5, name="high")
    low = things.wall(bench.folder, z=-0.5, colour=(0, 0, 255), name="low")
    for kind in (True, False):
        bench.down(orthographic=kind)
        found[f"above {kind}"] = at(bench.picture(high, low))
        bench.canvas.outdate()  # after another picture was made the one for the screen is only begun
        bench.canvas.repaint()
        bench.settle()
        found[f"pick {kind}"] = bench.canvas.pick(WIDE / 2 + 30, HIGH / 2 - 20)
        where = bench.canvas._drawing.where({"high"}).result()
        found[f"where {kind}"] = [bool(where[HIGH // 2 + 6, WIDE // 2 + 6]), bool(where[2, 2])]
        bench.down(orthographic=kind, up=True)
        found[f"below {kind}"] = at(bench.picture())
    bench.down()
    found["clear"] = bench.picture()[2, 2].tolist()
    mask = np.load(high.thing.positions)[:, 0] > 0
    bench.scene.select({"high": mask})
    shown = bench.picture()
    found["selected"] = [at(shown, -12), at(shown, 12)]
    bench.canvas.outdate()
    bench.canvas.repaint()
    bench.settle()
    lit = bench.canvas._drawing.lit().result()[HIGH // 2 + 6]
    found["lit"] = [bool(lit[WIDE // 2 - 12]), bool(lit[WIDE // 2 + 12]), bool(lit[2])]
    bench.scene.select({"high": np.zeros(len(mask), bool), "low": np.array([True, False])})
    bench.scene.put([msgspec.structs.replace(high, hidden=things.kept(bench.folder, "hidden", mask))])
    shown = bench.picture()
    found["hidden"] = [at(shown, -12), at(shown, 12, 30), at(shown, 12, -30)]  # above the other: the wall's two faces
    bench.scene.set_clips((ClipPlane((0.0, 1.0, 0.0), 0.0),))
    shown = bench.picture()
    found["clipped"] = [at(shown, -12, -12), at(shown, -12, 12)]
    bench.scene.set_clips(())
    by_class = msgspec.structs.replace(high, look={"colour_by": "column:side", "without": (1,)})
    shown = bench.picture(by_class)
    found["classes"] = [at(shown, -12), at(shown, 12)]
    by_scalar = msgspec.structs.replace(high, look={"colour_by": "column:east", "shading": "none"})
    shown = bench.picture(by_scalar)
    found["scalar"] = [at(shown, -40), at(shown, 40)]
    edged = msgspec.structs.replace(low, look={"edges": True, "opacity": 1.0, "colour": (200, 200, 200)})
    found["edges"] = int((bench.picture(edged)[:, :, :3].max(axis=2) < 140).sum()
                         - (bench.picture(things.wall(bench.folder))[:, :, :3].max(axis=2) < 140).sum())  # fmt: skip


def domes(bench: Bench, found: dict) -> None:
    """Eye-dome lighting darkens the edge of what lies behind, and nothing of a plane."""
    near = things.square(bench.folder, z=0.8, colour=(200, 200, 200), side=40, name="near")
    shrunk = np.diag([0.5, 0.5, 1, 1])
    near = msgspec.structs.replace(near, placement=placement_of(shrunk))
    far = things.square(bench.folder, z=-0.8, colour=(200, 200, 200), side=200, name="far")
    shown = bench.picture(near, far)
    row, edge = HIGH // 2 + 6, WIDE // 2 + round(0.5 * HIGH / 4)
    found["dome"] = [int(shown[row, edge : edge + 4, 0].min()), at(shown, 12)[0], int(shown[row, edge + 14, 0])]


def clear(bench: Bench, found: dict) -> None:
    """Clear things: before, behind and through opaque ones."""
    wall = things.wall(bench.folder, z=0.0, colour=(255, 0, 0), shading="none")
    veil = things.wall(bench.folder, z=0.5, name="veil", colour=(0, 0, 255), opacity=0.5, shading="none")
    found["veil before"] = at(bench.picture(wall, veil))
    behind = msgspec.structs.replace(veil, placement=placement_of(np.array(
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -2], [0, 0, 0, 1.0]])))  # fmt: skip
    found["veil behind"] = at(bench.picture(wall, behind))
    grid = things.grid(bench.folder)
    shown = bench.picture(grid)
    found["grid"] = [at(shown), at(shown, 60)]
    for name, z in (("before", 0.8), ("inside", 0.0), ("behind", -0.8)):
        shown = bench.picture(grid, things.wall(bench.folder, z=z, colour=(255, 0, 0), shading="none"))
        found[f"grid {name}"] = at(shown)
    found["threshold"] = at(bench.picture(things.grid(bench.folder, threshold=1.0, name="thin", opacity=0.0)))
    placed = np.diag([0.1, 0.1, 0.1, 1.0])
    placed[:3, 3] = -1.15
    for mode in ("volume", "maximum", "surface"):
        node = things.volume(bench.folder, name=mode, mode=mode)
        shown = bench.picture(msgspec.structs.replace(node, placement=placement_of(placed)))
        found[mode] = [at(shown)[3], at(shown, 48)[3], max(at(shown)[:3])]
        shown = bench.picture(msgspec.structs.replace(node, placement=placement_of(placed)),
                              things.wall(bench.folder, z=1.5, colour=(255, 0, 0), shading="none"))  # fmt: skip
        found[f"{mode} behind a wall"] = at(shown)


def edges(bench: Bench, found: dict) -> None:
    """Edges of meshes cover a part of their pixels, also where they are cut or clear; those of points do not."""
    turned = np.eye(4)
    turned[:2, :2] = 0.6 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    turned = placement_of(turned)

    def tilted(**look) -> Node:
        wall = things.wall(bench.folder, colour=(255, 0, 0), shading="none", **look)
        return msgspec.structs.replace(wall, placement=turned)

    def partly(shown: np.ndarray) -> int:
        return int(((shown[..., 3] > 8) & (shown[..., 3] < 247)).sum())

    bench.canvas.floor = False
    smoothing = bench.canvas._drawing.renderer._smoothing
    smoothing._able = False  # as where a driver has no memory for it
    plain = bench.picture(tilted())
    found["edges of one sample"] = partly(plain)
    smoothing._able = True
    bench.canvas.outdate()
    shown = bench.picture()
    found["edges at rest"] = partly(shown)
    bench.canvas.outdate()
    bench.canvas.repaint()
    bench.settle()
    where = bench.canvas._drawing.where({"wall"}).result()
    found["who"] = np.array_equal(where, plain[..., 3] == 255)
    bench.scene.set_clips((ClipPlane((0.6, 0.8, 0.0), 0.0),))
    found["cut edges"] = partly(bench.picture()[60:120, 90:150])
    bench.scene.set_clips(())
    clear = bench.picture(tilted(opacity=0.5))[..., 3]
    found["clear edges"] = int(((clear > 8) & (clear < 120)).sum())
    near = things.square(bench.folder, z=0.5, name="near")
    found["points' edges"] = partly(bench.picture(msgspec.structs.replace(near, placement=turned)))
    grid = things.grid(bench.folder)
    alone, behind = bench.picture(grid), bench.picture(grid, tilted())
    wall = bench.picture(tilted())[..., 3] / 255
    inside = (wall > 0.1) & (wall < 0.9) & (alone[..., 3] > 250)
    found["rim in light"] = [int(inside.sum()), int(behind[..., :3][inside].sum(axis=1).min())]
    bench.canvas.floor = True


def photographs(bench: Bench, found: dict) -> None:
    """A photograph is seen upright in its frustum, and not where one looks through its camera."""
    image = QImage(64, 48, QImage.Format.Format_RGB32)
    image.fill(0xFF0000)
    for row in range(24, 48):
        for column in range(64):
            image.setPixel(column, row, 0x0000FF)
    image.save(str(bench.folder / "photograph.png"))
    pose = np.eye(4)
    pose[2, 3] = 3.0
    lens = Lens(64, 48, 50.0, 50.0, 32.0, 24.0)
    doc = CamerasDoc((PosedImage(str(bench.folder / "photograph.png"), lens, placement_of(pose)),))
    node = Node("cameras", "cameras", doc, look={"size": 2.0})
    bench.picture(node)
    QTest.qWait(400)
    shown = bench.picture()
    found["photograph"] = [at(shown, 12, -12), at(shown, 12, 12)]
    bench.scene.set_clips((ClipPlane((1.0, 0.0, 0.0), 0.0),))
    box = Node(
        "box", "box", BoxesDoc((Box((0.0, 0.0, 2.5), (3.0, 3.0, 0.1)),)), look={"fill": 1.0, "colour_by": "plain"}
    )
    shown = [bench.picture(node), bench.picture(box)]
    found["photograph and box cut"] = [at(one, dx, 12)[3] for one in shown for dx in (-12, 12)]
    bench.scene.set_clips(())
    bench.picture(node)
    bench.canvas.photograph.opacity = 0.0
    bench.canvas.look_through("cameras", 0)
    found["looked through"] = at(bench.now(), 12, -12)


def dots(bench: Bench, found: dict) -> None:
    """A mesh that takes too long is dots while it moves, and the same as ever at rest."""
    side = 170
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    vertices = np.stack([x.ravel(), y.ravel(), 0.1 * np.sin(9 * x).ravel()], axis=1).astype(np.float32)
    a = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + side], 1), np.stack([a + 1, a + side + 1, a + side], 1)])
    paths = (things.kept(bench.folder, "many-vertices", vertices),
             things.kept(bench.folder, "many-faces", faces.astype(np.uint32)))  # fmt: skip
    node = Node("many", "many", MeshDoc(*paths, len(vertices), len(faces), (-1.0, -1.0, -0.1), (1.0, 1.0, 0.1)))
    bench.picture(node)
    QTest.qWait(300)
    before = bench.picture()
    renderer = bench.canvas._drawing.renderer
    renderer.items["many"].cost_s = 1e-4
    bench.canvas.outdate()
    moving = bench.now()
    found["sketched"] = renderer.sketched
    found["dots"] = at(moving, 12)[3]
    found["after dots"] = int(np.abs(bench.picture() - before).max())


def rendered_elsewhere(bench: Bench, found: dict) -> None:
    """A worker's picture of a field is hidden by what lies before it, and only shown for its own view."""
    node = things.grid(bench.folder, rendered_by="field", name="field")
    wall = things.wall(bench.folder, z=0.0, colour=(255, 0, 0), shading="none")
    bench.picture(node, wall)
    frame = QImage(WIDE, HIGH, QImage.Format.Format_RGBA8888)
    frame.fill(0xFFFF00FF)  # opaque magenta
    depth = np.full((HIGH, WIDE), 9.0, np.float32)
    depth[HIGH // 2 :] = 11.0
    bench.canvas.show_radiance("field", frame, depth, bench.scene.view)
    shown = bench.picture()
    found["frame"] = [at(shown, 6, -20), at(shown, 6, 20)]
    bench.picture(node, wall, things.grid(bench.folder, rendered_by="field", name="other"))
    second, distances = frame.copy(), np.full((HIGH, WIDE), 8.0, np.float32)
    second.fill(0xFFFFFF00)  # opaque cyan
    distances[:, WIDE // 2 :] = 9.5
    bench.canvas.show_radiance("other", second, distances, bench.scene.view)
    shown = bench.picture()
    found["frames"] = [at(shown, -20, -20), at(shown, 20, -20), at(shown, 20, 20)]
    bench.down(reach=2.2)
    found["frame elsewhere"] = at(bench.picture(), 6, -20)


def faults(bench: Bench, found: dict) -> None:
    """A file that is damaged, and a driver that fails: told, and never black."""
    gone = things.square(bench.folder, name="gone")
    (bench.folder / "gone.npy").write_bytes(b"nothing")
    shown = bench.picture(gone, things.square(bench.folder, colour=(0, 255, 0), name="stays"))
    found["beside damage"], found["damage"] = at(shown), bench.troubles[:]
    bench.troubles.clear()
    gl = bench.canvas._drawing.renderer.device.gl
    gl._found["glGetError"] = iter([0x0505] * 3 + [0] * 999).__next__  # out of memory
    bench.canvas.outdate()
    bench.now()
    QTest.qWait(300)
    found["failed"] = bench.troubles[:]
    image = bench.now()
    found["after failing"] = at(image)


def main() -> int:
    gc.disable()  # as the window does: a collection on another thread would take Qt's objects away there
    app = QApplication([])
    found: dict = {}
    if not has_opengl():
        print("no OpenGL")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for part in (opaque, domes, clear, edges, photographs, dots, rendered_elsewhere, faults):
            bench.down()
            part(bench, found)
        found["threads"] = [one.name for one in threading.enumerate() if one.name.startswith("drawing")]
    print(json.dumps(found, default=lambda one: one.tolist()))
    app.closeAllWindows()
    return 0


if __name__ == "__main__":
    sys.exit(main())
