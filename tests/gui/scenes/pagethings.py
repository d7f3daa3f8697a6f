"""Small things with arrays on disk, for tests of the 3D page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.core.scenes import Box, BoxesDoc, Column, MeshDoc, Node, PointsDoc
from workbench.gui.scenes import gaze as gz

WITHIN_MS = 10_000


def cloud(folder: Path, count: int = 1000, *, origin: tuple[float, float, float] = (0, 0, 0)) -> PointsDoc:
    """Points in a unit cube with colours, classes (0 below the middle, 1 above) and their x as intensity."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    positions = rng.random((count, 3)).astype(np.float32)
    arrays = {
        "positions": positions, "rgb": (positions * 255).astype(np.uint8),
        "classification": (positions[:, 2] > 0.5).astype(np.uint8), "intensity": positions[:, 0].copy(),
        "order": rng.permutation(count),
    }  # fmt: skip
    paths = {name: str(folder / f"{name}.npy") for name in arrays}
    for name, array in arrays.items():
        np.save(paths[name], array)
    columns = (
        Column("rgb", "colour", paths["rgb"]),
        Column("classification", "class", paths["classification"], 0, 1, names={"0": "ground", "1": "thing"}),
        Column("intensity", "scalar", paths["intensity"], float(positions[:, 0].min()), float(positions[:, 0].max())),
    )
    low, high = positions.min(axis=0), positions.max(axis=0)
    return PointsDoc(
        paths["positions"], count, tuple(map(float, low)), tuple(map(float, high)), origin=origin, of=count,
        order=paths["order"], columns=columns,
    )  # type: ignore[arg-type]  # fmt: skip


def mesh(folder: Path) -> MeshDoc:
    """A unit cube of twelve triangles with colours."""
    folder.mkdir(parents=True, exist_ok=True)
    vertices = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], np.float32)
    faces = np.array([
        [0, 1, 3], [0, 3, 2], [4, 7, 5], [4, 6, 7], [0, 5, 1], [0, 4, 5],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ], np.uint32)  # fmt: skip
    colours = np.arange(32, dtype=np.uint8).reshape(8, 4)
    for name, array in (("vertices", vertices), ("faces", faces), ("colours", colours)):
        np.save(folder / f"{name}.npy", array)
    return MeshDoc(
        str(folder / "vertices.npy"), str(folder / "faces.npy"), 8, 12, (0, 0, 0), (1, 1, 1),
        colours=str(folder / "colours.npy"),
    )  # fmt: skip


def boxes() -> BoxesDoc:
    """Two boxes."""
    return BoxesDoc(
        (Box((0.5, 0.5, 0.5), (1, 1, 1), 0.3, "chair"), Box((2, 0, 0.5), (1, 2, 1), 0, "table")),
        names=("chair", "table"),
    )


def nodes(folder: Path) -> list[Node]:
    """A group with a cloud and a moved mesh in it, and boxes beside it."""
    moved = (1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
    return [
        Node("g", "room", placement=(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 5, 0, 0, 0, 1)),
        Node("p", "scan", cloud(folder / "cloud"), "g", source="/data/scan.ply"),
        Node("m", "crate", mesh(folder / "mesh"), "g", placement=moved),
        Node("b", "boxes", boxes()),
    ]


def settled(qtbot, page):
    qtbot.waitUntil(lambda: not page.cropping.busy, timeout=WITHIN_MS)


def look_fields(qtbot, page):
    """The fields of the look that is chosen, which are made a moment later."""
    qtbot.waitUntil(lambda: bool(page.properties.look.fields), timeout=WITHIN_MS)
    return page.properties.look.fields


def select(qtbot, page, mask, name="p"):
    page.cropping._selected("select", {name: mask}, "replace")
    assert np.array_equal(page.scene.selection[name], mask)


def positions(page, name="p"):
    return np.load(page.scene.nodes[name].thing.positions)


def look(page, name):
    """See the scene from somewhere at once: the canvas would go there in steps."""
    canvas = page.canvas
    page.scene.look_from(gz.fixed(page.scene.view, name, page.scene.bounds(), canvas.width() / canvas.height()))
