"""Things in space of a run: what a view shows, says and exports; views of a run turn together."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from tests.gui.scenes import things
from workbench.core.events import Artifact
from workbench.core.kinds import KINDS
from workbench.gui.views import make_view
from workbench.store.ply import write_ply

POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1"),
                  ("height", "<f4"), ("label", "u1")])  # fmt: skip
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])


def points() -> np.ndarray:
    rng = np.random.default_rng(5)
    found = np.zeros(4000, POINT)
    for name in "xyz":
        found[name] = rng.uniform(-1, 1, 4000)
    found["red"], found["height"], found["label"] = 255, found["z"], found["x"] > 0
    return found


@pytest.fixture
def artifacts(tmp_path: Path) -> dict[str, Artifact]:
    """One artifact of each kind in a run's folder."""
    write_ply(tmp_path / "points.ply", points())
    corners = np.zeros(4, POINT)
    corners["x"], corners["y"], corners["blue"] = (-1, 1, 1, -1), (-1, -1, 1, 1), 255
    write_ply(tmp_path / "mesh.ply", corners, TRIANGLES)
    values = np.zeros((12, 10, 8, 4), np.float32)
    values[3:9, 3:8, 2:6] = (0, 1, 0, 1)
    np.save(tmp_path / "grid.npy", values)
    for name, node in (("boxes", things.boxes()), ("cameras", things.cameras())):
        thing = node.thing
        (tmp_path / f"{name}.json").write_bytes(msgspec.json.encode(thing))
    meta = {"low": (-1, -1, -1), "high": (2, 2, 1), "density": "alpha"}
    return {
        "points": Artifact(slot="s", kind="points", path="points.ply"),
        "mesh": Artifact(slot="s", kind="mesh", path="mesh.ply"),
        "radiance-grid": Artifact(slot="s", kind="radiance-grid", path="grid.npy", meta=meta),
        "boxes": Artifact(slot="s", kind="boxes", path="boxes.json", parts={"grid": "grid.npy"}, meta=meta),
        "cameras": Artifact(slot="s", kind="cameras", path="cameras.json"),
    }


def shown(qtbot, kind: str, folder: Path, artifact: Artifact):
    view = make_view(kind)
    qtbot.addWidget(view)
    view.resize(260, 200)
    view.show()
    view.show_artifact(folder, artifact)
    return view


@pytest.mark.parametrize(("kind", "caption", "channel", "row"), [
    ("points", "4\u202f000 points · colour · height · label", 0, "x"),
    ("mesh", "2 faces · 4 vertices", 2, 2),
    ("radiance-grid", "12 × 10 × 8 · 3 × 3 × 2", 1, "x"),
    ("boxes", "2 boxes · chair · table", 1, "chair"),
    ("cameras", "3 photographs · 1 held out", 2, "none.png"),
])  # fmt: skip
def test_that_every_kind_is_seen_in_its_colour_and_told_in_words_and_numbers(
    qtbot, tmp_path, artifacts, kind, caption, channel, row
):
    view = shown(qtbot, kind, tmp_path, artifacts[kind])
    assert view.problem is None and view.caption == caption
    assert next(iter(view.rows()[1]))[0] == row
    qtbot.waitUntil(lambda: view.canvas.whole, timeout=10_000)
    image = view.canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    rgb = rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).astype(int)
    others = [one for one in range(3) if one != channel]
    assert (rgb[:, :, channel] > 60 + rgb[:, :, others].max(axis=2)).sum() > 60


def test_that_classes_of_a_grid_have_switches_and_walls_are_off_at_first(qtbot, tmp_path, artifacts):
    labels = np.zeros((12, 10, 8), np.uint8)
    labels[3:9, 3:8, 2:4], labels[3:9, 3:8, 4:6] = 1, 2
    np.save(tmp_path / "labels.npy", labels)
    one = artifacts["radiance-grid"]
    named = msgspec.structs.replace(
        one, parts={"labels": "labels.npy"}, meta={**one.meta, "names": ["", "wall", "bed"]}
    )
    view = shown(qtbot, "radiance-grid", tmp_path, named)
    items = [view.classes.item(at) for at in range(view.classes.count())]
    assert [(item.text(), item.checkState() == Qt.CheckState.Checked) for item in items] == [
        ("wall", False),
        ("bed", True),
    ]

    def seen():
        return set(np.unique(labels[view.scene.array(view.scene.nodes["grid"].thing.grid)[..., 3] > 0]).tolist())

    assert seen() == {2}
    items[1].setCheckState(Qt.CheckState.Unchecked)
    view.classes.item(0).setCheckState(Qt.CheckState.Checked)
    assert seen() == {1} and (np.load(tmp_path / "grid.npy")[..., 3] > 0).sum() == 120  # the file stays as it is
    view.show_artifact(tmp_path, one)
    assert view.classes.isHidden() and view.problem is None


def test_that_views_of_one_run_look_from_the_same_place_and_those_of_another_do_not(qtbot, tmp_path, artifacts):
    first, second = (shown(qtbot, kind, tmp_path, artifacts[kind]) for kind in ("points", "radiance-grid"))
    assert first.scene.view == second.scene.view
    first.canvas.navigator.orbit(40, 10)
    assert first.scene.view == second.scene.view
    elsewhere = tmp_path / "another run"
    elsewhere.mkdir()
    write_ply(elsewhere / "points.ply", points())
    third = shown(qtbot, "points", elsewhere, artifacts["points"])
    before = third.scene.view
    second.canvas.navigator.orbit(40, 10)
    assert third.scene.view == before and first.scene.view == second.scene.view != before


def test_that_the_next_artifact_of_the_time_slider_is_seen_from_where_one_was(qtbot, tmp_path, artifacts):
    view = shown(qtbot, "points", tmp_path, artifacts["points"])
    view.canvas.navigator.orbit(40, 10)
    before = view.scene.view
    later = points()[:100]
    write_ply(tmp_path / "later.ply", later)
    view.show_artifact(tmp_path, Artifact(slot="s", kind="points", path="later.ply"))
    assert view.scene.view == before and view.caption.startswith("100 points")


@pytest.mark.parametrize("kind", ["points", "mesh", "radiance-grid", "boxes", "cameras"])
def test_that_a_damaged_file_is_said_in_the_views_place(qtbot, tmp_path, artifacts, kind):
    (tmp_path / artifacts[kind].path).write_bytes(b"nothing")
    view = shown(qtbot, kind, tmp_path, artifacts[kind])
    assert view.problem is not None and view.problem.fix


def test_that_a_grid_of_another_shape_is_refused(qtbot, tmp_path, artifacts):
    np.save(tmp_path / "grid.npy", np.zeros((4, 4, 4, 3), np.float32))
    view = shown(qtbot, "radiance-grid", tmp_path, artifacts["radiance-grid"])
    assert view.problem is not None and "4" in view.problem.expected
    assert KINDS["radiance-grid"].file
