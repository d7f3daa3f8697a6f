"""Transcribing from the page: live text, stop, corrections, two models, many files; a scripted and a real worker."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.engine.speech import tinymodels
from tests.plugins.fixtures import end_worker
from workbench.app import make_window
from workbench.core.audio import Segment
from workbench.core.transcripts import RecogniserFacts, Transcript
from workbench.gui.sounds.errand import Errand
from workbench.gui.sounds.transcribing import _start
from workbench.runner.local import LocalRunner
from workbench.runner.scripted import WAITING
from workbench.store import corrections

WITHIN_MS = 90_000
RATE = 16_000


def said(text: str, start_s: float, reached_s: float, *, complete: bool = False) -> Transcript:
    words = [Segment(start_s + 0.4 * at, start_s + 0.4 * at + 0.3, one) for at, one in enumerate(text.split())]
    segments = [Segment(words[0].start_s, words[-1].end_s, text)]
    return Transcript(segments, words, start_s, reached_s, 8.0, complete)


@pytest.fixture
def scripted_page(open_window, scripted, home, qtbot, tmp_path, monkeypatch):
    """The page with a sound and a model whose answers are given by hand."""
    from tests.gui.sounds.fakes import sine
    from workbench.core.audio import TiersDoc
    from workbench.gui.sounds.opening import Opened
    from workbench.gui.sounds.tiles import LocalTiles

    sound = sine(8.0)
    monkeypatch.setattr("workbench.gui.sounds.page.WorkerTiles", lambda link, _: LocalTiles(link, sound))
    folder = home.models / "by-hand"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "hubert", "architectures": ["HubertForCTC"]}')
    scripted.answers["transcribe"] = WAITING
    page = open_window().open_page("sounds")
    page._opened(Opened(str(tmp_path / "a.wav"), sound, TiersDoc()))
    page.transcribing.acts["transcribe"].trigger()
    qtbot.waitUntil(page.transcribing.acts["transcribe-run"].isEnabled)
    box = page.transcribing.panel.model
    box.setCurrentIndex(box.findData(str(folder)))
    return page


def next_question(qtbot, scripted) -> None:
    qtbot.waitUntil(lambda: any(not future.done() for _, future in scripted.waiting), timeout=WITHIN_MS)


def test_that_what_is_heard_is_shown_as_it_comes_and_becomes_tiers(scripted_page, scripted, qtbot):
    page, work = scripted_page, scripted_page.transcribing
    work.acts["transcribe-run"].trigger()
    next_question(qtbot, scripted)
    assert work.acts["transcribe-stop"].isEnabled() and not work.acts["transcribe-run"].isEnabled()
    scripted.reach(0.2, "2 of 8 s", said("hello", 0, 2))
    qtbot.waitUntil(lambda: work.panel.text.toPlainText() == "hello")
    assert work.panel.progress.whole == "20 %, 2 of 8 s"
    scripted.answer(said("hello there", 0, 4))
    next_question(qtbot, scripted)
    qtbot.waitUntil(lambda: work.panel.text.toPlainText() == "hello there")
    assert not page.viewer.tiers.doc.tiers
    scripted.answer(said("you all", 5, 8, complete=True))
    qtbot.waitUntil(lambda: len(page.viewer.tiers.doc.tiers) == 2)
    first, second = page.viewer.tiers.doc.tiers
    assert [one.text for one in first.segments] == ["hello there", "you all"]
    assert [one.text for one in second.segments] == ["hello", "there", "you", "all"]
    assert "4 words by by-hand" in page.banner.accessibleName()
    page.viewer.undo.trigger()
    assert not page.viewer.tiers.doc.tiers


def test_that_stop_keeps_what_was_heard_and_another_sound_drops_it(scripted_page, scripted, qtbot):
    page, work = scripted_page, scripted_page.transcribing
    work.acts["transcribe-run"].trigger()
    next_question(qtbot, scripted)
    scripted.answer(said("so far", 0, 4))
    next_question(qtbot, scripted)
    future = scripted.waiting[-1][1]
    work.acts["transcribe-stop"].trigger()
    qtbot.waitUntil(lambda: len(page.viewer.tiers.doc.tiers) == 2)
    assert future.cancelled() and "stopped at 4 s of 8 s" in page.banner.accessibleName()
    assert [one.text for one in page.viewer.tiers.doc.tiers[0].segments] == ["so far"]

    work.acts["transcribe-run"].trigger()
    next_question(qtbot, scripted)
    future = scripted.waiting[-1][1]
    page.close_sounds()
    assert not work.errand.running and work.panel.isHidden()
    qtbot.waitUntil(future.cancelled)
    assert not work.acts["transcribe"].isEnabled()


def test_that_an_errand_that_was_replaced_is_heard_no_more(qtbot, open_window):
    link = open_window().link
    heard, gate = [], threading.Event()
    errand = Errand(link, link, "test errand")

    def slow(stop, tell):
        gate.wait(30)
        tell(lambda: heard.append("news of the old"))
        return "old"

    errand.start(slow, heard.append)
    errand.start(lambda stop, tell: "new", heard.append)
    qtbot.waitUntil(lambda: heard == ["new"])
    gate.set()
    errand.close()
    qtbot.wait(50)
    assert heard == ["new"]


@pytest.fixture
def page(qtbot, home):
    tinymodels.save_ctc(home.models / "first", seed=3)
    tinymodels.save_ctc(home.models / "second", "Hubert", seed=5)
    window = make_window(home, demo=False, make_runner=lambda: LocalRunner(home, client="test"))
    window.resize(1366, 768)
    window.show()
    qtbot.waitUntil(lambda: window.link.state.pid > 0, timeout=WITHIN_MS)
    yield window.open_page("sounds")
    window.leave_quietly()
    end_worker(home)
    window.deleteLater()


def test_that_a_real_worker_transcribes_compares_and_its_corrections_open_the_recipe(page, home, tmp_path, qtbot):
    folder = tmp_path / "in"
    folder.mkdir()
    spoken = tinymodels.said("abc hgf dead bee cafe fad " * 3, pause_s=0.3)
    soundfile.write(folder / "talk.wav", spoken, RATE)
    work, strip = page.transcribing, page.viewer.tiers

    def idle() -> bool:
        busy = page.opening.asking.doing or work.errand.running or work.asking.doing
        assert page.banner.record is None, page.banner.record
        return not busy and page.path.endswith("talk.wav")

    page.open_paths([str(folder)])
    qtbot.waitUntil(idle, timeout=WITHIN_MS)
    work.acts["transcribe"].trigger()
    qtbot.waitUntil(work.acts["transcribe-run"].isEnabled, timeout=WITHIN_MS)
    assert [one.title for one in work.models if Path(one.path).parent == home.models] == ["first", "second"]
    work.panel.model.setCurrentIndex(work.panel.model.findData(str(home.models / "first")))
    work.panel.other.setCurrentIndex(work.panel.other.findData(str(home.models / "second")))
    work.acts["transcribe-run"].trigger()
    qtbot.waitUntil(lambda: idle() and len(strip.doc.tiers) == 2, timeout=WITHIN_MS)
    assert len(strip.doc.tiers[1].segments) > 5
    assert all(0 < one.confidence < 1 for one in strip.doc.tiers[1].segments)

    assert not work.acts["corrections"].isEnabled()
    strip._mark(0, 0)
    strip.begin_text()
    strip._editor.setText("abc hgf")
    strip._take_text()
    strip._mark(0, len(strip.doc.tiers[0].segments) - 1)
    work.acts["confirm"].trigger()
    work.acts["corrections"].trigger()
    qtbot.waitUntil(idle, timeout=WITHIN_MS)
    rows = corrections.read(corrections.record_of(home))
    assert rows[0].path == str(folder / "talk.wav") and rows[0].text == "abc hgf"

    work.acts["transcribe-compare"].trigger()
    qtbot.waitUntil(lambda: idle() and len(strip.doc.tiers) == 4, timeout=WITHIN_MS)
    assert [one.name for one in strip.doc.tiers[2:]] == ["before", "after"]
    assert {name for name, _, _ in strip.differing} == {"before", "after"}
    told = work.panel.rates.text()
    assert "before: first" in told and "after: second" in told and "Word error rate on" in told

    if "ctc-recogniser" in page.recipes:
        work.acts["finetune"].trigger()
        window = page.window()
        qtbot.waitUntil(lambda: window.recipe_page() is not None, timeout=WITHIN_MS)
        form = window.recipe_page().setup.inputs.inputs()["speech"]
        assert len(Path(form, "transcripts.tsv").read_text("utf-8").splitlines()) == len(corrections.effective(rows))
        window.open_page("sounds")
        own = RecogniserFacts("/runs/one/model", "mine", "recogniser")
        assert _start(page.recipes["ctc-recogniser"], own) == {"start": "a model folder", "model": own.path}
        assert _start(page.recipes["ctc-recogniser"], work.models[0]) == {}
    else:
        assert not work.acts["finetune"].isVisible()

    # Many files at once.
    soundfile.write(folder / "silence.wav", np.zeros(RATE), RATE)
    (folder / "text.wav").write_text("no sound")
    page.acts["batch"].trigger()
    batch = page.batch
    assert batch.isVisible() and not batch.start.isEnabled() and "Choose files" in batch.state.whole
    batch.choose([str(folder)])
    batch.formats["srt"].setChecked(True)
    qtbot.waitUntil(batch.start.isEnabled, timeout=WITHIN_MS)
    batch.begin()
    qtbot.waitUntil(lambda: not batch.errand.running and len(batch.rows.items) == 3, timeout=WITHIN_MS)
    qtbot.waitUntil(lambda: batch.state.whole == "2 done, 1 failed", timeout=WITHIN_MS)
    shown = [[batch.rows.data(batch.rows.index(row, column)) for column in range(3)] for row in range(3)]
    assert [one[:2] for one in shown] == [["silence.wav", "done"], ["talk.wav", "done"], ["text.wav", "failed"]]
    assert (
        "no speech" in shown[0][2]
        and "word" in shown[1][2]
        and shown[2][2].startswith("This is no sound that can be read: a text file")
    )
    assert {one.name for one in folder.glob("talk.*")} == {"talk.wav", "talk.txt", "talk.srt"}
    assert page.values()["batch"] == {"formats": ["txt", "srt"], "out": ""}
    # A watched folder is left with Stop, and says so.
    batch.watch.setChecked(True)
    batch.begin()
    qtbot.waitUntil(lambda: "watching for more" in batch.state.whole, timeout=WITHIN_MS)
    batch.halt()
    qtbot.waitUntil(lambda: not batch.errand.running, timeout=WITHIN_MS)
    batch.leave.click()
    assert page.places.currentWidget() is page.looking
