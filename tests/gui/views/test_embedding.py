"""The embedding map."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from scipy.io import wavfile

from tests.gui.sounds.fakes import Card
from workbench.core import events as ev
from workbench.core.documents import write
from workbench.gui.views.clips import ClipPlayer
from workbench.gui.views.embedding import EmbeddingView
from workbench.gui.volumes.away import Away

from . import artifacts


@pytest.fixture
def view(qtbot, tmp_path):
    shown = EmbeddingView()
    qtbot.addWidget(shown)
    shown.resize(600, 460)
    shown.show()
    shown.show_artifact(tmp_path, artifacts.embedding(tmp_path, artifacts.items(400)))
    return shown


def pixel(view, at):
    x, y = view.map.to_pixels(view.content.points[[at]])[0]
    return QPoint(round(x), round(y))


def drag(qtbot, widget, corners):
    qtbot.mousePress(widget, Qt.MouseButton.LeftButton, pos=corners[0])
    for corner in corners[1:]:
        qtbot.mouseMove(widget, corner)
    qtbot.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=corners[-1])


def test_that_a_lasso_tells_the_items_inside(qtbot, view):
    box = view.map.rect().adjusted(1, 1, -1, -1)
    corners = [box.topLeft(), QPoint(box.center().x(), 1), QPoint(box.center().x(), box.bottom()), box.bottomLeft()]
    with qtbot.waitSignal(view.picked) as caught:
        drag(qtbot, view.map, corners)
    inside = view.map.to_pixels(view.content.points)[:, 0] < box.center().x()
    assert abs(len(caught.args[0]) - inside.sum()) <= 3
    assert 0 < len(view.map.selected) < 400
    assert view.picked_title.endswith("of 400 points")


def test_that_a_click_tells_one_point_and_beside_all_drops_the_marks(qtbot, view):
    with qtbot.waitSignal(view.picked) as caught:
        qtbot.mouseClick(view.map, Qt.MouseButton.LeftButton, pos=pixel(view, 7))
    assert len(caught.args[0]) == 1
    qtbot.mouseClick(view.map, Qt.MouseButton.LeftButton, pos=QPoint(1, 1))
    assert len(view.map.selected) == 0


def test_that_ctrl_a_and_enter_work_from_the_keyboard(qtbot, view):
    with qtbot.waitSignal(view.picked) as caught:
        view.map.select_all()
    assert len(caught.args[0]) == 400
    with qtbot.waitSignal(view.picked):
        qtbot.keyClick(view.map, Qt.Key.Key_Return)


def test_that_colours_stand_for_what_is_chosen(view):
    offered = [view.colour_by.itemData(at) for at in range(view.colour_by.count())]
    assert offered == ["label", "predicted", "error", "group"]
    view.colour("error")
    wrong = [item.label != item.predicted for item in view.content.items]
    assert view.map.groups.numbers.astype(bool).tolist() == wrong
    view.colour("group")
    assert view.map.groups.names == ["test", "validation"]
    assert [entry[0] for entry in view.legend.entries] == ["test", "validation"]


def test_that_points_without_items_are_shown_plainly(view, tmp_path):
    np.save(tmp_path / "bare.npy", np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32))
    view.show_artifact(tmp_path, ev.Artifact(slot="embedding", kind="embedding", path="bare.npy"))
    assert view.problem is None
    assert not view.colour_by.isEnabled()
    assert view.map.describe(3) == "point 3"


def test_that_points_that_are_not_numbers_do_no_harm(view, tmp_path):
    points = np.full((20, 2), np.nan, np.float32)
    points[:5] = np.arange(10).reshape(5, 2)
    np.save(tmp_path / "holes.npy", points)
    view.show_artifact(tmp_path, ev.Artifact(slot="embedding", kind="embedding", path="holes.npy"))
    view.grab()
    assert view.problem is None
    assert view.map.nearest(QPointF(pixel(view, 0))) == 0


def test_that_zooming_keeps_the_place_under_the_pointer(view):
    about = QPointF(pixel(view, 11))
    view.map.magnify(3.0, about)
    moved = QPointF(pixel(view, 11)) - about
    assert abs(moved.x()) <= 1 and abs(moved.y()) <= 1
    view.map.fit()
    inside = view.map.to_pixels(view.content.points)
    assert inside.min() >= 0 and (inside[:, 0] <= view.map.width()).all()


def test_that_the_view_of_a_zoomed_map_stays_when_the_next_step_arrives(view, tmp_path):
    view.map.magnify(3.0, QPointF(100, 100))
    zoom = view.map.zoom
    view.show_artifact(tmp_path, artifacts.embedding(tmp_path, artifacts.items(400), seed=5))
    assert view.map.zoom == zoom


def test_that_a_singled_out_group_limits_the_lasso(qtbot, view):
    view.legend.single_out(2)
    box = view.map.rect().adjusted(1, 1, -1, -1)
    with qtbot.waitSignal(view.picked) as caught:
        drag(qtbot, view.map, [box.topLeft(), box.topRight(), box.bottomRight(), box.bottomLeft()])
    assert {item.label for item in caught.args[0]} == {view.map.groups.names[2]}


def test_that_markup_in_a_text_does_not_reach_the_tooltip_as_markup():
    from workbench.gui.views.words import wrapped

    assert "<img" not in wrapped("<img src=x>") and "&lt;img" in wrapped("<img src=x>")


def test_that_many_groups_share_the_colour_of_others(view):
    numbered = view._categories([str(number % 100) for number in range(1000)])
    assert len(numbered.names) == 60 and numbered.names[-1] == "others"
    assert numbered.numbers.max() == 59


def with_clips(view, folder, count, *, card=None, hears=""):
    """A map whose sound has a value of its own in every sample, and a tenth of a second of it for each point."""
    wavfile.write(folder / "clips.wav", 1000, np.arange(4000, dtype=np.int16))
    write(folder / "clips.json", [[at * 0.1, at * 0.1 + 0.1] for at in range(count)])
    artifact = artifacts.embedding(folder, artifacts.items(count))
    artifact.parts.update(audio="clips.wav", clips="clips.json")
    view.hear_with(ClipPlayer(Away(view), view, make_output=(card or Card()).make, hears=lambda: hears))
    view.show_artifact(folder, artifact)


def test_that_a_click_plays_the_points_clip(qtbot, view, tmp_path):
    assert not view.play_action.isVisible()
    card = Card()
    with_clips(view, tmp_path, 40, card=card)
    assert view.play_action.isVisible() and "click one to hear it" in view.caption
    qtbot.mouseClick(view.map, Qt.MouseButton.LeftButton, pos=pixel(view, 7))
    (at,) = view.map.selected
    qtbot.waitUntil(lambda: card.started)
    assert np.allclose(card.pull(100)[:, 0] * 32768, np.arange(at * 100, at * 100 + 100), atol=0.5)
    view.play_action.trigger()
    assert not view.clips.player.playing
    view.play_action.trigger()
    assert view.clips.player.playing
    view.hide()
    assert not view.clips.player.playing


def test_that_without_a_sound_card_the_map_says_so_and_works(qtbot, view, tmp_path):
    with_clips(view, tmp_path, 40, hears="There is no sound output on this machine.")
    qtbot.waitUntil(lambda: "no sound output" in view.caption)
    with qtbot.waitSignal(view.picked):
        qtbot.mouseClick(view.map, Qt.MouseButton.LeftButton, pos=pixel(view, 3))
    assert not view.clips.player.playing


@pytest.mark.parametrize("spans", [[[0.0, 1.0]] * 39, [[0.0, 1.0]] * 39 + [[3.0, 9.0]], [[1.0, 0.5]] * 40, "text"])
def test_that_clips_that_do_not_fit_are_told(view, tmp_path, spans):
    wavfile.write(tmp_path / "clips.wav", 1000, np.arange(4000, dtype=np.int16))
    write(tmp_path / "clips.json", spans)
    artifact = artifacts.embedding(tmp_path, artifacts.items(40))
    artifact.parts.update(audio="clips.wav", clips="clips.json")
    view.show_artifact(tmp_path, artifact)
    assert view.problem is not None


def measured(folder, points, axes):
    np.save(folder / "map.npy", np.array(points, np.float32), allow_pickle=False)
    return ev.Artifact(slot="trade", kind="embedding", path="map.npy", meta={"axes": axes})


def test_that_a_map_whose_directions_measure_something_fills_its_frame_and_has_ticks(qtbot, view, tmp_path):
    axes = {"x": "trainable parameters", "y": "test result", "log_x": True}
    points = [(0, 0.2), (6, 0.9), (3, 0.55)]
    view.show_artifact(tmp_path, measured(tmp_path, points, axes))
    area, seen = view.map.area, view.map.to_pixels(view.content.points)
    assert area.left() > 30 and view.map.height() - area.bottom() > 20
    assert all(area.contains(QPointF(x, y)) for x, y in seen)
    # Six powers of ten across and 0.7 up both fill it: each direction has a scale of its own.
    assert np.ptp(seen[:, 0]) > 0.85 * area.width() and np.ptp(seen[:, 1]) > 0.8 * area.height()
    across, up = view.map.axes.ticks(view.map._seen())
    assert {"1", "100", "10000"} <= {word for _, word in across} and {"0.4", "0.8"} <= {word for _, word in up}
    tick = view.map.to_pixels(np.array([[2.0, 0.4]]))[0]
    place = {word: share for share, word in across}["100"]
    assert abs(area.left() + place * area.width() - tick[0]) < 1.5
    place = {word: share for share, word in up}["0.4"]
    assert abs(area.bottom() - place * area.height() - tick[1]) < 1.5
    before = view.map.to_pixels(view.content.points)
    view.map.magnify(2.0, QPointF(*before[2]))
    assert np.allclose(view.map.to_pixels(view.content.points)[2], before[2])
    columns, rows = view.rows()
    assert columns[:2] == ("log10 trainable parameters", "test result") and len(list(rows)) == 3
    view.map.fit()
    view.show_artifact(tmp_path, measured(tmp_path, points[:1], axes))
    assert area.contains(QPointF(*view.map.to_pixels(view.content.points)[0])) and view.map.axes.ticks(view.map._seen())
    view.map.grab()


def test_that_garbled_names_of_axes_are_told(view, tmp_path):
    view.show_artifact(tmp_path, measured(tmp_path, [(0, 1)], {"x": 3}))
    assert "damaged" in view._hint.text() and "$.x" in view._hint.text()
