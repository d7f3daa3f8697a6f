"""What every view promises: files are shown, damage is said, colours follow the theme, numbers come out."""

import msgspec
import numpy as np
import pytest
from PySide6.QtGui import QColor, QGuiApplication, QImage

from workbench.core import events as ev
from workbench.gui.theme import DARK, LIGHT
from workbench.gui.views import drawable, make_view

from . import artifacts, movies


def image(folder):
    picture = QImage(40, 20, QImage.Format.Format_RGB32)
    picture.fill(QColor("#336699"))
    picture.save(str(folder / "picture.png"))
    return ev.Artifact(slot="picture", kind="image", path="picture.png")


def attention(folder):
    weights = np.random.default_rng(0).random((2, 5, 5)).astype(np.float32)
    np.save(folder / "attention.npy", weights, allow_pickle=False)
    return ev.Artifact(
        slot="attention", kind="attention", path="attention.npy", meta={"tokens": ["a", "b", "c", "d", "e"]}
    )


MAKERS = {
    "confusion": lambda folder: artifacts.confusion(folder, artifacts.items(300)),
    "embedding": lambda folder: artifacts.embedding(folder, artifacts.items(300)),
    "table": artifacts.table,
    "spans": artifacts.spans,
    "text": artifacts.text,
    "image": image,
    "attention": attention,
    "clips": lambda folder: movies.clips(folder, 6),
}
KINDS = sorted(MAKERS)


@pytest.fixture
def shown(qtbot, tmp_path):
    def show(kind):
        view = make_view(kind)
        qtbot.addWidget(view)
        view.resize(420, 300)
        view.show()
        artifact = MAKERS[kind](tmp_path)
        view.show_artifact(tmp_path, artifact)
        return view, artifact

    return show


@pytest.mark.parametrize("kind", KINDS)
def test_that_a_whole_artifact_is_shown(shown, kind):
    view, _ = shown(kind)
    assert view.problem is None
    assert view.caption
    picture = view.grab().toImage()
    colours = {picture.pixelColor(x, y).rgba() for x in range(0, 420, 3) for y in range(0, 300, 3)}
    assert len(colours) >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_that_a_missing_file_is_said_and_the_next_one_is_shown(shown, kind, tmp_path):
    view, artifact = shown(kind)
    view.show_artifact(tmp_path, msgspec.structs.replace(artifact, path="gone" + artifact.path))
    assert view.problem is not None
    view.show_artifact(tmp_path, artifact)
    assert view.problem is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0, 1, 40])
def test_that_a_truncated_file_is_said(shown, kind, kept, tmp_path):
    view, artifact = shown(kind)
    path = tmp_path / artifact.path
    path.write_bytes(path.read_bytes()[:kept])
    view.show_artifact(tmp_path, artifact)
    assert view.problem is not None and view.problem.what
    assert view.problem.place == str(path)


@pytest.mark.parametrize("kind", KINDS)
def test_that_a_file_outside_the_run_is_not_opened(shown, kind, tmp_path):
    view, artifact = shown(kind)
    (tmp_path / "run").mkdir()
    view.show_artifact(tmp_path / "run", msgspec.structs.replace(artifact, path="../" + artifact.path))
    assert "outside" in view.problem.what


@pytest.mark.parametrize("kind", KINDS)
def test_that_both_themes_are_worn(shown, kind):
    view, _ = shown(kind)
    pictures = []
    for now in (DARK, LIGHT):
        view.set_theme(now)
        pictures.append(view.grab().toImage())
    if kind not in ("text", "image"):
        assert pictures[0] != pictures[1]


@pytest.mark.parametrize("kind", KINDS)
def test_that_numbers_and_pictures_come_out(shown, kind, tmp_path):
    view, _ = shown(kind)
    for name in ("out.csv", "out.png", "out.svg"):
        (view.save_csv if name.endswith("csv") else view.save_picture)(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10
    assert QImage(str(tmp_path / "out.png")).width() == 2 * view._exported().width()
    view.copy_csv()
    assert QGuiApplication.clipboard().text()


@pytest.mark.parametrize("kind", KINDS)
def test_that_a_cleared_view_says_what_will_come(shown, kind):
    view, _ = shown(kind)
    view.clear("Soon.")
    assert view._hint.isVisible() and view._hint.text() == "Soon."
    assert view.caption == ""


@pytest.mark.parametrize("kind", [*KINDS, "curve"])
def test_that_views_have_names_and_described_actions(qtbot, kind):
    view = make_view(kind)
    qtbot.addWidget(view)
    assert view.accessibleName()
    assert len(view.actions()) >= 4
    assert all(action.text() for action in view.actions())


def test_that_kinds_without_a_view_are_known():
    assert drawable("confusion") and not drawable("outcomes")
    with pytest.raises(KeyError):
        make_view("outcomes")


def test_that_arrays_of_objects_are_never_unpickled(shown, tmp_path):
    view, artifact = shown("embedding")
    np.save(tmp_path / artifact.path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    view.show_artifact(tmp_path, artifact)
    assert view.problem is not None


def test_that_an_array_of_the_wrong_shape_is_said(shown, tmp_path):
    view, artifact = shown("embedding")
    np.save(tmp_path / artifact.path, np.zeros((300, 3), np.float32))
    view.show_artifact(tmp_path, artifact)
    assert "(300, 3)" in view.problem.received
    np.save(tmp_path / artifact.path, np.zeros((12, 2), np.float32))
    view.show_artifact(tmp_path, artifact)
    assert "300" in view.problem.expected


def test_that_counts_without_rows_and_spans_out_of_their_text_are_said(shown, tmp_path):
    view, artifact = shown("confusion")
    (tmp_path / artifact.path).write_text('{"labels":["a","b"],"counts":[[1,2]],"cells":{}}')
    view.show_artifact(tmp_path, artifact)
    assert view.problem is not None
    view, artifact = shown("spans")
    (tmp_path / artifact.path).write_text('{"texts":[{"text":"ab","spans":[{"start":0,"end":9}]}]}')
    view.show_artifact(tmp_path, artifact)
    assert view.problem is not None


def test_that_large_files_are_read_off_the_gui_thread_and_only_the_newest_is_drawn(qtbot, tmp_path):
    (tmp_path / "large").mkdir()
    large = artifacts.embedding(tmp_path / "large", artifacts.items(12_000))
    small = artifacts.embedding(tmp_path, artifacts.items(50))
    view = make_view("embedding")
    qtbot.addWidget(view)
    view.show_artifact(tmp_path / "large", large)
    assert len(view.content.points) == 0
    view.show_artifact(tmp_path, small)
    assert len(view.content.points) == 50
    qtbot.wait(400)
    assert len(view.content.points) == 50
    view.show_artifact(tmp_path / "large", large)
    qtbot.waitUntil(lambda: len(view.content.points) == 12_000, timeout=5000)
    assert view.problem is None


def test_that_a_view_may_go_while_its_file_is_being_read(qtbot, tmp_path):
    large = artifacts.embedding(tmp_path, artifacts.items(12_000))
    view = make_view("embedding")
    view.show_artifact(tmp_path, large)
    view.deleteLater()
    del view
    qtbot.wait(400)


def test_that_a_picture_s_view_leaves_its_title_to_the_place_that_says_it_already(shown, tmp_path):
    view, artifact = shown("image")
    view.show_artifact(tmp_path, msgspec.structs.replace(artifact, title="Cosines of pictures"))
    assert view.caption == ""
