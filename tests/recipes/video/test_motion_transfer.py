"""Generated motions and their sets; scores; heads and what they learn from; a run that is asked afterwards."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from workbench.core import events as ev
from workbench.core.documents import AnswersDoc
from workbench.core.params import values_of
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine.devices import choose
from workbench.engine.video import imagelanguage
from workbench.recipes.video.motion_transfer import data, describing, method, networks, serve, show
from workbench.recipes.video.motion_transfer.objective import Moving
from workbench.recipes.video.motion_transfer.recipe import (
    BOTH,
    CLAIM,
    DISENTANGLED,
    DIST,
    LOOKS,
    MOTIONS,
    ON_FINE,
    TEXT,
    TIED,
    MotionTransfer,
    run,
)
from workbench.recipes.video.motion_transfer.scenes import SCENES
from workbench.recipes.video.motion_transfer.scores import Named, Transfer
from workbench.recipes.video.motion_transfer.taxonomy import DRAWN, drawn
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.execute import execute

SMALL = run.presets["smoke"]
assert isinstance(SMALL, MotionTransfer)
TEN = SMALL.replace(classes=10, frames=8, size=32, train_clips=2, test_clips=2)


@pytest.fixture(scope="module")
def ten() -> data.Data:
    """Two clips of every variant of all ten motions."""
    return data.generated(90, TEN)


# The generated motions ---------------------------------------------------------------------------


def test_that_every_motion_has_two_variants_in_each_set() -> None:
    taxonomy = drawn()
    assert {name: len(found) for name, found in SCENES.items()} == dict.fromkeys(DRAWN, 4)
    for at, name in enumerate(taxonomy.coarse):
        sets = [(one.set, one.place) for one in taxonomy.fine if one.coarse == at]
        assert sets == [(1, 0), (1, 1), (2, 0), (2, 1)], name
    assert len({one.name for one in taxonomy.fine}) == 40


def test_that_clips_follow_their_seed_and_parts_share_none(ten: data.Data) -> None:
    again, other = data.generated(90, TEN), data.generated(91, TEN)
    assert np.array_equal(again.train.frames, ten.train.frames)
    assert not np.array_equal(other.train.frames, ten.train.frames)
    clips = [one.tobytes() for part in (ten.train, ten.known, ten.unknown) for one in part.frames]
    assert len(set(clips)) == len(clips)
    assert ten.train.frames.shape == (40, 8, 32, 32, 3)


def test_that_only_the_known_sets_variants_are_learned(ten: data.Data) -> None:
    assert set(ten.train.fine) == set(ten.known.fine) == set(ten.known_fine)
    assert set(ten.unknown.fine) == set(ten.unknown_fine)
    assert not set(ten.known_fine) & set(ten.unknown_fine)
    turned = data.generated(90, TEN.replace(direction="2 → 1"))
    assert turned.known_fine == ten.unknown_fine
    # The same held-out clips in both directions: only the training differs.
    assert np.array_equal(turned.known.frames, ten.unknown.frames)
    assert np.array_equal(turned.unknown.frames, ten.known.frames)


def test_that_both_sets_look_alike_frame_by_frame() -> None:
    found = data.generated(90, TEN.replace(test_clips=12, size=16))
    means = [part.frames.mean((0, 1, 2, 3)) for part in (found.known, found.unknown)]
    spreads = [part.frames.std() for part in (found.known, found.unknown)]
    assert np.abs(means[0] - means[1]).max() < 4
    assert abs(spreads[0] - spreads[1]) < 4


def test_that_bias_changes_the_look_of_training_clips_alone_and_no_motion(ten: data.Data) -> None:
    tied = data.generated(90, TEN.replace(background_bias=1.0, colour_bias=1.0))
    assert np.array_equal(tied.known.frames, ten.known.frames)
    assert np.array_equal(tied.unknown.frames, ten.unknown.frames)
    falling = ten.taxonomy.coarse.index("falling")
    places = np.flatnonzero(ten.coarse(ten.train) == falling)
    # One backdrop for all falling clips: the corner of the first frame, but for noise.
    corners = tied.train.frames[places, 0, :4, :4].astype(float)
    assert (
        np.ptp(corners, axis=0).mean() < 30 < np.ptp(ten.train.frames[places, 0, :4, :4].astype(float), axis=0).mean()
    )


def _brightest(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the object is in each frame (T,): the centre of what the still backdrop is not."""
    changed = np.abs(frames.astype(float) - np.median(frames, 0)).max(-1)  # (T, H, W)
    weights = np.where(changed > 60, changed, 0)
    y, x = np.mgrid[: frames.shape[1], : frames.shape[2]]
    total = weights.sum((1, 2)) + 1e-9
    return (weights * x).sum((1, 2)) / total, (weights * y).sum((1, 2)) / total


@pytest.mark.parametrize(("name", "axis", "sign"), [
    ("falling straight", 1, 1), ("falling along a curve", 1, 1), ("rising straight", 1, -1),
    ("rising obliquely", 1, -1), ("moving to the right", 0, 1), ("moving to the left", 0, -1),
])  # fmt: skip
def test_that_objects_go_where_their_motion_says(ten: data.Data, name: str, axis: int, sign: int) -> None:
    at = next(at for at, one in enumerate(ten.taxonomy.fine) if one.name == name)
    part = ten.known if ten.taxonomy.fine[at].set == 1 else ten.unknown
    for clip in part.frames[part.fine == at]:
        gone = _brightest(clip)[axis]
        assert sign * (gone[-1] - gone[0]) > 10


def test_that_backwards_growing_is_shrinking(ten: data.Data) -> None:
    sizes = {}
    for name in ("expanding a lot", "shrinking a lot"):
        at = next(at for at, one in enumerate(ten.taxonomy.fine) if one.name == name)
        clip = ten.unknown.frames[ten.unknown.fine == at][0].astype(float)
        ends = np.abs(clip[0] - clip[-1]).max(-1) > 60
        sizes[name] = clip[-1][ends].mean() - clip[0][ends].mean()
    # Objects are brighter than backdrops: what grows is brighter at the end, what shrinks at the beginning.
    assert sizes["expanding a lot"] > 0 > sizes["shrinking a lot"]


# Scores ------------------------------------------------------------------------------------------


def _named(truth: list[int], guess: list[int]) -> Named:
    kinds = np.array(truth)
    return Named(("a", "b"), kinds, np.array(guess), np.ones(len(truth), np.float32), kinds, kinds,
                 np.array(guess))  # fmt: skip


def test_that_motions_count_alike_however_many_clips_they_have() -> None:
    found = _named([0] * 8 + [1] * 2, [0] * 8 + [0] * 2)
    assert found.accuracy == pytest.approx(0.5)
    assert found.weights.mean() == pytest.approx(1.0)
    assert found.by_coarse() == {0: 1.0, 1: 0.0}


def test_that_falls_are_as_defined_and_nothing_is_divided_by_zero() -> None:
    found = Transfer(0.8, 0.4)
    assert (found.drop, found.relative_drop) == (pytest.approx(0.4), pytest.approx(0.5))
    assert found.harmonic_mean == pytest.approx(2 * 0.8 * 0.4 / 1.2)
    assert Transfer(0.0, 0.0).relative_drop == Transfer(0.0, 0.0).harmonic_mean == 0.0


def test_that_clips_of_a_motion_stand_together_also_where_a_part_has_none_of_it(ten: data.Data) -> None:
    few = ten.coarse(ten.known) != 3
    known = data.Part(ten.known.frames[few], ten.known.fine[few], tuple(np.array(ten.known.names)[few]))
    found = data.Data(ten.taxonomy, ten.train, known, ten.unknown, 1)
    right = [method.named(found, part, {"coarse": np.eye(10, dtype=np.float32)[found.coarse(part)]}, [])
             for part in (known, found.unknown)]  # fmt: skip
    written: list[Any] = []
    job: Any = SimpleNamespace(artifact=lambda slot, kind, content, **more: written.append((content, more["parts"])))
    show.clips(job, found, *right)
    frames, parts = written[0]
    labels = [one.label for one in parts["items"].items]
    assert len(frames) == len(labels) == 19 * show.SHOWN_OF_EACH
    assert labels == sorted(labels, key=ten.taxonomy.coarse.index)
    assert [one.group for one in parts["items"].items if one.label == "falling"] == ["unknown, Set 2"] * 3


# What learns -------------------------------------------------------------------------------------


def _mover(heads: str, found: data.Data) -> networks.Mover:
    torch.manual_seed(0)
    body = networks.Differencing(width=16, channels=8, dropout=0.0)
    return networks.Mover(body, heads=heads, coarse=10, fine=20, variants=2)


def test_that_the_desk_net_is_as_small_as_said_and_sees_the_order_of_frames(ten: data.Data) -> None:
    torch.manual_seed(0)
    net = networks.Differencing().eval()
    assert 50_000 < sum(one.numel() for one in net.parameters()) < 60_000
    clips = torch.from_numpy(ten.known.frames[:4])
    with torch.no_grad():
        assert not torch.allclose(net({"clips": clips}), net({"clips": clips.flip(1)}), atol=1e-3)


@pytest.mark.parametrize(("heads", "told"), [
    ("coarse", {"coarse"}), (BOTH, {"coarse", "fine"}), (DISENTANGLED, {"coarse", "fine", "variant", "alike"}),
])  # fmt: skip
def test_that_heads_tell_what_they_learn(ten: data.Data, heads: str, told: set[str]) -> None:
    model = _mover(heads, ten)
    objective = Moving(model, describing.Described(ten.train, describing.plain), ten)
    objective.progress(1.0)
    batch = objective.collate([0, 5, 10])
    assert set(model(batch["inputs"])) == told
    objective.loss(batch).backward()  # type: ignore[no-untyped-call]
    assert all(one.grad is not None for one in model.parameters())


def test_that_the_motions_part_is_turned_away_from_variants(ten: data.Data) -> None:
    model = _mover(DISENTANGLED, ten)
    clips = {"clips": torch.from_numpy(ten.train.frames[:8])}
    variant = torch.arange(8) % 2
    weight = model.coarse_part.weight
    found = []
    for strength in (-1.0, 1.0):
        model.reverse.strength = strength
        loss = torch.nn.functional.cross_entropy(model(clips)["variant"], variant)
        found.append(torch.autograd.grad(loss, [weight])[0])
    # Strength −1 reverses the reversal: the plain gradient.
    assert torch.allclose(found[0], -found[1], atol=1e-7)
    assert found[0].abs().max() > 0
    model.progress(1.0)
    assert model.reverse.strength > 0.99


def test_that_names_of_unknown_variants_take_no_part_in_learning() -> None:
    scores_ = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    batch = {"fine": torch.tensor([0, 1, 2, 0])}
    networks.loss_of({"named": scores_}, batch, known=[0, 2, 4]).backward()  # type: ignore[no-untyped-call]
    assert scores_.grad is not None
    assert (scores_.grad[:, [1, 3, 5]] == 0).all()
    assert (scores_.grad[:, [0, 2, 4]] != 0).all()


def test_that_large_descriptions_are_asked_for_anew(ten: data.Data, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = describing.Described(ten.known, describing.plain)
    monkeypatch.setattr(describing, "MOST_KEPT_BYTES", 0)
    asked = []
    anew = describing.Described(ten.known, lambda frames: asked.append(len(frames)) or describing.plain(frames))
    assert torch.equal(kept.batch([3, 1])["clips"], anew.batch([3, 1])["clips"])
    assert asked == [1, 2]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image-language model of random weights."""
    folder = tmp_path_factory.mktemp("backbone") / "mini"
    imagelanguage.save(imagelanguage.build(image_px=16, patch=8, width=32, layers=2, heads=2, seed=3), folder)
    return folder


def _tiny(found: data.Data, params: MotionTransfer) -> tuple[describing.Described, torch.nn.Module]:
    torch.manual_seed(0)
    describe, model = describing.assembled(params, found.taxonomy, found.known_set, choose("cpu"))
    return describing.Described(found.known, describe), model


def test_that_a_text_model_asks_only_for_the_parts_own_names(backbone: Path) -> None:
    params = SMALL.replace(model=TEXT, protocol=ON_FINE, backbone=str(backbone))
    found = data.generated(90, params)
    clips, model = _tiny(found, params)
    said = method.looked(model, clips, choose("cpu"))
    assert said["named"].shape == (len(found.known), 12)
    told = method.named(found, found.known, said, found.known_fine)
    assert told.labels == tuple(found.taxonomy.fine[at].name for at in found.known_fine)
    assert set(told.truth) == set(range(6))
    forced = {"named": np.eye(12, dtype=np.float32)[found.known.fine]}
    assert method.named(found, found.known, forced, found.known_fine).accuracy == 1.0
    neighbour = {"named": np.eye(12, dtype=np.float32)[found.known.fine ^ 1]}  # the other variant of the same motion
    mistaken = method.named(found, found.known, neighbour, found.known_fine)
    assert (mistaken.accuracy, mistaken.motion_accuracy) == (0.0, 1.0)
    assert all(name.startswith(("body", "tell", "words", "scale")) for name, _ in model.named_parameters())


def test_that_dist_learns_beside_a_frozen_encoder(backbone: Path) -> None:
    params = SMALL.replace(model=DIST, backbone=str(backbone))
    found = data.generated(90, params)
    clips, model = _tiny(found, params)
    batch = clips.batch([0, 1])
    assert batch["pixels"].shape == (2, 4, 3, 16, 16)
    assert batch["hidden"].shape == (2, 2, 2, 5, 32)
    assert model(batch)["coarse"].shape == (2, 3)


# A run -------------------------------------------------------------------------------------------


def _run(folder: Path, params: MotionTransfer, inputs: dict[str, str] | None = None) -> RunFolder:
    config = RunConfig(recipe="motion-transfer", params=values_of(params), seed=90, device="cpu",
                       inputs=inputs or {"clips": MOTIONS.address})  # fmt: skip
    made = create_run(folder, config)
    execute(made, settings=Settings())
    state = made.state()
    assert state.phase == "finished", state.problem and state.problem.text() + state.problem.trace
    return made


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A short run with both heads on four motions, long enough to learn some."""
    params = SMALL.replace(classes=4, frames=8, size=32, train_clips=16, test_clips=6, epochs=16, batch=16, heads=BOTH,
                           channels=16, width=32, evaluations=2)  # fmt: skip
    return _run(tmp_path_factory.mktemp("learned"), params)


def test_that_a_run_learns_and_its_numbers_agree_with_its_files(learned: RunFolder) -> None:
    results = learned.state().results
    assert (results["known_accuracy"] or 0) > 0.6  # 0.25 is chance
    assert results["drop"] == pytest.approx((results["known_accuracy"] or 0) - (results["unknown_accuracy"] or 0))
    assert results["set_1_accuracy"] == results["known_accuracy"]
    told = json.loads((learned.path / "export" / "summary.json").read_text())
    assert told["unknown_accuracy"] == results["unknown_accuracy"]
    assert np.mean([one["known"] for one in told["by_motion"].values()]) == pytest.approx(results["known_accuracy"])
    with (learned.path / "export" / "fine_classes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["was"] for row in rows] == ["known"] * 8 + ["unknown"] * 8
    shares = [float(row["named right"]) for row in rows if row["was"] == "unknown"]
    assert np.mean(shares) == pytest.approx(results["unknown_accuracy"], abs=1e-3)


def test_that_outcomes_of_each_set_give_the_runs_numbers(learned: RunFolder) -> None:
    results = learned.state().results
    found = {one.slot: one for one in learned.events() if isinstance(one, ev.Artifact)}
    for name in ("known", "unknown", "set_1", "set_2"):
        counts = np.load(learned.path / found[f"outcomes_{name}"].path)
        assert counts.shape == (4 * 2 * 6, 1)
        assert counts.mean() == pytest.approx(results[f"{name}_accuracy"], abs=1e-6)
    places = np.load(learned.path / found["known_and_unknown"].path)
    table = json.loads((learned.path / found["falls"].path).read_text())
    assert places.tolist() == pytest.approx(np.array([row[1:3] for row in table["rows"]]))
    assert places[-1] == pytest.approx([100 * results["known_accuracy"], 100 * results["unknown_accuracy"]], abs=0.01)
    assert found["known_and_unknown"].meta["axes"]["x"].endswith("(%)")


def _asked(learned: RunFolder, **inputs: Any) -> AnswersDoc:
    job = SimpleNamespace(device="cpu", precision="auto", cache={})
    return serve.answer(job, learned.path / "model", inputs)


def test_that_a_trained_model_names_a_clip_of_frames(learned: RunFolder, tmp_path: Path) -> None:
    params = MotionTransfer(**learned.config().params)
    found = data.generated(90, params)
    right = 0
    for at in range(0, len(found.known), 4):
        # Twice as large and long: it is brought to what the model reads.
        clip = found.known.frames[at].repeat(2, 0).repeat(2, 1).repeat(2, 2)
        np.save(tmp_path / "clip.npy", clip)
        answers = _asked(learned, clip=str(tmp_path / "clip.npy")).answers
        assert [one.model for one in answers] == ["Motion", "Variant, of those it learned"]
        assert sum(share for _, share in answers[0].scores) == pytest.approx(1.0, abs=1e-3)
        right += answers[0].headline == found.taxonomy.coarse[found.coarse(found.known)[at]]
    assert right >= 6  # of 12; 3 is chance


def test_that_what_is_no_clip_is_refused(learned: RunFolder, tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros((8, 32, 32), np.uint8))
    (tmp_path / "text.npy").write_text("no array")
    for name in ("flat.npy", "text.npy", "missing.npy"):
        with pytest.raises(InputError):
            _asked(learned, clip=str(tmp_path / name))


def test_that_a_text_model_runs_and_is_asked_for_all_names(backbone: Path, tmp_path: Path) -> None:
    made = _run(tmp_path, SMALL.replace(model=TEXT, protocol=ON_FINE, backbone=str(backbone)))
    (answer,) = _asked(made, clip=MOTIONS.address).answers
    assert len(answer.scores) == 12
    assert answer.headline in {one for names in DRAWN.values() for one in names}


def test_that_arms_differ_only_in_what_they_are_about() -> None:
    shared = ("classes", "frames", "size", "train_clips", "test_clips", "epochs", "batch", "warmup", "noise", "dropout")
    assert len({tuple(getattr(arm, name) for name in shared) for arm in CLAIM.arms.values()}) == 1
    assert [name for name, arm in CLAIM.arms.items() if arm.colour_bias] == [TIED, LOOKS]  # type: ignore[attr-defined]
