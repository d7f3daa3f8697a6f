"""The segmentation loss by hand, the objective's chance, and sliding windows in two and three dimensions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from workbench.core.mixins import Training
from workbench.engine import devices
from workbench.engine.medical import segmentation
from workbench.engine.medical.segmentation import RegionLoss, Segmentation, Windows

CPU = devices.choose("cpu")


@pytest.mark.parametrize("space", [(2, 2), (1, 2, 2)])
def test_that_the_loss_of_regions_is_as_worked_out_by_hand(space: tuple[int, ...]) -> None:
    p = torch.tensor([0.8, 0.6, 0.1, 0.3])
    t = torch.tensor([1.0, 1.0, 0.0, 0.0])
    logits = torch.logit(p).reshape(1, 1, *space)
    dice = (2 * 1.4 + 1) / (1.8 + 2 + 1)
    cross = -(math.log(0.8) + math.log(0.6) + math.log(0.9) + math.log(0.7)) / 4
    found = RegionLoss("regions", dice_weight=0.25)(logits, t.reshape(1, 1, *space))
    assert found.item() == pytest.approx(0.25 * (1 - dice) + 0.75 * cross, rel=1e-5)


def test_that_soft_dice_is_taken_per_channel_and_scaled_by_the_batch() -> None:
    logits = torch.full((3, 2, 4, 4), 20.0)
    target = torch.zeros(3, 2, 4, 4)
    target[:, 0] = 1
    # The first channel is right (1), the second wholly wrong: 48 predicted, none true.
    loss = RegionLoss("regions", dice_weight=1.0)(logits, target)
    assert loss.item() == pytest.approx(3 * (0 + 1 - 1 / 49) / 2, rel=1e-4)


def test_that_without_pooling_the_loss_adds_up_over_micro_batches() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(4, 2, 6, 6), (torch.rand(4, 2, 6, 6) > 0.7).float()
    loss = RegionLoss("regions", pooled=False)
    whole = loss(logits, target)
    assert whole.item() == pytest.approx((loss(logits[:1], target[:1]) + loss(logits[1:], target[1:])).item(), rel=1e-5)


def test_that_classes_are_read_by_a_softmax() -> None:
    target = torch.zeros(1, 1, 2, 2, 2)
    target[0, 0, 0] = 2
    logits = torch.full((1, 3, 2, 2, 2), -20.0)
    logits.scatter_(1, target.long(), 20.0)
    # Class 1 is neither there nor found; class 2 is found.
    assert RegionLoss("classes")(logits, target).item() == pytest.approx(0.0, abs=1e-3)
    assert RegionLoss("classes")(-logits, target).item() > 5


class Shifts:
    """Patches that show what chance they were given."""

    def __len__(self) -> int:
        return 5

    def sample(self, index: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return np.full((1, 4, 4), chance.random(), np.float32), np.zeros((1, 4, 4), np.float32)


def test_that_chance_depends_on_seed_step_and_patch_alone() -> None:
    model = nn.Conv2d(1, 1, 1)
    objective = Segmentation(model, Shifts(), Training(), seed=3)
    objective.progress(0.0)
    first = objective.collate([0, 1, 2])["image"]
    assert torch.equal(objective.collate([2])["image"][0], first[2])
    objective.progress(0.1)
    assert not torch.equal(objective.collate([0])["image"][0], first[0])
    resumed = Segmentation(model, Shifts(), Training(), seed=3)
    resumed.load_state(objective.state())
    assert torch.equal(resumed.collate([0, 4])["image"], objective.collate([0, 4])["image"])


def test_that_parts_of_the_network_learn_at_their_own_rate() -> None:
    model = nn.ModuleDict({"encoder": nn.Linear(2, 2), "head": nn.Linear(2, 1)})
    objective = Segmentation(model, Shifts(), Training(learning_rate=1e-2), seed=0, rates={"encoder.": 0.1})
    groups = objective.parameter_groups()
    rates = {id(one): group["lr"] for group in groups for one in group["params"]}
    assert rates[id(model["encoder"].weight)] == pytest.approx(1e-3)
    assert rates[id(model["head"].bias)] == pytest.approx(1e-2)
    assert sum(len(group["params"]) for group in groups) == 4
    decays = {id(one): group["weight_decay"] for group in groups for one in group["params"]}
    assert decays[id(model["head"].bias)] == 0 < decays[id(model["head"].weight)]


@pytest.mark.parametrize(("kind", "size"), [(nn.Conv2d, (16, 16)), (nn.Conv3d, (4, 16, 16))])
def test_that_a_volume_larger_than_the_window_is_put_together_again(
    kind: type[nn.Module], size: tuple[int, ...]
) -> None:
    model = kind(2, 3, 1)
    volume = np.random.default_rng(0).normal(size=(2, 6, 24, 20)).astype(np.float32)
    found = segmentation.probabilities(model, volume, Windows(size), CPU)
    weight, bias = model.weight.detach().numpy().reshape(3, 2), model.bias.detach().numpy()
    expected = 1 / (1 + np.exp(-(np.einsum("kc,czyx->kzyx", weight, volume) + bias[:, None, None, None])))
    assert found.shape == (3, 6, 24, 20)
    assert np.allclose(found, expected, atol=1e-5)


def test_that_reading_a_volume_ends_where_it_is_told_to() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segmentation.probabilities(
            nn.Conv2d(1, 1, 1), np.zeros((1, 2, 8, 8), np.float32), Windows((8, 8)), CPU, told=stop
        )


def test_that_regions_nest_and_entropy_peaks_at_a_half() -> None:
    labels = np.array([[0, 1], [2, 4]])
    whole, core = segmentation.regions_of(labels, ((1, 2, 4), (1, 4)))
    assert whole.tolist() == [[False, True], [True, True]]
    assert core.tolist() == [[False, True], [False, True]]
    assert segmentation.entropy(np.array([[0.5, 0.0]], np.float32)) == pytest.approx([1.0, 0.0], abs=1e-4)


def test_that_channels_are_standardised_over_the_body_alone() -> None:
    image = np.zeros((2, 4, 10, 10), np.float32)
    image[0, :, 2:8, 2:8] = np.random.default_rng(0).normal(100, 5, (4, 6, 6))
    found = segmentation.standardise(image)
    body = found[0, :, 2:8, 2:8]
    assert body.mean() == pytest.approx(0, abs=1e-4)
    assert body.std() == pytest.approx(1, abs=1e-4)
    assert np.all(found[1] == 0)
