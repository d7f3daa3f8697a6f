"""Films of a scene: where their frames look from, what is in the file, and what is left of one that is cancelled."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PySide6.QtCore import QSize

from tests.gui.scenes import things
from workbench.core.problem import KnownTrouble
from workbench.core.scenes import Viewpoint
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.scene import Scene, matrix_of
from workbench.gui.scenes.turntable import FilmMaking, path_through, turntable
from workbench.gui.volumes.away import Away

VIEW = Viewpoint(gz.looking(np.array([3.0, 0, 2.0]), np.zeros(3), np.array([0, 0, 1.0])))


@pytest.fixture
def canvas(qtbot, tmp_path):
    scene = Scene()
    found = SceneCanvas(scene)
    qtbot.addWidget(found)
    found.resize(160, 120)
    found.show()
    scene.set_nodes([things.square(tmp_path, colour=(0, 255, 0))])
    scene.look_from(VIEW)
    return found


def test_that_a_turntable_keeps_height_and_distance_and_looks_at_the_middle_from_all_sides():
    views = turntable(VIEW, 8)
    eyes = np.array([matrix_of(one.pose)[:3, 3] for one in views])
    assert views[0] == VIEW and np.linalg.norm(eyes, axis=1) == pytest.approx(np.sqrt(13))
    assert (
        eyes[:, 2] == pytest.approx(2) and eyes[2] == pytest.approx([0, 3, 2]) and eyes[4] == pytest.approx([-3, 0, 2])
    )
    for one in views:
        assert gz.gaze(one, 100, 100, None).project(np.zeros((1, 3)))[0, :2] == pytest.approx([50, 50])


def test_that_a_path_goes_through_its_viewpoints_in_equal_times():
    views = turntable(VIEW, 3)
    found = path_through(views, 9)
    assert len(found) == 9
    for at, view in zip((0, 4, 8), views, strict=True):
        assert np.array(found[at].pose) == pytest.approx(np.array(view.pose), abs=1e-9)
    with pytest.raises(KnownTrouble):
        path_through(views[:1], 9)


def test_that_a_film_has_its_frames_and_the_canvas_keeps_its_view(qtbot, canvas, tmp_path):
    told = []
    making = FilmMaking(canvas, turntable(VIEW, 5), tmp_path / "film.mp4", Away(canvas), size=QSize(97, 64))
    making.progressed.connect(lambda done, all_: told.append((done, all_)))
    with qtbot.waitSignal(making.finished, timeout=20_000):
        making.start()
    assert told == [(k, 5) for k in range(1, 6)] and canvas.scene.view == VIEW and not making.running
    with av.open(str(tmp_path / "film.mp4")) as file:
        frames = [one.to_ndarray(format="rgb24") for one in file.decode(video=0)]
    assert len(frames) == 5 and frames[0].shape == (64, 96, 3)
    assert (frames[0][28:36, 44:52, 1] > 150).mean() > 0.5  # green in the middle


def test_that_a_cancelled_film_leaves_nothing_and_a_place_that_is_not_there_is_told(qtbot, canvas, tmp_path):
    making = FilmMaking(canvas, turntable(VIEW, 200), tmp_path / "film.mp4", Away(canvas), size=QSize(64, 48))
    with qtbot.waitSignal(making.progressed, timeout=20_000):
        making.start()
    making.cancel()
    assert not making.running and list(tmp_path.glob("*film*")) == []
    nowhere = FilmMaking(canvas, turntable(VIEW, 3), tmp_path / "film.doc", Away(canvas), size=QSize(64, 48))
    with qtbot.waitSignal(nowhere.failed, timeout=20_000) as failed:
        nowhere.start()
    assert "format" in failed.args[0].what
