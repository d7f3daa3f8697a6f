"""Transcribing: what is cut where, that cuts lose nothing, what is decoded, how published folders are read."""

from __future__ import annotations

import itertools
import json
import math
import tracemalloc

import numpy as np
import pytest

from tests.engine.speech import tinymodels
from tests.engine.speech.sounds import write
from tests.engine.speech.tinymodels import RATE, ToneSpeller, ToneWriter, said
from workbench.core.problem import InputError
from workbench.core.transcripts import joined
from workbench.engine.speech import ctcdecoding
from workbench.engine.speech.opening import open_whole
from workbench.engine.speech.recognisers import load
from workbench.engine.speech.silences import LONGEST_S, first_piece
from workbench.engine.speech.transcribing import segments_of, transcribe

TEXT = "abc hgf dead bee cafe fad"


@pytest.fixture
def sound_of(tmp_path):
    numbers = itertools.count()

    def make(samples, rate=RATE, suffix=".wav", **how):
        path = write(tmp_path / f"{next(numbers)}{suffix}", samples, rate, **how)
        return open_whole(path, tmp_path / "cache")

    return make


def spoken(count: int, *, pause_s: float = 0.12, seed: int = 1) -> str:
    rng = np.random.default_rng(seed)
    return " ".join("".join(rng.choice(list("abcdefgh"), rng.integers(2, 6))) for _ in range(count))


# Whole sounds


@pytest.mark.parametrize("pause_s", (0.3, 0.12))
def test_that_minutes_are_transcribed_whole_whether_or_not_silences_part_them(sound_of, pause_s):
    """Pauses of 0.12 s are no silences to cut in: words that a cut runs through must come out whole."""
    text = spoken(260)
    sound, model = sound_of(said(text, pause_s=pause_s)), ToneSpeller()
    parts = list(transcribe(sound, model))
    assert sound.meta.duration_s > 100
    assert " ".join(one.text for one in joined(parts).words) == text
    assert max(model.heard_s) <= LONGEST_S + 2 * 1.0 + 0.1
    assert [part.complete for part in parts] == [False] * (len(parts) - 1) + [True]
    edges = [(one.start_s, one.reached_s) for one in parts]
    assert all(math.isclose(before[1], after[0]) for before, after in itertools.pairwise(edges))


@pytest.mark.parametrize("noise", (0.0, 0.03, 0.07))
def test_that_pauses_are_found_under_noise(sound_of, noise):
    """The tones have an amplitude of 0.3: the loudest noise lies 10 dB below them."""
    text = spoken(150)
    samples = said(text, pause_s=0.4)
    samples += noise * np.random.default_rng(3).standard_normal(len(samples)).astype(np.float32)
    parts = list(transcribe(sound_of(samples), ToneSpeller()))
    assert " ".join(one.text for one in joined(parts).words) == text
    assert len(parts) >= len(samples) / RATE / LONGEST_S


def test_that_going_on_from_where_an_answer_ended_gives_the_same_words(sound_of):
    sound = sound_of(said(spoken(120), pause_s=0.3))
    whole = [one for part in transcribe(sound, ToneSpeller()) for one in part.words]
    at_s, found = 0.0, []
    while at_s < sound.meta.duration_s - 1e-6:
        part = next(transcribe(sound, ToneSpeller(), start_s=at_s))
        found += part.words
        at_s = part.reached_s
    assert found == whole


def test_that_a_writer_with_times_loses_no_word_at_a_cut(sound_of):
    text = spoken(200)
    found = joined(list(transcribe(sound_of(said(text)), ToneWriter())))
    assert " ".join(one.text for one in found.words) == text and found.timed
    assert not joined(list(transcribe(sound_of(said(TEXT)), ToneWriter(timed=False)))).timed


def test_that_words_have_the_times_at_which_they_are_said(sound_of):
    text = "abc hgf dead"
    (part,) = transcribe(
        sound_of(np.concatenate([np.zeros(RATE), said(text, pause_s=0.3), np.zeros(RATE)])), ToneSpeller()
    )
    starts = [1.0, 1.0 + 3 * 0.12 + 0.3, 1.0 + 6 * 0.12 + 0.6]
    assert [one.start_s for one in part.words] == pytest.approx(starts, abs=0.021)
    assert [one.end_s - one.start_s for one in part.words] == pytest.approx([0.32, 0.32, 0.44], abs=0.041)
    assert all(one.confidence == pytest.approx(0.99, abs=1e-3) for one in part.words)


def test_that_rate_channels_and_bytes_of_a_sound_make_no_difference(sound_of):
    wide = said(TEXT, rate=44_100)
    twelve = np.zeros((len(wide), 12))
    twelve[:, 3] = wide * 2.5
    for samples, how in ((wide, {"subtype": "PCM_U8"}), (twelve, {})):
        found = joined(list(transcribe(sound_of(samples, 44_100, **how), ToneSpeller())))
        assert " ".join(one.text for one in found.words) == TEXT
        assert "resampled from 44\u202f100 to 16\u202f000 Hz for the model" in found.notes
    assert "the mean of 12 channels was transcribed" in found.notes


@pytest.mark.parametrize(("apart", "words"), [(2, ["ab"]), (14, ["ab"]), (16, ["a", "b"])])
def test_that_a_pause_parts_words_also_where_no_space_was_written(apart, words):
    labels = [ctcdecoding.Label(1, 0, 0, -0.1), ctcdecoding.Label(2, 1 + apart, 1 + apart, -0.1)]
    found = ctcdecoding.words_of(labels, ("<blank>", "a", "b"), np.arange(40) * 0.02, 0.02)
    assert [one.text for one in found] == words


def test_that_silence_is_never_put_to_the_model(sound_of):
    model = ToneSpeller()
    rng = np.random.default_rng(0)
    for quiet in (np.zeros(50 * RATE), 1e-5 * rng.standard_normal(50 * RATE), np.full(50 * RATE, 0.2)):
        found = joined(list(transcribe(sound_of(quiet), model)))
        assert not found.words and found.complete and found.reached_s == pytest.approx(50)
    assert model.heard_s == []
    assert list(transcribe(sound_of(np.full(3, 0.5)), model))[-1].complete


def test_that_a_stretch_can_be_asked_for_and_one_outside_is_refused(sound_of):
    sound = sound_of(said(TEXT, pause_s=0.3))
    found = joined(list(transcribe(sound, ToneSpeller(), start_s=0.5, end_s=1.2)))
    assert [one.text for one in found.words] == ["hgf"]
    with pytest.raises(InputError, match="outside the sound"):
        next(transcribe(sound, ToneSpeller(), start_s=900))


def test_that_memory_does_not_grow_with_the_length_of_a_sound(sound_of):
    def peak(count: int) -> int:
        sound = sound_of(said(spoken(count), rate=8000, pause_s=0.3), 8000)
        tracemalloc.start()
        for _ in transcribe(sound, ToneSpeller()):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(900) < 1.3 * peak(150)


def test_that_a_piece_ends_in_the_longest_silence_of_its_second_half_or_at_the_quietest_moment():
    rng = np.random.default_rng(2)
    noise = 0.1 * rng.standard_normal(30 * RATE).astype(np.float32)
    parted = noise.copy()
    for at_s, silence_s in ((9.0, 0.9), (13.0, 0.4), (17.0, 0.2), (24.0, 0.9)):
        parted[round(at_s * RATE) : round((at_s + silence_s) * RATE)] *= 0.003
    cut = first_piece(parted, RATE, 100.0, last=False)
    assert cut.silent_end and cut.end_s == pytest.approx(113.2, abs=0.05)
    short = first_piece(parted[14 * RATE :], RATE, 0.0, last=False)
    assert short.silent_end and short.end_s == pytest.approx(10.45, abs=0.05)
    parted[round(13.0 * RATE) : round(13.4 * RATE)] = noise[round(13.0 * RATE) : round(13.4 * RATE)]
    plosive = first_piece(parted, RATE, 0.0, last=False)
    assert not plosive.silent_end and plosive.end_s == pytest.approx(17.1, abs=0.05)
    noise[round(12 * RATE) : round(12.1 * RATE)] *= 0.1
    hard = first_piece(noise, RATE, 0.0, last=False)
    assert not hard.silent_end and hard.end_s == pytest.approx(12.05, abs=0.05)


def test_that_segments_end_at_pauses_and_long_ones_are_parted_at_their_longest():
    from workbench.core.audio import Segment

    words = [Segment(at * 0.5, at * 0.5 + 0.45, str(at)) for at in range(30)]
    words = [msg if at < 18 else Segment(msg.start_s + 0.2, msg.end_s + 0.2, msg.text) for at, msg in enumerate(words)]
    assert [one.text.split()[0] for one in segments_of(words)] == ["0", "18"]
    apart = [Segment(0, 1, "a", confidence=0.5), Segment(1.6, 2, "b.", confidence=0.9), Segment(2.1, 3, "c")]
    assert [(one.text, one.confidence) for one in segments_of(apart)] == [("a", 0.5), ("b.", 0.9), ("c", 1.0)]


# Decoding


def _log(rows) -> np.ndarray:
    found = np.asarray(rows, float)
    return np.log(found / found.sum(1, keepdims=True)).astype(np.float32)


def test_that_a_wide_beam_finds_the_text_whose_alignments_have_the_most_probability_together():
    rng = np.random.default_rng(5)
    changed = 0
    for _ in range(30):
        scores = _log(rng.dirichlet((0.6, 0.6, 0.6), 6))
        totals: dict[tuple[int, ...], float] = {}
        for path in itertools.product(range(3), repeat=6):
            text = tuple(one for one, _ in itertools.groupby(path) if one)
            totals[text] = totals.get(text, 0.0) + math.exp(sum(scores[at, one] for at, one in enumerate(path)))
        best = max(totals, key=lambda text: totals[text])
        found = ctcdecoding.beam_search(scores, 200)
        assert found[0][0] == best and math.exp(found[0][1]) == pytest.approx(totals[best], rel=1e-4)
        changed += best != tuple(one.id for one in ctcdecoding.greedy(scores))
        labels = ctcdecoding.decode(scores, 200)
        assert tuple(one.id for one in labels) == best
        assert all(one.first <= one.last < two.first for one, two in itertools.pairwise(labels))
    assert changed > 3


def test_that_alignment_takes_the_likeliest_frames_and_parts_repeated_letters():
    scores = _log([[9, 1, 1], [1, 9, 1], [9, 1, 1], [1, 9, 1], [1, 9, 1], [1, 1, 9]])
    found = ctcdecoding.aligned(scores, (1, 1, 2))
    assert [(one.id, one.first, one.last) for one in found] == [(1, 1, 1), (1, 3, 4), (2, 5, 5)]
    assert ctcdecoding.aligned(scores[:2], (1, 1, 2)) == []


# Published folders


@pytest.mark.parametrize("kind", ("Wav2Vec2", "Hubert"))
def test_that_a_ctc_folder_gives_the_probabilities_of_its_own_network(tmp_path, kind):
    import torch
    import transformers

    model = load(tinymodels.save_ctc(tmp_path / kind, kind))
    samples = said(TEXT)
    found = model.emissions(samples)
    network = getattr(transformers, f"{kind}ForCTC").from_pretrained(tmp_path / kind).eval()
    scaled = torch.tensor((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7))[None]
    with torch.inference_mode():
        wanted = network(scaled).logits[0].log_softmax(-1).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert tuple(model.vocabulary) == tinymodels.LETTERS and model.frame_s == pytest.approx(0.02)


def test_that_whisper_and_speecht5_folders_write_words_inside_the_sound(tmp_path, sound_of):
    sound = sound_of(said(spoken(8)))
    for folder in (tinymodels.save_whisper(tmp_path / "a"), tinymodels.save_whisper(tmp_path / "b", heads=True),
                   tinymodels.save_speecht5(tmp_path / "c")):  # fmt: skip
        found = joined(list(transcribe(sound, load(folder))))
        assert found.complete and found.words, folder
        assert all(0 <= one.start_s <= one.end_s <= sound.meta.duration_s + 1e-6 for one in found.words)
        assert all(0 < one.confidence < 1 for one in found.words)
        assert all(one.end_s <= two.start_s + 1e-6 for one, two in itertools.pairwise(found.words))
    assert not found.timed


def test_that_whispers_timestamps_become_the_times_of_its_words(tmp_path):
    model = load(tinymodels.save_whisper(tmp_path / "w"))
    ids = model._tokenizer.encode(" hi you", add_special_tokens=False)
    stamp = model._timestamps
    tokens = [stamp + 50, *ids, stamp + 100, stamp + 150, *ids[:3], stamp + 175]
    found = model._read(tokens, [0.5] * len(tokens), [], 4.0)
    assert [one.text for one in found] == ["hi", "you", "hi"]
    assert (found[0].start_s, found[1].end_s, found[2].start_s, found[2].end_s) == (1.0, 2.0, 3.0, 3.5)
    assert [one.confidence for one in found] == pytest.approx([0.5] * 3)


def test_that_folders_that_cannot_transcribe_say_why(tmp_path):
    import transformers

    with pytest.raises(InputError, match="no such model"):
        load(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="Nothing in this folder transcribes") as caught:
        load(tmp_path / "empty")
    assert "without config.json" in caught.value.received
    headless = tinymodels.save_ctc(tmp_path / "bare")
    config = transformers.Wav2Vec2Config.from_pretrained(headless)
    transformers.Wav2Vec2Model(config).save_pretrained(headless)
    with pytest.raises(InputError, match="Nothing in this folder") as caught:
        load(headless)
    assert "Wav2Vec2Model" in caught.value.received
    told = json.loads((headless / "config.json").read_text())
    (headless / "config.json").write_text(json.dumps({**told, "architectures": ["Wav2Vec2ForCTC"]}))
    with pytest.raises(InputError, match="cannot be used") as caught:
        load(headless)
    assert "lm_head" in caught.value.received
    code = tinymodels.save_ctc(tmp_path / "code")
    told = json.loads((code / "config.json").read_text())
    (code / "config.json").write_text(json.dumps({**told, "auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(InputError, match="never run"):
        load(code)
    torn = tinymodels.save_ctc(tmp_path / "torn")
    (torn / "model.safetensors").write_bytes((torn / "model.safetensors").read_bytes()[:400])
    with pytest.raises(InputError, match="damaged"):
        load(torn)
    lost = tinymodels.save_ctc(tmp_path / "lost")
    (lost / "vocab.json").unlink()
    with pytest.raises(InputError, match="cannot be used"):
        load(lost)
