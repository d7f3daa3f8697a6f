"""`workbench speech transcribe`, batches and watched folders with a real worker."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from tests.engine.speech import tinymodels
from tests.engine.speech.sounds import tone, write
from tests.plugins.fixtures import end_worker, until, worker_process
from workbench.core.audio import TiersDoc
from workbench.core.problem import InputError
from workbench.core.transcripts import TranscribingWish, Transcript, joined
from workbench.engine.speech.opening import open_whole
from workbench.engine.speech.recogniser import CtcRecogniser, Shape
from workbench.engine.speech.recognisers import load
from workbench.engine.speech.tiers import read_tiers
from workbench.engine.speech.transcribing import transcribe
from workbench.runner.answering import Stopped
from workbench.runner.local import LocalRunner
from workbench.runner.transcribing import Batch, BatchWish, items_of, transcript_of
from workbench.store.home import Home, open_home


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    return open_home(tmp_path_factory.mktemp("shared") / "home")


@pytest.fixture(scope="module")
def runner(home):
    """One worker for all of these: it loads torch once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_WARM", "")
        patch.setenv("WORKBENCH_DEVICE", "cpu")
        one = LocalRunner(home, client="test")
        one.attach().result(120)
        yield one
        end_worker(home)
        one.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tinymodels.save_ctc(tmp_path_factory.mktemp("model") / "tiny-wav2vec2")


@pytest.fixture
def spoken(tmp_path) -> Path:
    """Forty seconds at another rate, in a folder of their own."""
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(4)
    text = " ".join("".join(rng.choice(list("abcdefgh"), 4)) for _ in range(50))
    return write(tmp_path / "in" / "talk.flac", tinymodels.said(text, rate=22_050, pause_s=0.3), 22_050)


@pytest.fixture
def wanted(model, spoken, tmp_path) -> Transcript:
    """What the engine hears without a worker."""
    return joined(list(transcribe(open_whole(spoken, tmp_path / "own-cache"), load(model))))


def test_that_a_files_words_are_those_of_the_engine_and_every_format_is_read_back(
    runner, home, workbench, model, spoken, wanted, tmp_path
):
    at_home = ("--home", str(home.root), "--model", str(model))
    (found,) = workbench("speech", "transcribe", str(spoken), "--json", *at_home).lines
    told = msgspec.convert(found, Transcript)
    assert told.words == wanted.words and len(told.words) > 5 and told.complete
    assert told.model == "tiny-wav2vec2" and "resampled from 22\u202f050 to 16\u202f000 Hz for the model" in told.notes
    said = workbench("speech", "transcribe", str(spoken), *at_home)
    assert said.status == 0 and said.out.splitlines() == [one.text for one in wanted.segments]

    assert workbench("speech", "models", "--json", "--home", str(home.root)).status == 0

    out = tmp_path / "out"
    formats = "txt,srt,vtt,textgrid,ctm,json"
    done = workbench("speech", "transcribe", str(spoken), "--out", str(out), "--format", formats, "--json", *at_home)
    assert [one["type"] for one in done.lines] == ["file", "summary"] and done.lines[1]["done"] == 1
    assert {Path(one).name for one in done.lines[0]["files"]} == {
        "talk.txt", "talk.srt", "talk.vtt", "talk.TextGrid", "talk.ctm", "talk.json"}  # fmt: skip
    texts = [one.text for one in wanted.segments]
    assert (out / "talk.txt").read_text("utf-8").splitlines() == texts
    for name in ("talk.srt", "talk.vtt"):
        assert [one.text for one in read_tiers(out / name).tiers[0].segments] == texts
    for name in ("talk.TextGrid", "talk.json"):
        tiers = {one.name: one for one in read_tiers(out / name).tiers}
        assert [one.text for one in tiers["words"].segments] == [one.text for one in wanted.words]
    ctm = read_tiers(out / "talk.ctm").tiers[0].segments
    assert [one.confidence for one in ctm] == pytest.approx([one.confidence for one in wanted.words], abs=1e-3)


def test_that_faults_of_a_command_are_told_together_and_bad_sounds_one_by_one(runner, home, workbench, model, tmp_path):
    at_home = ("--home", str(home.root))
    none = workbench("speech", "transcribe", str(tmp_path / "no.wav"), "--format", "doc", "--beam", "0", *at_home)
    assert none.status == 2
    for words in ("nothing at this path", "written as 'doc'", "This beam"):
        assert words in none.err
    assert "bert" in workbench(
        "speech", "transcribe", str(tmp_path), "--model", str(_bert(tmp_path)), *at_home
    ).err  # fmt: skip

    folder = tmp_path / "bad"
    folder.mkdir()
    write(folder / "silence.wav", np.zeros((8000, 1)))
    write(folder / "eight-bit.wav", tone(1.0), subtype="PCM_U8")
    write(folder / "twelve.wav", tone(1.0, channels=12))
    write(folder / "zero.wav", np.zeros((0, 1)))
    (folder / "text.wav").write_text("no sound", encoding="utf-8")
    (folder / ".hidden.wav").write_text("not looked at", encoding="utf-8")
    found = workbench("speech", "transcribe", str(folder), "--model", str(model), "--json", *at_home)
    states = {Path(one["path"]).name: one for one in found.lines[:-1]}
    assert found.status == 1 and found.lines[-1] == {"type": "summary", "done": 3, "failed": 2}
    assert {name: one["state"] for name, one in states.items()} == {
        "silence.wav": "done", "eight-bit.wav": "done", "twelve.wav": "done", "zero.wav": "failed",
        "text.wav": "failed"}  # fmt: skip
    assert "no speech was heard" in states["silence.wav"]["said"] and (folder / "silence.txt").read_text() == "\n"
    assert "mean of 12 channels" in states["twelve.wav"]["said"]
    assert "text file" in states["text.wav"]["problem"]["received"]
    assert "length is zero" in states["zero.wav"]["problem"]["what"]
    # A second time nothing is written over; a person may have corrected it.
    (folder / "twelve.txt").write_text("mine")
    again = workbench("speech", "transcribe", str(folder), "--model", str(model), "--json", *at_home)
    assert again.lines[-1] == {"type": "summary", "kept": 3, "failed": 2}
    assert (folder / "twelve.txt").read_text() == "mine"


def _bert(root: Path) -> Path:
    folder = root / "bert"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    return folder


def test_that_a_transcript_grows_while_it_is_waited_for_and_others_are_answered_between(
    runner, model, spoken, wanted, monkeypatch
):
    monkeypatch.setattr("workbench.runner.transcribing.BUDGET_S", 0.001)  # a stretch a question
    wish, grown = TranscribingWish(str(spoken), str(model)), []
    found = transcript_of(runner, wish, threading.Event(), lambda partial, far, _: grown.append((partial.words, far)))
    assert found.words == wanted.words
    assert len(grown) >= 2 and all(wanted.words[: len(words)] == words for words, _ in grown)
    assert grown[-1][1] == 1.0
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        transcript_of(runner, wish, stop)
    with pytest.raises(InputError, match="malformed"):
        runner.inspect("transcribe", path=str(spoken), model=str(model), speed=3).result(60)


def test_that_a_recogniser_of_a_run_is_found_by_the_runs_name(runner, home, workbench, spoken):
    torch.manual_seed(1)
    model = CtcRecogniser(Shape(width=24, layers=3, kernel=3))
    folder = home.runs / "20260101-120000-ctc" / "model"
    model.save(folder, card={"config": {"recipe": "ctc-recogniser"}})
    wanted = joined(list(transcribe(open_whole(spoken, home.cache / "own"), model, beam=4)))
    words = ("--model", "20260101-120000-ctc", "--beam", "4", "--json", "--home", str(home.root))
    (found,) = workbench("speech", "transcribe", str(spoken), *words).lines
    assert [one["text"] for one in found["words"]] == [one.text for one in wanted.words] != []
    listed = workbench("speech", "models", "--json", "--home", str(home.root)).lines
    assert [one["path"] for one in listed if one["family"] == "recogniser"][-1] == str(folder)


def test_that_a_worker_that_is_lost_on_the_way_is_gone_on_with_from_there(
    runner, home, model, spoken, wanted, monkeypatch
):
    monkeypatch.setattr("workbench.runner.transcribing.BUDGET_S", 0.001)
    killed: list[float] = []

    def told(partial: Transcript, far: float, _: str) -> None:
        if 0 < far < 1 and partial.words and not killed:
            killed.append(partial.reached_s)
            for child in worker_process(home).children(recursive=True):
                child.kill()

    found = transcript_of(runner, TranscribingWish(str(spoken), str(model)), threading.Event(), told)
    assert killed and found.words == wanted.words


def test_that_files_are_taken_one_by_one_with_a_reason_for_each_that_waits(runner, model, spoken, tmp_path):
    shutil.copy(spoken, spoken.with_suffix(".wav"))  # same name, another ending
    shutil.copy(spoken, spoken.parent / "other.flac")
    seen: list[tuple[str, ...]] = []
    batch = Batch(runner, BatchWish(str(model), ("srt",), tmp_path / "out"),
                  lambda _: seen.append(tuple(batch.reasons())))  # fmt: skip
    items = items_of([spoken.parent, spoken])
    batch.run(items)
    assert [one.path.name for one in items] == ["other.flac", "talk.flac", "talk.wav"]
    assert {one.name for one in (tmp_path / "out").iterdir()} == {"other.srt", "talk.flac.srt", "talk.wav.srt"}
    assert ("next", "behind 1 other", "behind 2 others") in seen
    waited = [told[2] for told in seen]
    assert waited.index("behind 2 others") < waited.index("behind 1 other")
    assert all("word" in one for one in seen[-1])

    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "vocab.json").unlink()
    failed = items_of([spoken.parent])
    Batch(runner, BatchWish(str(broken), ("vtt",))).run(failed)
    assert [one.state for one in failed] == ["failed"] * 3 and "cannot be used" in failed[2].why


def test_that_a_watched_folder_takes_what_comes_once_it_is_whole(runner, model, spoken, tmp_path):
    folder = tmp_path / "watched"
    folder.mkdir()
    seen: list[tuple[str, str, str]] = []
    batch = Batch(runner, BatchWish(str(model)), lambda item: seen.append((item.path.name, item.state, item.words)))
    thread = threading.Thread(target=lambda: batch.watch(folder, scan_s=0.05, settled_s=0.6))
    thread.start()
    try:
        whole = spoken.read_bytes()
        with (folder / "coming.flac").open("wb") as file:
            for part in range(8):
                file.write(whole[part * len(whole) // 8 : (part + 1) * len(whole) // 8])
                file.flush()
                time.sleep(0.15)
        (folder / "bad.wav").write_bytes(b"no sound")
        state = {}
        until(lambda: state.update({name: one for name, one, _ in seen}) or (len(state) == 2
              and all(one in ("done", "failed") for one in state.values())), "both are through")  # fmt: skip
        assert state == {"coming.flac": "done", "bad.wav": "failed"}
        assert ("coming.flac", "waiting", "the file is still being written") in seen
        assert (folder / "coming.txt").stat().st_size > 10
        shutil.copy(spoken, folder / "bad.wav")  # mended
        until(lambda: [one for one in seen if one[:2] == ("bad.wav", "done")], "the mended file is taken")
    finally:
        batch.stop.set()
        thread.join(60)
    assert not thread.is_alive()


def test_that_words_carry_speakers_into_files(runner, tmp_path):
    from workbench.core.audio import Segment, Tier
    from workbench.core.transcripts import with_speakers

    words = [Segment(0, 1, "yes"), Segment(1.2, 2, "no"), Segment(5, 6, "so")]
    speakers = Tier("speakers", "segments", [Segment(0, 1.1, "", "Ann"), Segment(1.1, 2.2, "", "Bob")])
    named = with_speakers(words, speakers)
    assert [one.speaker for one in named] == ["Ann", "Bob", ""]
    transcript = Transcript(named, named, 0, 6, 6, True)
    written = runner.inspect("transcript-export", transcript=msgspec.to_builtins(transcript),
                             out=str(tmp_path / "t"), formats=["txt", "vtt", "json"]).result(60)  # fmt: skip
    assert len(msgspec.json.decode(written)) == 3
    assert (tmp_path / "t.txt").read_text() == "Ann: yes\nBob: no\nso\n"
    assert "<v Bob>no</v>" in (tmp_path / "t.vtt").read_text()
    doc = msgspec.json.decode((tmp_path / "t.json").read_bytes(), type=TiersDoc)
    assert [one.speaker for one in doc.tiers[1].segments] == ["Ann", "Bob", ""]


def test_that_a_stretch_is_heard_alone_at_the_times_of_the_whole_sound(
    runner, home, workbench, model, spoken, wanted, tmp_path
):
    at_home = ("--home", str(home.root), "--model", str(model))
    inner = wanted.words[3:8]
    ends = (f"{inner[0].start_s - 0.05:.3f}", f"{inner[-1].end_s + 0.05:.3f}")
    (found,) = workbench(
        "speech", "transcribe", str(spoken), "--from", ends[0], "--to", ends[1], "--json", *at_home
    ).lines
    told = msgspec.convert(found, Transcript)
    assert told.complete and told.words and (told.start_s, told.reached_s) == pytest.approx(tuple(map(float, ends)))
    assert all(told.start_s <= one.start_s <= one.end_s <= told.reached_s + 1e-6 for one in told.words)
    out = tmp_path / "part"
    words = ("--from", ends[0], "--to", ends[1], "--format", "srt", "--out", str(out))
    assert workbench("speech", "transcribe", str(spoken), *words, *at_home).status == 0
    (tier,) = read_tiers(out / "talk.srt").tiers
    assert tier.segments[0].start_s == pytest.approx(told.segments[0].start_s, abs=1e-3)
    for wrong, said in ((("--from", "3", "--to", "2"), "empty"), (("--from", "-1"), "no time in a sound"),
                        (("--from", "900"), "outside the sound")):  # fmt: skip
        refused = workbench("speech", "transcribe", str(spoken), *wrong, *at_home)
        assert refused.status == 2 and said in refused.err
    refused = workbench("speech", "transcribe", str(spoken.parent), "--from", "1", *at_home)
    assert refused.status == 2 and "one of a single sound" in refused.err
