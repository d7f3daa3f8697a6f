"""The network that refines by clicks: its marks, its training and the weights that are shipped."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.bench import clicks as bench
from workbench.core.problem import InputError
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.medical import refine
from workbench.engine.medical.clicks import network, objects, person, training
from workbench.engine.medical.phantoms.head import HeadPlan, make_head

SMALL = network.Shape((8, 16))
NONE = np.zeros((0, 3), int)


@pytest.fixture
def untrained():
    torch.manual_seed(0)
    return network.ClickNetwork(SMALL).eval()


@pytest.fixture
def wrong():
    mask = np.zeros((12, 30, 30), bool)
    mask[2:9, 3:20, 4:22] = True
    mask[10, 25:28, 25:28] = True
    return mask


def test_that_a_person_marks_the_largest_mistake_inside_of_it(wrong) -> None:
    rng = np.random.default_rng(0)
    for spacing in ((1.0, 1.0, 1.0), (6.0, 1.0, 1.0)):
        z, y, x = person.click(wrong, spacing, rng)
        assert wrong[z, y, x] and z < 10
    stroke = person.scribble(wrong, (3.0, 1.0, 1.0), rng, length_mm=10.0)
    assert wrong[tuple(stroke.T)].all() and len(set(stroke[:, 0].tolist())) == 1 and 1 < len(stroke) <= 12
    assert (np.linalg.norm(np.ptp(stroke, axis=0)) <= 11) and len({tuple(one) for one in stroke}) == len(stroke)
    slice_ = person.click(wrong[5:6], (6.0, 1.0, 1.0), rng)
    assert slice_[0] == 0 and wrong[5][tuple(slice_[1:])]
    with pytest.raises(ValueError, match="nothing wrong"):
        person.click(np.zeros_like(wrong), (1.0, 1.0, 1.0), rng)


def test_that_a_damaged_mask_is_wrong_but_not_something_else(wrong) -> None:
    found = [
        bench.dice(person.damaged(wrong, (2.0, 1.0, 1.0), np.random.default_rng(seed)), wrong) for seed in range(8)
    ]
    assert all(one < 0.99 for one in found) and np.mean(found) > 0.4
    assert not person.damaged(np.zeros_like(wrong), (1.0, 1.0, 1.0), np.random.default_rng(0)).any()


def test_that_only_axes_about_as_fine_as_the_finest_are_halved() -> None:
    assert network.pools((20, 64, 64), (2.0, 2.0, 2.0), 3) == [(2, 2, 2)] * 3
    assert network.pools((20, 64, 64), (6.0, 2.0, 2.0), 3) == [(1, 2, 2), (2, 2, 2), (2, 2, 2)]
    assert network.pools((64, 20, 64), (0.5, 5.0, 0.5), 2) == [(2, 1, 2)] * 2
    assert network.pools((1, 64, 64), (0.1, 1.0, 1.0), 2) == [(1, 2, 2)] * 2


def test_that_marks_reach_as_far_across_thick_slices_as_within_them() -> None:
    values = np.random.default_rng(0).normal(size=(9, 41, 41)).astype(np.float32)
    question, step = refine.ask(values, np.array([[4, 20, 20]]), NONE, (5.0, 1.0, 1.0))
    found = network.channels(question)
    assert step == (1, 1, 1) and found.shape == (6, 9, 41, 41) and found[2].max() == found[2, 4, 20, 20] == 1
    assert found[2, 6, 20, 20] == pytest.approx(found[2, 4, 20, 30]) == pytest.approx(np.exp(-1), rel=1e-5)
    assert not found[3].any() and not found[5].any() and not found[1].any()
    assert found[4, 4, 20, 20] == 1  # what is marked is like itself


def test_that_the_mask_shown_counts_before_the_label_as_it_was() -> None:
    values = np.random.default_rng(0).normal(size=(6, 12, 12)).astype(np.float32)
    prior, shown = np.zeros((2, 6, 12, 12), bool)
    prior[2:4, 2:6, 2:6], shown[2:4, 5:9, 5:9] = True, True
    ask = lambda now: refine.ask(values, NONE, np.array([[3, 3, 3]]), (1.0, 1.0, 1.0), prior=prior, shown=now)[0]  # noqa: E731
    assert (network.channels(ask(None))[1] == prior).all() and (network.channels(ask(shown))[1] == shown).all()
    assert not network.channels(ask(np.zeros_like(prior)))[1].any()


def test_that_grids_of_any_size_are_answered_and_a_slice_as_the_whole_kernel_would(untrained) -> None:
    for shape, spacing in (
        ((1, 37, 22), (4.0, 1.0, 1.0)),
        ((3, 5, 7), (1.0, 1.0, 1.0)),
        ((9, 16, 11), (5.0, 1.0, 2.0)),
    ):
        with torch.no_grad():
            assert untrained(torch.zeros(1, 6, *shape), spacing).shape == (1, 1, *shape)
    layer, x = untrained.down[0].first, torch.randn(1, 6, 1, 12, 9)
    with torch.no_grad():
        assert torch.allclose(network._convolved(layer, x), layer(x), atol=1e-5)


def test_that_training_never_asks_for_what_is_left_out_and_repeats_itself() -> None:
    names = set()
    for number in range(14):
        case = objects.training_case(1, number)
        names.add(case.name)
        assert case.truth.shape == case.values.shape and case.truth.sum() >= objects.LEAST_VOXELS
        assert np.isfinite(case.values).all() and all(one > 0 for one in case.spacing_mm)
    assert names <= {"head", "body", *objects.ORGANS} and not names & set(bench.NEVER_ASKED_FOR) and len(names) > 3
    again = objects.training_case(1, 3)
    assert (again.values == objects.training_case(1, 3).values).all()
    assert not np.array_equal(again.values, objects.training_case(2, 3).values)


def test_that_a_training_that_was_cut_off_goes_on(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(training, "KEPT_EVERY", 4)
    monkeypatch.setattr(training, "WORKING_VOXELS", 3000)
    first = training.train(4, 5, shape=SMALL, kept=tmp_path / "state")
    state = training.checkpoints.read(tmp_path / "state")
    assert state["steps"] == 4 and state["session"] >= 1
    second = training.train(8, 5, shape=SMALL, kept=tmp_path / "state")
    assert training.checkpoints.read(tmp_path / "state")["steps"] == 8
    changed = [not torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)]
    assert all(changed) and all(torch.isfinite(one).all() for one in second.parameters())


def test_that_weights_come_back_as_written_and_broken_ones_are_named(untrained, tmp_path) -> None:
    network.save(untrained, tmp_path, {"seed": 0})
    values = np.random.default_rng(0).normal(size=(6, 20, 20)).astype(np.float32)
    question, _ = refine.ask(values, np.array([[3, 10, 10]]), NONE, (2.0, 1.0, 1.0))
    assert np.abs(network.load(tmp_path).shares(question) - untrained.shares(question)).max() < 0.02
    weights = tmp_path / network.WEIGHTS
    for broken in (weights.read_bytes()[:1000], b""):
        weights.write_bytes(broken)
        with pytest.raises(InputError, match="cannot be read"):
            network.load(tmp_path)
    (tmp_path / network.CARD).write_text('{"network": 1}')
    with pytest.raises(InputError, match="cannot be read"):
        network.load(tmp_path)


def test_that_the_shipped_network_finds_a_tumour_and_takes_a_leak_back() -> None:
    shipped = network.load(STARTERS / "click-refiner")
    head = make_head(80_001, HeadPlan(size=80, slices=20, thickness_mm=4.0))
    x, y, z = head.meta.geometry.spacing_mm
    case = objects.Case("head", head.images[1], head.labels > 0, (z, y, x))
    nothing = np.zeros_like(case.truth)
    scores, _ = bench.run(shipped.shares, case, nothing, np.random.default_rng(0), scribbles=False)
    assert scores[1] > 0.6 and scores[3] > 0.8  # after one click, after five

    leaking = case.truth.copy()
    low = np.argwhere(case.truth).min(0)
    leaking[:, low[1] - 8 : low[1] + 2, low[2] - 8 : low[2] + 8] = True
    scores, _ = bench.run(shipped.shares, case, leaking, np.random.default_rng(0), scribbles=True)
    assert scores[1] > scores[0]
