"""The sliding window gives MONAI's sums with less work, and doubts are ranked where they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from workbench.core.job import JobCancelled
from workbench.engine.devices import choose
from workbench.engine.medical import doubt
from workbench.engine.medical.segmentation import Windows, probabilities
from workbench.engine.medical.sliding import Fast, entropy, slide, slide_by_slabs

PLACE = choose("cpu")


class Counting(nn.Module):
    """A small network that notes how many windows it saw."""

    def __init__(self, dimensions: int, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(3)
        kind = nn.Conv2d if dimensions == 2 else nn.Conv3d
        norm = nn.BatchNorm2d if dimensions == 2 else nn.BatchNorm3d
        self.body = nn.Sequential(kind(1, 4, 3, padding=1), norm(4), nn.ReLU(), kind(4, classes, 3, padding=1))
        self.seen = 0

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.seen += len(batch)
        found: torch.Tensor = self.body(batch)
        return found


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


CASES = [
    (Windows((12, 12, 12), overlap=0.5, batch=3, reading="classes"), (1, 20, 26, 17)),
    (Windows((12, 12, 12), overlap=0.25, batch=3, reading="regions"), (1, 9, 30, 12)),
    (Windows((16, 16), batch=4), (1, 5, 40, 16)),
]


@pytest.mark.parametrize(("windows", "shape"), CASES)
def test_that_it_gives_what_monai_gives(windows: Windows, shape: tuple[int, ...]) -> None:
    model, image = Counting(len(windows.size)), noise(*shape)
    theirs, ours = probabilities(model, image, windows, PLACE), slide(model, image, windows, PLACE)
    assert ours.shape == theirs.shape == (3, *shape[1:])
    assert np.allclose(ours, theirs, atol=1e-5)


def test_that_a_window_of_one_value_is_answered_once_and_nothing_changes() -> None:
    windows = Windows((8, 8, 8), overlap=0.5, batch=4, reading="classes")
    image = np.zeros((1, 32, 16, 16), np.float32)
    image[:, :8] = noise(1, 8, 16, 16)
    theirs = probabilities(Counting(3), image, windows, PLACE)
    model, grown = Counting(3), []
    ours = slide(model, image, windows, PLACE, told=grown.append)
    assert np.allclose(ours, theirs, atol=1e-5)
    assert model.seen == grown[-1].computed < grown[-1].of / 2


def test_that_what_a_person_looks_at_comes_first_and_partial_sums_are_true_where_they_are() -> None:
    windows = Windows((8, 8, 8), overlap=0.25, batch=1, reading="classes")
    image, parts = noise(1, 24, 24, 24), []
    whole = slide(Counting(3), image, windows, PLACE, focus=(20, 3, 20),
                  told=lambda one: parts.append(list(one.parts())))  # fmt: skip
    reached = np.zeros((24, 24, 24), bool)
    for start, _, there in parts[0]:
        reached[start : start + len(there)] |= there
    assert reached[20, 3, 20] and not reached[3, 20, 3]
    assert all(np.allclose(share.sum(0)[there], 1, atol=1e-4) for part in parts for _, share, there in part)
    assert not parts[-1] and np.allclose(whole.sum(0), 1, atol=1e-4)


@pytest.mark.parametrize("mirrored", [[()], [(), (0,), (2,)]])
@pytest.mark.parametrize(("windows", "shape"), CASES)
def test_that_slices_are_handed_on_once_complete_and_few_are_held(
    windows: Windows, shape: tuple[int, ...], mirrored: list[tuple[int, ...]]
) -> None:
    image, model, held, order = noise(1, 60, *shape[2:]), Counting(len(windows.size)), [], []
    parts: dict[int, np.ndarray] = {}

    def take(start: int, share: np.ndarray) -> None:
        order.append(start)
        assert start not in parts
        parts[start] = share.copy()

    slide_by_slabs(model, image, windows, PLACE, take, focus=(25, 0, 0), mirrored=mirrored,
                   told=lambda one: held.append(sum(slab.stop - slab.start for slab in one.slabs)))  # fmt: skip
    whole = np.concatenate([parts[start] for start in sorted(parts)], 1)
    if len(mirrored) == 1:
        assert np.allclose(whole, probabilities(model, image, windows, PLACE), atol=1e-5)
    else:
        assert np.allclose(whole, slide(model, image, windows, PLACE, mirrored=mirrored), atol=1e-5)
    assert whole.shape == (3, *image.shape[1:])
    assert max(held) <= (2 * 12 if len(windows.size) == 3 else windows.batch)
    assert abs(order[0] - 25) <= 12


def test_that_mirrored_readings_are_turned_back_and_averaged() -> None:
    windows, image, model = Windows((8, 8, 8), reading="classes"), noise(1, 8, 8, 8), Counting(3)
    plain = slide(model, image, windows, PLACE)
    turned = slide(model, image[..., ::-1].copy(), windows, PLACE)[..., ::-1]
    both = slide(model, image, windows, PLACE, mirrored=[(), (2,)])
    assert np.allclose(both, (plain + turned) / 2, atol=1e-5)
    assert not np.allclose(plain, turned, atol=1e-3)


def test_that_the_work_ends_with_the_batch_in_which_it_is_stopped() -> None:
    model = Counting(3)

    def stop(growing: object) -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        slide(model, noise(1, 24, 24, 24), Windows((8, 8, 8), batch=2), PLACE, told=stop)
    assert model.seen == 2


def test_that_the_faster_form_of_a_network_answers_like_the_plain_one() -> None:
    model = Counting(2).eval()
    quick, batch = Fast(model, 1, (16, 16), PLACE), torch.randn(5, 1, 16, 16)
    with torch.inference_mode():
        assert quick.quick is not None
        assert torch.allclose(quick(batch), model(batch), atol=1e-4)


def test_that_a_network_that_cannot_be_frozen_stays_as_it_is() -> None:
    class Fickle(nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return batch * torch.rand(())

    assert Fast(Fickle(), 1, (8, 8), PLACE).quick is None


def test_that_entropy_is_zero_where_sure_and_one_where_undecided() -> None:
    sure, torn = np.array([1.0, 0, 0, 0]), np.full(4, 0.25)
    share = np.stack([sure, torn], 1).reshape(4, 2, 1, 1).astype(np.float32)
    assert np.allclose(entropy(share, "classes").ravel(), (0, 1), atol=1e-3)
    assert np.allclose(entropy(np.array([[0.0, 0.5]], np.float32), "regions"), (0, 1), atol=1e-3)


def test_that_the_most_uncertain_slices_are_apart_from_each_other_and_lead_to_their_voxel() -> None:
    unsure, found = np.zeros((40, 30, 30), np.float32), np.zeros((40, 30, 30), bool)
    found[5:35, 10:20, 10:20] = True
    unsure[8:11, 10:20, 10:20], unsure[30, 10:20, 10:20] = 0.6, 0.4
    unsure[9, 12, 13] = 0.9
    axial = [one for one in doubt.ranked(unsure, found, (2.0, 1.0, 1.0)) if one.axis == 0]
    assert [one.index for one in axial][:2] == [9, 30]
    assert axial[0].voxel == (9, 12, 13)
    assert all(abs(a.index - b.index) > 4 for a in axial for b in axial if a is not b)


def test_that_a_model_that_is_sure_everywhere_has_no_uncertain_slice() -> None:
    assert doubt.ranked(np.zeros((5, 6, 7), np.float32), np.zeros((5, 6, 7), bool), (1.0, 1.0, 1.0)) == []
