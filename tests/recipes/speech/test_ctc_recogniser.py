"""Parts kept apart, what CTC cannot write left out, folders of transcripts, frozen layers, a learner that learns."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from workbench.core.problem import InputError
from workbench.engine.speech.corpora import Recording
from workbench.engine.speech.listening import read_wave
from workbench.engine.speech.recogniser import CtcRecogniser, Shape
from workbench.engine.speech.transcripts import plain
from workbench.recipes.speech.ctc_recogniser import alter, data, folders, method, serve, show
from workbench.recipes.speech.ctc_recogniser.data import Data, Hearing, Utterance
from workbench.recipes.speech.ctc_recogniser.objective import Transcribing
from workbench.recipes.speech.ctc_recogniser.recipe import Recognise, run

SMALL = run.presets["smoke"]
assert isinstance(SMALL, Recognise)
RATE = 16_000


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))


def _model() -> CtcRecogniser:
    torch.manual_seed(2)
    return CtcRecogniser(Shape(width=24, layers=3, heads=2, kernel=3))


def _noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def _tones(text: str) -> np.ndarray:
    """A tone of its own for each letter, 0.15 s long."""
    time_s = np.arange(round(0.15 * RATE)) / RATE
    tones = [np.sin(2 * np.pi * (400 + 500 * (ord(letter) - ord("a"))) * time_s) for letter in text]
    return (0.1 * np.concatenate(tones)).astype(np.float32)


def _utterance(text: str, speaker: str) -> Utterance:
    found = Hearing(_model()).hear(_noise(1.0, len(text)), text, name=text, speaker=speaker)
    assert found is not None
    return found


def test_that_what_cannot_be_learned_from_is_left_out_and_counted() -> None:
    hearing = Hearing(_model())
    for seconds, text in ((1, ""), (1, "room 12"), (0.05, "a"), (21, "long"), (0.3, "far too many letters")):
        assert hearing.hear(_noise(seconds), text, name="", speaker="") is None
    assert set(hearing.left_out.values()) == {1}
    assert hearing.hear(_noise(1), "It's fine!", name="", speaker="") is not None


def test_that_a_sentence_or_a_speaker_in_two_parts_is_refused() -> None:
    one, two, three = (_utterance(text, speaker) for text, speaker in (("one", "a"), ("two", "b"), ("three", "c")))
    Data([one], [two], [three]).check()
    with pytest.raises(InputError, match="A sentence of the test"):
        Data([one], [two], [_utterance("one", "c")]).check()
    with pytest.raises(InputError, match="A speaker of the test"):
        Data([one], [two], [_utterance("three", "a")]).check()
    with pytest.raises(InputError, match="nothing to learn from"):
        Data([], [two], [three]).check()


def _row_of_tones(root: Path, rows: list[tuple[str, str, str, str, str]]) -> Path:
    root.mkdir()
    soundfile.write(root / "a.wav", _noise(8), RATE)
    lines = ["\t".join(folders.COLUMNS), *("\t".join(row) for row in rows)]
    (root / folders.LISTING).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def test_that_a_table_of_corrected_transcripts_is_read_in_stretches(tmp_path: Path) -> None:
    rows = [("a.wav", f"{at}.0", f"{at}.5", f"s{at}", f"sentence {'abcdefgh'[at]}") for at in range(8)]
    root = _row_of_tones(tmp_path / "own", rows)
    corpus = folders.transcribed(root)
    form, found = corpus.layout, corpus.recordings
    assert form == "transcripts.tsv"
    assert (found[3].start_s, found[3].end_s, found[3].speaker, found[3].text) == (3.0, 3.5, "s3", "sentence d")
    assert len(read_wave(Path(found[3].path), found[3].start_s, found[3].end_s)) == RATE // 2
    job: Any = SimpleNamespace(progress=lambda _done, _of: None, phase=lambda _name, total=0: None)
    parts = folders.read_parts(job, str(root), SMALL.replace(utterances=0, test=0, development=100), _model())
    parts.check()
    assert sum(len(part) for part in (parts.train, parts.dev, parts.test)) == 8
    assert not parts.shared_speakers


def test_that_a_bad_line_of_a_table_is_named(tmp_path: Path) -> None:
    root = _row_of_tones(tmp_path / "own", [("a.wav", "3", "2", "s", "backwards")])
    with pytest.raises(InputError, match="cannot be read") as caught:
        folders.transcribed(root)
    assert caught.value.place == "transcripts.tsv, line 2"
    (root / folders.LISTING).write_text("gone.wav\t0\t0\ts\ttext\n")
    with pytest.raises(InputError, match="is not there"):
        folders.transcribed(root)
    (root / folders.LISTING).write_text("".join(f"gone{at}.wav\t0\t0\ts\ttext\n" for at in range(25)))
    with pytest.raises(InputError, match="25 sounds that the transcripts name are not there") as caught:
        folders.transcribed(root)
    assert "gone0.wav (line 1), gone1.wav (line 2)" in caught.value.received
    assert caught.value.received.endswith("gone19.wav (line 20) and 5 others")


def test_that_sounds_with_text_beside_them_are_read_and_the_folder_is_the_speaker(tmp_path: Path) -> None:
    for at in range(2):
        place = tmp_path / f"speaker{at}"
        place.mkdir()
        soundfile.write(place / "one.wav", _noise(0.5), RATE)
        (place / "one.txt").write_text(f"text {at}")
    found = folders.transcribed(tmp_path).recordings
    assert [(one.speaker, one.text) for one in found] == [("speaker0", "text 0"), ("speaker1", "text 1")]


def test_that_division_keeps_the_tests_sentences_out_of_training() -> None:
    rows = [Recording(f"{at}.wav", f"text {'abcde'[at % 5]}", f"s{at % 10}") for at in range(50)]
    parts, shared = folders.divided(rows)
    assert not shared
    texts = {name: {plain(one.text) for one in part} for name, part in parts.items()}
    assert not texts["train"] & texts["test"] and not texts["dev"] & texts["test"]
    assert not {one.speaker for one in parts["train"]} & {one.speaker for one in parts["test"]}
    assert folders.divided([Recording("a", f"t{at}") for at in range(9)])[1]


def test_that_alterations_are_the_same_for_the_same_chance_and_leave_room_for_the_text() -> None:
    frames = torch.randn(60, 80, generator=torch.Generator().manual_seed(0))
    loud = SMALL.replace(speed=0.5, noise=1.0)
    found = [alter.altered(frames, loud, np.random.default_rng(seed), least=55) for seed in range(30)]
    assert torch.equal(found[0], alter.altered(frames, loud, np.random.default_rng(0), least=55))
    assert min(map(len, found)) >= 55 and len({len(one) for one in found}) > 5
    assert all(bool(torch.isfinite(one).all()) for one in found)


def test_that_frozen_layers_stay_and_too_many_are_refused() -> None:
    model = _model()
    method.freeze(model, 5)
    assert [name for name, one in model.named_parameters() if one.requires_grad] == [
        "leave.weight", "leave.bias", "name.weight", "name.bias",
    ]  # fmt: skip
    with pytest.raises(InputError, match="not that many layers"):
        method.freeze(model, 6)


def test_that_the_recogniser_learns_tones_by_their_letters() -> None:
    torch.manual_seed(0)
    model = CtcRecogniser(Shape(width=48, layers=3, heads=2, kernel=3, dropout=0.0))
    said = ["ab", "cd", "dab"]
    own = [Hearing(model).hear(_tones(text), text, name="", speaker="") for text in said]
    some = [one for one in own if one is not None]
    quiet = SMALL.replace(speed=0.0, tract=0.0, noise=0.0, spec_augment=False)
    objective = Transcribing(model, some, quiet, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    for _ in range(200):
        batch = objective.collate([0, 1, 2])
        loss = objective.loss(batch) / objective.weight(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    found = method.tested(model, some, method.place_of(SimpleNamespace(device="cpu")))  # type: ignore[arg-type]
    assert losses[-1] < losses[0] / 4
    assert found.heard[0] == said[0] and found.heard[2] == said[2]
    assert 0 <= found.cer < 0.5


def test_that_wrong_and_missing_words_are_marked() -> None:
    found = show.compared("the old man saw a boat", "the cold man a boat")
    assert found.text == "the cold man … a boat"
    assert [(found.text[one.start : one.end], one.label) for one in found.spans] == [
        ("cold", show.WRONG), ("…", show.MISSING),
    ]  # fmt: skip
    assert found.note == "2 of 6 words wrong"


def test_that_long_sounds_are_cut_where_they_are_quiet() -> None:
    wave = _noise(50)
    wave[18 * RATE : 18 * RATE + RATE // 2] = 0
    found = serve.pieces(wave, RATE)
    assert sum(len(piece) for _, piece in found) == len(wave)
    assert max(len(piece) for _, piece in found) <= 20 * RATE
    assert 18 * RATE <= found[1][0] <= 18.5 * RATE


def test_that_generated_parts_have_speakers_and_sentences_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = {split: [f"{split} sentence {one}" for one in "abcdefghijklmnop"] for split in data.PARTS}
    monkeypatch.setattr(data, "texts", lambda split, count, seed: ["dev sentence a", *pool[split]][:count])
    found = data.asked(SMALL.replace(utterances=6, development=3, test=4, accent="four accents", speakers=8), 0)
    speakers = [{one.speaker.id for one in found[part]} for part in data.PARTS]
    texts = [{one.text for one in found[part]} for part in data.PARTS]
    assert not speakers[0] & speakers[2] and not texts[0] & texts[2] and not texts[0] & texts[1]
    assert {part: len(some) for part, some in found.items()}["train"] == 6
