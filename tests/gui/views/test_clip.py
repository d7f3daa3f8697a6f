"""A video of a run: decoded while it is seen, stepped through, with its spans below it."""

import msgspec
import psutil
import pytest

from tests.engine.video.films import film
from tests.plugins.fixtures import still_there
from workbench.core import documents
from workbench.core import events as ev
from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.gui.views import make_view

WITHIN_MS = 30_000


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run's folder with a video of 20 frames of 40 ms, and spans."""
    folder = tmp_path_factory.mktemp("run")
    film(folder / "clip.mp4", frames=20)
    spans = [Segment(0.0, 0.4, "rising"), Segment(0.4, 0.8, "falling")]
    documents.write(folder / "tiers.json", TiersDoc([Tier("motion", segments=spans), Tier("shape")]))
    (folder / "broken.mp4").write_bytes((folder / "clip.mp4").read_bytes()[:200])
    return folder


@pytest.fixture
def clip():
    return ev.Artifact(slot="film", kind="clip", path="clip.mp4", parts={"tiers": "tiers.json"})


@pytest.fixture
def view(qtbot):
    made = make_view("clip")
    qtbot.addWidget(made)
    made.resize(700, 500)
    made.show()
    yield made
    made.clear("")
    assert made.opening.join()


def children():
    return {one for one in psutil.Process().children() if "avframes" in " ".join(one.cmdline())}


def seen(qtbot, view):
    qtbot.waitUntil(lambda: view.problem is not None or "20 frames" in view.caption, timeout=WITHIN_MS)
    assert view.problem is None, view.problem
    player, scene = view.viewer.player, view.viewer.scene
    qtbot.waitUntil(lambda: player.on_screen == scene.frame, timeout=WITHIN_MS)


def test_that_a_video_is_seen_with_its_spans_and_let_go_while_nobody_looks(view, run, clip, qtbot):
    view.show_artifact(run, clip)
    seen(qtbot, view)
    assert view.caption == "20 frames · 0.8 s · 96 × 64"
    assert view.viewer.canvas.image.width() == 96
    band = view._bands[0]
    assert [one.tier.name for one in view._bands] == ["motion", "shape"]
    assert band.span_at(0.39).text == "rising" and band.span_at(0.4).text == "falling" and band.span_at(0.81) is None
    picture = band.grab().toImage()
    left, right = (picture.pixelColor(int(band.x_of(at)), 4).rgb() for at in (0.3, 0.7))
    assert left != right
    assert list(view.rows()[1])[1] == ("motion", 0.4, 0.8, "falling", 1.0)
    view.viewer.go(7)
    qtbot.waitUntil(lambda: view.viewer.player.on_screen == 7, timeout=WITHIN_MS)
    decoders = children()
    assert decoders
    view.hide()
    assert not still_there(decoders, within_s=10)
    view.show()
    qtbot.waitUntil(lambda: view.viewer.player.on_screen == 7, timeout=WITHIN_MS)


def test_that_a_file_that_is_no_video_is_said_and_the_next_one_is_seen(view, run, clip, qtbot):
    view.show_artifact(run, msgspec.structs.replace(clip, path="broken.mp4"))
    qtbot.waitUntil(lambda: view.problem is not None, timeout=WITHIN_MS)
    assert "broken.mp4" in view.problem.place + view.problem.what + view.problem.received
    view.show_artifact(run, msgspec.structs.replace(clip, path="gone.mp4"))
    assert "no such file" in view.problem.received
    view.show_artifact(run, msgspec.structs.replace(clip, path="../clip.mp4"))
    assert "outside" in view.problem.what
    view.show_artifact(run, msgspec.structs.replace(clip, parts={}))
    seen(qtbot, view)
    assert view._bands == [] and next(iter(view.rows()[1])) == (0, 0.0) and len(list(view.rows()[1])) == 20
