"""What the cursor tells is the sample that is heard, by the clock of a sound card that the test turns."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest

from tests.gui.sounds.fakes import RATE, Card, ramp, sine
from workbench.gui.sounds.player import Player


@pytest.fixture
def card() -> Card:
    return Card(latency_s=0.05)


@pytest.fixture
def player(qtbot, card):
    found = Player(card.make)
    yield found
    session = found.session
    found.halt()
    if session is not None:
        session.join(5)


def begin(qtbot, player, card, sound, start, stop, **more):
    player.play(sound, start, stop, **more)
    session = player.session
    qtbot.waitUntil(lambda: session.output is not None)
    qtbot.waitUntil(lambda: session.ended or session.ring.free < 400)
    return session


def test_that_the_cursor_is_exact_to_the_sample(qtbot, player, card):
    session = begin(qtbot, player, card, ramp(), 1000, 9000)
    for _ in range(8):
        card.pull(512)
    for heard in (0, 1, 511, 512, 700, 3000):
        card.now_s = 100.05 + heard / RATE
        expected = int(np.concatenate(card.heard)[heard, 0] * 32768)
        assert session.sample() == expected == 1000 + heard


def test_that_the_cursor_waits_until_the_first_sample_is_heard(qtbot, player, card):
    session = begin(qtbot, player, card, ramp(), 1000, 9000)
    card.pull(512)
    card.now_s = 100.01  # 40 ms before it comes out of the loudspeaker
    assert session.sample() == 1000


def test_that_a_loop_goes_on_at_its_first_sample(qtbot, player, card):
    player.loop = True
    session = begin(qtbot, player, card, ramp(), 500, 1500, again=200)
    heard = np.concatenate([card.pull(100) for _ in range(40)])[:, 0] * 32768
    assert heard[:1000].astype(int).tolist() == list(range(500, 1500))
    assert heard[1000:2300].astype(int).tolist() == list(range(200, 1500))
    card.now_s = 100.05 + 1000 / RATE
    assert session.sample() == 200


def test_that_the_cursor_keeps_to_the_sound_at_another_speed(qtbot, player, card):
    player.speed = 2.0
    session = begin(qtbot, player, card, sine(2.0), 0, 2 * RATE)
    for _ in range(6):
        card.pull(1024)
    card.now_s = 100.05 + 6000 / RATE
    assert session.sample() == pytest.approx(12_000, abs=2)


def test_that_it_ends_after_the_last_sample_is_heard(qtbot, player, card):
    said = []
    player.moved.connect(said.append)
    begin(qtbot, player, card, ramp(), 0, 1000)
    card.pull(2000)
    card.now_s = 100.05 + 999 / RATE
    player.tick()
    assert player.playing and said[-1] == 999
    card.now_s = 100.05 + 1001 / RATE
    player.tick()
    assert not player.playing and said[-1] == 1000
    qtbot.waitUntil(lambda: card.closed)


def test_that_halting_is_silent_from_the_next_call_on(qtbot, player, card):
    begin(qtbot, player, card, ramp(), 500, 9000)
    assert card.pull(64).any()
    player.halt()
    assert not card.pull(64).any()


def test_that_the_callback_allocates_no_arrays_and_waits_for_nobody(qtbot, player, card):
    session = begin(qtbot, player, card, ramp(), 0, 9000)
    out = np.zeros((64, 1), np.float32)
    session.fill(out, 64, 100.0)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(50):
        session.fill(out, 64, 100.0)
    assert abs(sys.getallocatedblocks() - before) < 50


def test_that_a_missing_sound_card_is_told_and_stops_it(qtbot):
    def broken(*_):
        raise OSError("PortAudio library not found")

    player = Player(broken)
    with qtbot.waitSignal(player.failed) as told:
        player.play(ramp(), 0, 100)
    assert "PortAudio" in told.args[0]
    assert not player.playing
