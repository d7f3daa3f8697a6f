"""Arms on one encoder, what is done to clips, parts kept apart, costs, and a model at work on clips and videos."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.engine.video.films import film
from workbench.core.params import values_of
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine.devices import choose
from workbench.engine.video import imagelanguage
from workbench.engine.video.askedclips import middle_frames
from workbench.engine.video.clipsets import ClipSpec
from workbench.engine.video.motions import MOTIONS
from workbench.recipes.video.dist_image_to_video import (
    alter,
    data,
    folders,
    method,
    networks,
    objective,
    serve,
    show,
    stills,
)
from workbench.recipes.video.dist_image_to_video.alter import Blend, Mirrors
from workbench.recipes.video.dist_image_to_video.data import Data
from workbench.recipes.video.dist_image_to_video.recipe import (
    ADAPTER,
    ADAPTER_COST,
    ARMS,
    BLIND,
    CLAIM,
    DIST,
    FULL,
    FULL_COST,
    MEAN,
    PATCHES,
    SPRITES,
    TOKENS,
    DistImageToVideo,
    run,
)
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

SMALL = run.presets["smoke"]
assert isinstance(SMALL, DistImageToVideo)
CPU = choose("cpu", "fp32")


def _job(inputs: dict[str, str] | None = None, seed: int = 1) -> Any:
    told: list[str] = []
    return SimpleNamespace(
        inputs=inputs or {}, seed=seed, told=told, log=lambda text, level="info": told.append(text),
        progress=lambda _done, _of: None, phase=lambda _name, total=0: None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def seer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a small encoder with seeded weights."""
    folder = tmp_path_factory.mktemp("encoder") / "small"
    imagelanguage.save(imagelanguage.build(width=32, layers=2, heads=2, patch=16, seed=3), folder)
    return str(folder)


@pytest.fixture(scope="module")
def clips() -> Data:
    return data.generated(_job(seed=90), SMALL)


def _made(seer: str, clips: Data, **knobs: Any) -> networks.Recogniser:
    return method.made(SMALL.replace(backbone=seer, **knobs), clips.tasks, 90)


# Arms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ARMS)
def test_that_an_arm_learns_what_it_says_and_nothing_else(arm: str, seer: str, clips: Data) -> None:
    params = SMALL.replace(backbone=seer, arm=arm, learning_rate=1e-3)
    model = method.made(params, clips.tasks, 90)
    lesson = objective.Naming(model, clips.train, clips.tasks, params)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    optimizer = torch.optim.AdamW(lesson.parameter_groups())
    batch = lesson.collate(list(range(12)))
    losses = []
    for _ in range(6):
        loss = lesson.loss(batch) / 12
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    moved = {name for name, one in model.state_dict().items() if not torch.equal(one, before[name])}
    encoder = {name for name in moved if name.startswith("seer.")}
    assert bool(encoder) == (arm == FULL)
    assert moved <= set(model.saved())
    assert any(name.startswith("new.head") for name in moved)


def test_that_no_arm_but_the_two_lets_gradients_into_the_encoder(seer: str, clips: Data) -> None:
    frames = torch.from_numpy(clips.train.frames[:2])
    for arm in ARMS:
        model = _made(seer, clips, arm=arm)
        seen = model.seen(objective.prepared(model, frames))
        assert any(one.requires_grad for one in seen) == (arm in (ADAPTER, FULL)), arm


def test_that_what_is_read_are_outputs_of_blocks_before_the_last_norm(seer: str, clips: Data) -> None:
    model = _made(seer, clips, arm=DIST)
    caught: list[torch.Tensor] = []
    hooks = [one.register_forward_hook(lambda _m, _i, out: caught.append(out)) for one in model.seer.blocks]
    seen = model.seen(objective.prepared(model, torch.from_numpy(clips.train.frames[:3])))
    for one in hooks:
        one.remove()
    assert len(seen) == len(caught) == 2
    for got, block in zip(seen, caught, strict=True):
        assert got.shape == (3, SMALL.frames // SMALL.gamma, 5, 32)
        assert torch.equal(got.flatten(0, 1), block)


def test_that_the_blind_arm_sees_frames_but_nothing_of_the_encoder(seer: str, clips: Data) -> None:
    model = _made(seer, clips, arm=BLIND)
    pixels = objective.prepared(model, torch.from_numpy(clips.train.frames[:2]))
    assert all(not bool(one.any()) for one in model.seen(pixels))
    said = method.said(model, clips.test.frames[:8], CPU).scores["motion"]
    assert np.abs(said - said[0]).max() > 1e-4


def test_that_the_mean_over_frames_cannot_tell_time_and_the_transformers_can(seer: str, clips: Data) -> None:
    frames = clips.test.frames[:4]
    for arm in (MEAN, TOKENS, PATCHES, DIST, BLIND):
        model = _made(seer, clips, arm=arm)
        apart = np.abs(
            method.said(model, frames, CPU).scores["motion"]
            - method.said(model, frames[:, ::-1].copy(), CPU).scores["motion"]
        ).max()
        assert (apart > 1e-5) == (arm != MEAN), arm


def test_that_kept_features_are_those_computed_on_the_fly(seer: str, clips: Data) -> None:
    for arm in (DIST, TOKENS, PATCHES):
        params = SMALL.replace(backbone=seer, arm=arm)
        model = method.made(params, clips.tasks, 90)
        losses = []
        for keep in (False, True):
            lesson = objective.Naming(model, clips.train, clips.tasks, params, keep=keep)
            assert (lesson.known is not None) == keep
            losses.append(float(lesson.loss(lesson.collate([5, 2, 9])).detach()))
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_that_features_of_altered_clips_are_not_kept(seer: str, clips: Data) -> None:
    params = SMALL.replace(backbone=seer, mixup=0.8)
    lesson = objective.Naming(method.made(params, clips.tasks, 90), clips.train, clips.tasks, params, keep=True)
    assert lesson.known is None


def test_that_blocks_are_named_from_one() -> None:
    assert networks.taps_of("all", 4) == ()
    assert networks.taps_of("2, 4", 4) == (1, 3)
    for words in ("0", "5", "two"):
        with pytest.raises(InputError, match="blocks"):
            networks.taps_of(words, 4)


# What is done to clips ------------------------------------------------------------------------


def test_that_mirrors_swap_left_and_right_and_leave_what_has_no_counterpart() -> None:
    found = alter.mirrored_classes(MOTIONS)
    assert [MOTIONS[at] for at in found] == [
        "moves left", "moves right", "moves down", "moves up", "orbits counter-clockwise", "orbits clockwise", "grows",
        "shrinks",
    ]  # fmt: skip
    names = ("Pushing something from left to right", "Pushing something from right to left", "Turning left", "Upright")
    assert alter.mirrored_classes(names) == [1, 0, -1, 3]


def test_that_a_mirrored_clip_has_the_mirrored_class(clips: Data) -> None:
    torch.manual_seed(0)
    frames = torch.from_numpy(clips.train.frames)
    labels = {name: torch.from_numpy(one) for name, one in clips.train.labels.items()}
    found, after = alter.altered(frames, labels, SMALL.replace(flip=True), Mirrors.of(clips.tasks))
    turned = [not torch.equal(a, b) for a, b in zip(found, frames, strict=True)]
    assert 4 < sum(turned) < len(frames) - 4
    swaps = alter.mirrored_classes(MOTIONS)
    for at, is_turned in enumerate(turned):
        assert torch.equal(found[at], frames[at].flip(2)) or not is_turned
        assert int(after["motion"][at]) == (swaps[labels["motion"][at]] if is_turned else labels["motion"][at])
    assert torch.equal(after["shape"], labels["shape"])


def test_that_all_frames_of_a_clip_are_cropped_and_coloured_alike() -> None:
    still = np.random.default_rng(4).integers(0, 256, (1, 1, 24, 32, 3), np.uint8).repeat(3, 1)
    torch.manual_seed(1)
    found, _ = alter.altered(torch.from_numpy(still), {}, SMALL.replace(crop=0.4, jitter=0.4), Mirrors({}))
    assert found.shape == still.shape
    assert found.dtype == torch.uint8
    assert not torch.equal(found, torch.from_numpy(still))
    assert torch.equal(found[:, 0], found[:, 2])


def test_that_a_clip_without_colours_is_grey() -> None:
    torch.manual_seed(1)
    given = torch.randint(0, 256, (1, 2, 8, 8, 3), dtype=torch.uint8)
    found, _ = alter.altered(given, {}, SMALL.replace(grey=1.0), Mirrors({}))
    assert int((found.amax(-1).int() - found.amin(-1).int()).max()) == 0


def test_that_cutmix_shares_the_truth_as_it_shares_the_frame() -> None:
    torch.manual_seed(2)
    pixels = torch.arange(4.0)[:, None, None, None, None].expand(4, 2, 3, 16, 16)
    for _ in range(20):
        blend = alter.drawn(4, 16, SMALL.replace(cutmix=1.0))
        assert blend is not None
        mixed = alter.blended(pixels, blend)
        soft = alter.targets(torch.arange(4), 4, 0.0, blend)
        torch.testing.assert_close(soft.sum(1), torch.ones(4))
        # A frame's mean is the mean of the clips' numbers by their shares: so is the target's.
        torch.testing.assert_close(mixed.mean((1, 2, 3, 4)), soft @ torch.arange(4.0))


def test_that_mixup_blends_pixels_and_truth_alike_over_smoothed_labels() -> None:
    blend = Blend(torch.tensor([1, 0]), 0.75)
    mixed = alter.blended(torch.tensor([0.0, 4.0])[:, None, None, None, None], blend)
    assert mixed.flatten().tolist() == [1.0, 3.0]
    soft = alter.targets(torch.tensor([0, 1]), 2, 0.1, blend)
    torch.testing.assert_close(soft[0], torch.tensor([0.95 * 0.75 + 0.05 * 0.25, 0.05 * 0.75 + 0.95 * 0.25]))
    assert alter.drawn(8, 32, SMALL) is None


# Parts and tests ------------------------------------------------------------------------------


def test_that_no_part_and_no_run_shares_a_generator_seed() -> None:
    drawn = [one for seed in (*range(1, 6), 90, 91) for one in data.seeds_of(seed).values()]
    assert len(set(drawn)) == len(drawn)
    assert data.ASKED_SEED not in drawn


def test_that_shuffled_clips_have_the_same_frames_and_never_the_true_order(clips: Data) -> None:
    found = method.shuffled(clips.test.frames, 1)
    for before, after in zip(clips.test.frames, found, strict=True):
        assert not np.array_equal(before, after)
        assert sorted(map(bytes, before)) == sorted(map(bytes, after))


def test_that_videos_are_divided_whole_and_every_class_is_tested() -> None:
    specs = [
        ClipSpec(f"{name}{video}.mp4", at, at + 1.0, name) for name in "ab" for video in range(6) for at in (0.0, 1.0)
    ]
    parts = folders.divided(specs, 1)
    paths = {part: {one.path for one in chosen} for part, chosen in parts.items()}
    assert sum(map(len, paths.values())) == 12
    assert set().union(*paths.values()) == {one.path for one in specs}
    assert all({one.label for one in chosen} == {"a", "b"} for chosen in parts.values())
    assert parts == folders.divided(specs, 1)


def test_that_a_list_s_own_division_is_kept_and_its_validation_is_the_test() -> None:
    specs = [ClipSpec(f"{name}{at}.mp4", label=name, split="train") for name in "ab" for at in range(5)]
    held = [ClipSpec(f"{name}-held.mp4", label=name, split="validation") for name in "ab"]
    parts = folders.divided([*specs, *held], 1)
    assert parts["test"] == held
    assert {one.path for one in parts["validation"]} | {one.path for one in parts["train"]} == {
        one.path for one in specs
    }


def test_that_attention_is_spread_over_the_frames_between() -> None:
    looked = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    found = show.over_frames(looked, 4)
    assert found.shape == (1, 4, 2, 2)
    assert np.array_equal(found[0, 0], found[0, 1])
    assert found.max() == 1


def test_that_all_arms_of_the_claim_differ_in_the_method_alone() -> None:
    arms = {name: one.replace(arm=DIST, learning_rate=1.0) for name, one in CLAIM.arms.items()}  # type: ignore[attr-defined]
    costs = {ADAPTER_COST, FULL_COST}
    assert {one.arm for one in CLAIM.arms.values()} == set(ARMS)  # type: ignore[attr-defined]
    judged = [values_of(one) for name, one in arms.items() if name not in costs]
    assert all(one == judged[0] for one in judged)
    # Those whose gradients go through the encoder are weighed and not trained: nothing that they name is compared.
    compared = {one.than for one in CLAIM.statements if "share" not in one.metric}
    assert not compared & costs


# Runs and models ------------------------------------------------------------------------------


def _run(home: Path, inputs: dict[str, str] | None = None, **knobs: Any) -> Path:
    config = RunConfig(recipe="dist-image-to-video", params=knobs, preset="smoke", seed=90, inputs=inputs or {})
    folder = create_run(home, freeze(config))
    execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem
    return folder.path


@pytest.fixture(scope="module")
def trained(seer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run on generated clips."""
    home = tmp_path_factory.mktemp("dist") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        yield _run(home, backbone=seer, compare=False)


def _asked() -> Any:
    return SimpleNamespace(cache={}, device="cpu", precision="fp32")


def test_that_only_what_was_learned_is_saved(trained: Path) -> None:
    kept = load_file(trained / "model" / method.WEIGHTS)
    assert kept
    assert all(name.startswith("new.") for name in kept)


def test_that_a_saved_model_says_of_a_clip_what_it_said_in_the_test(trained: Path, tmp_path: Path) -> None:
    test = data.generated(_job(seed=90), SMALL).test
    np.save(tmp_path / "clip.npy", test.frames[3])
    found = serve.answer(
        _asked(), trained / "model", {"clip": str(tmp_path / "clip.npy"), "attention": str(tmp_path / "maps.npy")}
    )
    assert [one.model for one in found.answers] == ["DiST: motion", "DiST: shape"]
    assert [len(one.scores) for one in found.answers] == [8, 6]
    assert sum(score for _, score in found.answers[0].scores) == pytest.approx(1, abs=1e-3)
    maps = np.load(found.attention)
    assert maps.shape == (8, 2, 2)
    assert maps.max() == 1
    (table,) = (trained / "artifacts").glob("predictions*.json")
    row = serve_row(table, 3)
    assert row[2] == found.answers[0].headline
    assert row[3] == pytest.approx(found.answers[0].scores[0][1], abs=2e-4)


def serve_row(table: Path, at: int) -> list[Any]:
    from workbench.core.documents import TableDoc, read

    return read(table, TableDoc).rows[at]


def test_that_a_longer_clip_is_cut_into_equal_segments(trained: Path, tmp_path: Path) -> None:
    clip = np.arange(24, dtype=np.uint8)[:, None, None, None].repeat(16, 1).repeat(16, 2).repeat(3, 3)
    assert middle_frames(clip, 8)[:, 0, 0, 0].tolist() == [1, 4, 7, 10, 13, 16, 19, 22]
    np.save(tmp_path / "long.npy", clip)
    assert serve.answer(_asked(), trained / "model", {"clip": str(tmp_path / "long.npy")}).answers


def test_that_what_is_no_clip_is_refused_by_name(trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros((4, 4), np.uint8))
    (tmp_path / "broken.npy").write_bytes(b"no array")
    for name, words in (("flat.npy", "no frames"), ("broken.npy", "cannot be read"), ("none.npy", "cannot be read")):
        with pytest.raises(InputError, match=words):
            serve.answer(_asked(), trained / "model", {"clip": str(tmp_path / name)})
    with pytest.raises(InputError, match="no clip"):
        serve.answer(_asked(), trained / "model", {"text": "a circle"})


def test_that_full_fine_tuning_comes_back_with_its_own_encoder(
    seer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    folder = _run(tmp_path / "home", backbone=seer, arm=FULL, compare=False, evaluations=1)
    kept = load_file(folder / "model" / method.WEIGHTS)
    plain = imagelanguage.load(seer).state_dict()
    tuned = [name for name in kept if name.startswith("seer.")]
    assert any(not torch.equal(kept[name], plain[name.removeprefix("seer.")]) for name in tuned)
    assert serve.answer(_asked(), folder / "model", {"clips": SPRITES.address}).answers
    results = folder.joinpath("events.jsonl").read_text()
    assert '"seconds_share_of_full":1.0' in results
    assert '"memory_share_of_full":1.0' in results


def test_that_a_still_classifier_is_made_once_and_goes_with_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    monkeypatch.setattr(stills, "EPOCHS", 1)
    monkeypatch.setattr(method, "weigh", lambda *_given: None)
    knobs = {"encoder": "still classifier", "stills": 72, "arm": MEAN, "epochs": 1, "evaluations": 1, "shuffle": False}
    folder = _run(home, **knobs)
    assert "The encoder tells" in (folder / "events.jsonl").read_text()
    again = _job()
    made = stills.classifier(again, 72)
    assert again.told == []
    shutil.rmtree(made)
    assert serve.answer(_asked(), folder / "model", {"clips": SPRITES.address}).answers


def test_that_own_videos_are_learned_and_a_stretch_of_one_is_named(
    seer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    root = tmp_path / "own"
    for name, rate in (("quick", 25), ("slow", 10)):
        (root / name).mkdir(parents=True)
        for at in range(3):
            film(root / name / f"{at}.avi", "mjpeg", "yuvj420p", frames=10 + at, rate=rate, width=48, height=32)
    folder = _run(
        tmp_path / "home", {"clips": str(root)}, backbone=seer, compare=False, epochs=1, batch=2, evaluations=1
    )
    found = serve.answer(
        _asked(), folder / "model", {"path": str(root / "slow" / "0.avi"), "start_s": 0.1, "end_s": 0.8}
    )
    assert [name for name, _ in sorted(found.answers[0].scores)] == ["quick", "slow"]
    assert found.answers[0].model == "DiST: class"
    assert folders.preview_folder(str(root)).labels == {"quick": 3, "slow": 3}
