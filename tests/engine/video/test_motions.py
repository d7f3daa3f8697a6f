"""Generated clips: a pair of motions cannot be told apart without the order of frames, and a seed says everything."""

import numpy as np
import pytest

from workbench.engine.video.motions import MOTIONS, clips, room, stills
from workbench.engine.video.sprites import COLOURS, SHAPES, backdrop, paint

PAIRS = tuple(zip(MOTIONS[::2], MOTIONS[1::2], strict=True))


@pytest.mark.parametrize(("forward", "backward"), PAIRS)
def test_that_a_motion_is_its_partner_played_backwards(forward, backward):
    one, other = (clips(32, seed=3, motions=(name,), noise=0) for name in (forward, backward))
    apart = one.frames[:, ::-1].astype(int) - other.frames
    assert abs(apart).max() <= 1
    assert (one.shape == other.shape).all() and (one.colour == other.colour).all()
    assert abs(one.boxes[:, ::-1] - other.boxes).max() < 1e-3


def test_that_frames_without_their_order_look_alike_in_a_pair():
    """Of other seeds, too: mean and spread of the frames' brightness and of the sprite's place agree within chance."""
    for at, (forward, backward) in enumerate(PAIRS):
        one, other = (
            clips(400, seed=seed, motions=(name,)) for seed, name in ((10 + at, forward), (20 + at, backward))
        )
        for first, second in ((one.boxes, other.boxes), (one.frames.mean((2, 3)), other.frames.mean((2, 3)))):
            a, b = first.reshape(400, -1, first.shape[-1]), second.reshape(400, -1, second.shape[-1])
            error = np.sqrt(a.mean(1).var(0) / 400 + b.mean(1).var(0) / 400)
            assert (abs(a.mean((0, 1)) - b.mean((0, 1))) < 4 * error).all(), forward


def test_that_a_seed_says_everything_and_another_shares_no_backdrop():
    one, same, other = clips(20, seed=1), clips(20, seed=1), clips(20, seed=2)
    assert (one.frames == same.frames).all() and one.captions == same.captions
    still = [clips(20, seed=seed, noise=0).frames[:, 0, ::4, ::4].reshape(20, -1, 3) for seed in (1, 2)]
    alike = (still[0][:, None] == still[1][None]).all(-1).mean(-1)  # share of equal blocks, each clip with each other
    assert alike.max() < 0.2
    assert (one.frames != other.frames).any()


def test_that_labels_are_balanced_and_tell_nothing_of_each_other():
    found = clips(960, seed=4, size=16, frames=2)
    assert (np.bincount(found.motion) == 120).all() and (np.bincount(found.shape) == 160).all()
    table = np.histogram2d(found.motion, found.shape, (8, 6))[0]
    assert ((table - 20) ** 2 / 20).sum() < 70  # chi-square with 35 degrees of freedom: 1 in 2,500 is above 70
    names = found.colours[found.colour[0]], found.shapes[found.shape[0]], found.motions[found.motion[0]]
    assert found.captions[0] == "a " + " ".join(names)


@pytest.mark.parametrize("size", [32, 64, 112])
def test_that_the_sprite_is_inside_its_box_and_the_box_inside_the_picture(size):
    found = clips(24, seed=6, size=size, noise=0)
    assert found.frames.shape == (24, 8, size, size, 3)
    assert found.boxes.min() >= -1e-3 and found.boxes.max() <= size + 1e-3
    for clip in range(24):
        for frame in (0, 7):
            rows, columns = np.nonzero(found.frames[clip, frame].max(-1) > 150)  # no block of a backdrop is that bright
            left, top, right, bottom = found.boxes[clip, frame]
            assert columns.min() >= left - 1 and columns.max() + 1 <= right + 1
            assert rows.min() >= top - 1 and rows.max() + 1 <= bottom + 1
            assert (columns.max() + 1 - columns.min()) > (right - left) - 2.5 - size / 60


def test_that_others_stand_still_beside_the_one_that_moves():
    found = clips(16, seed=7, size=64, motions=MOTIONS[:4], sprites=3, noise=0)
    alone = clips(16, seed=7, size=64, motions=MOTIONS[:4], noise=0)
    assert (found.boxes == alone.boxes).all()
    moving = (found.frames.max(1).astype(int) - found.frames.min(1)).max(-1) > 1
    for clip in range(16):
        rows, columns = np.nonzero(moving[clip])
        boxes = found.boxes[clip]
        assert columns.min() >= boxes[:, 0].min() - 1.5 and columns.max() <= boxes[:, 2].max() + 0.5
        assert rows.min() >= boxes[:, 1].min() - 1.5 and rows.max() <= boxes[:, 3].max() + 0.5


def test_that_a_caption_of_a_still_says_where_the_sprite_is():
    found = stills(300, seed=8, size=32, noise=0)
    assert (np.bincount(found.shape * 6 + found.colour, minlength=36) >= 8).all()
    bright = found.images.max(-1).astype(float) > 150  # no block of a backdrop is that bright
    columns = (bright * (np.arange(32) + 0.5)).sum((1, 2)) / bright.sum((1, 2))
    for words, on_the_side in (("at the left", columns < 12), ("at the right", columns > 20)):
        chosen = np.array([words in one for one in found.captions])
        assert chosen.sum() > 30 and on_the_side[chosen].all() and not on_the_side[~chosen].any()
    small = np.array([" small " in one for one in found.captions])
    assert bright[small].sum((1, 2)).mean() < 0.6 * bright[~small].sum((1, 2)).mean()


def draw(canvas, shape, rgb, x, y, radius):
    """One sprite into one picture, in place."""
    paint(canvas[None], [shape], np.array([rgb], np.float32), np.array([[x, y, radius]], np.float32))


def test_that_each_shape_fills_its_box_and_no_two_are_alike():
    drawn = {}
    for name in SHAPES:
        canvas = np.zeros((40, 40, 3), np.float32)
        draw(canvas, name, (1, 1, 1), 20, 20, 10)
        rows, columns = np.nonzero(canvas[..., 0] > 0.3)
        assert (rows.max() - rows.min(), columns.max() - columns.min()) in {(19, 19), (18, 19), (19, 18), (18, 18)}, (
            name
        )
        drawn[name] = canvas[..., 0]
    for one in SHAPES:
        for other in SHAPES:
            assert one == other or abs(drawn[one] - drawn[other]).sum() > 40


def test_that_a_sprite_half_outside_is_cut_and_one_outside_changes_nothing():
    canvas = np.zeros((20, 30, 3), np.float32)
    draw(canvas, "square", COLOURS["red"], 0, 10, 5)
    assert canvas[10, 0, 0] == pytest.approx(COLOURS["red"][0]) and canvas[:, 7:].sum() == 0
    before = canvas.copy()
    draw(canvas, "circle", COLOURS["red"], -20, 10, 5)
    assert (canvas == before).all()


def test_that_names_which_do_not_exist_are_refused_by_name():
    with pytest.raises(ValueError, match="hops"):
        clips(4, seed=1, motions=("hops",))
    with pytest.raises(ValueError, match="hexagon"):
        draw(np.zeros((8, 8, 3), np.float32), "hexagon", (1, 1, 1), 4, 4, 2)
    with pytest.raises(ValueError, match="a count"):
        stills(0, seed=1)


def test_that_a_backdrop_may_be_wider_than_high():
    found = backdrop(np.random.default_rng(1), (48, 80))
    assert found.shape == (48, 80, 3) and 0.4 < found.max() <= 0.5
    assert room("moves right", np.float32(3), np.float32(10)) == (8, 3)
