"""Fine pictures where there is no OpenGL: what is sent, what is shown of the answer, and what drops the wish."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.gui.scenes import things
from tests.gui.scenes.pagethings import WITHIN_MS, look
from workbench.core.finepictures import ABLE, MOST_PIXELS, PICTURE, FineAble, FinePicture, FineWish
from workbench.core.scenes import ClipPlane, Viewpoint
from workbench.core.settings import Settings
from workbench.gui.scenes import finethings
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes.finely import DONE, OFFER, laid, wish_of
from workbench.gui.scenes.finethings import FineThings, things_of
from workbench.gui.scenes.scene import Scene
from workbench.gui.scenes.splatter import shot_of
from workbench.runner.scripted import WAITING
from workbench.worker.inspectors import inspect
from workbench.worker.interactive import ApplyContext, WarmCache

FROM_ABOVE = Viewpoint((1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 4.0, 0, 0, 0, 1.0), height_deg=40.0)
GREEN = (0, 200, 0)


def shot(scene: Scene, width: int = 81, height: int = 61):
    scene.look_from(FROM_ABOVE)
    return shot_of(scene, gz.gaze(FROM_ABOVE, width, height, scene.bounds()), 1.0, {}, floor=False)


def array(thing, name: str) -> np.ndarray:
    return np.load(Path(thing.folder) / f"{name}.npy")


def colour(image, x: int, y: int) -> tuple[int, ...]:
    return image.pixelColor(x, y).getRgb()[:3]


def picture(folder: Path, width: int, height: int, *, depth: float) -> FinePicture:
    """All of it green, so far away."""
    np.save(folder / "rgba.npy", np.tile(np.uint8([*GREEN, 255]), (height, width, 1)))
    np.save(folder / "depth.npy", np.full((height, width), depth, np.float32))
    return FinePicture(str(folder / "rgba.npy"), str(folder / "depth.npy"))


@pytest.fixture
def scene(qtbot) -> Scene:
    return Scene()


@pytest.fixture
def sent(tmp_path) -> Path:
    found = tmp_path / "sent"
    found.mkdir()
    return found


@pytest.fixture
def drawn(scripted, tmp_path):
    """Wishes that came, each answered with a picture that lies before everything."""
    wishes: list[FineWish] = []

    def answer(asked):
        wishes.append(msgspec.convert(asked, FineWish))
        return picture(tmp_path, wishes[-1].width, wishes[-1].height, depth=wishes[-1].near)

    scripted.answers |= {ABLE: FineAble(True), PICTURE: answer}
    return wishes


# On the page


def test_that_one_press_makes_one_picture_which_a_change_of_view_drops(filled, scripted, drawn, qtbot):
    page, canvas, act = filled, filled.canvas, filled.toolbox.acts["fine"]
    qtbot.waitUntil(lambda: canvas.plain and canvas.whole, timeout=WITHIN_MS)
    assert act.isVisible() and canvas.note == OFFER
    act.trigger()
    assert canvas.note == "drawing finely with Open3D"
    qtbot.waitUntil(lambda: canvas.note == DONE, timeout=WITHIN_MS)
    assert {one.kind for one in drawn[0].things} == {"points", "mesh"} and drawn[0].view == page.scene.view
    assert (drawn[0].width, drawn[0].height) == (canvas.width(), canvas.height()) and canvas.whole
    assert colour(canvas._image, canvas.width() // 2, 5) == GREEN
    assert canvas._splatted.where({"p"}).any()  # clicks go on
    act.trigger()
    qtbot.waitUntil(lambda: len(drawn) == 2 and canvas.note == DONE, timeout=WITHIN_MS)
    assert drawn[1].things == drawn[0].things and scripted.asked.count(("inspect", ABLE)) == 1
    look(page, "top")
    assert canvas.note == OFFER and not canvas.whole
    qtbot.waitUntil(lambda: canvas.whole, timeout=WITHIN_MS)
    assert colour(canvas._image, canvas.width() // 2, 5) != GREEN


def test_that_a_picture_that_comes_after_one_moved_is_not_shown(filled, scripted, drawn, qtbot, tmp_path):
    page, canvas = filled, filled.canvas
    qtbot.waitUntil(lambda: canvas.plain and canvas.whole, timeout=WITHIN_MS)
    scripted.answers[PICTURE] = WAITING
    page.finely.press()
    qtbot.waitUntil(lambda: bool(scripted.waiting), timeout=WITHIN_MS)
    page.scene.look_from(msgspec.structs.replace(page.scene.view, height_deg=20.0))
    assert canvas.note == OFFER and scripted.waiting[0][1].cancelled()


def test_that_what_lacks_is_told_with_its_fix_and_asked_again_at_the_next_press(filled, scripted, qtbot):
    page, canvas = filled, filled.canvas
    qtbot.waitUntil(lambda: canvas.plain and canvas.whole, timeout=WITHIN_MS)
    scripted.answers[ABLE] = FineAble(False, "libvulkan.so.1", "Install libvulkan1.")
    page.finely.press()
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    record = page.banner.record
    assert (record.received, record.fix, record.severity) == ("libvulkan.so.1", "Install libvulkan1.", "input")
    assert canvas.note == OFFER and ("inspect", PICTURE) not in scripted.asked
    page.finely.press()
    qtbot.waitUntil(lambda: scripted.asked.count(("inspect", ABLE)) == 2, timeout=WITHIN_MS)


def test_that_with_opengl_there_is_no_such_offer(filled, scripted, qtbot, monkeypatch):
    page, canvas, act = filled, filled.canvas, filled.toolbox.acts["fine"]
    qtbot.waitUntil(lambda: canvas.plain and canvas.whole, timeout=WITHIN_MS)
    (button,) = [one for one in page.toolbox.row.buttons if one.defaultAction() is act]
    monkeypatch.setattr(canvas, "_plain", False)
    canvas.outdated.emit()
    page.finely.press()
    assert not act.isVisible() and button.isHidden() and ("inspect", ABLE) not in scripted.asked


# What is sent


def test_that_points_are_sent_as_they_are_seen_and_once_for_all_viewpoints(scene, sent, tmp_path):
    node = things.square(tmp_path)
    scene.set_nodes([node])
    scene.select({"square": np.arange(3600) < 100})
    scene.set_clips((ClipPlane((1.0, 0.0, 0.0), 0.0),))
    found = things_of(shot(scene), sent)
    (thing,) = found.things
    assert thing.light == "eye-dome" and thing.size_px == 2.0 and found.drawn == {"square"}
    places, colours = array(thing, "places"), array(thing, "colours")
    assert 0 < len(places) < 3600 and places[:, 0].max() <= 0 and len(np.unique(colours, axis=0)) == 2
    written = (Path(thing.folder) / "places.npy").stat().st_mtime_ns
    scene.look_from(msgspec.structs.replace(FROM_ABOVE, height_deg=20.0))
    assert things_of(shot(scene), sent).things == found.things
    assert (Path(thing.folder) / "places.npy").stat().st_mtime_ns == written
    scene.set_nodes([msgspec.structs.replace(node, look={"size": 0.1, "size_in_scene": True})])
    (near,) = things_of(shot(scene), sent).things
    (far,) = things_of(shot(scene, 162, 122), sent).things
    assert far.folder == near.folder and far.key != near.key and far.size_px == pytest.approx(2 * near.size_px, abs=1)
    scene.set_nodes([node])
    scene.set_clips(())
    (other,) = things_of(shot(scene), sent).things
    assert len(array(other, "places")) == 3600 and not Path(thing.folder).exists()


def test_that_selected_faces_are_a_thing_of_their_own_and_flat_ones_have_their_own_corners(scene, sent, tmp_path):
    scene.set_nodes([things.wall(tmp_path, shading="flat")])
    scene.select({"wall": np.array([True, False])})
    taken = shot(scene)
    rest, picked = things_of(taken, sent).things
    assert array(rest, "faces").tolist() == array(picked, "faces").tolist() == [[0, 1, 2]]
    assert np.abs(array(rest, "normals")).tolist() == [[0, 0, 1]] * 3 and rest.light == "lamp"
    assert (array(picked, "colours") == taken.accent).all() and not (array(rest, "colours") == taken.accent).all()


def test_that_meshes_of_too_many_faces_stay_coarse_and_clouds_are_thinned(scene, sent, tmp_path, monkeypatch):
    monkeypatch.setattr(finethings, "MOST_FACES", 1)
    monkeypatch.setattr(finethings, "MOST_POINTS", 1800)
    scene.set_nodes([things.wall(tmp_path), things.square(tmp_path)])
    found = things_of(shot(scene), sent)
    assert found.drawn == {"square"} and len(array(found.things[0], "places")) == 1800
    assert [one.split(":")[0] for one in found.notes] == ["wall has too many faces", "square"]


# What is shown


def test_that_the_nearer_of_the_fine_and_the_coarse_is_seen(scene, tmp_path):
    scene.set_nodes([things.wall(tmp_path), things.square(tmp_path, z=1.0)])
    taken = shot(scene)
    for depth, seen in ((2.0, GREEN), (3.5, (255, 0, 0))):  # the points are 3 away
        made = laid(picture(tmp_path, 81, 61, depth=depth), FineThings((), frozenset({"wall"}), ()), taken)
        assert colour(made.image, 40, 30) == seen
        assert made.beneath(40, 30, 0)[0] == "square" and made.depth[30, 40] == pytest.approx(3.0)


def test_that_a_picture_of_too_many_pixels_is_asked_for_smaller(scene, tmp_path):
    scene.set_nodes([things.wall(tmp_path)])
    taken = shot(scene, 4000, 3000)
    wish = wish_of(FineThings((), frozenset(), ()), taken)
    assert wish.width * wish.height <= MOST_PIXELS and wish.width / wish.height == pytest.approx(4 / 3, abs=0.01)
    small = shot(scene)
    made = laid(picture(tmp_path, 40, 30, depth=1.0), FineThings((), frozenset({"wall"}), ()), small)
    assert (made.image.width(), made.image.height()) == (81, 61) and colour(made.image, 80, 60) == GREEN


def test_that_open3d_draws_what_the_window_sends_or_says_what_is_lacking(scene, sent, home, tmp_path):
    context = ApplyContext("cpu", home, Settings(), WarmCache())
    try:
        able = inspect(ABLE, {}, context)
        if not able.able:  # this machine has no Vulkan
            assert able.lacking and "libvulkan1" in able.fix and "mesa-vulkan-drivers" in able.fix
            return
        below = things.wall(tmp_path, colour=(10, 20, 200), shading="none")
        scene.set_nodes([below, things.square(tmp_path, z=1.0, colour=(200, 100, 50)), things.boxes()])
        scene.set_clips((ClipPlane((1.0, 0.0, 0.0), 0.5),))
        taken = shot(scene)
        found = things_of(taken, sent)
        made = laid(inspect(PICTURE, msgspec.to_builtins(wish_of(found, taken)), context), found, taken)
    finally:
        for one in context.cache.values():
            one.end()
    at = [[round(float(one)) for one in taken.gaze.project(np.array([place]))[0, :2]]
          for place in ((-0.6, 0.7, 1.0), (0.9, 0.9, 1.0))]  # fmt: skip
    assert colour(made.image, *at[0]) == pytest.approx((200, 100, 50), abs=3)
    assert colour(made.image, *at[1]) == (0, 0, 0)  # cut away
