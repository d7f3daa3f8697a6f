"""Alterations, losses by explicit lengths, parts kept apart, probes that are fair, and a model at work."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from workbench.core.audio import Segment
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.settings import Settings
from workbench.engine.devices import choose
from workbench.engine.speech import encoder as encoders
from workbench.engine.speech import upstream
from workbench.engine.speech.bank import espeak
from workbench.recipes.speech.tera import alter, asking, data, objectives, probes, serve, show
from workbench.recipes.speech.tera.data import Data, Parts, Utterance
from workbench.recipes.speech.tera.networks import Restorer, make_encoder
from workbench.recipes.speech.tera.recipe import BANK, CLAIM, MELS, STACKED, Tera, run
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

SMALL = run.presets["smoke"]
assert isinstance(SMALL, Tera)
TIME = SMALL.replace(frequency=False, magnitude=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tera") / "home"


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))


def _job(inputs: dict[str, str] | None = None, seed: int = 1) -> Any:
    told: list[str] = []
    return SimpleNamespace(
        inputs=inputs or {}, seed=seed, told=told, log=lambda text, level="info": told.append(text),
        progress=lambda _done, _of: None, phase=lambda _name, total=0: None,
    )  # fmt: skip


def _utterance(name: str, speaker: str = "a", frames: int = 50, seed: int = 0) -> Utterance:
    values = np.random.default_rng(seed).normal(size=(frames, SMALL.mel_bins)).astype(np.float32)
    return Utterance(name, values, values[0], values[0], speaker, name, ("sil",) * frames)


# Alterations --------------------------------------------------------------------------------


def _draws(params: Tera, count: int = 300, frames: int = 100) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    clean = np.random.default_rng(0).normal(size=(frames, params.mel_bins)).astype(np.float32) + 5
    kept = clean.copy()
    found = [(clean, *alter.alter(clean, params, np.random.default_rng(seed))) for seed in range(count)]
    assert np.array_equal(clean, kept), "the target was altered"
    return found


def test_that_time_is_zeroed_replaced_or_left_but_always_a_target() -> None:
    found = _draws(TIME)
    kinds = {"zeroed": 0, "replaced": 0, "left": 0}
    for clean, altered, marked in found:
        frames = marked.any(1)
        assert np.array_equal(frames, marked.all(1))
        assert 5 <= frames.sum() <= 15  # three blocks of five, which may overlap
        assert np.array_equal(altered[~frames], clean[~frames])
        changed = (altered[frames] != clean[frames]).any()
        kinds["zeroed" if not altered[frames].any() else "replaced" if changed else "left"] += 1
    assert 0.7 < kinds["zeroed"] / len(found) < 0.9
    assert 0.04 < kinds["replaced"] / len(found) < 0.17
    assert 0.04 < kinds["left"] / len(found) < 0.17


def test_that_replaced_blocks_come_from_the_same_utterance() -> None:
    rows = {row.tobytes() for row in _draws(TIME, 1)[0][0]}
    replaced = [altered for _, altered, _ in _draws(TIME) if altered.any(1).all()]
    assert replaced
    assert all(row.tobytes() in rows for altered in replaced for row in altered)


def test_that_one_band_of_at_most_its_width_is_zeroed_in_all_frames() -> None:
    widths = set()
    for clean, altered, marked in _draws(SMALL.replace(time=False, magnitude=False, band=0.2)):
        bins = marked.any(0)
        assert np.array_equal(bins, marked.all(0))
        assert not altered[:, bins].any()
        assert np.array_equal(altered[:, ~bins], clean[:, ~bins])
        assert bins.sum() == 0 or np.ptp(np.flatnonzero(bins)) == bins.sum() - 1
        widths.add(int(bins.sum()))
    assert widths == set(range(9))


def test_that_noise_alone_makes_every_cell_a_target_and_comes_as_often_as_asked() -> None:
    found = _draws(SMALL.replace(time=False, frequency=False, noise_probability=0.25, noise_sigma=0.2))
    loud = [(clean, altered) for clean, altered, marked in found if marked.all()]
    assert all(not marked.any() or marked.all() for _, _, marked in found)
    assert 0.17 < len(loud) / len(found) < 0.33
    assert np.std(loud[0][1] - loud[0][0]) == pytest.approx(0.2, rel=0.1)


def test_that_noise_beside_other_axes_is_no_target_by_itself() -> None:
    for _, _, marked in _draws(SMALL.replace(frequency=False, noise_probability=1.0), 20):
        assert marked.any(1).sum() <= 15


@pytest.mark.parametrize("frames", [1, 4, 5, 12])
def test_that_short_utterances_are_left_alone_where_no_block_fits(frames: int) -> None:
    clean = np.ones((frames, SMALL.mel_bins), np.float32)
    altered, marked = alter.alter(clean, TIME, np.random.default_rng(0))
    assert altered.shape == clean.shape
    assert marked.any() == (round(0.15 * frames / 5) > 0)


def test_that_altering_nothing_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to restore"):
        alter.check(TIME.replace(time=False))


# Lengths and losses -------------------------------------------------------------------------


def test_that_padding_changes_neither_states_nor_loss() -> None:
    torch.manual_seed(0)
    model = Restorer(make_encoder(SMALL), SMALL.mel_bins).eval()
    short, long = _utterance("short", frames=20, seed=1), _utterance("long", frames=60, seed=2)
    together, alone = (
        objectives.altered_batch([(one, slice(None), np.random.default_rng(at)) for at, one in chosen], SMALL)
        for chosen in ([(1, short), (2, long)], [(1, short)])
    )
    rest = objectives.altered_batch([(long, slice(None), np.random.default_rng(2))], SMALL)
    with torch.no_grad():
        states = model.encoder(together["altered"], together["lengths"])[-1][0, :20]
        assert torch.allclose(states, model.encoder(alone["altered"], alone["lengths"])[-1][0], atol=1e-4)
        losses = [float(objectives.absolute_error(model, one)) for one in (together, alone, rest)]
    assert losses[0] == pytest.approx(losses[1] + losses[2], rel=1e-4)
    assert not together["marked"][0, 20:].any()


def test_that_frames_of_zeros_inside_an_utterance_are_no_padding() -> None:
    encoder = make_encoder(SMALL).eval()
    frames = torch.zeros(1, 30, SMALL.mel_bins)
    frames[:, :10] = torch.randn(1, 10, SMALL.mel_bins, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = encoder(frames, torch.tensor([30]))[-1][0, :10]
        cut = encoder(frames, torch.tensor([10]))[-1][0, :10]
    assert not torch.allclose(whole, cut, atol=1e-3)


def test_that_a_step_sees_the_same_alterations_again_and_the_next_step_others() -> None:
    model = Restorer(make_encoder(SMALL), SMALL.mel_bins)
    first, second = (objectives.Restoration(model, [_utterance("one", frames=90)], SMALL, seed=3) for _ in range(2))
    first.progress(0.0)
    second.load_state(first.state())
    assert torch.equal(first.collate([0])["altered"], second.collate([0])["altered"])
    before = first.collate([0])["altered"]
    first.progress(0.1)
    assert not torch.equal(before, first.collate([0])["altered"])


def test_that_fine_tuning_learns_from_known_phones_only() -> None:
    one = dataclasses.replace(_utterance("one", frames=4), phones=("a", "b", "new", "a"))
    from workbench.recipes.speech.tera.networks import Tagger

    torch.manual_seed(0)
    objective = objectives.Naming(Tagger(make_encoder(SMALL), 2).eval(), [one], {"a": 0, "b": 1}, SMALL, seed=0)
    batch = objective.collate([0])
    assert batch["classes"].tolist() == [[0, 1, objectives.UNKNOWN, 0]]
    assert objective.weight(batch) == 3


# Labels and parts ---------------------------------------------------------------------------


def test_that_a_frame_has_the_phone_at_its_centre_where_features_have_it() -> None:
    segments = [Segment(0.0, 0.030, "ˈa"), Segment(0.040, 0.052, "b")]
    # Centres at 0, 12.5, 25, 37.5 and 50 ms.
    assert data.phones_at(segments, 5, 0.0125) == ["a", "a", "a", "sil", "b"]


def test_that_test_speakers_and_sentences_stand_nowhere_else() -> None:
    known, new = _utterance("one", "a"), _utterance("two", "b")
    parts = Parts([known], [known], [new])
    assert Data([known], parts, Parts([known], [known], []))
    with pytest.raises(InputError, match="speaker of the test"):
        Data([dataclasses.replace(known, speaker="b")], parts, Parts([], [], []))
    with pytest.raises(InputError, match="sentence of the test"):
        Data([dataclasses.replace(known, text="two")], parts, Parts([], [], []))
    with pytest.raises(InputError, match="sentence of the test"):
        Data([known], parts, Parts([known], [], [known]))


@pytest.fixture(scope="module")
def spoken(home: Path) -> Data:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        return data.load(_job(), SMALL)


def test_that_generated_speech_has_new_speakers_and_sentences_in_its_test(spoken: Data) -> None:
    learned = [*spoken.unlabelled, *spoken.phones.train, *spoken.phones.development]
    assert len(spoken.unlabelled) == SMALL.unlabelled
    assert not {one.text for one in spoken.phones.test} & {one.text for one in learned}
    assert not {one.speaker for one in spoken.phones.test} & {one.speaker for one in learned}
    assert {one.speaker for one in spoken.speakers.test} == {one.speaker for one in spoken.speakers.train}
    assert not {one.text for one in spoken.speakers.test} & {one.text for one in learned}
    assert spoken.keywords is not None
    assert {one.speaker for one in spoken.keywords.test} == {one.speaker for one in spoken.phones.test}
    assert all(not one.phones for one in spoken.unlabelled)


def test_that_every_utterance_is_normalised_by_itself_and_the_noisy_copy_has_the_same_phones(spoken: Data) -> None:
    for clean, noisy in zip(spoken.phones.test, spoken.noisy, strict=True):
        assert np.abs(clean.frames.mean(0)).max() < 1e-3
        assert clean.phones == noisy.phones
        assert clean.frames.shape == noisy.frames.shape
        assert np.abs(clean.frames - noisy.frames).mean() > 0.1
        assert len(clean.phones) == len(clean.frames)


def test_that_all_arms_of_a_seed_are_tested_on_the_same_utterances(spoken: Data) -> None:
    other = data.load(_job(), SMALL.replace(representation=MELS))
    assert not other.unlabelled
    assert [one.name for one in other.phones.test] == [one.name for one in spoken.phones.test]
    assert [one.name for one in other.phones.train] == [one.name for one in spoken.phones.train]
    shared = ("max_steps", "batch", "learning_rate", "width", "layers", "heads", "hidden", "probe_steps", "labelled",
              "probe_hidden", "tune_steps", "development", "test", "unlabelled", "speakers", "mel_bins")  # fmt: skip
    assert len({tuple(getattr(arm, name) for name in shared) for arm in CLAIM.arms.values()}) == 1


def test_that_a_machine_without_espeak_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(espeak.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(espeak.ctypes.util, "find_library", lambda _name: None)
    with pytest.raises(KnownTrouble, match=r"pip install.*speech"):
        data.load(_job(), SMALL)


# Probes -------------------------------------------------------------------------------------


def _blobs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    labels = (np.arange(count) % 3).astype(np.int64)
    return (np.eye(3, 6)[labels] * 4 + chance.normal(0, 0.5, (count, 6)) + 50).astype(np.float32), labels


@pytest.mark.parametrize("hidden", [0, 8])
def test_that_a_probe_names_what_lies_apart_and_not_what_has_no_order(hidden: int) -> None:
    train, development, test = (_blobs(90, seed) for seed in range(3))
    probe = probes.learn(train, development, classes=3, steps=100, hidden=hidden)
    assert (probe(test[0]) == test[1]).mean() > 0.98
    mixed = np.random.default_rng(5).permutation(train[1])
    probe = probes.learn((train[0], mixed), development, classes=3, steps=100, hidden=hidden)
    assert (probe(test[0]) == np.random.default_rng(6).permutation(test[1])).mean() < 0.55


def test_that_what_is_tested_beside_it_changes_no_answer() -> None:
    probe = probes.learn(_blobs(60, 0), _blobs(30, 1), classes=3, steps=50)
    query, _ = _blobs(30, 2)
    assert np.array_equal(probe(np.concatenate([query, query + 100]))[:30], probe(query))


def test_that_the_mixture_finds_the_layer_that_knows() -> None:
    features, labels = _blobs(120, 0)
    noise = np.random.default_rng(1).normal(size=features.shape).astype(np.float32)
    layers = np.stack([noise, features, noise[::-1]], 1)
    probe = probes.learn((layers, labels), (layers, labels), classes=3, steps=200, rates=(1e-2,))
    assert np.argmax(probe.weights) == 1
    assert sum(probe.weights) == pytest.approx(1)


def test_that_stacking_keeps_each_frame_between_its_neighbours() -> None:
    frames = np.arange(8, dtype=np.float32)[:, None]
    assert probes.stacked(frames)[4].tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 7]


def test_that_counts_of_utterances_add_up_to_the_accuracy_of_all_frames() -> None:
    right = np.array([True, False, True, True, False])
    counts = probes.split(right, [2, 3])
    assert counts.tolist() == [[1, 2], [2, 3]]
    assert counts[:, 0].sum() / counts[:, 1].sum() == pytest.approx(right.mean())


def test_that_an_utterance_longer_than_the_encoder_takes_keeps_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LONGEST", 20)
    encoder = make_encoder(SMALL)
    place = SimpleNamespace(device=torch.device("cpu"), autocast=lambda: torch.autocast("cpu", enabled=False))
    one, other = _utterance("one", frames=50), _utterance("other", frames=20, seed=1)
    found = asking.states(encoder, [one, other], place)  # type: ignore[arg-type]
    assert [part.shape for part in found] == [(50, SMALL.layers + 1, SMALL.width), (20, SMALL.layers + 1, SMALL.width)]
    middle = dataclasses.replace(one, frames=one.frames[20:40])
    assert np.allclose(found[0][20:40], asking.states(encoder, [middle], place)[0], atol=1e-4)  # type: ignore[arg-type]


def test_that_equal_phones_in_a_row_become_one_segment_around_their_centres() -> None:
    segments = show.runs(["sil", "a", "a", "b"], [1, 0.5, 0.7, 0.9], 0.01)
    assert [(one.start_s, one.end_s, one.text) for one in segments] == [
        (pytest.approx(0.005), pytest.approx(0.025), "a"), (pytest.approx(0.025), pytest.approx(0.035), "b"),
    ]  # fmt: skip
    assert segments[0].confidence == pytest.approx(0.6)


# How it begins ------------------------------------------------------------------------------


def _gaps(model: Restorer, marked: int, steps: int, rate: float) -> float:
    """The error on hidden blocks of random walks that nothing but their neighbours tell, after some steps."""
    chance = np.random.default_rng(0)
    walks = torch.from_numpy(np.cumsum(chance.normal(0, 0.5, (64, 40, 2)), 1).astype(np.float32))
    walks = (walks - walks.mean(1, keepdim=True)).repeat(1, 1, 5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    lengths, loss = torch.full((16,), 40), torch.zeros(())
    losses = []
    for step in range(steps):
        clean = walks[torch.from_numpy(chance.integers(0, 64, 16))]
        altered, at = clean.clone(), 5 + step % 25
        altered[:, at : at + marked] = 0
        loss = (model(altered, lengths) - clean)[:, at : at + marked].abs().mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses[-25:]))


def test_that_heads_that_begin_nearby_learn_to_fill_gaps_from_their_neighbours_sooner() -> None:
    found = {}
    for start in ("near frames", "published"):
        torch.manual_seed(0)
        params = SMALL.replace(start=start, mel_bins=10, width=64, heads=4, hidden=64, dropout=0.0)
        found[start] = _gaps(Restorer(make_encoder(params), 10), 3, 150, 3e-3)
    assert found["near frames"] < 0.8 * found["published"]


def test_that_each_head_begins_at_its_own_distance_and_later_crops_keep_their_places() -> None:
    torch.manual_seed(0)
    encoder = make_encoder(SMALL.replace(width=96, heads=4, dropout=0.0)).eval()
    with torch.no_grad():
        encoder.read.weight.zero_()  # places alone
        encoder.read.bias.zero_()
        looks = encoder.looks(torch.zeros(1, 60, SMALL.mel_bins))
        for head, away in enumerate(encoders.LOOKS):
            assert [int(looks[head, at].argmax()) - at for at in (20, 30, 40)] == [away] * 3
        whole = encoder.entered(torch.zeros(1, 60, SMALL.mel_bins))
        later = encoder.entered(torch.zeros(1, 20, SMALL.mel_bins), torch.tensor([40.0]))
    assert torch.allclose(whole[:, 40:], later, atol=1e-5)


def test_that_a_layer_that_is_not_there_cannot_be_probed() -> None:
    with pytest.raises(InputError, match="no such layer"):
        make_encoder(SMALL.replace(layer=SMALL.layers + 1))


# A model at work ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(home: Path) -> Path:
    """The model of a smoke run whose encoder has learned nothing: all but pretraining."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        config = RunConfig(recipe="tera", params={"representation": "random encoder"}, preset="smoke", seed=1)
        folder = create_run(home, freeze(config))
        execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem
    assert {"phone_accuracy", "majority_class", "tuned_accuracy", "speaker_accuracy"} <= state.results.keys()
    assert not (folder.path / "weights").exists()
    return folder.path / "model"


def _asked() -> Any:
    return SimpleNamespace(cache={}, device="cpu", precision="fp32")


def test_that_a_sound_gets_phones_in_time_and_features(trained: Path, tmp_path: Path) -> None:
    import soundfile

    wave = np.random.default_rng(0).normal(0, 0.1, 44_100).astype(np.float32)
    soundfile.write(tmp_path / "sound.wav", wave, 44_100)
    question = {"sound": str(tmp_path / "sound.wav"), "features": str(tmp_path / "features.npy")}
    found = serve.answer(_asked(), trained, question)
    features = np.load(found.features)
    assert features.shape == (16_000 // 200 + 1, SMALL.width)
    (tier,) = found.tiers.tiers
    assert all(0 <= one.start_s < one.end_s <= 1.01 for one in tier.segments)
    assert found.answers[0].headline == " ".join(one.text for one in tier.segments)


def test_that_the_sample_can_be_asked_about_and_a_missing_sound_cannot(trained: Path, tmp_path: Path) -> None:
    job = _asked()
    assert serve.answer(job, trained, {"sounds": BANK.address}).tiers.tiers[0].segments
    with pytest.raises(InputError, match="no sound"):
        serve.answer(job, trained, {"sound": str(tmp_path / "absent.wav")})
    with pytest.raises(InputError, match="cannot be written"):
        serve.answer(job, trained, {"sounds": BANK.address, "features": str(tmp_path / "nowhere" / "a.npy")})


def test_that_an_encoder_kept_by_a_run_tells_the_same_read_again_and_by_another_recipe(
    trained: Path, tmp_path: Path
) -> None:
    kept = upstream.load(trained)
    assert (kept.hop_s, kept.window_s, kept.bins, kept.layer) == (0.0125, 0.025, SMALL.mel_bins, SMALL.layer)
    upstream.save(tmp_path, kept)
    again = upstream.load(tmp_path)
    wave = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    place = choose("cpu")
    here = asking.states(kept.encoder, [data.heard(wave, SMALL, name="a")], place)[0]
    assert np.allclose(here, again.states([wave])[0].numpy(), atol=1e-5)
    assert np.array_equal(again.features(wave), again.states([wave])[0][:, SMALL.layer].numpy())
    (tmp_path / upstream.CONFIG).write_text('{"bins": 40}')
    with pytest.raises(InputError, match="cannot be read"):
        upstream.load(tmp_path)


def test_that_surface_features_run_without_an_encoder_and_write_the_same_outcomes(home: Path) -> None:
    config = RunConfig(recipe="tera", params={"representation": STACKED}, preset="smoke", seed=1)
    folder = create_run(home, freeze(config))
    execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem
    assert 0 < state.results["phone_accuracy"] <= 1  # type: ignore[operator]
    assert list((folder.path / "artifacts").glob("outcomes-*.npy"))
    assert not (folder.path / "model" / upstream.WEIGHTS).exists()
