"""The whole way with a real worker: a dropped folder, tiers that are kept, export, the sample."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tests.plugins.fixtures import end_worker
from workbench.app import make_window
from workbench.gui.sounds import tieredits
from workbench.runner.local import LocalRunner

WITHIN_MS = 60_000
RATE = 16_000


@pytest.fixture
def page(qtbot, home):
    window = make_window(home, demo=False, make_runner=lambda: LocalRunner(home, client="test"))
    window.resize(1366, 768)
    window.show()
    qtbot.waitUntil(lambda: window.link.state.pid > 0, timeout=WITHIN_MS)
    yield window.open_page("sounds")
    window.leave_quietly()
    end_worker(home)
    window.deleteLater()


def wait(qtbot, page, path=""):
    qtbot.waitUntil(
        lambda: (
            page.banner.record is not None
            or (not page.opening.asking.doing and not page.exporting.asking.doing and page.path.endswith(path))
        ),
        timeout=WITHIN_MS,
    )
    assert page.banner.record is None, page.banner.record


def test_that_sounds_are_seen_annotated_and_exported_by_a_real_worker(page, tmp_path, qtbot, home):
    at = np.arange(3 * RATE) / RATE
    for name, hz in (("a", 440), ("b", 1000)):
        soundfile.write(tmp_path / f"{name}.flac", 0.5 * np.sin(2 * np.pi * hz * at), RATE)
    page.open_paths([str(tmp_path)])
    wait(qtbot, page, "a.flac")
    viewer = page.viewer
    assert page.files.count() == 2 and page.files.isVisible()
    assert viewer.scene.samples == 3 * RATE
    strip = viewer.spectrogram
    share = 1 - strip.y_of(440) / strip.height()
    # Nothing waits before the first paint has asked, either.
    qtbot.waitUntil(lambda: strip.db_at(RATE, share) is not None and not viewer.store.waiting, timeout=WITHIN_MS)
    assert strip.db_at(RATE, share) == pytest.approx(-6, abs=3)
    viewer.acts["tracks"].trigger()
    qtbot.waitUntil(lambda: viewer.scene.tracks is not None, timeout=WITHIN_MS)
    assert strip.track_at(RATE)[0] == pytest.approx(440, abs=5)

    viewer.scene.select(RATE, 2 * RATE)
    viewer.acts["insert"].trigger()
    viewer.tiers._editor.setText("hello")
    viewer.tiers._take_text()
    page.acts["next"].trigger()  # leaving puts the edits on disk
    wait(qtbot, page, "b.flac")
    kept = tieredits.kept(tieredits.kept_path(home.edits, str(tmp_path / "a.flac")))
    assert [one.text for one in kept.tiers[0].segments] == ["hello"]
    assert not page.viewer.tiers.doc.tiers
    page.acts["previous"].trigger()
    wait(qtbot, page, "a.flac")
    assert page.viewer.tiers.segment() is None
    assert page.viewer.tiers.doc.tiers[0].segments[0].text == "hello"

    page.exporting.write_sound(page.path, tmp_path / "part.wav", (1.0, 1.5))
    wait(qtbot, page)
    assert soundfile.info(tmp_path / "part.wav").frames == RATE // 2
    page.exporting.write_tiers(page.viewer.tiers.doc, tmp_path / "a.TextGrid")
    wait(qtbot, page)
    assert '"hello"' in (tmp_path / "a.TextGrid").read_text()
    page.open_paths([str(tmp_path / "a.TextGrid")])
    wait(qtbot, page)
    # Tiers of a file come below those that are there: nothing is lost.
    assert [one.name for one in page.viewer.tiers.doc.tiers] == ["segments", "segments 2"]
    assert [one.text for tier in page.viewer.tiers.doc.tiers for one in tier.segments if one.text] == ["hello"] * 2
    page.viewer.acts["untier"].trigger()
    assert len(page.viewer.tiers.doc.tiers) == 1
    page.viewer.undo.trigger()
    assert len(page.viewer.tiers.doc.tiers) == 2

    page.close_sounds()
    assert page.recent == [str(tmp_path / "a.flac"), str(tmp_path / "b.flac")]
    page.open_sample()
    wait(qtbot, page, ".wav")
    kinds = [one.kind for one in page.viewer.tiers.doc.tiers]
    assert "words" in kinds and "phones" in kinds
    assert page.recent[0] == str(tmp_path / "a.flac")


def test_that_a_file_that_is_no_sound_is_told(page, tmp_path, qtbot):
    (tmp_path / "bad.wav").write_bytes(b"not a sound at all")
    page.open_paths([str(tmp_path / "bad.wav")])
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert page.places.currentWidget() is page.start
    (tmp_path / "empty").mkdir()
    page.open_paths([str(tmp_path / "empty")])
    qtbot.waitUntil(lambda: "no sound" in page.banner.record.what, timeout=WITHIN_MS)
