"""Generated films: what is said to happen in a span is what the sprite does there, and no frame depends on another."""

import numpy as np
import pytest

from workbench.engine.video.filming import film
from workbench.engine.video.motions import MOTIONS
from workbench.engine.video.sprites import COLOURS


@pytest.fixture(scope="module")
def scene():
    return film(3, seconds=90, frames_per_s=10, width=96, height=64)


def test_that_actions_follow_each_other_with_pauses_and_within_the_film(scene):
    assert scene.count == 900 and scene.seconds == 90 and len(scene.places) == 900
    edges = [edge for one in scene.actions for edge in (one.start_s, one.end_s)]
    assert edges == sorted(edges) and edges[0] > 0 and edges[-1] <= 90
    assert all(1.5 <= one.end_s - one.start_s <= 3.7 for one in scene.actions)
    assert all(one.end_s + 0.19 < other.start_s for one, other in zip(scene.actions, scene.actions[1:], strict=False))
    others = film(5, seconds=300, frames_per_s=2, width=32, height=32).actions
    assert {one.label for one in (*scene.actions, *others)} == {*MOTIONS}


def test_that_the_sprite_moves_as_its_label_says_and_stands_still_between(scene):
    moved = np.zeros(scene.count, bool)
    for one in scene.actions:
        begin, end = round(one.start_s * 10), round(one.end_s * 10)
        path = scene.places[begin - 1 : end]
        dx, dy, grown = path[-1] - path[0]
        told = {"moves right": dx > 5, "moves left": dx < -5, "moves down": dy > 5, "moves up": dy < -5,
                "grows": grown > 3, "shrinks": grown < -3}  # fmt: skip
        if one.label in told:
            assert told[one.label], one
            assert sum(abs(part) > 1e-3 for part in (dx, dy, grown)) == 1
        else:
            turns = np.diff(path[:, :2], axis=0)
            sense = (turns[:-1, 0] * turns[1:, 1] - turns[:-1, 1] * turns[1:, 0]).sum()
            assert (sense > 0) == (one.label == "orbits clockwise")
        moved[begin:end] = True
    still = np.diff(scene.places, axis=0)[~moved[1:]]
    assert (np.linalg.norm(still, axis=1) < 1e-4).mean() > 0.97  # a few new sprites may start in the middle
    x, y, radius = scene.places.T
    assert (x >= 16 + radius - 1e-3).all() and (x <= 80 - radius + 1e-3).all()  # the middle square
    assert (y >= radius - 1e-3).all() and (y <= 64 - radius + 1e-3).all()


def test_that_a_frame_shows_the_sprite_in_its_colour_and_is_the_same_whenever_it_is_drawn(scene):
    in_order = next(iter(scene.frames()))
    assert in_order.shape == (64, 96, 3) and (in_order == scene.frame(0)).all()
    for number in (20, 450, 899):
        frame = scene.frame(number)
        assert (frame == scene.frame(number)).all()
        _, _, colour = [one for one in scene.shapes if one[0] <= number][-1]
        x, y, radius = scene.places[number]
        assert frame[round(y - radius) + 1 : round(y + radius), round(x - radius) + 1 : round(x + radius)].max() > 150
        nearest = abs(frame / 255 - np.array(COLOURS[colour])).sum(-1)
        row, column = np.unravel_index(nearest.argmin(), nearest.shape)
        assert abs(row - y) <= radius + 1 and abs(column - x) <= radius + 1


def test_that_a_seed_says_everything_and_what_is_not_there_is_refused(scene):
    same, other = (film(seed, seconds=90, frames_per_s=10, width=96, height=64) for seed in (3, 4))
    assert same.actions == scene.actions and (same.frame(77) == scene.frame(77)).all()
    assert other.actions != scene.actions
    with pytest.raises(IndexError, match="899"):
        scene.frame(900)
    with pytest.raises(ValueError, match=r"5\.2 s"):
        film(1, seconds=3)
