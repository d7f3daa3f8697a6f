"""Playing and stepping over a fake film: what is on screen is what was asked for, and lateness is counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.gui.films.fakes import Clock, Source, index_of
from workbench.gui.films import reading
from workbench.gui.films.player import FilmPlayer
from workbench.gui.films.scene import FilmScene

Make = Callable[..., FilmPlayer]


@pytest.fixture
def make(qtbot) -> Iterator[Make]:
    players: list[FilmPlayer] = []

    def built(frames: int = 100, **told) -> FilmPlayer:
        scene = FilmScene()
        scene.show(index_of(frames, uneven=told.pop("uneven", False)))
        clock = told.pop("clock", None) or Clock()
        player = FilmPlayer(scene, lambda: (0, 0), None, clock)
        player.scene, player.clock = scene, clock
        player.seen = []
        player.shown.connect(lambda frame, picture: player.seen.append((frame, picture.pixels[0])))
        player.source = Source(scene.index, **told)
        player.open(lambda _: player.source)
        players.append(player)
        return player

    yield built
    for player in players:
        reader = player.reader
        if player.source.gate is not None:
            player.source.gate.release(1000)
        player.close()
        assert reader is None or reader.join()


def run(qtbot, player: FilmPlayer, step_s: float = 0.04, *, until: Callable[[], bool]) -> None:
    """Turn the clock by steps, each after the frames that are due have been read and shown."""

    def turn() -> bool:
        session = player.session
        if session is not None and (session.ready or session.complete):
            player.tick()
            player.clock.now_s += step_s
        return until()

    qtbot.waitUntil(turn, timeout=20_000)


def test_that_the_first_frame_is_on_screen_at_once_and_steps_are_exact(make: Make, qtbot) -> None:
    player = make()
    qtbot.waitUntil(lambda: player.seen == [(0, 0)])
    for target in (1, 2, 12, 11, 99, 0, 57):
        player.go(target)
        qtbot.waitUntil(lambda target=target: player.seen[-1] == (target, target))
    player.step(-60)
    qtbot.waitUntil(lambda: player.seen[-1] == (0, 0))
    player.step(1000)
    qtbot.waitUntil(lambda: player.seen[-1] == (99, 99))


def test_that_playing_shows_every_frame_in_its_turn_and_ends_at_the_last(make: Make, qtbot) -> None:
    player = make(12)
    player.play(1.0)
    run(qtbot, player, until=lambda: not player.playing)
    assert [frame for frame, _ in player.seen[:1]] == [0]
    shown = [frame for frame, said in player.seen if frame == said]
    assert sorted(set(shown)) == list(range(12)) and shown[-1] == 11
    assert player.late_share == 0.0 and player.scene.frame == 11


def test_that_playing_from_the_end_begins_at_the_start_again(make: Make, qtbot) -> None:
    player = make(6)
    player.go(5)
    qtbot.waitUntil(lambda: bool(player.seen) and player.seen[-1][0] == 5)
    player.seen.clear()
    player.play(1.0)
    run(qtbot, player, until=lambda: not player.playing)
    assert player.seen[0][0] == 0


def test_that_frames_that_come_too_late_are_passed_over_and_counted(make: Make, qtbot) -> None:
    gate = threading.Semaphore(0)
    player = make(50, gate=gate)
    gate.release(3)
    player.play(1.0)
    run(qtbot, player, 0.0, until=lambda: player.beats_shown >= 1)
    player.clock.now_s += 0.8  # twenty frames' time, and none has come
    gate.release(1000)
    run(qtbot, player, 0.04, until=lambda: not player.playing)
    assert player.seen[-1][0] == 49
    frames = [frame for frame, _ in player.seen]
    assert len(frames) < 45
    assert player.beats_late >= 15
    assert player.late_share == pytest.approx(player.beats_late / (player.beats_late + player.beats_shown))
    # They were not even decoded.
    assert len(player.source.asked) < 45


def test_that_a_dragged_playhead_leaves_stale_wishes_undone(make: Make, qtbot) -> None:
    gate = threading.Semaphore(0)
    player = make(100, gate=gate)
    qtbot.waitUntil(lambda: len(player.source.asked) == 1)
    for target in range(1, 80):
        player.go(target)
    gate.release(1000)
    qtbot.waitUntil(lambda: bool(player.seen) and player.seen[-1] == (79, 79))
    assert player.source.asked == [0, 79]
    assert player.scene.frame == 79


def test_that_j_k_l_go_both_ways_and_faster(make: Make, qtbot) -> None:
    player = make(100)
    player.go(50)
    player.shuttle(1)
    assert player.playing and player.speed == 1
    player.shuttle(1)
    player.shuttle(1)
    assert player.speed == 4
    player.shuttle(-1)
    assert player.speed == -1
    player.shuttle(-1)
    assert player.speed == -2
    run(qtbot, player, until=lambda: player.scene.frame < 40)
    frames = [frame for frame, _ in player.seen[2:]]
    assert frames == sorted(frames, reverse=True)
    player.halt()
    at = player.scene.frame
    qtbot.waitUntil(lambda: player.seen[-1][0] == at)
    player.toggle()
    assert player.playing and player.speed == 2


def test_that_a_loop_stays_between_in_and_out_point(make: Make, qtbot) -> None:
    player = make(100)
    player.scene.select(player.scene.index.time_s(10), player.scene.index.time_s(15))
    assert player.stretch() == (10, 14)
    player.set_loop(True)
    qtbot.waitUntil(lambda: bool(player.seen))
    player.seen.clear()
    player.play(1.0)
    run(qtbot, player, until=lambda: len(player.seen) >= 12)
    assert {frame for frame, _ in player.seen} == {10, 11, 12, 13, 14}
    assert [frame for frame, _ in player.seen][:7] == [10, 11, 12, 13, 14, 10, 11]


def test_that_reading_ahead_is_bounded(make: Make, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(reading, "AHEAD_BYTES", 96 * 5)
    player = make(100)
    qtbot.waitUntil(lambda: bool(player.seen))
    before = len(player.source.asked)
    player.play(1.0)
    player._timer.stop()  # nobody takes
    qtbot.waitUntil(lambda: len(player.session.ready) >= 5)
    qtbot.wait(50)
    assert len(player.session.ready) <= 5 and player.session.bytes <= 96 * 5
    assert len(player.source.asked) - before <= 5 + reading.IN_FLIGHT


def test_that_playing_goes_on_in_what_was_read_meanwhile(make: Make, qtbot) -> None:
    player = make(10)
    player.play(1.0)
    run(qtbot, player, until=lambda: player.scene.frame >= 3)
    player.scene.grow(index_of(20))
    player.source.index = player.scene.index
    player.grow()
    run(qtbot, player, until=lambda: not player.playing)
    assert player.scene.frame == 19


def test_that_a_decoder_that_ends_is_told_and_playing_stops(make: Make, qtbot) -> None:
    player = make(30, breaks_at=9)
    told = []
    player.failed.connect(told.append)
    player.play(1.0)
    run(qtbot, player, until=lambda: bool(told))
    assert "decoder" in told[0].what and not player.playing
    assert player.source.closed


def test_that_another_film_lets_the_one_before_go(make: Make, qtbot) -> None:
    player = make(30)
    before = player.reader
    old = player.source
    player.source = Source(player.scene.index)
    player.open(lambda _: player.source)
    assert before.join() and old.closed
    qtbot.waitUntil(lambda: bool(player.source.asked))


def test_that_a_film_that_nobody_wants_any_more_when_its_reader_begins_is_let_go(qapp, monkeypatch) -> None:
    source = Source(index_of(3))
    with monkeypatch.context() as held:
        held.setattr(threading.Thread, "start", lambda _: None)
        reader = reading.FilmReader(lambda _: source, source.index)
    reader.close()
    reader._run()
    assert source.closed and source.asked == []
