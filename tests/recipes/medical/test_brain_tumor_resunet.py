"""The tumour recipe: network shapes and sizes, subjects kept apart, augmentation, pretraining, and what it shows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from workbench.core.params import values_of
from workbench.core.problem import InputError
from workbench.engine import devices
from workbench.engine.medical.phantoms.head import CORE, OEDEMA, RING, HeadPlan
from workbench.recipes.medical.brain_tumor_resunet import data, method, pretrain, show, weights
from workbench.recipes.medical.brain_tumor_resunet.networks import (
    ChannelAttention,
    EfficientEncoder,
    PooledASPP,
    ResidualEncoder,
    fitting_dilations,
)
from workbench.recipes.medical.brain_tumor_resunet.recipe import CLAIM, DESK, BrainTumorResunet

CPU = devices.choose("cpu")
SMALL = HeadPlan(size=64, slices=2)


# Networks


@pytest.mark.parametrize("encoder", [EfficientEncoder("half", 3, 96), ResidualEncoder(3, (4, 8, 16, 32, 64))])
def test_that_an_encoder_halves_five_times(encoder: torch.nn.Module) -> None:
    maps = encoder(torch.zeros(2, 3, 96, 96))
    assert [tuple(one.shape[2:]) for one in maps] == [(48, 48), (24, 24), (12, 12), (6, 6), (3, 3)]
    assert [one.shape[1] for one in maps] == encoder.widths


def test_that_the_full_encoder_has_the_papers_widths() -> None:
    assert EfficientEncoder("b0", 3, 96).widths == [16, 24, 40, 112, 320]


@pytest.mark.parametrize(("channels", "size"), [(1, 64), (4, 96)])
@pytest.mark.parametrize("attention", ["none", "SE", "CBAM"])
def test_that_the_network_gives_a_logit_for_every_pixel(channels: int, size: int, attention: str) -> None:
    params = BrainTumorResunet(size=size, attention=attention)
    model = method.make_network(params, channels, 3).eval()
    assert model(torch.zeros(2, channels, size, size)).shape == (2, 3, size, size)


def test_that_a_size_that_does_not_fit_is_refused_with_one_that_does() -> None:
    with pytest.raises(InputError) as caught:
        method.make_network(BrainTumorResunet(size=100), 3, 1)
    assert caught.value.field == "size"
    assert "96" in caught.value.fix


def test_that_the_claims_arms_have_about_as_many_parameters() -> None:
    counts = {
        arm: sum(one.numel() for one in method.make_network(params, 3, 3).parameters())
        for arm, params in CLAIM.arms.items()
    }
    assert max(counts.values()) / min(counts.values()) < 1.15, counts


def test_that_the_claims_arms_differ_in_the_method_alone() -> None:
    apart = {"encoder", "init", "attention", "aspp"}
    reference = next(iter(CLAIM.arms.values()))
    for params in CLAIM.arms.values():
        told = {name: value for name, value in values_of(params).items() if name not in apart}
        assert told == {name: getattr(reference, name) for name in told}


def test_that_dilations_fit_the_map() -> None:
    assert fitting_dilations(3) == (1, 2, 4)
    assert fitting_dilations(7) == (1, 2, 4)
    assert fitting_dilations(32) == (6, 12, 18)
    assert method.dilations(DESK.replace(dilations="6, 12, 18")) == (6, 12, 18)


def test_that_aspps_pooling_branch_sees_the_whole_map() -> None:
    torch.manual_seed(0)
    block = PooledASPP(4, 6, (1, 2)).eval()
    x = torch.randn(1, 4, 40, 40)
    moved = x.clone()
    moved[..., 39, 39] += 100
    change = (block(moved) - block(x)).abs()
    assert block(x).shape == (1, 6, 40, 40)
    # No convolution reaches from one corner to the other.
    assert change[..., 0, 0].max() > 0


def test_that_channel_attention_is_the_formula() -> None:
    torch.manual_seed(0)
    for peaks in (False, True):
        layer, x = ChannelAttention(16, peaks=peaks), torch.randn(2, 16, 5, 5)
        first, _, second, _ = layer.fc

        def through(pooled: torch.Tensor, first=first, second=second) -> torch.Tensor:
            return second(torch.relu(first(pooled)))

        total = through(x.mean((2, 3))) + (through(x.amax((2, 3))) if peaks else 0)
        assert torch.allclose(layer(x), x * total.sigmoid()[:, :, None, None], atol=1e-6)
        assert first.out_features == 4


def test_that_a_missing_skip_at_the_last_step_keeps_the_papers_widths() -> None:
    params = BrainTumorResunet(encoder="b0", decoder_width=256, aspp_width=256, size=64)
    decoder = method.make_network(params, 3, 3).decoder
    outputs = [block.body[0].out_channels for block in decoder.blocks]
    inputs = [block.body[0].in_channels for block in decoder.blocks]
    assert outputs == [256, 128, 64, 32, 16]
    assert inputs == [256 + 112, 256 + 40, 128 + 24, 64 + 16, 32]


# Data


def test_that_no_subject_is_in_two_parts_and_the_same_seed_gives_the_same_ones() -> None:
    cohort, again = (data.phantoms(3, (3, 2, 2), SMALL) for _ in range(2))
    every = [one for part in (cohort.train, cohort.validation, cohort.test) for one in part]
    assert len({one.name for one in every}) == 7
    assert len({one.image.tobytes() for one in every}) == 7
    assert all(np.array_equal(a.image, b.image) for a, b in zip(cohort.test, again.test, strict=True))


def test_that_more_training_subjects_leave_the_test_subjects_alone() -> None:
    few, many = data.phantoms(3, (1, 1, 2), SMALL), data.phantoms(3, (4, 2, 2), SMALL)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(few.test, many.test, strict=True))


def test_that_slices_without_a_tumour_are_among_the_patches() -> None:
    cohort = data.phantoms(0, (6, 0, 0), HeadPlan(size=64, tumour_mm=(10.0, 11.0)))
    patches = data.Slices(cohort.train, [labels for _, labels in data.REGIONS["nested"]], augment=False)
    assert len(patches) == 6 * 8
    sums = [patches.sample(at, np.random.default_rng(0))[1].sum() for at in range(len(patches))]
    assert min(sums) == 0 < max(sums)


def test_that_augmentation_bends_image_and_target_alike() -> None:
    image = np.zeros((1, 64, 64), np.float32)
    image[0, 20:40, 12:30] = 50.0
    target = (image > 25).astype(np.float32)
    for seed in range(6):
        bent, regions = data.augmented(image, target, np.random.default_rng(seed))
        differ = (bent > 25) != (regions > 0.5)
        assert differ.mean() < 0.01
        assert regions.sum() == pytest.approx(target.sum(), rel=0.25)
        assert not np.array_equal(regions, target)


def test_that_nested_regions_become_labels_and_back() -> None:
    labels = np.array([[0, CORE, OEDEMA, RING]], np.uint8)
    regions = np.stack([np.isin(labels, chosen) for _, chosen in data.REGIONS["nested"]])
    assert np.array_equal(data.assembled(regions, "nested"), labels)
    loose = np.array([[[False]], [[True]], [[True]]])
    assert data.assembled(loose, "nested").tolist() == [[0]]


def test_that_the_label_fraction_takes_the_first_subjects() -> None:
    subjects = list(range(12))
    assert method.labelled(subjects, DESK.replace(label_share=0.25)) == [0, 1, 2]
    assert method.labelled(subjects, DESK.replace(label_share=0.05)) == [0]
    assert method.labelled(subjects, DESK) == subjects


def test_that_unknown_data_is_refused_by_name() -> None:
    job = SimpleNamespace(inputs={"data": "/nowhere"}, phase=lambda name: None, progress=None, seed=0)
    with pytest.raises(InputError) as caught:
        data.load(job, DESK)
    assert caught.value.field == "data"
    assert "no data set" in caught.value.what


# Pretraining


def test_that_scenes_are_standardised_repeatable_and_hold_every_texture() -> None:
    task = pretrain.Scenes(5, photographs={})
    seen = set[int]()
    for number in range(40):
        image, names = task.scene(number)
        assert (image.shape, names.shape) == ((3, 64, 64), (64, 64))
        assert np.isfinite(image).all()
        assert np.abs(image.mean((1, 2))).max() < 1e-3
        seen |= set(np.unique(names).tolist())
    assert seen == set(range(pretrain.NAMES))
    assert np.array_equal(task.scene(7)[0], pretrain.Scenes(5, photographs={}).scene(7)[0])


def test_that_a_named_shape_stands_out_from_its_ground() -> None:
    task = pretrain.Scenes(3, photographs={})
    apart = []
    for number in range(30):
        image, names = task.scene(number)
        if 0.02 < (names > 0).mean() < 0.9:
            apart.append(np.abs(image[:, names > 0].mean(1) - image[:, names == 0].mean(1)).max())
    assert len(apart) > 10
    assert np.median(apart) > 0.5


def test_that_some_scenes_lie_on_photographs() -> None:
    wall = np.zeros((3, 100, 80), np.float32)
    wall[:, ::2] = 1
    with_photograph, without = pretrain.Scenes(1, photographs={"wall": wall}), pretrain.Scenes(1, photographs={})
    differ = [not np.array_equal(with_photograph.scene(number)[0], without.scene(number)[0]) for number in range(40)]
    assert 4 < sum(differ) < 24


def test_that_overlap_is_one_for_a_model_that_knows_the_names() -> None:
    task = pretrain.Scenes(2, photographs={})
    known = {float(image.sum()): names for image, names in (task.scene(number) for number in range(8))}

    class Knowing(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            names = torch.stack([torch.from_numpy(known[float(one.numpy().sum())]) for one in images])
            return torch.nn.functional.one_hot(names, pretrain.NAMES).movedim(-1, 1).float()

    present = len({int(name) for names in known.values() for name in np.unique(names) if name})
    found = pretrain.overlap(Knowing(), task, first=0, count=8, device="cpu")
    assert found == pytest.approx(present / len(pretrain.TEXTURES))


def test_that_the_starter_fits_the_desk_encoder_whatever_the_channels() -> None:
    folder = weights.STARTERS / weights.STARTER
    assert (folder / "card.md").is_file()
    assert (folder / "encoder.safetensors").stat().st_size < 5_000_000
    for channels in (1, 3, 4):
        encoder = EfficientEncoder("half", channels, 96)
        before = encoder._blocks[0][0]._project_conv.weight.clone()
        weights.put_in(SimpleNamespace(), encoder, DESK, channels, CPU)
        assert not torch.equal(encoder._blocks[0][0]._project_conv.weight, before)


def test_that_a_stem_for_other_channels_answers_alike_to_grey() -> None:
    weight = torch.randn(5, 3, 3, 3)
    grey = torch.randn(1, 1, 9, 9)
    three = torch.nn.functional.conv2d(grey.repeat(1, 3, 1, 1), weight)
    four = torch.nn.functional.conv2d(grey.repeat(1, 4, 1, 1), weights.stem_for(weight, 4))
    assert torch.allclose(three, four, atol=1e-4)
    assert weights.stem_for(weight, 3) is weight


def test_that_weights_of_another_encoder_are_refused(tmp_path) -> None:
    save_file({"_conv_stem.weight": torch.zeros(4, 3, 3, 3)}, tmp_path / "other.safetensors")
    params = DESK.replace(weights=str(tmp_path / "other.safetensors"))
    with pytest.raises(InputError) as caught:
        weights.put_in(SimpleNamespace(), EfficientEncoder("half", 3, 96), params, 3, CPU)
    assert caught.value.field == "weights"


def test_that_pretraining_repeats_and_leaves_the_runs_chance_alone(monkeypatch) -> None:
    job = SimpleNamespace(phase=lambda name: None, progress=lambda done, of: None, log=lambda text: None)
    task = pretrain.Scenes(1, photographs={})
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    monkeypatch.setattr(weights, "TESTED", 4)
    one = weights.learn(job, "half", task, 1, CPU)
    assert torch.equal(torch.rand(1), expected)
    two = weights.learn(job, "half", task, 1, CPU)
    assert all(torch.equal(one[name], two[name]) for name in one)


# What is shown


def test_that_errors_are_told_apart() -> None:
    guess, truth = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert show.mistaken(guess, truth).tolist() == [1, 3, 2, 0]


def test_that_channel_weights_are_means_between_nought_and_one() -> None:
    model = method.make_network(DESK.replace(size=64), 3, 3)
    cohort = data.phantoms(0, (1, 1, 0), SMALL)
    found = method.channel_weights(model, cohort.validation, CPU)
    assert [len(one) for one in found] == [48, 24, 12, 8, 8]
    assert all(0 < one.min() <= one.max() < 1 for one in found)
    plain = method.make_network(DESK.replace(size=64, attention="none"), 3, 3)
    assert method.channel_weights(plain, cohort.validation, CPU) == []
