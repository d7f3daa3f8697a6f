"""What the synthetic speakers sound like, with espeak-ng really speaking."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from workbench.core.problem import InputError, KnownTrouble
from workbench.engine.speech import tracks
from workbench.engine.speech.bank import espeak, rendering, rooms
from workbench.engine.speech.bank.rendering import Place, Utterance, frame_labels, render
from workbench.engine.speech.bank.speakers import Speaker, draw_speakers

TEXT = "turn on the lights, please, in the kitchen"
WHO = Speaker("a", "en-us", "m3", 1.0, 50, 50, 170, 0.0)


def spoken(cache, *utterances):
    return list(render(utterances, cache))


def test_that_words_and_phones_lie_where_they_are_heard(tmp_path):
    (found,) = spoken(tmp_path, Utterance(TEXT, WHO))
    assert [one.text for one in found.words] == ["turn", "on the", "lights", "please", "in the", "kitchen"]
    assert "".join(rendering.plain(one.text) for one in found.phones) == "tɜːnɔnðəlaɪtspliːzɪnðəkɪtʃən"
    for tier in found.tiers.tiers:
        for one, following in zip(tier.segments, tier.segments[1:], strict=False):
            assert one.start_s < one.end_s <= following.start_s
    assert found.tiers.duration_s == len(found.samples) / 16000 > found.phones[-1].end_s - 0.1
    # The pauses at the commas are silent, the vowels are loud and voiced.
    values = tracks.track(found.as_float(), 16000, 0.01)
    labels = frame_labels(found.phones, len(values), 0.01)
    vowels = np.isin(labels, ["ɜː", "aɪ", "iː", "ɪ"])
    gap = slice(int(found.words[3].end_s * 100) + 3, int(found.words[4].start_s * 100) - 2)
    assert (values[vowels, 0] > 0).mean() > 0.85
    assert values[gap, 2].max() < np.median(values[vowels, 2]) - 20
    assert set(labels[gap]) == {"sil"}


def test_that_the_vocal_tract_moves_formants_and_keeps_the_rate_of_speech(tmp_path):
    base, short = spoken(
        tmp_path, Utterance(TEXT, WHO), Utterance(TEXT, Speaker("b", "en-us", "m3", 1.18, 50, 50, 170, 0.0))
    )

    def centre_hz(one):
        spectrum = np.abs(np.fft.rfft(one.as_float())) ** 2
        hz = np.linspace(0, 8000, len(spectrum))
        band = (hz > 300) & (hz < 5000)
        return float((spectrum * hz)[band].sum() / spectrum[band].sum())

    pitches = [np.median(v[v > 0]) for v in (tracks.track(one.as_float(), 16000, 0.01)[:, 0] for one in (base, short))]
    assert pitches[1] / pitches[0] == pytest.approx(1.18, abs=0.06)
    assert centre_hz(short) / centre_hz(base) > 1.08
    assert short.tiers.duration_s / base.tiers.duration_s == pytest.approx(1.0, abs=0.1)
    assert short.phones[-1].end_s <= short.tiers.duration_s


def test_that_an_utterance_is_the_same_today_and_from_the_cache(tmp_path, monkeypatch):
    place = Place(decay_s=0.3, noise="pink", snr_db=10.0)
    asked = Utterance("five nine zero", WHO, place, seed=4)
    (first,), (again,) = spoken(tmp_path / "a", asked), spoken(tmp_path / "b", asked)
    assert np.array_equal(first.samples, again.samples) and first.tiers == again.tiers
    (other,) = spoken(tmp_path / "a", Utterance("five nine zero", WHO, place, seed=5))
    assert not np.array_equal(first.samples, other.samples) and first.tiers == other.tiers

    def never(self):
        raise AssertionError("espeak-ng was started although everything is in the cache")

    monkeypatch.setattr(rendering.Espeak, "__init__", never)
    (kept,) = spoken(tmp_path / "a", asked)
    assert np.array_equal(first.samples, kept.samples) and first.tiers == kept.tiers


def test_that_a_damaged_cache_file_is_spoken_anew(tmp_path):
    (first,) = spoken(tmp_path, Utterance("no", WHO))
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:100])
    (again,) = spoken(tmp_path, Utterance("no", WHO))
    assert np.array_equal(first.samples, again.samples)


def test_that_loudness_is_level_and_noise_lies_as_deep_as_asked(tmp_path):
    clean, noisy = spoken(tmp_path, Utterance(TEXT, WHO), Utterance(TEXT, WHO, Place(snr_db=5.0)))
    for one in (clean, noisy):
        level_db = 10 * np.log10((one.as_float() ** 2).mean())
        assert level_db == pytest.approx(-25, abs=0.3) and np.abs(one.samples).max() < 32767
    x, y = clean.as_float(), noisy.as_float()
    part = float((x * y).sum() / (x * x).sum())
    snr_db = 10 * np.log10(((part * x) ** 2).sum() / ((y - part * x) ** 2).sum())
    assert snr_db == pytest.approx(5, abs=0.3)


def test_that_every_variant_and_other_languages_speak():
    with espeak.Espeak() as speaker:
        for who in draw_speakers({"train": 60}, 0)["train"]:
            said = speaker.say("seven", voice=who.voice, pitch=who.pitch)
            assert [one.text for one in said.words] == ["seven"] and len(said.phones) >= 5
            assert np.abs(said.samples).max() > 1000
        german = speaker.say("Öffne bitte die grüne Tür", voice="de")
        assert german.words[0].text == "Öffne" and german.words[-1].text == "Tür"
        with pytest.raises(InputError, match="does not know this voice"):
            speaker.say("x", voice="klingon-9")
        assert speaker.say("still here").words


def test_that_a_broken_process_is_told_and_replaced():
    with espeak.Espeak() as speaker:
        speaker.say("one")
        speaker._process.kill()
        speaker._process.wait()
        assert speaker.say("two").words[0].text == "two"


def test_that_espeak_is_never_loaded_into_our_process_and_its_absence_is_told(monkeypatch):
    code = (
        "import sys; from workbench.engine.speech.bank.espeak import Espeak\n"
        "with Espeak() as s: s.say('one')\n"
        "maps = open('/proc/self/maps').read() if sys.platform == 'linux' else ''\n"
        "sys.exit('espeakng_loader' in sys.modules or 'libespeak' in maps)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    monkeypatch.setattr(espeak.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(espeak.ctypes.util, "find_library", lambda name: None)
    assert not espeak.available()
    with pytest.raises(KnownTrouble, match="not installed") as caught:
        espeak.Espeak()
    assert "transfer-workbench[speech]" in caught.value.fix


def test_that_a_room_keeps_the_direct_sound_in_its_place():
    rng = np.random.default_rng(0)
    response = rooms.impulse_response(rng, 16000, decay_s=0.4, direct_db=3.0)
    assert response.argmax() == 0 and len(response) == 6400
    assert 10 * np.log10(1 / (response[1:] ** 2).sum()) == pytest.approx(3.0, abs=0.01)
    pulse = np.zeros(4000, np.float32)
    pulse[100] = 1.0
    heard = rooms.in_room(pulse, response)
    assert heard.argmax() == 100 and np.abs(heard[:100]).max() < 1e-4
    tilted = rooms.tilted(rng.standard_normal(16000).astype(np.float32), 16000, -3.0)
    spectrum = np.abs(np.fft.rfft(tilted)) ** 2
    fall_db = 10 * np.log10(spectrum[3800:4200].mean() / spectrum[950:1050].mean())
    assert fall_db == pytest.approx(-6.0, abs=1.5)
