"""Positions, masks, windows and odd sides of the Swin encoder, and the names of the published checkpoint."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from workbench.core.problem import InputError
from workbench.engine.scenes import publishedmae as pub
from workbench.engine.scenes.swin3d import Decoder, Swin3d, block_mask, positions, voxel_mask


def _encoder(**changes: object) -> Swin3d:
    torch.manual_seed(0)
    told: dict[str, object] = {"patch": 2, "width": 12, "depths": (2, 1), "heads": (2, 4), "drop_path": 0.0}
    return Swin3d(**(told | changes)).eval()  # type: ignore[arg-type]


def test_that_each_axis_has_its_third_of_the_positions_in_the_published_order() -> None:
    where = positions((3, 4, 5), 12)
    assert where.shape == (3, 4, 5, 12)
    for channels, axis in ((slice(0, 4), 1), (slice(4, 8), 0), (slice(8, 12), 2)):
        part = where[..., channels]
        for other in {0, 1, 2} - {axis}:
            assert torch.equal(part, part.select(other, 0).unsqueeze(other).expand_as(part))
    at_two = where[0, 2, 0, :4]
    assert at_two.tolist() == pytest.approx([0.909297, 0.0199987, -0.416147, 0.9998], abs=1e-5)
    assert torch.equal(positions((8, 8, 8), 12)[:3, :4, :5], where)  # larger grids go on where smaller ones end
    with pytest.raises(InputError):
        positions((2, 2, 2), 10)


def test_that_blocks_are_hidden_whole_with_the_asked_share_and_never_all_or_none() -> None:
    chance = torch.Generator().manual_seed(1)
    hidden = block_mask((12, 12, 10), 4, 0.75, chance)
    assert hidden.shape == (12, 12, 10)
    blocks = hidden[:, :, :8].unfold(0, 4, 4).unfold(1, 4, 4).unfold(2, 4, 4).flatten(3)
    assert (blocks.all(-1) | ~blocks.any(-1)).all()
    many = block_mask((40, 40, 40), 1, 0.75, chance).float().mean()
    assert float(many) == pytest.approx(0.75, abs=0.01)
    for share in (1.0, 0.0):
        mask = block_mask((4, 4, 4), 2, share, chance)
        assert mask.any() and not mask.all()
    assert voxel_mask(hidden, 2).shape == (24, 24, 20)


def test_that_hidden_tokens_carry_neither_what_was_there_nor_where() -> None:
    encoder = _encoder()
    hidden = torch.zeros(4, 4, 4, dtype=torch.bool)
    hidden[1, 2, 3] = hidden[0, 0, 0] = True
    grid, other = torch.rand(1, 4, 8, 8, 8), torch.rand(1, 4, 8, 8, 8)
    tokens, plain = encoder.tokens(grid, hidden), encoder.tokens(grid)
    assert torch.equal(tokens[0, 1, 2, 3], encoder.mask_token)
    assert torch.equal(tokens[0, 0, 0, 0], tokens[0, 1, 2, 3])
    assert torch.equal(tokens[0, 3, 3, 3], plain[0, 3, 3, 3])
    covered = voxel_mask(hidden, 2)
    same = torch.where(covered, other, grid)
    assert all(torch.equal(one, two) for one, two in zip(encoder(grid, hidden), encoder(same, hidden), strict=True))
    assert not torch.equal(encoder(grid)[0], encoder(same)[0])


@pytest.mark.parametrize("side", [8, 10, 16])
def test_that_features_have_their_strides_and_odd_sides_are_decoded_whole(side: int) -> None:
    encoder = _encoder(depths=(1, 1, 1), heads=(1, 2, 4))
    grid = torch.rand(1, 4, side, side, side + 2 if side == 10 else side)
    features = encoder(grid)
    tokens = side // 2
    assert features[0].shape[:4] == (1, 12, tokens, tokens)
    assert features[1].shape[2] == -(-tokens // 2)
    assert Decoder(encoder.widths, patch=2)(features).shape[2:] == grid.shape[2:]


def test_that_shifted_windows_let_tokens_of_neighbouring_windows_meet() -> None:
    grid = torch.rand(1, 4, 16, 4, 4, requires_grad=True)
    for depths, meets in (((1,), False), ((2,), True)):
        encoder = _encoder(depths=depths, heads=(2,), window=4)
        (features,) = encoder(grid)
        (slope,) = torch.autograd.grad(features[0, :, 3].sum(), grid)
        assert bool(slope[0, :, 8:].any()) is meets  # tokens 4 and on lie in the next window


def test_that_what_is_drawn_apart_by_the_roll_does_not_meet() -> None:
    grid = torch.rand(1, 4, 16, 4, 4, requires_grad=True)
    (features,) = _encoder(depths=(2,), heads=(2,))(grid)
    (slope,) = torch.autograd.grad(features[0, :, 0].sum(), grid)
    assert not slope[0, :, 12:].any()


def test_that_heads_that_do_not_divide_a_width_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        _encoder(heads=(5, 4))
    assert caught.value.field == "heads"


# The published names ----------------------------------------------------------------------------


class _Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = Swin3d(patch=2, width=6, depths=(1, 2, 1, 1), heads=(1, 1, 1, 1), drop_path=0.0)
        self.decoder = Decoder(self.encoder.widths, patch=2)
        self.out = nn.Conv3d(3, 4, 1)


def _published(width: int = 6, patch: int = 2, depths: tuple[int, ...] = (1, 2, 1, 1)) -> dict[str, torch.Tensor]:
    """A state dict with the names and shapes that the public code gives its network."""
    torch.manual_seed(1)
    found: dict[str, torch.Tensor] = {
        "pos_embed": torch.zeros(1, 4, 4, 4, width), "mask_token": torch.rand(width),
        "patch_partition.0.weight": torch.rand(width, 4, patch, patch, patch),
        "patch_partition.0.bias": torch.rand(width),
        "patch_partition.2.weight": torch.rand(width), "patch_partition.2.bias": torch.rand(width),
    }  # fmt: skip
    for stage, depth in enumerate(depths):
        wide = width * 2**stage
        if stage:
            found[f"stages.{stage}.0.reduction.weight"] = torch.rand(wide, 4 * wide)
            found |= {f"stages.{stage}.0.norm.{end}": torch.rand(4 * wide) for end in ("weight", "bias")}
        for block in range(depth):
            at = f"stages.{stage}.{block + bool(stage)}"
            found |= {
                f"{at}.{norm}.{end}": torch.rand(wide) for norm in ("norm1", "norm2") for end in ("weight", "bias")
            }
            found[f"{at}.attn.relative_position_bias_table"] = torch.rand(343, 1)
            found[f"{at}.attn.relative_position_index"] = torch.zeros(64 * 64)
            for name, out, into in (("attn.qkv", 3 * wide, wide), ("attn.proj", wide, wide),
                                    ("mlp.0", 4 * wide, wide), ("mlp.3", wide, 4 * wide)):  # fmt: skip
                found[f"{at}.{name}.weight"], found[f"{at}.{name}.bias"] = torch.rand(out, into), torch.rand(out)
    for number, (into, out, factor) in enumerate(
        [(width, width // 2, patch), (2 * width, width, 2), (4 * width, 2 * width, 2), (8 * width, 4 * width, 2)],
        start=1,
    ):
        at, both = f"decoder{number}", out if number == 1 else 2 * out
        found[f"{at}.transp_conv.weight"] = torch.rand(into, out, factor, factor, factor)
        found[f"{at}.transp_conv.bias"] = torch.rand(out)
        convolutions = [("conv1", both, 3), ("conv2", out, 3)] + ([("conv3", both, 1)] if both != out else [])
        for name, wide, size in convolutions:
            found[f"{at}.conv_block.{name}.weight"] = torch.rand(out, wide, size, size, size)
            found[f"{at}.conv_block.{name}.bias"] = torch.rand(out)
    return found | {"out.conv.weight": torch.rand(4, width // 2, 1, 1, 1), "out.conv.bias": torch.rand(4)}


def test_that_the_published_checkpoint_fills_every_weight_of_the_same_shape() -> None:
    model, state = _Whole(), _published()
    pub.load_published(model, state)
    own = model.state_dict()
    assert torch.equal(own["encoder.mask_token"], state["mask_token"])
    assert torch.equal(own["encoder.stages.1.merge.reduction.weight"], state["stages.1.0.reduction.weight"])
    assert torch.equal(own["encoder.stages.1.blocks.1.mlp.linear2.weight"], state["stages.1.2.mlp.3.weight"])
    assert torch.equal(own["encoder.stages.0.blocks.0.attn.qkv.bias"], state["stages.0.0.attn.qkv.bias"])
    assert torch.equal(own["decoder.ups.0.transp_conv.weight"], state["decoder4.transp_conv.weight"])
    assert torch.equal(own["decoder.ups.2.conv_block.conv3.conv.weight"], state["decoder2.conv_block.conv3.weight"])
    assert torch.equal(own["decoder.last.transp_conv.bias"], state["decoder1.transp_conv.bias"])
    assert torch.equal(own["out.weight"], state["out.conv.weight"])
    assert model.encoder.stages[0].blocks[0].attn.relative_position_index.any()  # computed, not the file's


def test_that_the_paper_s_size_has_the_published_shapes() -> None:
    """Nothing is run at this size: shapes alone, without memory for them."""
    with torch.device("meta"):
        encoder = Swin3d(patch=4, width=96, depths=(2, 2, 18, 2), heads=(3, 6, 12, 24))
        decoder = Decoder(encoder.widths, patch=4)
    shapes = {name: tuple(one.shape) for name, one in encoder.state_dict().items()}
    assert shapes["embed.weight"] == (96, 4, 4, 4, 4)
    assert shapes["stages.2.blocks.17.attn.qkv.weight"] == (1152, 384)
    assert shapes["stages.3.merge.reduction.weight"] == (768, 3072)
    assert shapes["stages.3.blocks.0.attn.relative_position_bias_table"] == (343, 24)
    assert tuple(decoder.last.transp_conv.weight.shape) == (96, 48, 4, 4, 4)


def test_that_weights_of_another_network_are_refused_with_the_shape_that_is_wanted() -> None:
    state = _published()
    state["stages.0.0.attn.qkv.weight"] = torch.rand(3, 3)
    with pytest.raises(InputError) as caught:
        pub.load_published(_Whole(), state)
    assert "(18, 6)" in caught.value.expected
    with pytest.raises(InputError):
        pub.from_published({"head.weight": torch.rand(2)})
    del state["mask_token"]
    with pytest.raises(InputError) as caught:
        pub.load_published(_Whole(), state)
    assert "mask_token" in caught.value.expected
