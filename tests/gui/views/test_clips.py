"""Clips of a run: what is seen of them, one of them large, what is asked for, what is written."""

from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QImage

from workbench.core import documents
from workbench.core.documents import Column, Item, ItemsDoc, TableDoc
from workbench.core.kinds import Clips, Confusion, Table
from workbench.core.recipe import Recipe
from workbench.gui.stage import Stage
from workbench.gui.theme import DARK, LIGHT
from workbench.gui.views import make_view
from workbench.gui.views.clipexport import LEAST_PX, save_gif, save_strip
from workbench.gui.views.clipset import ClipSet, sorted_by, verdict

from . import artifacts, movies

COUNT = 12


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def view(qtbot, folder):
    """Clips that hold still at their first frame."""
    made = make_view("clips")
    qtbot.addWidget(made)
    made.resize(700, 420)
    made.show()
    made.show_artifact(folder, movies.clips(folder, COUNT))
    made.seek(0)
    return made


def asked(view, what):
    view.filter.setCurrentIndex(view.filter.findData(what))
    return view.grid.shown


def pixels(widget):
    return widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)


def test_that_clips_play_while_they_are_seen_and_no_timer_runs_otherwise(view, qtbot):
    assert not view._timer.isActive()
    view.play_action.trigger()
    frame = view.frame
    qtbot.waitUntil(lambda: view.frame != frame, timeout=5000)
    view.hide()
    assert not view._timer.isActive() and view.playing
    view.show()
    assert view._timer.isActive()
    view.clear("Soon.")
    assert not view._timer.isActive()


def test_that_the_last_frame_stays_longer_before_a_clip_begins_again(view):
    view.seek(view.clips.length - 2)
    seen = []
    for _ in range(6):
        view._go_on()
        seen.append(view.frame)
    assert seen == [7, 7, 7, 7, 0, 1]


def test_that_a_speed_beyond_what_is_seen_leaves_frames_out_and_ends_at_the_ends_of_the_list(view):
    view.clips = ClipSet(
        view.clips.frames, view.clips.items, meta=msgspec.structs.replace(view.clips.meta, frames_per_s=60)
    )
    for _ in range(9):
        view.hasten()
    assert view.speed == 4.0
    view._go_on()
    assert view.frame == 4
    for _ in range(9):
        view.hasten(-1)
    assert view.speed == 0.25


def test_that_only_tiles_in_view_are_drawn(view, folder, monkeypatch):
    view.show_artifact(folder, movies.clips(folder, 200, size=8))
    drawn = []
    paint = ClipSet.paint
    monkeypatch.setattr(ClipSet, "paint", lambda self, *args: (drawn.append(args[2]), paint(self, *args)))
    view.grid.viewport().repaint()
    assert set(drawn) == {view.grid.shown[at] for at in view.grid.in_view()}
    assert 0 < len(set(drawn)) < 60
    view.grid.point(199)
    drawn.clear()
    view.grid.viewport().repaint()
    assert 199 in drawn and 0 not in drawn


def test_that_wrong_clips_labels_and_orders_are_asked_for(view):
    items = view.clips.items
    assert asked(view, "wrong") == [at for at in range(COUNT) if items[at].predicted != items[at].label] == [4, 9]
    assert "2 of 12 clips" in view.caption
    assert asked(view, "label:falling") == [at for at in range(COUNT) if items[at].label == "falling"]
    view.toggle_wrong()
    assert view.grid.shown == [4, 9]
    view.toggle_wrong()
    view.order.setCurrentIndex(view.order.findData("unsurest"))
    scores = [items[at].score for at in view.grid.shown]
    assert scores == sorted(scores) and len(scores) == COUNT
    assert [row[0] for row in view.rows()[1]] == view.grid.shown
    assert "10 right, 2 wrong" in view.caption


def test_that_what_has_no_truth_is_neither_right_nor_wrong():
    assert [verdict(one) for one in (Item("", "a", "a"), Item("", "a", "b"), Item("", "a"), Item("", "", "b"))] == [
        True, False, None, None,
    ]  # fmt: skip
    items = [Item("", score=score) for score in (0.5, 0.9, 0.5)]
    assert sorted_by("surest", [0, 1, 2], items) == [1, 0, 2]
    assert sorted_by("unsurest", [2, 1, 0], items) == [2, 0, 1]


def test_that_right_and_wrong_differ_in_sign_and_colour(view):
    def words(place):
        area = view.grid.place_of(place)
        side = area.width()
        shot = pixels(view.grid.viewport()).copy(area.x(), area.y() + side + 3, side // 2, (area.height() - side) // 2)
        return {shot.pixelColor(x, y).rgb() for x in range(shot.width()) for y in range(shot.height())}

    assert any(abs((rgb >> 16 & 255) - (rgb >> 8 & 255)) > 60 and (rgb >> 16 & 255) > 150 for rgb in words(4))
    assert not any((rgb >> 16 & 255) - (rgb >> 8 & 255) > 60 for rgb in words(0))
    view.grid.point(4)
    assert "wrong" in view.grid.accessibleDescription() and "predicted: falling" in view.grid.accessibleDescription()


def test_that_a_click_enlarges_a_clip_whose_frames_are_stepped_through_by_keys(view, qtbot):
    place = view.grid.place_of(1).center()
    qtbot.mouseClick(view.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert view.enlarged and view.stage.canvas.clip == 1
    view.activateWindow()
    view.stage.canvas.setFocus()
    qtbot.keyClick(view.stage.canvas, Qt.Key.Key_Right)
    qtbot.keyClick(view.stage.canvas, Qt.Key.Key_Right)
    assert view.frame == 2 and view.stage.counted.text() == "frame 3 of 8 · 0.25 s"
    qtbot.keyClick(view.stage.canvas, Qt.Key.Key_End)
    qtbot.keyClick(view.stage.canvas, Qt.Key.Key_Right)
    qtbot.keyClick(view.stage.canvas, Qt.Key.Key_Left)
    assert view.frame == 7 and not view.playing
    qtbot.keyClick(view.stage.canvas, Qt.Key.Key_N)
    assert view.stage.canvas.clip == 2 and "to the left" in view.stage.words.whole
    qtbot.keyClick(view.stage.canvas, Qt.Key.Key_Escape)
    assert not view.enlarged and view.grid.clip == 2
    qtbot.keyClick(view.grid, Qt.Key.Key_Home)
    qtbot.keyClick(view.grid, Qt.Key.Key_Down)
    assert view.grid.clip == view.grid.columns
    qtbot.keyClick(view.grid, Qt.Key.Key_Return)
    assert view.enlarged and view.stage.canvas.clip == view.grid.columns


def test_that_tiny_clips_are_enlarged_in_whole_plain_pixels_and_large_ones_are_shrunk(view):
    assert view.clips.fits(QSize(150, 120)) == QSize(96, 96)
    assert view.clips.fits(QSize(40, 20)) == QSize(20, 20)
    made = view.clips.picture(0, 0, QSize(96, 96))
    shown = np.frombuffer(made.constBits(), np.uint8).reshape(96, made.bytesPerLine())[:, : 96 * 3].reshape(96, 96, 3)
    assert (shown == np.kron(view.clips.frames[0, 0], np.ones((3, 3, 1), np.uint8))).all()


def test_that_maps_lie_over_frames_as_opaque_as_asked_for_and_can_be_hidden(view):
    def red_and_green(share):
        made = view.clips.picture(0, 0, QSize(32, 32), share)
        return np.frombuffer(made.constBits(), np.uint8).reshape(32, -1)[:, :96].reshape(32, 32, 3).astype(int)

    plain, faint, strong = (red_and_green(share) for share in (0.0, 0.3, 0.9))
    there = np.kron(view.clips.maps[0, 0], np.ones((4, 4))) > 0
    assert (abs(strong - plain).sum(-1)[there].mean()) > 2 * abs(faint - plain).sum(-1)[there].mean() > 0
    corner = (slice(0, 4), slice(0, 4))
    assert (strong[corner] == plain[corner]).all()
    view.set_share(0.8)
    assert view.shown_share == 0.8 == view.grid.share and view.opacity.value() == 80
    view.maps_action.trigger()
    assert view.shown_share == 0 == view.grid.share and "where the square is" not in view.caption
    view.set_share(7)
    assert view.share == 1.0 and view.maps_action.isChecked()


def test_that_maps_that_are_no_numbers_are_drawn_as_nothing(view):
    broken = ClipSet(view.clips.frames, view.clips.items, np.full((COUNT, 8, 8, 8), np.nan, np.float32))
    assert broken.picture(0, 0, QSize(32, 32), 1.0) == view.clips.picture(0, 0, QSize(32, 32))


def test_that_the_next_step_of_a_run_keeps_filter_order_and_the_enlarged_clip(view, folder):
    asked(view, "label:falling")
    view.order.setCurrentIndex(1)
    view.enlarge(5)
    view.seek(4)
    view.show_artifact(folder, movies.clips(folder, COUNT, wrong_every=2))
    assert view.enlarged and view.stage.canvas.clip == 5 and view.frame == 4
    assert view.filter.currentData() == "label:falling" and view.order.currentData() == "surest"
    assert view.stage.words.whole.startswith("✗ to the left")
    view.show_artifact(folder, movies.clips(folder, 3))
    assert not view.enlarged and view.problem is None


@pytest.mark.parametrize(
    ("frames", "received"),
    [
        (np.zeros((12, 8, 32, 32), np.uint8), "(12, 8, 32, 32)"),
        (np.zeros((12, 8, 4, 4, 4), np.uint8), "(12, 8, 4, 4, 4)"),
        (np.zeros((12, 8, 4, 4, 3), np.float32), "float32"),
        (np.zeros((12, 0, 4, 4, 3), np.uint8), "(12, 0, 4, 4, 3)"),
        (np.zeros((5, 8, 4, 4, 3), np.uint8), "12 items"),
        (np.zeros((12, 4, 4, 4, 3), np.uint8), "(12, 8, 8, 8)"),
    ],
)
def test_that_what_does_not_fit_is_said(view, folder, frames, received):
    artifact = view.artifact
    np.save(folder / artifact.path, frames)
    view.show_artifact(folder, artifact)
    assert view.problem is not None and received in view.problem.received
    assert not view._timer.isActive()


def test_that_no_clips_and_a_meta_of_another_kind_are_no_reason_to_fall(view, folder):
    artifact = movies.clips(folder, COUNT)
    view.show_artifact(folder, msgspec.structs.replace(artifact, meta={"frames_per_s": "fast"}))
    assert "ClipsMeta" in view.problem.expected
    view.show_artifact(folder, msgspec.structs.replace(artifact, meta={"frames_per_s": 0}))
    assert "frames per second" in view.problem.expected
    np.save(folder / artifact.path, np.zeros((0, 8, 4, 4, 3), np.uint8))
    documents.write(folder / "clips.items.json", ItemsDoc([]))
    view.show_artifact(folder, msgspec.structs.replace(artifact, parts={"items": "clips.items.json"}))
    assert view.problem is None and view.grid.clip == -1
    view.grid.grab()
    view.go()
    view.enlarge(view.grid.clip)
    assert not view.enlarged


def test_that_clips_without_items_or_maps_are_shown_with_what_there_is(view, folder):
    view.show_artifact(folder, msgspec.structs.replace(view.artifact, parts={}, meta={}))
    assert view.problem is None and view.caption == "12 clips"
    assert view.filter.count() == 1 and not view.maps_action.isVisible()


def test_that_a_clip_is_written_as_gif_and_as_strip(view, tmp_path, qtbot):
    save_gif(view.clips, 2, 0.0, tmp_path / "clip.gif")
    with Image.open(tmp_path / "clip.gif") as gif:
        assert gif.n_frames == 8 and gif.size == (LEAST_PX, LEAST_PX)
        assert gif.info["duration"] == 120 and gif.info["loop"] == 0
        gif.seek(5)
        off = np.asarray(gif.convert("RGB")).astype(int)[4::8, 4::8] - view.clips.frames[2, 5]
    assert abs(off).mean() < 6
    assert view.save_clip(save_strip, view.clips, 2, 0.0, tmp_path / "frames.png")
    qtbot.waitUntil(lambda: view.caption == "saved frames.png", timeout=5000)
    assert QImage(str(tmp_path / "frames.png")).size() == QSize(8 * LEAST_PX + 7 * 4, LEAST_PX)
    view.save_clip(save_gif, view.clips, 2, 0.0, tmp_path / "nowhere" / "clip.gif")
    qtbot.waitUntil(lambda: view.caption.startswith("not saved"), timeout=5000)


def test_that_a_cell_of_a_matrix_shows_its_clips_beside_it(qtbot, folder):
    recipe = Recipe.__new__(Recipe)
    object.__setattr__(recipe, "writes", {"confusion": Confusion, "clips": Clips})
    object.__setattr__(recipe, "layout", None)
    stage = Stage(recipe)
    qtbot.addWidget(stage)
    clips = movies.clips(folder, COUNT)
    made = documents.read(folder / "clips.items.json", ItemsDoc).items
    names = list(movies.WAYS)
    cells = {}
    for at, one in enumerate(made):
        cells.setdefault(f"{names.index(one.label)},{names.index(one.predicted)}", []).append(at)
    counts = [[len(cells.get(f"{row},{column}", [])) for column in range(4)] for row in range(4)]
    matrix = documents.ConfusionDoc(names, counts, cells)
    documents.write(folder / "confusion.json", matrix)
    confusion = artifacts.ev.Artifact(
        slot="confusion", kind="confusion", path="confusion.json", parts={"items": "clips.items.json"}
    )
    for artifact in (clips, confusion):
        stage.places[artifact.slot].show_artifact(folder, artifact)
    stage.places["confusion"].view._choose((0, 1))
    view = stage.places["clips"].view
    assert view.grid.shown == cells["0,1"] == [4]
    assert view.filter.currentText() == "Picked: 1" and "True rising, predicted falling" in view.caption
    view.narrow([Item("another", "x", source=-1)], "none of these")
    assert view.grid.shown == [4]


def test_that_a_row_of_a_table_shows_the_clips_of_its_group(qtbot, folder):
    recipe = Recipe.__new__(Recipe)
    object.__setattr__(recipe, "writes", {"grid": Table, "clips": Clips})
    object.__setattr__(recipe, "layout", (("grid",), ("clips",)))
    stage = Stage(recipe)
    qtbot.addWidget(stage)
    made = []
    for name, count in (("probe", 4), ("adapter", 6)):
        (folder / name).mkdir()
        one = movies.clips(folder / name, count)
        parts = {part: f"{name}/{path}" for part, path in one.parts.items()}
        made.append(
            msgspec.structs.replace(one, path=f"{name}/{one.path}", parts=parts, meta={**one.meta, "group": name})
        )
    documents.write(folder / "grid.json", TableDoc([Column("strategy", "text")], [["probe"], ["adapter"], ["other"]]))
    documents.write(
        folder / "grid.items.json", ItemsDoc([Item(one, group=one) for one in ("probe", "adapter", "other")])
    )
    grid = artifacts.ev.Artifact(slot="grid", kind="table", path="grid.json", parts={"items": "grid.items.json"})
    model = SimpleNamespace(
        folder=SimpleNamespace(path=folder), artifacts={"clips": made, "grid": [grid]},
        artifact_at=lambda slot, step: model.artifacts[slot][-1],
    )  # fmt: skip
    for slot in ("grid", "clips"):
        stage.show_slot(model, slot, None)
    clips, table = stage.places["clips"].view, stage.places["grid"].view
    listed = []
    stage.picked.connect(lambda items, _: listed.append([one.text for one in items]))
    stage.resize(500, 300)  # one place below the other, and room for one
    stage.show()
    for row, count in ((0, 4), (1, 6), (0, 4), (2, 4)):  # nothing is known of the last one: what was there stays
        table.table.doubleClicked.emit(table.model.index(row, 0))
        assert len(clips.clips.items) == count
    # Clips are seen in the place of a list of what they are of, which is for those that lead nowhere.
    assert listed == [[], [], [], ["other"]]
    stage._area.verticalScrollBar().setValue(0)
    assert stage.places["clips"].visibleRegion().boundingRect().height() < 100
    table.table.doubleClicked.emit(table.model.index(1, 0))
    qtbot.waitUntil(lambda: stage.places["clips"].visibleRegion().boundingRect().height() > 250)
    stage.zoom("grid")
    table.table.doubleClicked.emit(table.model.index(0, 0))
    qtbot.waitUntil(lambda: stage.places["clips"].visibleRegion().boundingRect().height() > 250)


def test_that_both_themes_are_worn_and_sizes_change_by_keys(view, qtbot):
    pictures = []
    for now in (DARK, LIGHT):
        view.set_theme(now)
        pictures.append(pixels(view.grid))
    assert pictures[0] != pictures[1]
    before = view.grid.place_of(0).width()
    view.activateWindow()
    view.grid.setFocus()
    qtbot.keyClick(view.grid, Qt.Key.Key_Minus)
    assert view.grid.place_of(0).width() < before
    assert view.grid.place_at(QPoint(-5, -5)) == -1
