"""Which frame is due when: every speed, both directions, loops, uneven frames."""

from __future__ import annotations

import itertools

import pytest

from tests.gui.films.fakes import index_of
from workbench.core.video import FrameIndex
from workbench.gui.films.schedule import SHOWN_PER_S, Beat, Schedule


def first(schedule: Schedule, count: int) -> list[Beat]:
    return list(itertools.islice(schedule.beats(), count))


def test_that_each_frame_stays_for_its_own_time() -> None:
    index = index_of(9, uneven=True)
    beats = list(Schedule(index, 0, 1.0).beats())
    assert [one.frame for one in beats] == [*range(9), 8]
    assert [one.due_s for one in beats[:-1]] == pytest.approx([index.time_s(at) for at in range(9)])
    assert beats[-1].due_s == pytest.approx(index.duration_s)


@pytest.mark.parametrize("speed", [0.1, 0.5, 2.0])
def test_that_speed_shortens_or_lengthens_time(speed: float) -> None:
    beats = list(Schedule(index_of(6), 2, speed).beats())
    assert [one.frame for one in beats] == [2, 3, 4, 5, 5]
    # At a speed at which a screen can follow, every frame is shown.
    assert [one.due_s for one in beats] == pytest.approx([0.04 * at / speed for at in range(5)])


def test_that_a_screen_gets_no_more_frames_than_it_can_show_and_always_the_last() -> None:
    beats = list(Schedule(index_of(200), 0, 8.0).beats())
    gaps = [b.due_s - a.due_s for a, b in itertools.pairwise(beats[:-2])]
    assert min(gaps) >= 0.99 / SHOWN_PER_S
    assert beats[-2].frame == beats[-1].frame == 199
    assert beats[-1].due_s == pytest.approx(200 * 0.04 / 8)


def test_that_backwards_goes_through_the_same_frames_the_other_way() -> None:
    index = index_of(7, uneven=True)
    beats = list(Schedule(index, 6, -1.0).beats())
    assert [one.frame for one in beats] == [6, 5, 4, 3, 2, 1, 0, 0]
    # A frame stays as long backwards as it does forwards: frame 2 for 100 ms, until frame 1 is due.
    due = {one.frame: one.due_s for one in beats[:-1]}
    assert due[1] - due[2] == pytest.approx(index.time_s(3) - index.time_s(2)) == pytest.approx(0.1)


def test_that_a_loop_begins_again_where_the_stretch_begins() -> None:
    beats = first(Schedule(index_of(20), 7, 1.0, stretch=(5, 8), loop=True), 9)
    assert [one.frame for one in beats] == [7, 8, 5, 6, 7, 8, 5, 6, 7]
    assert [one.due_s for one in beats] == pytest.approx([0.04 * at for at in range(9)])
    back = first(Schedule(index_of(20), 6, -1.0, stretch=(5, 8), loop=True), 6)
    assert [one.frame for one in back] == [6, 5, 8, 7, 6, 5]


def test_that_a_film_of_one_frame_ends_or_loops_without_running_wild() -> None:
    index = FrameIndex(0.001, (0,), (0,))
    assert [one.frame for one in Schedule(index, 0, 1.0).beats()] == [0, 0]
    beats = first(Schedule(index, 0, 1.0, loop=True), 5)
    assert [one.frame for one in beats] == [0] * 5
    assert beats[-1].due_s > 3 / SHOWN_PER_S


def test_that_a_start_beside_the_stretch_is_put_into_it() -> None:
    assert first(Schedule(index_of(20), 1, 1.0, stretch=(5, 8)), 1)[0].frame == 5
    with pytest.raises(ValueError):
        Schedule(index_of(20), 1, 0.0)
