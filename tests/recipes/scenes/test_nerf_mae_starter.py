"""Pretraining with everything on the device, and the networks that were made so and are shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from workbench.core.problem import InputError
from workbench.core.scenes import RadianceMeta
from workbench.engine.devices import choose
from workbench.recipes.scenes.nerf_mae import data, going_on, starter
from workbench.recipes.scenes.nerf_mae.networks import MaskedAutoencoder
from workbench.recipes.scenes.nerf_mae.recipe import DESK, SHIPPED, run

SMALL = run.preset("smoke").replace(batch=2, learning_rate=3e-3, evaluations=1)


def test_that_grids_on_the_device_are_mirrored_and_turned_as_those_on_the_disk_are() -> None:
    grid = np.random.default_rng(1).random((6, 6, 6, 4), np.float32)
    one = data.Grid("one", grid, RadianceMeta())
    there = {data.varied(one, np.random.default_rng(seed)).rgba.tobytes() for seed in range(40)}
    here = set()
    for number in range(8):
        mirrored = torch.tensor([[bool(number & 1), bool(number & 2)]])
        turned = starter.varied(
            torch.from_numpy(grid).permute(3, 0, 1, 2)[None], mirrored, torch.tensor([number >= 4])
        )  # fmt: skip
        here.add(turned[0].permute(1, 2, 3, 0).contiguous().numpy().tobytes())
    assert here == there and len(here) == 8


def test_that_a_made_starter_restores_better_than_it_began_and_is_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = choose("cpu", "fp32")
    grids = starter.stacked(starter.rooms(4, "unlabelled", 4, SMALL), place)
    begun = MaskedAutoencoder(SMALL)
    model, told = starter.pretrain(grids[:3], grids[3:], SMALL.replace(max_steps=30), seed=4, place=place)
    before = starter.held_out_errors(begun, grids[3:], SMALL, place)
    assert told[-1]["colour"] + told[-1]["opacity"] < 0.7 * sum(before)
    starter.keep(tmp_path, model, SMALL, {"seed": 4})
    taken = going_on.read(SMALL.replace(continue_from=str(tmp_path)))
    assert taken is not None
    assert torch.equal(taken["encoder.embed.weight"], model.state_dict()["encoder.embed.weight"])


def test_that_the_shipped_network_restores_rooms_it_never_saw_far_better_than_the_mean_room() -> None:
    place, params = choose("cpu", "fp32"), DESK.replace(pretrain=SHIPPED)
    grids = starter.stacked([data.room(77, "unlabelled", index, DESK) for index in range(4)], place)
    state = going_on.read(params)
    assert state is not None
    model = MaskedAutoencoder(params)
    model.load_state_dict(state)
    restored = starter.held_out_errors(model, grids[3:], params, place)
    unseeing = starter.unseeing_errors(grids[:3], grids[3:], params)
    assert all(2.5 * one < other for one, other in zip(restored, unseeing, strict=True))


def test_that_a_shipped_network_of_another_shape_is_not_taken() -> None:
    with pytest.raises(InputError) as caught:
        going_on.read(DESK.replace(pretrain=SHIPPED, patch=4))
    assert caught.value.field == "continue_from"
