"""DiST and ST-adapters over a small CLIP encoder with seeded weights; no network learns anything here."""

import dataclasses
import math

import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel

from workbench.core.problem import InputError
from workbench.engine.video.dist import (
    Dist,
    DistSizes,
    Exchange,
    OverTime,
    QuickGelu,
    TextLogits,
    parts,
    soft_loss,
)
from workbench.engine.video.stadapter import StAdapters

CLIPS, FRAMES = 2, 8
SMALL = DistSizes(channels=32, blocks=3, patch=8, grid=2, frames=FRAMES, integration=64, temporal=12, shared=16)


@pytest.fixture
def vision():
    torch.manual_seed(5)
    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2, image_size=16, patch_size=8
    )
    return CLIPVisionModel(config).eval()


def pixels(seed=0, frames=FRAMES):
    return torch.randn(CLIPS, frames, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def hidden(vision, frames):
    """What each block gives, (B · T, 1 + P, C), caught where it leaves the block."""
    caught = []
    hooks = [one.register_forward_hook(lambda _m, _i, out: caught.append(out)) for one in vision.encoder.layers]
    vision(frames.flatten(0, 1))
    for one in hooks:
        one.remove()
    return caught


def made(sizes=SMALL):
    torch.manual_seed(1)
    return Dist(sizes)


def test_that_the_paper_s_sizes_have_nineteen_million_parameters():
    found = parts(Dist(DistSizes()))
    narrow, wide, channels, quarter = 96, 384, 768, 96
    block = 2 * narrow + (3 * narrow**2 + narrow) + (9 * narrow**2 + narrow)
    ways = (channels * wide + wide) + (wide * narrow + narrow) + (2 * narrow * wide + wide) + 8 * wide
    onward = 2 * wide + 2 * (wide**2 + wide)
    onward += (wide * quarter + quarter) + (3 * quarter**2 + quarter) + (quarter * wide + wide)
    assert found["stem"] == 96 * (3 * 5 * 16 * 16 + 1)
    assert found["layers"] == 12 * (block + ways + onward)
    assert found["project"] == 384 * 512
    assert 18.9e6 < sum(found.values()) < 19.1e6


def test_that_a_clip_becomes_a_vector_and_a_map_of_where_the_query_looked(vision):
    network, frames = made(), pixels()
    seen = network(frames, hidden(vision, frames[:, ::2]))
    assert seen.features.shape == (CLIPS, 16)
    assert seen.attention.shape == (CLIPS, 4, 2, 2)
    # The class token gets the rest of what each frame's tokens share.
    totals = seen.attention.sum((2, 3))
    assert bool(((totals > 0) & (totals < 1)).all())


@pytest.mark.parametrize("gamma", [1, 2, 4])
def test_that_the_image_encoder_sees_every_gamma_th_frame(vision, gamma):
    sizes = dataclasses.replace(SMALL, gamma=gamma)
    frames = pixels()
    seen = made(sizes)(frames, hidden(vision, frames[:, ::gamma]))
    assert seen.attention.shape[1] == sizes.seen == FRAMES // gamma


def test_that_a_ratio_which_does_not_divide_the_frames_is_refused():
    with pytest.raises(InputError, match="every frame"):
        DistSizes(frames=8, gamma=3)


def test_that_no_gradient_reaches_the_image_encoder(vision):
    network, frames = made(), pixels()
    found = hidden(vision, frames[:, ::2])  # with gradients on: even so nothing goes back
    assert all(one.requires_grad for one in found)
    network(frames, found).features.square().sum().backward()
    assert all(one.grad is None for one in vision.parameters())
    learned = {name for name, one in network.named_parameters() if one.grad is not None and one.grad.abs().sum() > 0}
    # What the last layer tells the temporal encoder is read by nobody; keys' biases cancel in a softmax's gradient.
    silent = {name for name, _ in network.named_parameters()} - learned
    assert silent <= {"layers.2.up.weight", "layers.2.up.bias"}


def test_that_the_temporal_encoder_sees_the_frames_that_the_image_encoder_does_not(vision):
    network, frames = made(), pixels()
    told = hidden(vision, frames[:, ::2])
    other = frames.clone()
    other[:, 1::2] += 1
    assert not torch.allclose(network(frames, told).features, network(other, told).features, atol=1e-6)


def test_that_the_order_of_frames_matters(vision):
    network, frames = made(), pixels()
    forward = network(frames, hidden(vision, frames[:, ::2])).features
    back = frames.flip(1)
    assert not torch.allclose(forward, network(back, hidden(vision, back[:, ::2])).features, atol=1e-6)


def test_that_only_tapped_blocks_are_read(vision):
    network, frames = made(dataclasses.replace(SMALL, taps=(0, 2))), pixels()
    told = hidden(vision, frames[:, ::2])
    assert len(network.layers) == 2
    without = [told[0], told[1] * 0, told[2]]
    torch.testing.assert_close(network(frames, told).features, network(frames, without).features)


def test_that_exchange_takes_both_states_as_they_were():
    torch.manual_seed(2)
    layer = made().layers[0]
    time, told, rest = torch.randn(1, 12, 8, 2, 2), torch.randn(1, 4, 5, 32), torch.randn(1, 4, 5, 64)
    after, mixed, _ = layer(time, told, rest)
    before = layer.block(time)
    m = layer.space(told) + rest
    rows = layer.up(m[:, :, 1:]).view(1, 4, 2, 2, 12).permute(0, 4, 1, 2, 3)
    torch.testing.assert_close(after, before + rows.repeat_interleave(2, dim=2))
    down = layer.down(before)[0].permute(1, 2, 3, 0).reshape(4, 4, 64)
    torch.testing.assert_close(mixed[0, :, 1:], m[0, :, 1:] + down)
    torch.testing.assert_close(mixed[0, :, 0], m[0, :, 0] + layer.cls)


def test_that_logits_are_cosines_times_clip_s_scale():
    names = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    head = TextLogits(names)
    found = head(torch.tensor([[5.0, 0.0], [1.0, 1.0]]))
    root = math.sqrt(0.5)
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.0], [root, root]]) / 0.07)


def test_that_soft_targets_weigh_the_loss():
    logits = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    hard = soft_loss(logits, torch.eye(2))
    assert float(hard) == pytest.approx(math.log(2) + 2 + math.log(1 + math.exp(-2)))
    assert float(soft_loss(logits[:1], torch.tensor([[0.5, 0.5]]))) == pytest.approx(math.log(2))


def test_that_st_adapters_begin_as_the_identity_and_take_gradients_through_the_encoder(vision):
    frames = pixels().flatten(0, 1)
    plain = vision(frames).last_hidden_state
    placed = StAdapters(vision, width=32, bottleneck=8, frames=FRAMES)
    adapted = vision(frames).last_hidden_state
    torch.testing.assert_close(adapted, plain)
    adapted.square().sum().backward()
    assert all(one.up.weight.grad.abs().sum() > 0 for one in placed.adapters)
    assert all(one.grad is None for one in vision.parameters())


def test_that_st_adapters_mix_frames_of_a_clip_and_never_clips(vision):
    placed = StAdapters(vision, width=32, bottleneck=8, frames=FRAMES)
    torch.manual_seed(3)
    for one in placed.adapters:
        torch.nn.init.normal_(one.up.weight, std=0.5)
    frames = pixels()
    before = vision(frames.flatten(0, 1)).last_hidden_state.view(CLIPS, FRAMES, -1)
    frames[0, 3] += torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(9))
    after = vision(frames.flatten(0, 1)).last_hidden_state.view(CLIPS, FRAMES, -1)
    moved = (before - after).abs().amax(-1) > 1e-5
    assert moved[0].tolist() == [True] * 7 + [False]  # three adapters reach three frames each way from the fourth
    assert not moved[1].any()
    placed.detach()
    with_none = vision(frames.flatten(0, 1)).last_hidden_state.view(CLIPS, FRAMES, -1)
    assert not torch.allclose(with_none, after, atol=1e-5)


@torch.no_grad()
def test_that_layers_written_without_convolutions_say_what_the_convolutions_say() -> None:
    from transformers.activations import QuickGELUActivation

    torch.manual_seed(3)
    held = torch.randn(2, 3, 4, 5)
    assert torch.allclose(QuickGelu()(held), QuickGELUActivation()(held), atol=1e-6)
    over_time = OverTime(8)
    tokens = torch.randn(2, 4, 5, 8)
    rows = tokens.permute(0, 3, 1, 2)[..., None]
    plain = over_time.up(over_time.act(over_time.time(over_time.down(rows))))[..., 0].permute(0, 2, 3, 1)
    assert torch.allclose(over_time(tokens), plain, atol=1e-6)
    layer = Exchange(DistSizes(channels=6, blocks=1, grid=2, frames=4, gamma=2, integration=8, temporal=3, spread=0))
    time, hidden = torch.randn(2, 3, 4, 2, 2), torch.randn(2, 2, 5, 6)
    after, mixed, _ = layer(time, hidden, torch.zeros(()))
    down = layer.down(layer.block(time)).flatten(3).permute(0, 2, 3, 1)
    assert torch.allclose(mixed[:, :, 1:], layer.space(hidden)[:, :, 1:] + down, atol=1e-6)
    assert after.shape == time.shape
