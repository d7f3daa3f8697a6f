"""`workbench speech` and the worker's questions about sounds, with a real worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile

from tests.engine.speech.sounds import tone, write
from workbench.core import audio
from workbench.core.problem import InputError
from workbench.runner.local import LocalRunner
from workbench.store.home import Home


def test_that_a_sound_is_shown_and_converted(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    path = write(tmp_path / "a b.flac", tone(1.5, 44_100, channels=2), 44_100)
    at_home = ("--home", str(home.root))
    (found,) = workbench("speech", "show", str(path), "--json", *at_home).lines
    assert found["meta"] == {"sample_rate_hz": 44100, "channels": 2, "samples": 66150, "title": "a b"}
    assert "44100" in workbench("speech", "show", str(path), *at_home).out
    out = tmp_path / "new" / "b.wav"
    words = ("--to", str(out), "--rate", "16000", "--mono", "--start", "0.5", "--json", *at_home)
    done = workbench("speech", "convert", str(path), *words)
    assert done.lines == [{"files": [str(out)]}]
    samples, rate = soundfile.read(str(out))
    assert (rate, samples.shape) == (16000, (16000,)) and np.sqrt((samples**2).mean()) == pytest.approx(0.354, abs=0.01)

    (tmp_path / "t.wav").write_text("no sound", encoding="utf-8")
    refused = workbench("speech", "show", str(tmp_path / "t.wav"), *at_home)
    assert refused.status == 2 and "a text file" in refused.err
    (tmp_path / "w.ctm").write_text("a 1 0.5 0.25 hello 0.9\n", encoding="utf-8")
    workbench("speech", "convert", str(tmp_path / "w.ctm"), "--to", str(tmp_path / "w.srt"), *at_home)
    assert "00:00:00,500 --> 00:00:00,750\nhello" in (tmp_path / "w.srt").read_text(encoding="utf-8")

    tile = msgspec.json.decode(
        runner.inspect("spectrogram", path=str(path), settings={"scale": "mel", "bins": 64}).result(60),
        type=audio.SpectrogramTile,
    )
    assert np.load(tile.path).shape == (tile.columns, 64)
    tracks = msgspec.json.decode(runner.inspect("tracks", path=str(path)).result(60), type=audio.Tracks)
    pitch = np.load(tracks.path)[20:-20, 0]
    assert np.abs(pitch - 440).max() < 3
    with pytest.raises(InputError, match="malformed"):
        runner.inspect("spectrogram", path=str(path), colour="red").result(60)


def test_that_a_sample_is_spoken_with_its_tiers(runner: LocalRunner) -> None:
    sound, tiers = msgspec.json.decode(runner.inspect("sound-sample").result(60), type=list[str])
    found = msgspec.json.decode(runner.inspect("sound", path=sound, whole=True).result(60), type=audio.SoundFile)
    doc = msgspec.json.decode(Path(tiers).read_bytes(), type=audio.TiersDoc)
    assert found.meta.duration_s == pytest.approx(doc.duration_s) and 5 < doc.duration_s < 30
    assert [tier.kind for tier in doc.tiers] == ["segments", "words", "phones"]
    assert {one.speaker for one in doc.tiers[0].segments} == {"speaker 1", "speaker 2"}
    tracks = msgspec.json.decode(runner.inspect("tracks", path=sound).result(60), type=audio.Tracks)
    energy = np.load(tracks.path)[:, 2]
    inside = [energy[int(one.start_s * 100) : int(one.end_s * 100)].max() for one in doc.tiers[1].segments]
    assert min(inside) > np.percentile(energy, 5) + 10
