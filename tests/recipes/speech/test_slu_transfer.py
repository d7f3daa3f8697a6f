"""Parts kept apart, losses without padding, prefixes for the gate, and commands understood by a saved model."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine.devices import choose
from workbench.engine.speech.bank import sentences
from workbench.recipes.speech.slu_transfer import data, decoding, fusion, networks, objectives, saving, serve, show
from workbench.recipes.speech.slu_transfer.data import Data, Utterance
from workbench.recipes.speech.slu_transfer.recipe import (
    CLAIM,
    COMMANDS,
    NOTHING,
    OTHER,
    SAVED,
    SHUFFLED,
    SluTransfer,
    run,
)
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

SMALL = run.presets["smoke"]
assert isinstance(SMALL, SluTransfer)
PLACE = choose("cpu")
WORDS = ("action=off", "action=on", "location=kitchen", "location=none", "object=heat", "object=lights")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("slu") / "home"


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))


def _job(inputs: dict[str, str] | None = None, seed: int = 1) -> Any:
    told: list[str] = []
    return SimpleNamespace(
        inputs=inputs or {}, seed=seed, told=told, log=lambda text, level="info": told.append(text),
        progress=lambda _done, _of: None, phase=lambda _name, total=0: None,
    )  # fmt: skip


def _utterance(text: str, speaker: str = "a", *, frames: int = 40, seed: int = 0, **more: Any) -> Utterance:
    values = np.random.default_rng(seed).normal(size=(frames, SMALL.mel_bins)).astype(np.float32)
    return Utterance(f"{speaker}: {text}", values, tuple(text), speaker=speaker, text=text, **more)


def _understander(*, texts: torch.Tensor | None = None, rows: torch.Tensor | None = None) -> networks.Understander:
    torch.manual_seed(0)
    decoder = networks.make_decoder(SMALL, len(WORDS) + 2)
    return networks.Understander(networks.make_encoder(SMALL), decoder, texts=texts, rows=rows).eval()


# Parts kept apart ---------------------------------------------------------------------------


def test_that_the_test_shares_no_speaker_wording_or_run_of_words_with_what_is_learned() -> None:
    sentence, command = _utterance("the old man saw a boat", "s"), _utterance("turn the lights on", "a")
    valid, test = _utterance("lights on please", "b"), _utterance("put the lights on now", "c")
    assert Data([sentence], [], [command], [valid], [test])
    with pytest.raises(InputError, match="speaker"):
        Data([sentence], [], [command], [valid], [dataclasses.replace(test, speaker="a")])
    with pytest.raises(InputError, match="wording"):
        Data([sentence], [], [command], [valid], [dataclasses.replace(test, text="turn the lights on")])
    with pytest.raises(InputError, match="four words"):
        Data([dataclasses.replace(sentence, text="we put the lights on at night")], [], [command], [valid], [test])


@pytest.fixture(scope="module")
def spoken(home: Path) -> Data:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        return data.load(_job(), SMALL)


def test_that_generated_commands_have_new_speakers_and_wordings_in_their_test(spoken: Data) -> None:
    assert len(spoken.train) == SMALL.labelled
    assert {one.speaker for one in spoken.test} == {one.speaker for one in spoken.known}
    assert {one.text for one in spoken.known} & {one.text for one in spoken.train}
    assert not {one.text for one in spoken.test} & {one.text for one in (*spoken.train, *spoken.development)}
    assert len({one.intent for one in spoken.test}) == SMALL.intents
    assert all(abs(one.frames.mean()) < 1e-3 for one in spoken.test)


def test_that_fewer_labels_are_the_first_of_more_and_hold_every_intent_evenly(spoken: Data) -> None:
    counts = [sum(one.intent == intent for one in spoken.train[:6]) for intent in {one.intent for one in spoken.train}]
    assert counts == [2, 2, 2]
    fewer = data.load(_job(), SMALL.replace(labelled=8, pretraining=NOTHING))
    assert [one.name for one in fewer.train] == [one.name for one in spoken.train[:8]]
    assert not fewer.recognition


def test_that_all_arms_of_the_claim_have_the_same_data_steps_and_rates() -> None:
    apart = {"pretraining", "multi_task", "fusion"}
    assert len({tuple((name, value) for name, value in dataclasses.asdict(arm).items() if name not in apart)
                for arm in CLAIM.arms.values()}) == 1  # fmt: skip


def test_that_shuffled_transcripts_keep_the_sounds_and_all_texts_but_give_none_its_own(home: Path) -> None:
    params = SMALL.replace(recognition=20, recognition_speakers=2)
    plain, mixed = (data.load(_job(), params.replace(pretraining=one)) for one in ("same language", SHUFFLED))
    assert [one.name for one in mixed.recognition] == [one.name for one in plain.recognition]
    assert sorted(one.text for one in mixed.recognition) == sorted(one.text for one in plain.recognition)
    assert all(one.text != other.text for one, other in zip(mixed.recognition, plain.recognition, strict=True))


def test_that_another_language_says_the_sentences_with_its_own_phones(home: Path) -> None:
    params = SMALL.replace(recognition=8)
    here, there = (data.load(_job(), params.replace(pretraining=one)) for one in ("same language", OTHER))
    assert [one.text for one in here.recognition] == [one.text for one in there.recognition]
    assert data.vocabulary(here.recognition) != data.vocabulary(there.recognition)


def test_that_more_commands_than_can_be_said_are_refused() -> None:
    with pytest.raises(InputError, match="without repeating"):
        data.load(_job(), SMALL.replace(labelled=5000))


# Folders ------------------------------------------------------------------------------------


def _fluent(root: Path) -> Path:
    rows = {"train": [("on", "a"), ("off", "a"), ("on", "b"), ("off", "b")], "valid": [("on", "c")],
            "test": [("off", "d")]}  # fmt: skip
    for split, commands in rows.items():
        lines = [",path,speakerId,transcription,action,object,location"]
        for at, (verb, who) in enumerate(commands):
            path = root / "wavs" / "speakers" / who / f"{split}-{at}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.random.default_rng(at).normal(0, 0.1, 8000), 16_000)
            lines.append(f"{at},{path.relative_to(root)},{who},Turn it {verb},{verb},lights,none")
        (root / "data").mkdir(exist_ok=True)
        (root / "data" / f"{split}_data.csv").write_text("\n".join(lines) + "\n")
    return root


def test_that_fluent_speech_commands_keep_their_division_and_none_stays_a_value(tmp_path: Path) -> None:
    params = SMALL.replace(pretraining=NOTHING, units="characters", label_fraction=50.0)
    found = data.load(_job({"commands": str(_fluent(tmp_path / "fluent"))}), params)
    assert len(found.train) == 2 and len(found.development) == len(found.test) == 1
    assert found.test[0].intent == ("off", "lights", "none")
    assert found.test[0].units == tuple("turn it off")
    assert "location=none" in data.slot_words(found.train)


def test_that_a_folder_has_no_phones_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no phones"):
        data.load(_job({"commands": str(_fluent(tmp_path / "fluent"))}), SMALL)


def test_that_a_corpus_is_recognised_without_what_commands_say(tmp_path: Path) -> None:
    root = tmp_path / "libri" / "train" / "7" / "1"
    root.mkdir(parents=True)
    intents = data.chosen_intents(SMALL.intents)
    asked = next(
        one.text for one in sentences.commands("test", 1, intents=intents) if len(one.text.split()) >= 4
    ).upper()
    texts = [f"SENTENCE NUMBER {at} OF MANY" for at in range(16)] + [f"I SAID {asked} AGAIN"]
    for at in range(len(texts)):
        soundfile.write(root / f"7-1-{at:04d}.flac", np.random.default_rng(at).normal(0, 0.1, 16_000), 16_000)
    (root / "7-1.trans.txt").write_text("".join(f"7-1-{at:04d} {text}\n" for at, text in enumerate(texts)))
    job = _job({"recognition": str(tmp_path / "libri")})
    found = data.load(job, SMALL.replace(recognition=0, units="characters"))
    heard = [*found.recognition, *found.checked]
    assert len(heard) == 16 and not any(asked in one.text for one in heard)
    assert any("four words in a row" in line for line in job.told)


# Networks and losses ------------------------------------------------------------------------


def test_that_padding_changes_neither_states_nor_losses() -> None:
    torch.manual_seed(0)
    params = SMALL.replace(augment=False)
    encoder = networks.make_encoder(params)
    model = networks.Recogniser(encoder, 5, networks.make_decoder(params, 7)).eval()
    said = [_utterance("abca", frames=61, seed=1), _utterance("bd", frames=27, seed=2)]
    objective = objectives.Recognition(model, said, "abcde", params, seed=0)
    with torch.no_grad():
        both = objective.collate([0, 1])
        states, counts = encoder(both["frames"], both["lengths"])
        alone, count = encoder(*(objective.collate([1])[name] for name in ("frames", "lengths")))
        assert counts.tolist() == [16, 7] and count.tolist() == [7]
        assert torch.allclose(states[1, :7], alone[0], atol=1e-5)
        each = [float(objective.loss(objective.collate([at]))) for at in range(2)]
        assert float(objective.loss(both)) == pytest.approx(sum(each), rel=1e-4)


def test_that_transcripts_too_long_for_ctc_are_known() -> None:
    assert objectives.fits_ctc(_utterance("abab", frames=16))
    assert not objectives.fits_ctc(_utterance("aabb", frames=16))  # equal units need a blank between them


def test_that_a_decoder_reads_from_the_start_and_ends_after_the_last_word() -> None:
    said, wanted = objectives.spoken(torch.tensor([[3, 1], [2, objectives.PADDING]]))
    assert said.tolist() == [[networks.START, 5, 3], [networks.START, 4, networks.END]]
    assert wanted.tolist() == [[5, 3, networks.END], [4, networks.END, objectives.PADDING]]


def test_that_frozen_layers_get_no_gradient_until_their_steps_are_over() -> None:
    params = SMALL.replace(layers=2, frozen_layers=1, frozen_steps=1, augment=False)
    torch.manual_seed(0)
    model = networks.Understander(networks.make_encoder(params), networks.make_decoder(params, len(WORDS) + 2))
    command = _utterance("x", intent=("on", "lights", "kitchen"))
    objective = objectives.Understanding(model, [command], WORDS, "x", params, seed=0)
    reached = []
    for _ in range(2):
        objective.progress(0.0)
        model.zero_grad()
        objective.loss(objective.collate([0])).backward()
        reached.append([one is not None for one in (model.encoder.first.weight.grad,
                                                    next(model.encoder.layers[0].parameters()).grad,
                                                    next(model.encoder.layers[1].parameters()).grad)])  # fmt: skip
    assert reached == [[False, False, True], [True, True, True]]


def test_that_recognition_goes_on_beside_and_shares_the_encoder() -> None:
    params = SMALL.replace(multi_task=True, recognition_weight=0.5, augment=False)
    torch.manual_seed(0)
    encoder = networks.make_encoder(params)
    beside = networks.Recogniser(encoder, 1, networks.make_decoder(params, 3))
    model = networks.Understander(encoder, networks.make_decoder(params, len(WORDS) + 2), recogniser=beside).eval()
    command = _utterance("xx", intent=("on", "lights", "kitchen"))

    def loss(share: float) -> float:
        shared = params.replace(recognition_weight=share)
        objective = objectives.Understanding(model, [command], WORDS, "x", shared, seed=0)
        with torch.no_grad():
            return float(objective.loss(objective.collate([0])))

    assert loss(0.5) == pytest.approx((loss(0.0) + (loss(0.9) - 0.1 * loss(0.0)) / 0.9) / 2, rel=1e-4)


# Fusion -------------------------------------------------------------------------------------


def test_that_every_prefix_of_slots_has_its_own_row_of_the_text_encoder() -> None:
    texts, rows = fusion.read(run.presets["desk"].backbone, WORDS, PLACE)  # type: ignore[attr-defined]
    every = fusion.prefixes(WORDS)
    assert len(every) == len(texts) == 1 + 2 + 2 * 2 + 2 * 2 * 2
    assert torch.allclose(texts.norm(dim=1), torch.ones(len(texts)), atol=1e-4)
    model = _understander(texts=texts, rows=rows)
    said = torch.tensor([[networks.START, *(WORDS.index(word) + 2 for word in
                                            ("action=on", "object=heat", "location=kitchen"))]])  # fmt: skip
    numbers = model._numbers(said)[0]
    assert [every[int(rows[one])] for one in numbers] == [
        (), ("action=on",), ("action=on", "object=heat"), ("action=on", "object=heat", "location=kitchen"),
    ]  # fmt: skip
    assert fusion.sentence(("action=on", "object=heat", "location=none")) == "on heat"


def test_that_the_gate_lets_the_text_change_what_is_said() -> None:
    torch.manual_seed(0)
    gate = networks.Gate(8, 4, 5)
    states, texts = torch.randn(1, 2, 8), torch.randn(1, 2, 4)
    assert not torch.allclose(gate(states, texts), gate(states, -texts))


# Decoding -----------------------------------------------------------------------------------


def test_that_every_combination_is_ranked_and_their_probabilities_add_up_to_one() -> None:
    model, one = _understander(), _utterance("x", frames=30)
    found = decoding.ranked(model, one, WORDS, PLACE)
    assert {each.intent for each in found} == set(itertools.product(("off", "on"), ("heat", "lights"),
                                                                    ("kitchen", "none")))  # fmt: skip
    assert sum(each.probability for each in found) == pytest.approx(1.0, abs=1e-4)
    (first,) = decoding.greedy(model, [one], WORDS, PLACE)
    assert next(each for each in found if each.intent == first.intent).probability == pytest.approx(
        first.probability, rel=1e-3
    )


def test_that_where_the_decoder_looks_adds_up_to_one_a_slot() -> None:
    model, one = _understander(), _utterance("x", frames=30)
    weights = decoding.looks(model, one, ("on", "lights", "kitchen"), WORDS, PLACE)
    assert weights.shape == (3, 8)
    assert np.allclose(weights.sum(1), 1, atol=1e-5)
    stretch = show._stretch("on", np.array([0.0, 0.1, 0.5, 0.3, 0.0], np.float32), 1.0)
    assert (stretch.start_s, stretch.end_s) == (pytest.approx(0.06), pytest.approx(0.14))


# A whole run and its model --------------------------------------------------------------------


def _ran(home: Path, **params: Any) -> Any:
    config = RunConfig(recipe="slu-transfer", params=params, preset="smoke", seed=1)
    folder = create_run(home, freeze(config))
    execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem
    return folder


@pytest.fixture(scope="module")
def trained(home: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        return _ran(home, multi_task=True, fusion=True, ladder=True)


def test_that_a_run_tells_accuracies_outcomes_by_speaker_and_the_learning_curve(trained: Any) -> None:
    results = trained.state().results
    assert {"accuracy", "action_accuracy", "accuracy_known_wordings", "unit_accuracy", "validation"} <= results.keys()
    (path,) = (trained.path / "artifacts").glob("outcomes-*.npy")
    counts = np.load(path)
    assert counts.shape == (SMALL.test_speakers, 2)
    assert counts[:, 0].sum() / counts[:, 1].sum() == pytest.approx(results["accuracy"])
    lines = (json.loads(line) for line in (trained.path / "events.jsonl").read_text().splitlines())
    assert [one["step"] for one in lines if one.get("name") == "labels"] == [1, 3, 6, 12]
    assert not (trained.path / "weights").exists()


def test_that_a_second_run_takes_the_encoder_of_the_first(trained: Any, home: Path) -> None:
    again = _ran(home)
    assert "encoder of another run" in (again.path / "events.jsonl").read_text()
    assert again.state().results["unit_accuracy"] == trained.state().results["unit_accuracy"]


def test_that_a_saved_model_understands_sounds_and_the_sample(trained: Any, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, (44_100, 2)), 44_100)
    job = SimpleNamespace(cache={}, device="cpu", precision="fp32")
    found = serve.answer(job, trained.path / "model", {"sound": str(tmp_path / "a.wav")})
    assert found.answers[0].headline == found.answers[0].scores[0][0]
    assert serve.answer(job, trained.path / "model", {"commands": COMMANDS.address}).answers[0].scores
    with pytest.raises(InputError, match="no sound"):
        serve.answer(job, trained.path / "model", {"sound": str(tmp_path / "absent.wav")})


def test_that_an_encoder_is_taken_from_a_saved_model_of_the_same_shape_only(trained: Any, home: Path) -> None:
    params = SMALL.replace(pretraining=SAVED, encoder=str(trained.path / "model"))
    state = saving.encoder_of(Path(params.encoder), params)
    networks.make_encoder(params).load_state_dict(state)
    with pytest.raises(InputError, match="another shape"):
        saving.encoder_of(Path(params.encoder), params.replace(width=32))
    with pytest.raises(InputError, match="no encoder"):
        saving.encoder_of(home, params)
