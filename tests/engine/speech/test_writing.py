"""What says of itself that it is synthetic goes on saying so."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from workbench.core.cloning import SYNTHETIC
from workbench.engine.speech.opening import open_whole
from workbench.engine.speech.writing import export_sound, is_synthetic

RATE_HZ = 16_000


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_that_parts_of_synthetic_speech_say_that_they_are_synthetic(tmp_path, ending):
    samples = np.random.default_rng(0).integers(-9000, 9000, RATE_HZ).astype(np.int16)
    for name, comment in (("made", SYNTHETIC), ("said", "an interview")):
        with soundfile.SoundFile(tmp_path / f"{name}.wav", "w", RATE_HZ, 1, "PCM_16") as file:
            file.comment = comment
            file.write(samples)
        sound = open_whole(tmp_path / f"{name}.wav", tmp_path / "cache")
        out = export_sound(sound, tmp_path / f"{name}-part.{ending}", start_s=0.25, end_s=0.75)
        assert is_synthetic(out) is (name == "made")
        assert soundfile.info(out).duration == pytest.approx(0.5, abs=0.1)


def test_that_a_file_that_is_gone_or_no_sound_is_not_taken_for_synthetic(tmp_path):
    assert not is_synthetic(tmp_path / "gone.wav")
    (tmp_path / "text.wav").write_text(SYNTHETIC, encoding="utf-8")
    assert not is_synthetic(tmp_path / "text.wav")
