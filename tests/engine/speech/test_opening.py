"""Sound files in, whatever their kind: what is read, what is noticed, what is refused and how."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.engine.speech.sounds import encode, tone, write
from workbench.core.problem import InputError, KnownTrouble
from workbench.engine.speech import opening, sources


def read(path: Path) -> tuple[opening.SoundFile, np.ndarray]:
    sound = opening.open_whole(path, path.parent / "cache")
    return sound, opening.samples_of(sound)


@pytest.mark.parametrize(
    ("ending", "subtype", "kind"),
    [("wav", "PCM_16", np.int16), ("wav", "PCM_U8", np.int16), ("wav", "PCM_24", np.float32),
     ("wav", "FLOAT", np.float32), ("flac", "PCM_16", np.int16), ("flac", "PCM_24", np.float32),
     ("aiff", "PCM_16", np.int16), ("wav", "ULAW", np.int16)],
)  # fmt: skip
def test_that_lossless_samples_come_as_libsndfile_reads_them(tmp_path, ending, subtype, kind):
    path = write(tmp_path / f"a.{ending}", tone(0.3, channels=2), subtype=subtype)
    sound, samples = read(path)
    expected = soundfile.read(str(path), dtype="float64", always_2d=True)[0]
    scale = 32768 if kind == np.int16 else 1
    assert samples.dtype == kind and samples.shape == (4800, 2)
    assert np.array_equal(samples / scale, expected)
    assert (sound.meta.sample_rate_hz, sound.meta.channels, sound.meta.samples) == (16000, 2, 4800)
    assert sound.peak == pytest.approx(0.5, abs=0.02) and sound.notes == ()


@pytest.mark.parametrize(
    ("name", "codec", "picture"),
    [("a.m4a", "aac", False), ("a.mp3", "libmp3lame", False), ("a.webm", "libopus", False), ("a.mp4", "aac", True)],
)
def test_that_lossy_files_and_videos_give_their_tone(tmp_path, name, codec, picture):
    sound, samples = read(encode(tmp_path / name, codec, picture=picture))
    assert sound.meta.sample_rate_hz == 48000 and sound.meta.channels == 2
    assert sound.meta.duration_s == pytest.approx(2.0, abs=0.05)
    middle = opening.as_float(samples[24000:72000], 0)
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_that_twelve_channels_at_96_khz_keep_each_channel(tmp_path):
    wave = np.stack([tone(0.1, 96_000, 100 * (at + 1))[:, 0] for at in range(12)], 1)
    sound, samples = read(write(tmp_path / "a.wav", wave, 96_000, "PCM_16"))
    assert sound.meta.channels == 12 and sound.meta.sample_rate_hz == 96_000
    assert np.abs(samples / 32768 - wave).max() < 1e-4


def test_that_levels_hold_the_extremes_of_all_samples(tmp_path):
    rng = np.random.default_rng(0)
    sound, samples = read(write(tmp_path / "a.wav", rng.normal(0, 0.1, (300_001, 2)), subtype="PCM_16"))
    values = samples / 32768
    for level in sound.pyramid.levels:
        found = np.load(level.path)
        size = level.samples_per_bucket
        assert found.shape == (-(-len(values) // size), 2, 3) == (level.buckets, 2, 3)
        for at in (0, level.buckets // 2, level.buckets - 1):
            part = values[at * size : (at + 1) * size]
            assert np.allclose(found[at, :, 0], part.min(0)) and np.allclose(found[at, :, 1], part.max(0))
            if at + 1 < level.buckets:
                assert np.allclose(found[at, :, 2], np.sqrt((part**2).mean(0)), rtol=1e-4)
    sizes = [level.samples_per_bucket for level in sound.pyramid.levels]
    assert sizes[0] == 256 and all(b == 4 * a for a, b in itertools.pairwise(sizes))


def test_that_a_file_can_be_looked_at_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK_VALUES", 4096)
    path = write(tmp_path / "a.wav", tone(2.0), subtype="PCM_16")
    under_way = opening.Opening(path, tmp_path / "cache")
    lengths = []
    while not (sound := under_way.step(0.0)).complete:
        mapped = opening.samples_of(sound)
        assert len(mapped) == sound.meta.samples and sound.expected_samples == 32000
        assert np.load(sound.pyramid.levels[0].path).shape[0] == sound.pyramid.levels[0].buckets
        lengths.append(sound.meta.samples)
    assert lengths == sorted(set(lengths)) and len(lengths) >= 7
    assert sound.meta.samples == 32000 and opening.cached(path, tmp_path / "cache") == sound


def test_that_a_changed_file_is_read_anew_and_an_unchanged_one_is_not(tmp_path):
    path = write(tmp_path / "a.wav", tone(0.2))
    first, _ = read(path)
    assert read(path)[0] == first
    write(path, tone(0.4))
    assert read(path)[0].meta.samples == 6400


def test_that_abandoned_readings_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK_VALUES", 4096)
    under_way = opening.Opening(write(tmp_path / "a.wav", tone(2.0)), tmp_path / "cache")
    under_way.step(0.0)
    under_way.abandon()
    assert list((tmp_path / "cache").iterdir()) == []


def test_that_what_is_odd_about_a_sound_is_said(tmp_path):
    loud = np.clip(tone(0.5) * 4, -1, 1)
    assert any("clipped" in note for note in read(write(tmp_path / "loud.wav", loud))[0].notes)
    assert "constant offset of +0.200" in str(read(write(tmp_path / "dc.wav", tone(1.0) * 0.5 + 0.2))[0].notes)
    assert "silence" in str(read(write(tmp_path / "still.wav", np.zeros((800, 1))))[0].notes)
    broken = tone(0.5).astype(np.float32)
    broken[5] = np.nan
    sound, samples = read(write(tmp_path / "nan.wav", broken, subtype="FLOAT"))
    assert "1 samples were no numbers" in str(sound.notes) and np.isfinite(samples).all()
    over = read(write(tmp_path / "over.wav", tone(0.5) * 4, subtype="FLOAT"))[0]
    assert "louder than full scale: peak 2" in str(over.notes)


def test_that_cut_off_files_give_what_is_there_and_say_so(tmp_path):
    whole = write(tmp_path / "a.wav", tone(1.0), subtype="PCM_16").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: 44 + 8000])
    sound, _ = read(tmp_path / "cut.wav")
    told = "its header states 16\u202f000 samples, 4\u202f000 are there"
    assert sound.meta.samples == 4000 and told in " ".join(sound.notes)
    rng = np.random.default_rng(0)
    flac = write(tmp_path / "a.flac", rng.normal(0, 0.1, (80_000, 1))).read_bytes()
    (tmp_path / "cut.flac").write_bytes(flac[: len(flac) // 2])
    sound, _ = read(tmp_path / "cut.flac")
    assert 20_000 < sound.meta.samples < 45_000 and "damaged after" in str(sound.notes)


def _bad_files(folder: Path) -> dict[str, str]:
    (folder / "text.wav").write_text("Dear reader, this is no sound.\n" * 50, encoding="utf-8")
    (folder / "none.wav").write_bytes(b"")
    write(folder / "zero.wav", np.zeros((0, 1)))
    (folder / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "dir.wav").mkdir()
    head = bytearray(write(folder / "rate.wav", tone(0.1), subtype="PCM_16").read_bytes())
    head[24:28] = struct.pack("<I", 3)
    (folder / "rate.wav").write_bytes(head)
    return {
        "text.wav": "a text file that begins 'Dear reader", "none.wav": "0 bytes", "zero.wav": "length is zero",
        "noise.mp3": "no known kind", "dir.wav": "a folder", "rate.wav": "3 samples a second", "missing.wav": "nothing",
    }  # fmt: skip


def test_that_what_is_no_sound_is_refused_with_what_it_is(tmp_path):
    for name, said in _bad_files(tmp_path).items():
        with pytest.raises(InputError) as caught:
            read(tmp_path / name)
        problem = caught.value
        assert said in str(problem), name
        assert problem.expected and problem.received and problem.fix and problem.place == name
    cache = tmp_path / "cache"
    assert not cache.exists() or list(cache.iterdir()) == []


def test_that_damaged_files_are_read_or_refused_but_never_break_the_reader(tmp_path):
    rng = np.random.default_rng(1)
    makers = {
        "wav": write(tmp_path / "a.wav", tone(0.2)), "flac": write(tmp_path / "a.flac", tone(0.2)),
        "ogg": write(tmp_path / "a.ogg", tone(0.2)), "mp3": write(tmp_path / "a.mp3", tone(0.4)),
    }  # fmt: skip
    read_through = refused = 0
    for ending, path in makers.items():
        whole = path.read_bytes()
        for number in range(40):
            data = bytearray(whole[: rng.integers(1, len(whole))] if number % 2 else whole)
            for at in rng.integers(0, len(data), 6):
                data[at] = rng.integers(0, 256)
            broken = tmp_path / f"b{number}.{ending}"
            broken.write_bytes(data)
            try:
                sound, samples = read(broken)
                assert len(samples) == sound.meta.samples > 0 and np.isfinite(samples).all()
                read_through += 1
            except InputError as problem:
                assert problem.place == broken.name
                refused += 1
    assert read_through + refused == 160 and read_through > 20 and refused > 5


def test_that_a_decoder_ends_with_the_reading_it_serves(tmp_path):
    path = encode(tmp_path / "a.m4a", "aac")
    source = sources.AvSource(path)
    process = source._process
    del source
    assert process.wait(10) != 0
    process.stdout.close()
    closed = sources.AvSource(path)
    closed.close()
    assert closed._process.returncode is not None


def test_that_a_missing_decoder_is_told_with_what_to_install(tmp_path, monkeypatch):
    path = encode(tmp_path / "a.m4a", "aac")
    monkeypatch.setattr(sources.AvSource, "_line", lambda self: {"error": "No module named 'av'", "missing": True})
    with pytest.raises(KnownTrouble, match="FFmpeg") as caught:
        sources.open_source(path)
    assert "transfer-workbench[speech]" in caught.value.fix


def mp3(path, seconds=6):
    rng = np.random.default_rng(0)
    at = np.arange(16_000 * seconds) / 16_000
    voice = 0.3 * np.sin(2 * np.pi * (200 + 50 * np.sin(at)) * at) * (np.sin(7 * at) > -0.5)
    soundfile.write(path, voice + rng.normal(0, 0.01, len(at)), 16_000, format="MP3", bitrate_mode="VARIABLE")
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["no block", "broken head", "torn first frame", "two in one"])
def test_that_an_mp3_whose_header_tells_no_length_is_read_to_its_end(tmp_path, damage):
    """A guess from the first frame's bit rate ends in the middle of a file of variable rate."""
    whole = mp3(tmp_path / "whole.mp3")
    assert opening.open_whole(tmp_path / "whole.mp3", tmp_path / "cache").meta.samples == 96_000
    junk = np.random.default_rng(1).integers(0, 256, 400, dtype=np.uint8).tobytes()
    made = {"no block": whole[300:], "broken head": junk + whole[400:], "torn first frame": junk[:10] + whole[10:],
            "two in one": whole + whole}  # fmt: skip
    path = tmp_path / "damaged.mp3"
    path.write_bytes(made[damage])
    found = opening.open_whole(path, tmp_path / "cache")
    assert found.meta.duration_s == pytest.approx(12.0 if damage == "two in one" else 6.0, abs=0.2)


def test_that_a_file_without_sound_is_told_without_contradiction(tmp_path):
    (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(1).integers(0, 256, 9000, dtype=np.uint8).tobytes())
    with pytest.raises(InputError, match="no sound that can be read") as caught:
        opening.open_whole(tmp_path / "noise.mp3", tmp_path / "cache")
    assert "does not exist" not in caught.value.received and "Errno" not in caught.value.received
