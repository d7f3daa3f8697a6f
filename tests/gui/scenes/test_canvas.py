"""The canvas on a display without OpenGL: what is seen, picked, and how one moves; it must be true though coarse."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QImage, QKeyEvent, QPainter
from PySide6.QtTest import QTest

from tests.gui.scenes import things
from workbench.core.scenes import ClipPlane, MeasureDoc, Node, Viewpoint
from workbench.gui.scenes import cutlines, overlay, wires
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes.boxshapes import corners_of
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.scene import Scene, matrix_of, placement_of
from workbench.gui.scenes.tools import BrushTool

WIDE, HIGH = 240, 180
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def canvas(qtbot, scene):
    found = SceneCanvas(scene)
    found.troubles = []
    found.troubled.connect(found.troubles.append)
    qtbot.addWidget(found)
    found.resize(WIDE, HIGH)
    found.show()
    yield found
    assert found.troubles == []


def pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4).astype(int)


def from_above(scene: Scene, reach: float = 2.0) -> None:
    """Straight down, orthographic: a pixel is `2 · reach / HIGH` wide, the scene's origin in the middle."""
    pose = gz.looking(np.array([0, 0, 10.0]), np.zeros(3), np.array([0, 1.0, 0]))
    scene.look_from(Viewpoint(pose, orthographic=True, height=2 * reach))


def settled(qtbot, canvas) -> np.ndarray:
    qtbot.waitUntil(lambda: canvas.whole, timeout=10_000)
    return pixels(canvas.grab().toImage())


def test_that_what_lies_nearer_hides_what_lies_behind_it_from_every_side(qtbot, canvas, scene, tmp_path):
    scene.set_nodes([things.square(tmp_path, z=0.5, colour=(255, 0, 0), name="high"),
                     things.wall(tmp_path, z=-0.5, colour=(0, 0, 255), name="low")])  # fmt: skip
    from_above(scene)
    assert settled(qtbot, canvas)[HIGH // 2 + 4, WIDE // 2 + 4, :3].tolist() == [255, 0, 0]
    pose = gz.looking(np.array([0, 0, -10.0]), np.zeros(3), np.array([0, 1.0, 0]))
    scene.look_from(msgspec.structs.replace(scene.view, pose=pose))
    red, green, blue = settled(qtbot, canvas)[HIGH // 2 + 4, WIDE // 2 + 4, :3]
    assert blue > 200 and red == green == 0


def test_that_a_pick_tells_the_point_that_is_seen_and_where_it_is(canvas, scene, tmp_path):
    node = things.square(tmp_path)
    scene.set_nodes([node])
    from_above(scene)
    name, element, place = canvas.pick(WIDE / 2 + 30, HIGH / 2 - 20)
    at = np.load(node.thing.positions)[element]
    assert name == "square" and place == pytest.approx(at, abs=0.06)
    assert place[:2] == pytest.approx([30 * 4 / HIGH, 20 * 4 / HIGH], abs=0.03)
    assert canvas.pick(3, 3) is None


def test_that_boxes_and_cameras_are_picked_by_their_lines(canvas, scene):
    scene.set_nodes([things.boxes(), things.cameras()])
    from_above(scene, reach=6)
    for node, points, element in (
        ("boxes", corners_of(scene.nodes["boxes"].thing.boxes[1])[[4, 5]], 1),
        ("cameras", wires.frustum(scene.nodes["cameras"].thing.images[1], 1.0)[[0, 0]], 1),
    ):
        x, y, _ = canvas.project(points).mean(axis=0)
        assert canvas.pick(x, y)[:2] == (node, element)


def test_that_hidden_clipped_and_left_out_things_are_not_seen(qtbot, canvas, scene, tmp_path):
    node = things.square(tmp_path, colour=(0, 255, 0))
    scene.set_nodes([node])
    from_above(scene)
    row = HIGH // 2 + 3
    left, right = WIDE // 2 - 22, WIDE // 2 + 22
    green = [0, 255, 0]
    assert settled(qtbot, canvas)[row, [left, right], :3].tolist() == [green, green]
    scene.set_clips((ClipPlane((1.0, 0.0, 0.0), 0.0),))
    found = settled(qtbot, canvas)
    assert found[row, left, :3].tolist() == green and found[row, right, :3].tolist() != green
    scene.set_clips((ClipPlane((1.0, 0.0, 0.0), 0.0, on=False),))
    east = np.load(node.thing.positions)[:, 0]
    scene.put([msgspec.structs.replace(node, hidden=things.kept(tmp_path, "hidden", east < 0))])
    found = settled(qtbot, canvas)
    assert found[row, left, :3].tolist() != green and found[row, right, :3].tolist() == green
    scene.put([msgspec.structs.replace(node, look={"colour_by": "column:side", "without": (1,)})])
    found = settled(qtbot, canvas)
    assert found[row, left, 0] > 50 and found[row, right, :3].max() < 150
    scene.put([msgspec.structs.replace(node, shown=False)])
    assert settled(qtbot, canvas)[row, [left, right], :3].max() < 150


def test_that_a_drag_orbits_around_the_views_point_and_never_over_the_pole(canvas, scene, tmp_path):
    scene.set_nodes([things.wall(tmp_path)])
    before = np.linalg.norm(matrix_of(scene.view.pose)[:3, 3] - scene.view.about)
    QTest.mousePress(canvas, LEFT, pos=QPoint(120, 90))
    for step in range(1, 40):
        QTest.mouseMove(canvas, QPoint(120 + step, 90 + 12 * step))
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(160, 170))
    for _ in range(40):
        canvas.navigator.orbit(3, 30)
    pose = matrix_of(scene.view.pose)
    assert np.linalg.norm(pose[:3, 3] - scene.view.about) == pytest.approx(before)
    assert pose[2, 1] >= 0 and pose[2, 2] == pytest.approx(1, abs=1e-3)  # from above, not upside down
    assert pose[2, 0] == pytest.approx(0, abs=1e-9)  # the horizon stays level


def test_that_panning_shifts_the_views_point_by_the_pixels_that_the_mouse_moved(canvas, scene, tmp_path):
    scene.set_nodes([things.wall(tmp_path)])
    about = np.array([scene.view.about])
    before = canvas.project(about)[0, :2]
    canvas.navigator.pan(25, -14)
    assert canvas.project(about)[0, :2] - before == pytest.approx([25, -14], abs=1e-6)


@pytest.mark.parametrize("orthographic", [False, True])
def test_that_the_wheel_comes_nearer_to_what_is_under_the_pointer(canvas, scene, tmp_path, orthographic):
    scene.set_nodes([things.wall(tmp_path)])
    if orthographic:
        canvas.navigator.orthographic()
    gaze = canvas.gaze()
    place = gaze.at_depth(150, 80, float(gaze.project(np.array([scene.view.about]))[0, 2]))
    canvas.navigator.zoom(0.5, place)
    assert canvas.project(place)[0, :2] == pytest.approx([150, 80], abs=1e-6)
    depth = canvas.project(place)[0, 2]
    assert canvas.gaze().pixel_size(depth) == pytest.approx(gaze.pixel_size(gaze.project(place)[0, 2]) / 2)


def test_that_parallel_lines_of_sight_keep_what_is_around_the_point_as_large(canvas, scene, tmp_path):
    scene.set_nodes([things.wall(tmp_path)])
    about = np.array(scene.view.about)
    across = matrix_of(scene.view.pose)[:3, 0] * 0.1
    before = canvas.project(np.array([about, about + across]))
    canvas.navigator.orthographic()
    assert canvas.project(np.array([about, about + across]))[:, :2] == pytest.approx(before[:, :2], abs=0.5)
    view = scene.view
    canvas.navigator.orthographic()
    assert not scene.view.orthographic and view.orthographic
    assert canvas.project(np.array([about, about + across]))[:, :2] == pytest.approx(before[:, :2], abs=0.5)


def test_that_moves_end_at_the_view_that_was_asked_for(qtbot, canvas, scene, tmp_path):
    scene.set_nodes([things.wall(tmp_path), things.boxes()])
    with qtbot.waitSignal(canvas.navigator.ended, timeout=5000):
        canvas.look("top")
    assert not canvas.navigator.moving
    assert matrix_of(scene.view.pose)[:3, 2] == pytest.approx([0, 0, 1])
    scene.choose(["wall"])
    with qtbot.waitSignal(canvas.navigator.ended, timeout=5000):
        canvas.fit_chosen()
    assert np.array(scene.view.about) == pytest.approx([0, 0, 0])


def test_that_a_click_on_the_gizmo_leads_to_its_view(qtbot, canvas, scene, tmp_path):
    scene.set_nodes([things.wall(tmp_path)])
    ends = {name: place for name, _, _, place, _ in canvas.gizmo.ends(canvas.gaze())}
    with qtbot.waitSignal(canvas.navigator.ended, timeout=5000):
        QTest.mouseClick(canvas, LEFT, pos=ends["top"].toPoint())
    assert matrix_of(scene.view.pose)[:3, 2] == pytest.approx([0, 0, 1])


def test_that_flying_goes_on_while_a_key_and_the_right_button_are_held(qtbot, canvas, scene, tmp_path):
    scene.set_nodes([things.wall(tmp_path)])
    before = matrix_of(scene.view.pose)
    press = QKeyEvent(QKeyEvent.Type.KeyPress, Qt.Key.Key_W, Qt.KeyboardModifier.NoModifier)
    canvas.keyPressEvent(press)
    assert not canvas.navigator.moving  # W is a key of other things while nobody flies
    QTest.mousePress(canvas, Qt.MouseButton.RightButton, pos=QPoint(100, 100))
    canvas.keyPressEvent(press)
    qtbot.waitUntil(lambda: matrix_of(scene.view.pose)[:3, 3] @ before[:3, 2] < before[:3, 3] @ before[:3, 2] - 0.01)
    QTest.mouseRelease(canvas, Qt.MouseButton.RightButton, pos=QPoint(100, 100))
    qtbot.waitUntil(lambda: not canvas.navigator.moving)
    step = matrix_of(scene.view.pose)[:3, 3] - before[:3, 3]
    assert step / np.linalg.norm(step) == pytest.approx(-before[:3, 2])


class Recorder:
    """A tool that takes what it is told to."""

    def __init__(self, takes: bool) -> None:
        self.takes, self.heard = takes, []

    def press(self, event) -> bool:
        self.heard.append("press")
        return self.takes

    def move(self, event) -> bool:
        self.heard.append("move")
        return self.takes

    def release(self, event) -> bool:
        self.heard.append("release")
        return self.takes

    def paint(self, painter: QPainter) -> None:
        painter.fillRect(10, 10, 5, 5, Qt.GlobalColor.magenta)


def test_that_what_a_stroke_will_take_is_seen_while_it_is_drawn(qtbot, canvas, scene, tmp_path):
    scene.set_nodes([things.square(tmp_path, colour=(255, 0, 0), side=120), things.wall(tmp_path, z=-9.0)])
    from_above(scene)
    before = settled(qtbot, canvas)
    canvas.tool = BrushTool(canvas, lambda: {"square"})
    middle, corner = (WIDE // 2 + 4, HIGH // 2 + 4), (6, 6)  # the square, and nothing
    QTest.mousePress(canvas, LEFT, pos=QPoint(*middle))
    qtbot.waitUntil(lambda: canvas.tool._seen is not None, timeout=5_000)
    QTest.mouseMove(canvas, QPoint(*corner))
    shown = pixels(canvas.grab().toImage())
    assert before[middle[::-1]][2] == 0 and shown[middle[::-1]][2] > 150  # the tool's blue
    assert 0 < shown[corner[::-1]][2] < 80  # but the stroke itself, faintly
    canvas.tool.leave()
    assert (pixels(canvas.grab().toImage())[middle[::-1]] == before[middle[::-1]]).all()


def test_that_a_selection_fades_while_a_region_is_drawn_that_takes_its_place(qtbot, canvas, scene, tmp_path):
    square = things.square(tmp_path, colour=(255, 0, 0), side=120)
    scene.set_nodes([square])
    from_above(scene)
    scene.select({"square": np.load(square.thing.positions)[:, 0] > 0})
    before = settled(qtbot, canvas)
    canvas.tool = BrushTool(canvas, set)
    selected, other = (HIGH // 2 + 4, WIDE // 2 + 10), (HIGH // 2 + 4, WIDE // 2 - 10)
    for keys, fades in ((Qt.KeyboardModifier.ShiftModifier, False), (Qt.KeyboardModifier.NoModifier, True)):
        QTest.mousePress(canvas, LEFT, keys, QPoint(4, 4))
        if fades:
            qtbot.waitUntil(lambda: canvas.tool._lit is not None, timeout=5_000)
        shown = pixels(canvas.grab().toImage())
        assert (shown[selected][:3].sum() < 0.5 * before[selected][:3].sum()) == fades
        assert (shown[other] == before[other]).all()
        canvas.tool.leave()
    assert (pixels(canvas.grab().toImage())[selected] == before[selected]).all()


def test_that_a_moment_stays_as_it_was_and_tells_what_is_selected_otherwise(scene, tmp_path):
    square, wall = things.square(tmp_path), things.wall(tmp_path)
    scene.set_nodes([square, wall])
    first = scene.seen()
    scene.select({"square": np.ones(square.thing.count, bool)})
    scene.set_nodes([msgspec.structs.replace(square, shown=False)])
    assert list(first.nodes) == ["square", "wall"] and first.is_shown("square") and not first.selection
    assert first.array(wall.thing.faces).shape == (2, 3) and first.bounds()[1][0] == 1
    second, third = scene.seen(), scene.seen()
    assert second.become(third) == set()
    assert first.become(second) == {"square"} and list(first.nodes) == ["square"] and first.bounds() is None


@pytest.mark.parametrize("takes", [True, False])
def test_that_a_tool_takes_the_pointer_before_navigation_does(canvas, scene, tmp_path, takes):
    scene.set_nodes([things.wall(tmp_path)])
    canvas.tool = Recorder(takes)
    view = scene.view
    QTest.mousePress(canvas, LEFT, pos=QPoint(100, 100))
    QTest.mouseMove(canvas, QPoint(140, 100))
    QTest.mouseMove(canvas, QPoint(150, 100))
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(150, 100))
    assert canvas.tool.heard == ["press", "move", "move", "release"]
    assert (scene.view == view) == takes
    assert pixels(canvas.grab().toImage())[12, 12, :3].tolist() == [255, 0, 255]


def test_that_pictures_are_of_the_size_asked_for_and_clear_where_nothing_is(canvas, scene, tmp_path):
    scene.set_nodes([things.square(tmp_path, colour=(0, 0, 255))])
    from_above(scene)
    found = pixels(canvas.grab_picture(QSize(480, 360), transparent=True))
    assert found.shape == (360, 480, 4) and found[180, 245, 3] == 255 and found[2, 2, 3] == 0
    assert found[184, 250, :3].tolist() == [0, 0, 255]
    assert pixels(canvas.grab_picture(QSize(80, 60)))[1, 1].tolist() == [0, 0, 0, 255]


def test_that_volumes_and_grids_are_seen_where_they_stand(qtbot, canvas, scene, tmp_path):
    placed = np.eye(4)
    placed[:3, 3] = (-1.2, -1.2, 0)
    placed[:3, :3] *= 0.1
    scene.set_nodes([msgspec.structs.replace(things.volume(tmp_path), placement=placement_of(placed))])
    from_above(scene)
    scene.choose([])
    found = settled(qtbot, canvas)
    assert found[HIGH // 2, WIDE // 2, :3].min() > 120  # lit from the eye
    scene.set_nodes([things.grid(tmp_path)])
    found = settled(qtbot, canvas)
    assert found[HIGH // 2 + 5, WIDE // 2 + 5, :3].tolist() == [0, 255, 0]
    assert found[HIGH // 2, WIDE // 2 + 40, 1] < 100  # beside the solid middle


def test_that_labels_do_not_lie_on_one_another(canvas, scene):
    node = things.boxes()
    many = tuple(msgspec.structs.replace(one, centre=(one.centre[0] * 0.01, 0.0, 0.01 * k))
                 for k in range(6) for one in node.thing.boxes)  # fmt: skip
    scene.set_nodes([msgspec.structs.replace(node, thing=msgspec.structs.replace(node.thing, boxes=many))])
    image = QImage(WIDE, HIGH, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    taken = overlay.labels(painter, scene, canvas.gaze())
    painter.end()
    assert taken and not any(a.intersects(b) for k, a in enumerate(taken) for b in taken[:k])


def test_that_measures_tell_lengths_with_their_unit_and_angles():
    assert overlay.measured(((0, 0, 0), (3, 4, 0)), "m") == "5 m"
    assert overlay.measured(((1, 0, 0), (0, 0, 0), (0, 2, 0)), "m") == "90.0°"
    assert overlay.measured(((1, 1, 1),), "m") == ""


def test_that_measures_are_drawn_as_far_as_nothing_cuts_them_away(qtbot, canvas, scene):
    scene.set_nodes([Node("d", "long", MeasureDoc(((-1.5, 0.5, 0), (1.5, 0.5, 0))))])
    from_above(scene)
    left, right, row = WIDE // 2 - 40, WIDE // 2 + 40, HIGH // 2 - 22

    def yellow(*, at: int) -> bool:
        return bool((settled(qtbot, canvas)[row - 2 : row + 3, at, 0] > 150).any())

    assert yellow(at=left) and yellow(at=right)
    scene.set_clips((ClipPlane((1.0, 0.0, 0.0), 0.0),))
    assert yellow(at=left) and not yellow(at=right)
    scene.set_clips((ClipPlane((0.0, 1.0, 0.0), 0.0),))
    assert not yellow(at=left) and not yellow(at=right)


def test_that_planes_cut_boxes_and_cameras_but_not_the_floor(canvas, scene):
    scene.set_nodes([things.boxes(), things.cameras()])
    from_above(scene, reach=6)
    canvas.floor = False
    many = len(wires.lines_of(scene, axes=True, grid=True))
    corners = [corners_of(one) for one in scene.nodes["boxes"].thing.boxes]
    x, y, _ = canvas.project(corners[1][[4, 5]]).mean(axis=0)
    assert canvas.pick(x, y)[:2] == ("boxes", 1)
    scene.set_clips((ClipPlane((1.0, 0.0, 0.0), float(corners[1][:, 0].min()) - 0.01),))
    lines = wires.lines_of(scene, axes=False, grid=False)
    assert (
        len(lines) > 0 and max(lines["start"][:, 0].max(), lines["end"][:, 0].max()) <= scene.clips[0].distance + 1e-6
    )
    found = canvas.pick(x, y)
    assert found is None or found[:2] != ("boxes", 1)
    scene.set_clips((ClipPlane((0.0, 0.0, 1.0), -99.0),))
    floor = wires.lines_of(scene, axes=True, grid=True)
    assert len(wires.lines_of(scene, axes=False, grid=False)) == 0 < len(floor) < many


def test_that_a_line_ends_where_planes_and_the_eye_cut_it(scene):
    ends = np.array([(0.0, 0, 0), (0, 0, 20), (4, 0, 20)])
    from_above(scene)
    seen = gz.gaze(msgspec.structs.replace(scene.view, orthographic=False), WIDE, HIGH, None)  # from z = 10
    clips = [ClipPlane((0.0, 0.0, -1.0), -2.0), ClipPlane((1.0, 0.0, 0.0), -9.0, on=False)]
    planes = [*cutlines.planes_of(clips), cutlines.eye_plane(seen)]
    starts, last, left = cutlines.shortened(ends[:-1], ends[1:], planes)
    assert left.tolist() == [True, False]
    assert starts[0].tolist() == [0, 0, 2] and last[0][2] == pytest.approx(10 - seen.near)
    assert not cutlines.uncut(ends, planes).any()


def test_that_a_damaged_file_leaves_the_rest_of_the_picture(qtbot, canvas, scene, tmp_path):
    gone = things.square(tmp_path, name="gone")
    (tmp_path / "gone.npy").write_bytes(b"nothing")
    scene.set_nodes([gone, things.square(tmp_path, colour=(0, 255, 0))])
    from_above(scene)
    assert settled(qtbot, canvas)[HIGH // 2 + 4, WIDE // 2 + 4, :3].tolist() == [0, 255, 0]


def test_that_a_double_click_sets_the_point_to_orbit_around_and_moves_nothing(canvas, scene, tmp_path):
    scene.set_nodes([things.square(tmp_path)])
    from_above(scene)
    pose = scene.view.pose
    QTest.mouseDClick(canvas, LEFT, pos=QPointF(WIDE / 2 + 20, HIGH / 2).toPoint())
    assert scene.view.pose == pose and scene.view.about[0] == pytest.approx(20 * 4 / HIGH, abs=0.05)
