"""Looking around in a field that is learned: what is asked of the run, and what is painted."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage

from workbench.core import events as ev
from workbench.core.fields import FieldFrame, FieldLook
from workbench.core.scenes import Viewpoint
from workbench.gui.views import make_view
from workbench.gui.views.frame import image_of, moved, nearer, turned
from workbench.store.asked import AskedFile, ask, asked_path, is_over, withdraw
from workbench.store.runfolder import append_events

POSE = (0.0, 0.0, 1.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
"""From (3, 0, 0) towards the origin, z up."""
VIEW = Viewpoint(POSE, (0.0, 0.0, 0.0), 40.0)


def shot(folder, coarseness=1, number=0, view=VIEW):
    picture = QImage(32, 24, QImage.Format.Format_RGBA8888)
    picture.fill(Qt.GlobalColor.red)
    picture.save(str(folder / f"view-{number}.png"))
    meta = msgspec.to_builtins(FieldFrame(FieldLook(view, 32, 24), coarseness))
    return ev.Artifact(slot="view", kind="frame", path=f"view-{number}.png", meta=meta)


@pytest.fixture
def looking(qtbot, tmp_path):
    append_events(tmp_path / "events.jsonl", [ev.Started(t=1.0, pid=1, device="cpu", attempt=1)])
    view = make_view("frame")
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    view.show_artifact(tmp_path, shot(tmp_path))
    qtbot.waitUntil(lambda: asked_path(tmp_path, "view").exists())
    return view


def asked(folder):
    return AskedFile(folder, "view").read(FieldLook)


def test_that_a_shown_view_asks_the_run_for_a_picture_of_its_own_size(looking, tmp_path):
    assert asked(tmp_path) == FieldLook(VIEW, looking.canvas.width(), looking.canvas.height())
    assert looking.caption == "32 × 24 pixels"
    assert looking.canvas.image.pixelColor(3, 3).name() == "#ff0000"


def test_that_dragging_turns_around_the_point_and_is_asked_for(looking, qtbot, tmp_path):
    qtbot.mousePress(looking, Qt.MouseButton.LeftButton, pos=QPoint(200, 150))
    qtbot.mouseMove(looking, QPoint(260, 170))
    qtbot.mouseRelease(looking, Qt.MouseButton.LeftButton, pos=QPoint(260, 170))
    qtbot.waitUntil(lambda: asked(tmp_path).view != VIEW)
    pose = np.array(asked(tmp_path).view.pose).reshape(4, 4)
    assert np.linalg.norm(pose[:3, 3]) == pytest.approx(3)
    assert pose[2, 3] > 0.2 and pose[1, 3] < -0.5
    looking.go_home()
    qtbot.waitUntil(lambda: asked(tmp_path).view == VIEW)


def test_that_keys_turn_and_the_wheel_and_actions_change_what_is_asked(looking, qtbot, tmp_path):
    qtbot.keyClick(looking, Qt.Key.Key_Left)
    qtbot.keyClick(looking, Qt.Key.Key_Plus)
    qtbot.waitUntil(lambda: asked(tmp_path).view != VIEW)
    qtbot.waitUntil(lambda: np.hypot(*np.array(asked(tmp_path).view.pose).reshape(4, 4)[:2, 3]) < 2.5)
    next(one for one in looking.actions() if one.text() == "Show depth").trigger()
    qtbot.waitUntil(lambda: asked(tmp_path).shown == "depth")


def test_that_a_hidden_view_asks_for_nothing_and_a_shown_one_again(looking, qtbot, tmp_path):
    looking.hide()
    assert not asked_path(tmp_path, "view").exists()
    looking.show()
    qtbot.waitUntil(lambda: asked_path(tmp_path, "view").exists())


def test_that_a_coarse_picture_says_so_and_keeps_where_one_looks(looking, tmp_path):
    looking.turn(20, 0)
    before = looking.look
    looking.show_artifact(tmp_path, shot(tmp_path, coarseness=4, number=1))
    assert looking.look == before
    assert looking.caption == "32 × 24 pixels, pixels of 4"


def test_that_nothing_is_asked_of_a_run_that_is_over(qtbot, tmp_path):
    append_events(tmp_path / "events.jsonl", [ev.Finished(t=1.0, results={}, seconds=1.0)])
    assert is_over(tmp_path)
    view = make_view("frame")
    qtbot.addWidget(view)
    view.show()
    view.show_artifact(tmp_path, shot(tmp_path))
    view.turn(30, 0)
    qtbot.waitUntil(lambda: "only a window" in view.caption)
    assert not asked_path(tmp_path, "view").exists()


def test_that_a_frame_without_its_meta_is_said_to_be_damaged(qtbot, tmp_path):
    view = make_view("frame")
    qtbot.addWidget(view)
    view.show_artifact(tmp_path, msgspec.structs.replace(shot(tmp_path), meta={}))
    assert view.problem is not None and "FieldFrame" in view.problem.expected


def test_that_views_turn_move_and_come_nearer_about_their_point():
    around = turned(VIEW, 90, 0)
    np.testing.assert_allclose(np.array(around.pose)[[3, 7, 11]], [0, 3, 0], atol=1e-12)
    assert turned(VIEW, 0, 80).pose[11] == pytest.approx(3 * np.sin(np.radians(80)))
    assert turned(turned(VIEW, 0, 80), 0, 20) == turned(VIEW, 0, 80)  # over the top it stays
    np.testing.assert_allclose(np.array(nearer(VIEW, 0.5).pose)[[3, 7, 11]], [1.5, 0, 0])
    across = moved(VIEW, 0.5, 0)
    span = 3 * 2 * np.tan(np.radians(20))
    np.testing.assert_allclose(across.about, [0, span / 2, 0], atol=1e-12)
    np.testing.assert_allclose(np.array(across.pose)[[3, 7, 11]], [3, span / 2, 0], atol=1e-12)


def test_that_rendered_arrays_become_the_same_picture():
    rgba = np.random.default_rng(0).integers(0, 255, (5, 7, 4), np.uint8)
    rgba[..., 3] = 255
    image = image_of(rgba)
    assert (image.width(), image.height()) == (7, 5)
    assert image.pixelColor(2, 4).getRgb()[:3] == tuple(rgba[4, 2, :3])


# What is asked, as the job reads it --------------------------------------------------------------


def test_that_what_is_asked_is_read_renewed_forgotten_and_withdrawn(tmp_path):
    import os

    file = AskedFile(tmp_path, "view")
    assert file.read(FieldLook) is None
    for width in (10, 20):
        ask(tmp_path, "view", FieldLook(VIEW, width, 8))
        assert file.read(FieldLook) == FieldLook(VIEW, width, 8)
    path = asked_path(tmp_path, "view")
    os.utime(path, (1.0, 1.0))
    assert file.read(FieldLook) is None
    path.write_text(json.dumps({"width": "wide"}))
    assert file.read(FieldLook) is None
    withdraw(tmp_path, "view")
    withdraw(tmp_path, "view")
    assert file.read(FieldLook) is None and not is_over(tmp_path)
