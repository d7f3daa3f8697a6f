"""Scenes with sentences, questions and moments: what is said is what is drawn, and no wording gives its answer away."""

import collections

import numpy as np
import pytest

from workbench.engine.video.grammar import (
    ANSWERS,
    NUMBERS,
    SHORTEST_ACTION,
    STANDS,
    moments,
    questions,
    scenes,
    sentence,
)
from workbench.engine.video.motions import MOTIONS
from workbench.engine.video.sprites import COLOURS


@pytest.fixture(scope="module")
def asked():
    return questions(1200, seed=1, size=16, frames=2)


@pytest.fixture(scope="module")
def found_moments():
    return moments(480, seed=2, size=32, sprites=2, noise=0)


def moved(box):
    """What a sprite did, seen from its boxes (T, 4) alone: name of a motion, an orbit without its sense."""
    middle = (box[:, :2] + box[:, 2:]) / 2
    (dx, dy), wide = middle[-1] - middle[0], box[:, 2] - box[:, 0]
    if abs(wide[-1] / wide[0] - 1) > 0.15:
        return "grows" if wide[-1] > wide[0] else "shrinks"
    length = np.linalg.norm(np.diff(middle, axis=0), axis=1).sum()
    if length < 1e-3:
        return STANDS
    if length > 1.05 * np.hypot(dx, dy):
        turns = np.diff(middle, axis=0)
        sense = (turns[:-1, 0] * turns[1:, 1] - turns[:-1, 1] * turns[1:, 0]).sum()
        return "orbits clockwise" if sense > 0 else "orbits counter-clockwise"
    return (
        ("moves right" if dx > 0 else "moves left") if abs(dx) > abs(dy) else ("moves down" if dy > 0 else "moves up")
    )


def test_that_every_sprite_of_a_scene_does_what_its_sentence_says():
    found = scenes(240, seed=3, noise=0)
    assert collections.Counter(len(cast) for cast in found.actors) == {1: 80, 2: 80, 3: 80}
    for clip, cast in enumerate(found.actors):
        assert found.captions[clip] == sentence(cast)
        assert found.captions[clip].count(" while ") + found.captions[clip].count(" and ") == len(cast) - 1
        for names in zip(*((one.shape, one.colour, one.motion) for one in cast), strict=True):
            assert len(set(names)) == len(cast)
        for one, actor in enumerate(cast):
            assert moved(found.boxes[clip, :, one]) == actor.motion
        assert np.isnan(found.boxes[clip, :, len(cast) :]).all()


def test_that_a_sprite_has_its_colour_where_its_box_is():
    found = scenes(60, seed=4, size=64, most=1, noise=0)
    for clip, (actor,) in enumerate(found.actors):
        left, top, right, bottom = found.boxes[clip, 3, 0]
        inside = found.frames[clip, 3, round(top) : round(bottom), round(left) : round(right)].reshape(-1, 3)
        painted = inside[inside.max(-1) > 145]
        nearest = [abs(np.array(rgb) * 255 - np.median(painted, 0)).sum() for rgb in COLOURS.values()]
        assert list(COLOURS)[int(np.argmin(nearest))] == actor.colour


def test_that_answers_are_true_of_the_scene(asked):
    for clip, (question, kind, answer) in enumerate(zip(asked.questions, asked.kinds, asked.answers, strict=True)):
        cast = asked.actors[clip]
        if kind == "how many":
            assert answer == NUMBERS[sum(actor.motion != STANDS for actor in cast) - 1]
            continue
        found = [
            actor.shape if kind == "which shape" else actor.motion
            for actor in cast
            if question in {f"which shape {actor.motion}?", f"what does the {actor.colour} one do?"}
        ]
        assert found == [answer]


def test_that_whoever_reads_only_the_question_stays_at_chance(asked):
    """The commonest answer to each wording, learned on half of the questions, is right as often as a guess."""
    assert collections.Counter(asked.kinds) == dict.fromkeys(ANSWERS, 400)
    heard, tested = slice(0, 600), slice(600, 1200)
    known = collections.defaultdict(collections.Counter)
    for question, answer in zip(asked.questions[heard], asked.answers[heard], strict=True):
        known[question][answer] += 1
    right = collections.defaultdict(list)
    for question, kind, answer in zip(asked.questions[tested], asked.kinds[tested], asked.answers[tested], strict=True):
        right[kind].append(known[question].most_common(1)[0][0] == answer)
    for kind, hits in right.items():
        chance = 1 / len(ANSWERS[kind])
        assert np.mean(hits) < chance + 3 * np.sqrt(chance * (1 - chance) / len(hits)), kind


def test_that_how_many_sprites_are_seen_says_nothing_of_the_answer(asked):
    for kind in ("which shape", "what motion"):
        numbers = [(len(asked.actors[at]), asked.answers[at]) for at in range(1200) if asked.kinds[at] == kind]
        answers = {2: collections.Counter(), 3: collections.Counter()}
        for number, answer in numbers:
            answers[number][answer] += 1
        shares = [
            np.array([answers[number][one] for one in ANSWERS[kind]]) / answers[number].total() for number in (2, 3)
        ]
        assert abs(shares[0] - shares[1]).sum() < 0.4
    assert {len(cast) for cast, kind in zip(asked.actors, asked.kinds, strict=True) if kind == "how many"} == {3}


def test_that_a_moment_lies_where_the_sprite_does_what_is_asked_for(found_moments):
    found = found_moments
    for clip in range(len(found)):
        start, end, one = found.start[clip], found.end[clip], found.asked[clip]
        assert end - start >= SHORTEST_ACTION
        box = found.boxes[clip, start:end, one]
        assert found.queries[clip].endswith(moved(box)), (clip, found.queries[clip])
        spans = found.actions[clip][one]
        assert (start, end, found.queries[clip]) in spans
        assert [spans[0][0], *(b for _, b, _ in spans)] == [*(a for a, _, _ in spans), 24]
        others = [words for which in found.actions[clip] for _, _, words in which]
        assert others.count(found.queries[clip]) == 1


def test_that_there_is_no_cut_between_actions_and_all_stays_inside(found_moments):
    middle = (found_moments.boxes[..., :2] + found_moments.boxes[..., 2:]) / 2
    assert np.linalg.norm(np.diff(middle, axis=1), axis=-1).max() < 0.25 * 32
    assert found_moments.boxes.min() >= -1e-3 and found_moments.boxes.max() <= 32 + 1e-3


def test_that_a_query_alone_does_not_say_when(found_moments):
    found = found_moments
    motion = np.array([next(at for at, name in enumerate(MOTIONS) if one.endswith(name)) for one in found.queries])
    assert (np.bincount(motion) == 60).all()
    middle = (found.start + found.end) / 2
    means = np.array([middle[motion == one].mean() for one in range(8)])
    assert abs(means - middle.mean()).max() < 4 * middle.std() / np.sqrt(60)


def test_that_a_seed_says_everything():
    for make in (scenes, questions, moments):
        one, same, other = (make(8, seed=seed, size=16).frames for seed in (1, 1, 2))
        assert (one == same).all() and (one != other).any(), make.__name__


def test_that_what_cannot_be_made_is_refused():
    with pytest.raises(ValueError, match="one to three"):
        scenes(2, seed=1, most=4)
    with pytest.raises(ValueError, match="why"):
        questions(2, seed=1, kinds=("why",))
    with pytest.raises(ValueError, match="15 frames"):
        moments(2, seed=1, frames=12)
