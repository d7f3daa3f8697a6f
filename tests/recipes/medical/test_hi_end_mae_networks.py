"""Masks and their reversal, taps that reach the layers they name, the loss, and equal sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, VolumeMeta
from workbench.recipes.medical.hi_end_mae import method, networks, probe, weights
from workbench.recipes.medical.hi_end_mae.data import Case
from workbench.recipes.medical.hi_end_mae.networks import Encoder, MaskedAutoencoder, Unetr
from workbench.recipes.medical.hi_end_mae.recipe import HiEndMae

SMALL = HiEndMae(crop=12, patch=4, width=24, layers=4, heads=2, decoder_width=24, taps="1, 2, 3, 4", decoder_depth=1)


def _model(params: HiEndMae = SMALL) -> MaskedAutoencoder:
    torch.manual_seed(0)
    return method.make_autoencoder(method.make_encoder(params), params)


def _batch(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(1)
    return torch.rand(count, 1, 12, 12, 12, generator=chance), networks.shuffled(count, 27, chance=chance)


# Patches and masks --------------------------------------------------------------------------


def test_that_patches_hold_their_voxels_and_go_back_to_the_crop() -> None:
    crops, _ = _batch()
    patches = networks.patches_of(crops, 4)
    assert patches.shape == (2, 27, 64)
    # Patch 1·9 + 2·3 + 0 begins at voxel (4, 8, 0); voxels run z, y, x.
    assert torch.equal(patches[0, 15].reshape(4, 4, 4), crops[0, 0, 4:8, 8:12, 0:4])
    assert torch.equal(networks.crops_of(patches, 4, 3), crops)


def test_that_the_patch_embedding_is_the_convolution_it_is_named_after() -> None:
    crops, _ = _batch()
    embed = networks.PatchEmbed(4, 24)
    by_convolution = embed.proj(crops).flatten(2).transpose(1, 2)
    assert torch.allclose(embed(networks.patches_of(crops, 4)), by_convolution, atol=1e-5)


def test_that_unshuffling_drops_the_class_token_and_no_patch() -> None:
    order = networks.shuffled(3, 27)
    patches = torch.arange(27.0).expand(3, 27)[..., None]
    classed = torch.cat([torch.full((3, 1, 1), -1.0), networks.picked(patches, order)], 1)
    assert torch.equal(networks.unshuffled(classed, order), patches)


def test_that_positions_are_given_to_every_token_but_the_class_token_in_shuffled_order() -> None:
    model = _model()
    crops, order = _batch()
    nn.init.zeros_(model.mask_token)
    tokens, taps = model.opened(crops, order)
    place = model.decoder_place[0]
    start = model.decoder.start(taps)
    assert torch.allclose(tokens[:, 0], start[:, 0])
    assert torch.allclose(tokens[0, 1], start[0, 1] + place[order[0, 0]])
    assert torch.allclose(tokens[1, -1], place[order[1, -1]])


def test_that_positions_differ_everywhere_and_need_a_width_of_sixes() -> None:
    found = networks.positions(3, 24)[0]
    assert len({tuple(row.tolist()) for row in found}) == 27
    with pytest.raises(InputError):
        networks.positions(3, 20)


def test_that_targets_are_standardised_patch_by_patch_and_can_be_undone() -> None:
    patches = torch.rand(2, 5, 64) * 3 + 1
    found = networks.standardised(patches)
    assert torch.allclose(found.mean(-1), torch.zeros(2, 5), atol=1e-5)
    assert torch.allclose(found.var(-1, unbiased=False), torch.ones(2, 5), atol=1e-3)
    assert torch.allclose(networks.shown(found, patches), patches, atol=1e-4)


def test_that_an_empty_patch_has_a_finite_target_of_zero() -> None:
    assert torch.equal(networks.standardised(torch.zeros(1, 1, 64)), torch.zeros(1, 1, 64))


def test_that_the_loss_is_over_masked_patches_alone() -> None:
    model = _model()
    crops, order = _batch()
    given = torch.zeros(2, 28, 64)
    wanted = networks.standardised(networks.picked(networks.patches_of(crops, 4), order))
    given[:, 1 + model.visible :] = wanted[:, model.visible :]
    given[:, : 1 + model.visible] = 1000.0  # wrong on the class token and on what is visible
    model.forward = lambda _crops, _order: given  # type: ignore[method-assign, assignment]
    assert model.loss(crops, order).item() == pytest.approx(0, abs=1e-8)
    given[0, -1] += 1.0  # one of the 21 hidden patches of one sample off by 1
    assert model.loss(crops, order).item() == pytest.approx(1 / (27 - model.visible), rel=1e-5)


def test_that_the_mean_of_each_place_is_a_perfect_guess_for_equal_scans_alone() -> None:
    model = _model()
    crops, order = _batch(3)
    meta = VolumeMeta(Geometry())

    def cases(stack: torch.Tensor) -> list[Case]:
        return [Case(str(at), one[0].numpy(), None, meta) for at, one in enumerate(stack)]

    assert probe.place_mean_error(model, cases(crops[:1]), crops[:1], order[:1]) < 1e-6
    # Of two scans the mean patch is half of each: a standardised patch misses by a quarter of their distance.
    patches = networks.standardised(networks.patches_of(crops[:2], 4))
    first, second = networks.picked(patches, order[:1, model.visible :].expand(2, -1))
    expected = float((first - second).square().mean()) / 4
    assert probe.place_mean_error(model, cases(crops[:2]), crops[:1], order[:1]) == pytest.approx(expected, rel=1e-4)


def test_that_hidden_voxels_never_reach_the_prediction() -> None:
    model = _model()
    crops, order = _batch(1)
    hidden = networks.patches_of(crops, 4).clone()
    hidden[0, order[0, model.visible :]] = torch.rand(27 - model.visible, 64)
    changed = networks.crops_of(hidden, 4, 3)
    assert torch.equal(model(crops, order), model(changed, order))


def test_that_restoring_keeps_what_is_visible() -> None:
    model = _model()
    crops, order = _batch(1)
    masked, restored = model.restored(crops, order)
    seen = order[0, : model.visible]
    for found in (masked, restored):
        assert torch.allclose(networks.patches_of(found, 4)[0, seen], networks.patches_of(crops, 4)[0, seen])
    assert not networks.patches_of(masked, 4)[0, order[0, model.visible :]].any()
    assert not torch.allclose(restored, masked)


# Taps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "layer"), [(0, 1), (1, 2), (2, 3), (3, 4)])
def test_that_a_tap_reaches_the_layer_it_names_and_none_above(place: int, layer: int) -> None:
    model = _model()
    crops, order = _batch()
    _, taps = model.opened(crops, order)
    taps[place].square().sum().backward()
    reached = [any(one.grad is not None and one.grad.any() for one in block.parameters())
               for block in model.encoder.blocks]  # fmt: skip
    assert reached == [at < layer for at in range(4)]
    normed = model.encoder.norm.weight.grad is not None
    assert normed is (place == 3)  # raw outputs; only the end is normalised


def test_that_cross_attention_asks_from_deep_to_shallow() -> None:
    model = _model()
    crops, order = _batch()
    tokens, taps = model.opened(crops, order)
    assert isinstance(model.decoder, networks.Decoder)
    for at, place in enumerate((2, 1, 0)):
        assert torch.equal(model.decoder.tap(taps, at), model.decoder.encoder_to_decoder[place](taps[place]))
    looks = model.decoder.looks(tokens, taps)
    assert [one.shape for one in looks] == [(2, 28, 1 + model.visible)] * 3
    assert torch.allclose(looks[0].sum(-1), torch.ones(2, 28), atol=1e-5)


def test_that_the_last_layer_ablation_asks_the_normalised_end_alone() -> None:
    model = _model(SMALL.replace(decoder="last layer only"))
    crops, order = _batch()
    _, taps = model.opened(crops, order)
    assert len(taps) == 4
    assert all(torch.equal(one, taps[-1]) for one in taps)


def test_that_attention_columns_of_hidden_patches_are_empty() -> None:
    model = _model()
    crops, order = _batch(1)
    found = model.looks(crops, order)
    assert found.shape == (3, 27, 27)
    hidden = order[0, model.visible :]
    assert not found[:, :, hidden].any()
    assert (found.sum(-1) < 1).all()  # the class token keeps its share
    assert (found.sum(-1) > 0).all()


@pytest.mark.parametrize("taps", ["1, 2, 3", "1, 2, 3, 5", "2, 1, 3, 4", "0, 1, 2, 4", "a, 1, 2, 3, 4"])
def test_that_taps_which_do_not_fit_are_refused(taps: str) -> None:
    with pytest.raises(InputError) as caught:
        method.taps_of(SMALL.replace(taps=taps))
    assert caught.value.field == "taps"


# Equal sizes --------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [SMALL, HiEndMae()], ids=["small", "desk"])
def test_that_the_plain_decoder_is_as_large_as_the_hierarchical_one_and_hardly_larger(params: HiEndMae) -> None:
    asking, plain = (networks.parameters(_model(params.replace(pretrain=kind))) for kind in ("Hi-End-MAE", "plain MAE"))
    assert asking <= plain <= 1.01 * asking


def test_that_both_decoders_start_from_the_same_encoder() -> None:
    one, other = (_model(SMALL.replace(pretrain=kind)).encoder.state_dict() for kind in ("Hi-End-MAE", "plain MAE"))
    assert all(torch.equal(one[name], other[name]) for name in one)


# Segmentation -------------------------------------------------------------------------------


@pytest.mark.parametrize(("patch", "grid"), [(4, 2), (6, 3), (8, 2), (12, 2), (16, 2)])
def test_that_the_unetr_answers_every_voxel_whatever_the_patch(patch: int, grid: int) -> None:
    encoder = Encoder(patch=patch, width=24, layers=4, heads=2)
    model = Unetr(encoder, grid=grid, taps=(1, 2, 3, 4), features=2, classes=3)
    size = patch * grid
    with torch.no_grad():
        assert model(torch.rand(1, 1, size, size, size)).shape == (1, 3, size, size, size)


def test_that_every_tap_and_the_image_reach_the_segmentation() -> None:
    encoder = Encoder(patch=6, width=24, layers=5, heads=2)
    model = Unetr(encoder, grid=3, taps=(1, 2, 3, 5), features=2, classes=3)
    crop = torch.rand(1, 1, 18, 18, 18)
    seen: list[torch.Tensor] = []

    def keep(_module: nn.Module, _inputs: object, out: torch.Tensor) -> None:
        out.retain_grad()
        seen.append(out)

    for block in encoder.blocks:
        block.register_forward_hook(keep)
    model.ups[2].register_forward_hook(keep)
    model(crop)[:, 1].square().sum().backward()
    assert all(one.grad is not None and one.grad.any() for one in seen)
    for skip in (*model.skips, model.image):
        assert all(one.grad is not None for one in skip.parameters())


# Weights ------------------------------------------------------------------------------------


def test_that_published_names_load_from_torch_and_safetensors_files(tmp_path: Path) -> None:
    torch.manual_seed(3)
    given = Encoder(patch=4, width=24, layers=4, heads=2).state_dict()
    published = weights.published_names(given)
    assert "module.encoder.blocks.0.attn.qkv.weight" in published
    torch.save(
        {"state_dict": published | {"module.encoder_pos_embed": torch.zeros(1, 27, 24)}}, tmp_path / "hi_end_mae.pth"
    )
    save_file(published, tmp_path / "hi_end_mae.safetensors")
    for name in ("hi_end_mae.pth", "hi_end_mae.safetensors"):
        encoder = method.make_encoder(SMALL.replace(weights=str(tmp_path / name)))
        assert all(torch.equal(one, given[key]) for key, one in encoder.state_dict().items())


def test_that_weights_of_another_shape_or_with_code_are_refused(tmp_path: Path) -> None:
    other = weights.published_names(Encoder(patch=4, width=48, layers=4, heads=2).state_dict())
    save_file(other, tmp_path / "wide.safetensors")
    torch.save({"state_dict": Path("not a tensor")}, tmp_path / "code.pth")
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    for name in ("wide.safetensors", "code.pth", "torn.pth", "absent.pth"):
        with pytest.raises(InputError) as caught:
            method.make_encoder(SMALL.replace(weights=str(tmp_path / name)))
        assert caught.value.field == "weights"


def test_that_monai_takes_the_encoder_and_sees_the_same() -> None:
    from monai.networks.nets.vit import ViT

    torch.manual_seed(4)
    encoder = Encoder(patch=4, width=24, layers=4, heads=2).eval()
    theirs = ViT(1, 12, 4, hidden_size=24, mlp_dim=96, num_layers=4, num_heads=2, proj_type="perceptron", qkv_bias=True)
    lacking, odd = theirs.load_state_dict(weights.monai_names(encoder.state_dict(), grid=3), strict=False)
    assert not odd
    assert all("cross_attn" in name for name in lacking)  # MONAI's, for conditions that a plain ViT has not
    crops, _ = _batch()
    with torch.no_grad():
        found, hidden = theirs.eval()(crops)
        ours = encoder(networks.patches_of(crops, 4), networks.positions(3, 24), class_token=False)
    assert np.allclose(found, ours[-1], atol=1e-3)
    assert np.allclose(hidden[1], ours[1], atol=1e-3)
