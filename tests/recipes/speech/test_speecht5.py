"""Infilling, spans, codes, losses that padding leaves alone, decoding without the truth, parts kept apart."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.recipes.speech.speecht5_pieces import BINS, SMALL
from tests.recipes.speech.speecht5_pieces import item as _item
from tests.recipes.speech.speecht5_pieces import mel as _mel
from tests.recipes.speech.speecht5_pieces import model as _model
from workbench.core.problem import InputError
from workbench.engine.speech.bank.sentences import general
from workbench.recipes.speech.speecht5 import (
    data,
    decoding,
    masking,
    objectives,
    quantiser,
    words,
)
from workbench.recipes.speech.speecht5.data import Sound
from workbench.recipes.speech.speecht5.networks import Encoded, Unified, shifted
from workbench.recipes.speech.speecht5.recipe import (
    ASR,
    PRETRAINED,
    SE,
    SID,
    ST,
    TASKS,
    TTS,
    UNMIXED,
    VC,
    SpeechT5,
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("speecht5") / "home"


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))


# Words --------------------------------------------------------------------------------------


def test_that_every_sentence_of_the_bank_has_its_spanish_and_several_agree() -> None:
    for split in ("train", "dev", "test"):
        for sentence in general(split, 300, 5):
            assert words.decode(words.encode(words.spanish(sentence))) == words.spanish(sentence)
    assert words.spanish("some people saw the last letter yesterday") == "algunas personas vieron la última carta ayer"
    assert words.spanish("the old man saw the last letter yesterday") == "el anciano vio la última carta ayer"
    with pytest.raises(InputError, match="grammar"):
        words.spanish("turn on the lights")


def test_that_texts_come_back_from_their_numbers_and_end_at_the_first_end() -> None:
    assert words.decode(words.encode("  Don't, STOP! ")) == "don't stop"
    assert words.decode([*words.encode("one"), *words.encode("two")]) == "one"
    assert words.encode("a")[-1] == words.EOS


# What pretraining hides -----------------------------------------------------------------------


def test_that_infilling_hides_about_a_third_and_never_the_end() -> None:
    ids = words.encode("the old man saw a yellow boat near the river")
    shares, spans = [], []
    for seed in range(200):
        shown = masking.infilled(ids, np.random.default_rng(seed))
        assert shown[-1] == words.EOS
        kept = [one for one in shown if one != words.MASK]
        places = iter(ids)
        assert all(one in places for one in kept), "what is shown is no part of the text in its order"
        shares.append(1 - len(kept) / len(ids))
        spans.append(shown.count(words.MASK))
    assert 0.2 < np.mean(shares) < 0.32
    assert 2.5 < np.mean(spans) < 6


def test_that_hidden_spans_last_200_ms_and_cover_about_half() -> None:
    found = [masking.hidden_spans(100, 0.040, np.random.default_rng(seed)) for seed in range(100)]
    assert 0.45 < np.mean(found) < 0.68
    for mask in found:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
        assert (edges[1::2] - edges[::2]).min() >= 5
    assert not masking.hidden_spans(4, 0.040, np.random.default_rng(0)).any()


def test_that_units_are_the_nearest_centres_of_encoder_frames() -> None:
    mels = [np.repeat(np.float32([[0], [0], [9], [9]]), BINS, 1) + _mel(4, seed) / 100 for seed in range(8)]
    centres = masking.learn_units(mels, 2, 0)
    units = masking.units_of(mels[0][:3], centres)
    assert len(units) == 2
    assert units[0] != units[1]
    assert len({tuple(masking.units_of(one, centres)) for one in mels}) == 1


# Codes --------------------------------------------------------------------------------------


def test_that_codes_all_used_alike_cost_nothing_and_one_code_costs_most() -> None:
    torch.manual_seed(0)
    one = quantiser.Quantiser(8, 2, 4).eval()
    mask = torch.ones(1, 4, dtype=torch.bool)
    with torch.no_grad():
        one.choose.weight.zero_()
        one.choose.bias.copy_(torch.tensor([50.0, 0, 0, 0] * 2))
        collapsed = one(torch.randn(1, 4, 8), mask, 1.0)
        one.choose.weight.copy_(50 * torch.cat([torch.eye(4), torch.eye(4)]).repeat(1, 2))
        one.choose.bias.zero_()
        even = one(torch.cat([torch.eye(4), torch.zeros(4, 4)], 1)[None], mask, 1.0)
    assert float(collapsed.hard_perplexity) == pytest.approx(2.0, abs=1e-4)
    assert float(one.diversity(collapsed)) == pytest.approx(0.75, abs=1e-3)
    assert float(even.hard_perplexity) == pytest.approx(8.0, abs=1e-3)
    assert float(one.diversity(even)) == pytest.approx(0.0, abs=1e-3)


def test_that_a_tenth_of_the_steps_is_replaced_at_the_same_places_of_the_whole_batch() -> None:
    torch.manual_seed(0)
    states, codes = torch.zeros(3, 40, 4), torch.ones(3, 40, 4)
    found = quantiser.mixed(states, codes)
    replaced = found[..., 0] == 1
    assert replaced.sum(1).tolist() == [4, 4, 4]
    assert bool((replaced == replaced[0]).all())
    assert not states.any()


def test_that_padding_is_no_code_and_gradients_reach_book_and_states() -> None:
    torch.manual_seed(0)
    one = quantiser.Quantiser(8, 2, 4).train()
    states = torch.randn(2, 6, 8, requires_grad=True)
    mask = torch.tensor([[True] * 6, [True] * 2 + [False] * 4])
    with torch.no_grad():
        other = torch.where(mask[..., None], states, 100.0)
        assert torch.equal(one(states, mask, 1.0).soft_perplexity, one(other, mask, 1.0).soft_perplexity)
    coded = one(states, mask, 1.0)
    (coded.codes.sum() + one.diversity(coded)).backward()
    assert one.book.grad is not None
    assert states.grad is not None
    assert bool(states.grad.any())


def test_that_the_temperature_falls_and_stays_at_a_half() -> None:
    assert quantiser.temperature(0) == 2.0
    assert quantiser.temperature(10_000_000) == 0.5
    assert 0.5 < quantiser.temperature(100_000) < 2.0


# Losses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_that_padding_changes_no_answer_of_the_network(task: str) -> None:
    model = _model()
    short, long = _item(task, 24, 1), _item(task, 60, 2)
    with torch.no_grad():
        alone, both = (objectives.batch_of(task, items) for items in ([short], [short, long]))
        one, two = (objectives.encode(model, batch) for batch in (alone, both))
        real = int(one.mask.sum())
        # The convolution over neighbours sees the padding, so that the last states may differ; those before do not.
        keep = max(1, real - 8)
        assert torch.allclose(one.states[0, :keep].mean(), two.states[0, :keep].mean(), atol=0.02)
        assert int(two.mask[0].sum()) == real
        if task in (ASR, ST):
            logits = model.write(one, shifted(alone["answer"]))
            wide = torch.nn.functional.pad(shifted(alone["answer"]), (0, 5), value=words.PAD)
            assert torch.allclose(logits, model.write(one, wide)[:, : logits.shape[1]], atol=1e-5)


def test_that_losses_of_all_tasks_have_their_parts_and_reach_what_they_train() -> None:
    for task, parts, head in (
        (ASR, {"CE", "CTC"}, "ctc"), (ST, {"CE"}, "letters"), (TTS, {"spectrogram"}, "speech_out"),
        (VC, {"spectrogram"}, "speech_in"), (SE, {"spectrogram"}, "speech_said"), (SID, {"CE"}, "speaker"),
    ):  # fmt: skip
        model = _model()
        objective = objectives.Doing(task, model, [_item(task, 40, at) for at in range(3)], SMALL, seed=0)
        batch = objective.collate([0, 1, 2])
        assert objective.parts(batch).keys() == parts
        loss = objective.loss(batch)
        loss.backward()
        assert torch.isfinite(loss)
        assert objective.weight(batch) == 3
        assert any(one.grad is not None and bool(one.grad.any()) for one in getattr(model, head).parameters()), task


def _pretraining(params: SpeechT5 = SMALL, tell: Any = None) -> objectives.Pretraining:
    speech = [Sound(_mel(50 + 4 * at, at), data.vector_of(_mel(9, at))) for at in range(4)]
    centres = masking.learn_units([one.mel for one in speech], 4, 0)
    units = [masking.units_of(one.mel, centres) for one in speech]
    text = ["the old man saw a boat", "a yellow house"]
    return objectives.Pretraining(_model(params=params).train(), speech, text, params, seed=3, units=units, tell=tell)


@pytest.mark.parametrize(
    ("start", "parts"),
    [
        (PRETRAINED, {"units", "spectrogram", "text", "diversity", "perplexity"}),
        ("speech only", {"units", "spectrogram", "diversity", "perplexity"}),
        ("text only", {"text", "diversity", "perplexity"}),
        (UNMIXED, {"units", "spectrogram", "text"}),
    ],
)
def test_that_each_start_learns_from_what_it_says(start: str, parts: set[str]) -> None:
    told: dict[str, float] = {}
    objective = _pretraining(SMALL.replace(start=start), lambda name, value, _step: told.update({name: value}))
    objective.progress(0.0)
    torch.manual_seed(0)
    loss = objective.loss(objective.collate([0, 1, 2]))
    assert told.keys() == parts
    expected = sum(value * (0.1 if name == "diversity" else 1.0) for name, value in told.items()
                   if name != "perplexity")  # fmt: skip
    assert float(loss.detach()) == pytest.approx(3 * expected, rel=1e-4)


def test_that_units_are_named_only_where_speech_is_hidden_and_a_step_repeats_itself() -> None:
    first, second = _pretraining(), _pretraining()
    first.progress(0.0)
    second.load_state(first.state())
    one, other = first.collate([0, 1]), second.collate([0, 1])
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert bool((one["units"][~one["hidden"]] == objectives.NOTHING).all())
    assert bool((one["units"][one["hidden"]] >= 0).all())
    first.progress(0.1)
    assert not all(torch.equal(one[name], two) if one[name].shape == two.shape else False
                   for name, two in first.collate([0, 1]).items())  # fmt: skip


def test_that_a_transcript_longer_than_ctc_allows_teaches_nothing_there() -> None:
    model = _model()
    encoded = Encoded(torch.randn(1, 3, SMALL.width), torch.ones(1, 3, dtype=torch.bool))
    assert objectives.ctc_loss(model, encoded, torch.tensor([words.encode("far too long")])).item() == 0.0
    assert objectives.ctc_loss(model, encoded, torch.tensor([words.encode("ab")])).item() > 0


# Answers ------------------------------------------------------------------------------------


def _letters(model: Unified, after: dict[int, dict[int, float]]) -> None:
    """Make the decoder write by the last letter alone, with these logits."""

    def write(prefix: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(prefix, len(words.ALPHABET)).float()

    def decode(embedded: torch.Tensor, *_args: Any, **_more: Any) -> Any:
        return SimpleNamespace(last_hidden_state=embedded)

    def letters_of(states: torch.Tensor) -> torch.Tensor:
        logits = torch.full_like(states, -20.0)
        for row, last in enumerate(states.argmax(-1).flatten().tolist()):
            for letter, value in after.get(last, {}).items():
                logits[row, letter] = value
        return logits

    model.written, model.decode, model.letters_of = write, decode, letters_of  # type: ignore[method-assign]


def test_that_a_beam_finds_what_greedy_search_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding.EncoderDecoderCache, "reorder_cache", lambda _self, _chosen: None)
    a, b, c = (words.encode(one)[0] for one in "abc")
    model = _model()
    # Greedy takes a, after which nothing is likely; b is a little less likely, and then ends for sure.
    _letters(model, {words.EOS: {a: 1.0, b: 0.9}, a: {a: 0.0, b: 0.0, c: 0.0, words.EOS: 0.0}, b: {words.EOS: 9.0}})
    encoded = Encoded(torch.zeros(1, 2, SMALL.width), torch.ones(1, 2, dtype=torch.bool))
    assert decoding.write(model, encoded, beam=1, longest=6)[0].ids[0] == a
    (best,) = decoding.write(model, encoded, beam=4, longest=6)
    assert words.decode(best.ids) == "b"
    assert best.score == pytest.approx(float(torch.tensor([1.0, 0.9]).log_softmax(0)[1]), abs=1e-2)


def test_that_an_answer_that_never_ends_is_cut_and_greedy_equals_teacher_forcing() -> None:
    model = _model(3)
    with torch.no_grad():
        encoded = objectives.encode(model, objectives.batch_of(ASR, [_item(ASR, 40, 1), _item(ASR, 30, 2)]))
        found = decoding.write(model, encoded, beam=1, longest=7)
        for row, one in enumerate(found):
            prefix = torch.tensor([[words.EOS, *one.ids]])
            own = Encoded(encoded.states[row : row + 1], encoded.mask[row : row + 1])
            logits = model.write(own, prefix)[0]
            logits[:, list(decoding.NEVER)] = -torch.inf
            assert logits.argmax(-1).tolist()[: len(one.ids)] == list(one.ids)
            assert len(one.ids) <= 7


def test_that_ctc_has_its_say_among_the_beams_answers() -> None:
    model = _model()
    a, b = (words.encode(one)[0] for one in "ab")
    with torch.no_grad():
        model.ctc.weight.zero_()
        model.ctc.bias.fill_(-9.0)
        model.ctc.bias[b], model.ctc.bias[words.PAD] = 5.0, 4.0
    encoded = Encoded(torch.zeros(1, 4, SMALL.width), torch.ones(1, 4, dtype=torch.bool))
    both = [decoding.Hypothesis((a,), -1.0), decoding.Hypothesis((b,), -1.2)]
    assert decoding._rescored(model, encoded, 0, both, 0.0).ids == (a,)
    assert decoding._rescored(model, encoded, 0, both, 0.5).ids == (b,)


def test_that_speech_ends_where_its_stop_probability_says_or_at_its_longest() -> None:
    model = _model()
    items = [_item(VC, 40, 1), _item(VC, 24, 2)]
    with torch.no_grad():
        batch = objectives.batch_of(VC, items)
        encoded = objectives.encode(model, batch)
        model.speech_out.prob_out.weight.zero_()
        model.speech_out.prob_out.bias.fill_(-9.0)
        never = decoding.speak(model, encoded, batch["vectors"], threshold=0.5, ratio=2.0)
        model.speech_out.prob_out.bias.fill_(9.0)
        once = decoding.speak(model, encoded, batch["vectors"], threshold=0.5, ratio=2.0)
        known = decoding.speak(model, encoded, batch["vectors"], threshold=0.5, ratio=2.0, frames=[40, 24])
    assert [len(one.mel) for one in never] == [40, 24]
    assert [len(one.mel) for one in once] == [SMALL.step_frames] * 2
    assert [len(one.mel) for one in known] == [40, 24]
    assert never[1].looks.shape == (SMALL.heads, 6, 12)
    assert np.allclose(never[0].looks.sum(-1), 1, atol=1e-4)


def test_that_speaking_twice_says_the_same_and_leaves_the_runs_chance_alone() -> None:
    model = _model()
    batch = objectives.batch_of(TTS, [_item(TTS)])
    with torch.no_grad():
        encoded = objectives.encode(model, batch)
        torch.manual_seed(5)
        before = torch.rand(1)
        torch.manual_seed(5)
        first, second = (decoding.speak(model, encoded, batch["vectors"], threshold=0.9, ratio=1.0) for _ in range(2))
        assert torch.equal(torch.rand(1), before)
    assert np.array_equal(first[0].mel, second[0].mel)
