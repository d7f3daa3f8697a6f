"""Strategies keep what they declare: where gradient goes, what changes, how much learns, and how they begin."""

from __future__ import annotations

import pytest
import torch

from tests.engine.video import tinypairs
from workbench.engine.video import imagelanguage
from workbench.recipes.video.image_to_video_survey import catalogue, tasks
from workbench.recipes.video.image_to_video_survey.base import Options, look, mean_of
from workbench.recipes.video.image_to_video_survey.recipe import STRATEGIES

FRAMES = 4
OPTIONS = Options(frames=FRAMES, depth=2, integration=16, temporal=8, rank=2, prompts=3)
EVERY = pytest.mark.parametrize("name", list(STRATEGIES))


@pytest.fixture(scope="module")
def backbone() -> imagelanguage.ImageLanguage:
    shape = imagelanguage.Shape(dim=32)
    found = imagelanguage.build(image_px=16, patch=8, width=32, layers=3, heads=2, seed=3, shape=shape)
    return found.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randn(3, FRAMES, 3, 16, 16, generator=torch.Generator().manual_seed(5))


def made(name: str, backbone: imagelanguage.ImageLanguage) -> catalogue.Strategy:
    return catalogue.build(name, backbone, OPTIONS, seed=1).eval()


def nudged(name: str, backbone: imagelanguage.ImageLanguage) -> catalogue.Strategy:
    """A strategy whose learning weights have all moved: nothing stands at zero any more."""
    strategy = made(name, backbone)
    chance = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for one in strategy.parameters():
            if one.requires_grad:
                one.add_(0.1 * torch.randn(one.shape, generator=chance))
    return strategy


def test_that_every_strategy_of_the_form_can_be_built() -> None:
    assert catalogue.MADE.keys() == STRATEGIES.keys()


@EVERY
def test_that_an_untrained_strategy_gives_what_zero_shot_gives_where_it_says_so(
    name: str, backbone: imagelanguage.ImageLanguage, pixels: torch.Tensor
) -> None:
    strategy = made(name, backbone)
    with torch.no_grad():
        found = strategy.encode(pixels).video
    expected = mean_of(look(backbone, pixels, blocks=False).frames)
    assert found.shape == expected.shape == (3, 32)
    assert torch.allclose(found, expected, atol=1e-5) == strategy.starts_as_zero_shot


@EVERY
def test_that_gradient_and_changes_go_where_the_flags_say(
    name: str, backbone: imagelanguage.ImageLanguage, pixels: torch.Tensor
) -> None:
    strategy = made(name, backbone)
    before = {key: one.clone() for key, one in backbone.state_dict().items()}
    own = {
        key: one.detach().clone()
        for key, one in strategy.named_parameters() if key.startswith(("vision.", "projection."))
    }  # fmt: skip
    embedded = []
    strategy.backbone.vision.pre_layrnorm.register_forward_hook(lambda *given: embedded.append(given[-1]))
    found = strategy.encode(pixels)
    if name in ("zero_shot", "text_context"):
        assert not found.video.requires_grad
        assert (strategy.new_parameters() == 0) == (name == "zero_shot")
        return
    # Zero-initialised layers pass no gradient to what lies before them: a step is needed first.
    optimizer = torch.optim.SGD([one for one in strategy.parameters() if one.requires_grad], 0.5)
    for _ in range(2):
        optimizer.zero_grad()
        found = strategy.encode(pixels)
        (found.video.square() * torch.arange(32.0)).sum().backward()
        optimizer.step()
    if name == "both_sides":  # vectors of videos say nothing of the words
        strategy.texts.requires_grad_(False)
    counted = sum(one.numel() for one in strategy.parameters() if one.grad is not None)
    assert counted == strategy.new_parameters() > 0
    inside = [key for key, one in strategy.named_parameters() if key.startswith("vision.") and one.requires_grad]
    backward = any(one.requires_grad for one in strategy.parameters()) and found.frames.requires_grad
    assert backward
    assert strategy.enters == bool(own)
    changed = [
        key for key, one in strategy.named_parameters() if key in own and "lora" not in key and "adapter" not in key
        and not torch.equal(one, own[key])
    ]  # fmt: skip
    if name == "low_rank":  # what is added to the weights is kept beside them
        assert not changed
        assert inside
    else:
        assert bool(changed) == strategy.changes
    assert all(torch.equal(one, before[key]) for key, one in backbone.state_dict().items())


@EVERY
def test_that_only_strategies_that_say_so_are_blind_to_the_order_of_frames(
    name: str, backbone: imagelanguage.ImageLanguage, pixels: torch.Tensor
) -> None:
    strategy = nudged(name, backbone)
    with torch.no_grad():
        forward, backward = strategy.encode(pixels).video, strategy.encode(pixels.flip(1)).video
    assert torch.allclose(forward, backward, atol=1e-5) == strategy.order_blind


@EVERY
def test_that_keeping_what_the_frozen_backbone_saw_changes_nothing(
    name: str, backbone: imagelanguage.ImageLanguage, pixels: torch.Tensor
) -> None:
    strategy = nudged(name, backbone)
    if not strategy.needs:
        return
    kept = look(backbone, pixels, blocks=strategy.needs == "blocks")
    with torch.no_grad():
        assert torch.equal(strategy.encode(pixels, kept).frames, strategy.encode(pixels).frames)


def test_that_a_modified_strategy_leaves_the_next_ones_backbone_alone(
    backbone: imagelanguage.ImageLanguage, pixels: torch.Tensor
) -> None:
    with torch.no_grad():
        before = backbone.pooled(pixels.flatten(0, 1))
        for name, (code, _) in STRATEGIES.items():
            if code.startswith("M"):
                nudged(name, backbone).encode(pixels)
        assert torch.equal(before, backbone.pooled(pixels.flatten(0, 1)))


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_that_published_backbones_carry_every_strategy(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = getattr(tinypairs, kind)(tmp_path_factory.mktemp(kind))
    published = imagelanguage.load(folder).requires_grad_(False)
    frames = torch.randint(0, 255, (2, FRAMES, 32, 32, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    given = published.prepared(frames).unflatten(0, (2, FRAMES))
    expected = mean_of(look(published, given, blocks=False).frames)
    for name in STRATEGIES:
        strategy = made(name, published)
        found = strategy.encode(given)
        assert found.video.shape == (2, published.dim), name
        assert found.frames.shape == (2, FRAMES, published.dim), name
        assert torch.allclose(found.video, expected, atol=1e-5) == strategy.starts_as_zero_shot, name


@pytest.mark.parametrize("name", ["text_context", "both_sides"])
@pytest.mark.parametrize("kind", ["clip", "siglip", "starter"])
def test_that_words_learn_where_a_strategy_speaks_and_the_backbones_own_stay(
    name: str, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if kind == "starter":
        shared = imagelanguage.build(image_px=16, patch=8, width=32, layers=3, heads=2, seed=3,
                                     shape=imagelanguage.Shape(dim=32))  # fmt: skip
    else:
        shared = imagelanguage.load(getattr(tinypairs, kind)(tmp_path_factory.mktemp(kind)))
    shared.eval().requires_grad_(False)
    texts = ["a red circle moves left", "a square grows", "ring"]
    strategy = made(name, shared)
    with torch.no_grad():
        before = shared.text(texts)
        assert torch.allclose(strategy.words(texts), before, atol=1e-5) == (name == "both_sides")
        # A text's vector hangs on itself alone, not on how long its neighbours are.
        assert torch.allclose(strategy.words(texts)[2:], strategy.words(texts[2:]), atol=1e-5)
    strategy.classes = texts
    frames = torch.randn(2, FRAMES, 3, shared.image_px, shared.image_px, generator=torch.Generator().manual_seed(1))
    head = tasks.make_head("naming", dim=shared.dim, frames=FRAMES, answers=3, scale=5.0, names=before, seed=1)
    learning = [one for one in (*strategy.parameters(), *head.parameters()) if one.requires_grad]
    optimizer = torch.optim.Adam(learning, 0.01)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = head.loss(head.outputs(strategy.encode(frames), None), torch.tensor([0, 2]), None)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    words = [one for key, one in strategy.named_parameters() if key.startswith(("context", "texts."))]
    assert any(one.grad is not None and one.grad.abs().sum() > 0 for one in words)
    with torch.no_grad():
        assert torch.equal(shared.text(texts), before)
        assert not torch.allclose(strategy.named(), before, atol=1e-3)
