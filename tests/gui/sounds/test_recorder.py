"""What the microphone hears is on disk, whatever happens to the program."""

from __future__ import annotations

import subprocess
import sys
import time
import wave

import numpy as np
import pytest

from tests.gui.sounds.fakes import RATE, Microphone
from workbench.gui.sounds.devices import Device
from workbench.gui.sounds.live import LevelMeter, LiveCanvas
from workbench.gui.sounds.recorder import Recorder
from workbench.gui.sounds.recordpanel import RecordPanel
from workbench.gui.volumes.away import Away


def samples_of(path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())


@pytest.fixture
def microphone() -> Microphone:
    return Microphone()


@pytest.fixture
def recorder(microphone):
    found = Recorder(microphone.make, device=0, rate_hz=RATE, channels=1)
    found.start()
    yield found
    found.finish()


def test_that_every_frame_is_in_the_file(recorder, microphone, tmp_path):
    microphone.say(np.full(400, 0.9))  # before Record: not asked for
    recorder.record(tmp_path / "a.wav")
    said = np.random.default_rng(0).uniform(-0.9, 0.9, 50_000).astype(np.float32)
    for at in range(0, len(said), 480):
        microphone.say(said[at : at + 480])
    path = recorder.finish()
    kept = samples_of(path)[:, 0]
    assert len(kept) == len(said)
    assert np.abs(kept / 32767 - said).max() < 1e-4
    assert recorder.dropouts == 0


def test_that_dropouts_and_clipping_are_counted(recorder, microphone, tmp_path):
    recorder.record(tmp_path / "a.wav")
    recorder.gain = 2.0
    microphone.say(np.full(100, 0.6))
    microphone.say(np.full(100, 0.1), overflowed=True)
    kept = samples_of(recorder.finish())[:, 0]
    assert recorder.dropouts == 1
    assert recorder.clipped == 100
    assert kept[0] == 32767 and kept[150] == pytest.approx(0.2 * 32767, abs=1)


def test_that_a_full_ring_counts_as_a_dropout(microphone):
    recorder = Recorder(microphone.make, device=0, rate_hz=RATE, channels=1)  # nobody writes
    for _ in range(9):
        microphone.say(np.zeros(RATE))
    assert recorder.dropouts > 0


CRASH = """
import os, sys, time
import numpy as np
from pathlib import Path
from tests.gui.sounds.fakes import Microphone
from workbench.gui.sounds.recorder import Recorder
mic = Microphone()
recorder = Recorder(mic.make, device=0, rate_hz=16000, channels=1)
recorder.start()
recorder.record(Path(sys.argv[1]))
for _ in range(160):
    mic.say(np.full(160, 0.25))
    time.sleep(0.01)
print("said", flush=True)
os.kill(os.getpid(), 9)
"""


def test_that_a_crash_loses_less_than_a_second(tmp_path):
    path = tmp_path / "a.wav"
    done = subprocess.run([sys.executable, "-c", CRASH, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout == "said\n", done.stderr
    kept = samples_of(path)[:, 0]
    assert len(kept) >= 160 * 160 - 16_000
    assert (kept == round(0.25 * 32767)).all()


def test_that_sound_is_in_the_live_picture_at_the_next_tick(qtbot, recorder, microphone):
    live = LiveCanvas()
    qtbot.addWidget(live)
    live.begin(RATE)
    live.take_up(recorder.ring)
    microphone.say(0.5 * np.sin(2 * np.pi * 1000 * np.arange(1600) / RATE))
    live.take_up(recorder.ring)
    # Only what does not fill a column of 10 ms waits; a tick of 16 ms and 20 ms of the device's buffer make 46 ms.
    assert recorder.ring.written - live.seen < 0.01 * RATE
    assert live._bits[:, -1].max() > live._bits[:, 0].max()
    assert live._waves[-1, 1] == pytest.approx(0.5, abs=0.02)


def test_that_the_meter_tells_peak_and_mean_and_keeps_the_clip_light(qtbot):
    meter = LevelMeter()
    qtbot.addWidget(meter)
    meter.show_frames(0.5 * np.sin(np.arange(16_000)[:, None] / 5), 0.05)
    assert meter.peak_db == pytest.approx(-6.0, abs=0.1)
    assert meter.rms_db == pytest.approx(-9.0, abs=0.1)
    assert not meter.clipped
    meter.show_frames(np.ones((10, 1)), 0.05)
    meter.show_frames(np.zeros((10, 1)), 0.05)
    assert meter.clipped


def test_that_the_panel_records_and_hands_the_file_over(qtbot, microphone, tmp_path):
    panel = RecordPanel(Away(), tmp_path, make_input=microphone.make, inputs=lambda: [Device(0, "Fake", 1, RATE)])
    qtbot.addWidget(panel)
    panel.show()
    panel.open()
    qtbot.waitUntil(lambda: panel.recorder is not None)
    panel.toggle()
    microphone.say(np.full(5000, 0.5))
    qtbot.waitUntil(lambda: panel.live.columns > 20)
    time.sleep(0)
    with qtbot.waitSignal(panel.recorded) as told:
        panel.toggle()
    assert len(samples_of(told.args[0])) == 5000


def test_that_leaving_keeps_a_recording(qtbot, microphone, tmp_path):
    panel = RecordPanel(Away(), tmp_path, make_input=microphone.make, inputs=lambda: [Device(0, "Fake", 1, RATE)])
    qtbot.addWidget(panel)
    panel.show()
    panel.open()
    qtbot.waitUntil(lambda: panel.recorder is not None)
    panel.toggle()
    microphone.say(np.full(3000, 0.5))
    with qtbot.waitSignal(panel.recorded) as told:
        panel.hide()
    assert len(samples_of(told.args[0])) == 3000


def test_that_a_machine_without_microphones_says_so(qtbot, tmp_path):
    panel = RecordPanel(Away(), tmp_path, make_input=Microphone().make, inputs=list)
    qtbot.addWidget(panel)
    panel.show()
    panel.open()
    qtbot.waitUntil(lambda: "no microphone" in panel.state.whole)
    assert not panel.start.isEnabled()
