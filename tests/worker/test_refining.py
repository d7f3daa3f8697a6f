"""Refinement by marks, asked of a real worker."""

from __future__ import annotations

import types

import msgspec
import numpy as np
import pytest

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.refining import RefineAnswer
from workbench.engine import backbone_folders
from workbench.store.bits import packed, unpacked
from workbench.worker.refining import refine

SHAPE = (20, 40, 40)
WITHIN_S = 60


@pytest.fixture(scope="module")
def ball():
    z, y, x = np.indices(SHAPE)
    return (2 * (z - 10)) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 < 100


@pytest.fixture
def volume(tmp_path, ball):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "volume.npy", (ball * 400 + rng.normal(0, 30, SHAPE)).astype(np.int16))
    flat = np.zeros(SHAPE, np.int16)
    np.save(tmp_path / "flat.npy", flat)
    return tmp_path / "volume.npy"


def ask(runner, volume, **more):
    asked = {"path": str(volume), "spacing_mm": [2.0, 1.0, 1.0], "start": [0, 0, 0], "shape": list(SHAPE),
             "wanted": [[10, 20, 20]], "unwanted": [[2, 2, 2]], **more}  # fmt: skip
    return runner.inspect("refine", **asked)


def answered(raw, shape=SHAPE):
    answer = msgspec.json.decode(raw, type=RefineAnswer)
    return unpacked(answer.mask, shape)


def test_that_a_worker_finds_what_was_clicked_and_keeps_every_mark(runner, volume, ball):
    mask = answered(ask(runner, volume).result(WITHIN_S))
    assert 2 * (mask & ball).sum() / (mask.sum() + ball.sum()) > 0.9
    assert mask[10, 20, 20] and not mask[2, 2, 2]
    cut = answered(ask(runner, volume, unwanted=[[2, 2, 2], [10, 20, 26]]).result(WITHIN_S))
    assert not cut[10, 20, 26]

    prior = np.zeros(SHAPE, bool)
    prior[8:13, 12:29, 12:29] = True
    asked = {"wanted": [], "unwanted": [], "prior": msgspec.to_builtins(packed(prior))}
    kept = answered(ask(runner, volume, **asked).result(WITHIN_S))
    assert (kept & ball).sum() > 0.6 * ball.sum()

    slice_ = answered(
        ask(runner, volume, start=[10, 0, 0], shape=[1, 40, 40], unwanted=[]).result(WITHIN_S), (1, 40, 40)
    )
    assert 2 * (slice_[0] & ball[10]).sum() / (slice_.sum() + ball[10].sum()) > 0.9

    for wrong, words in (
        ({"wanted": [[10, 20, 90]]}, "outside"), ({"wanted": [], "unwanted": [[1, 1, 1]]}, "Nothing says"),
        ({"path": str(volume.parent / "flat.npy")}, "the same"), ({"shape": [99, 40, 40]}, "does not lie"),
        ({"path": str(volume.parent / "none.npy")}, "cannot be read"), ({"start": "x"}, "malformed"),
        ({"prior": msgspec.to_builtins(b"12")}, "cannot be read"),
    ):  # fmt: skip
        error = ask(runner, volume, **wrong).exception(WITHIN_S)
        assert isinstance(error, InputError) and words in str(error), (wrong, error)


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_that_a_worker_refines_by_its_network_from_what_is_shown(runner, volume, ball):
    first = answered(ask(runner, volume, way="network").result(WITHIN_S))
    assert dice(first, ball) > 0.7 and first[10, 20, 20] and not first[2, 2, 2]
    leak = ball.copy()
    leak[8:13, 2:14, 2:20] = True
    asked = {"prior": msgspec.to_builtins(packed(leak)), "shown": msgspec.to_builtins(packed(leak))}
    second = answered(ask(runner, volume, way="network", unwanted=[[10, 6, 8]], **asked).result(WITHIN_S))
    assert dice(second, ball) > dice(leak, ball) and not second[10, 6, 8]
    error = ask(runner, volume, way="magic").exception(WITHIN_S)
    assert isinstance(error, InputError) and "malformed" in str(error) and "magic" in error.received


def test_that_missing_weights_are_said_and_the_other_way_is_offered(monkeypatch, tmp_path, volume):
    context = types.SimpleNamespace(cache={}, cancelled=lambda: False)
    monkeypatch.setattr(backbone_folders, "STARTERS", tmp_path / "none")
    asked = {"path": str(volume), "spacing_mm": [2.0, 1.0, 1.0], "start": [0, 0, 0], "shape": list(SHAPE),
             "wanted": [[10, 20, 20]], "unwanted": []}  # fmt: skip
    with pytest.raises(KnownTrouble, match="missing") as trouble:
        refine({**asked, "way": "network"}, context)
    assert "geodesic distance" in trouble.value.fix
    by_distance = refine({**asked, "way": "geodesic"}, context)
    assert unpacked(by_distance.mask, SHAPE)[10, 20, 20] and not by_distance.notes
