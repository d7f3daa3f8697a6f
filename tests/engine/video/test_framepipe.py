"""Frames by number: what random access gives is what decoding from the start gives."""

from __future__ import annotations

import io
import random
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
import soundfile

from tests.engine.video.films import KINDS, decoded, film, known, rotated
from workbench.core import framepipe
from workbench.core.framepipe import VideoReader, read_index
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.video import FrameIndex, FrameTold
from workbench.engine.video import avframes


def pixels(found: tuple[FrameTold, bytes] | None) -> np.ndarray:
    assert found is not None
    told, given = found
    return np.frombuffer(given, np.uint8).reshape(told.height, told.width, 3)


@pytest.mark.parametrize("name", KINDS)
def test_that_any_order_of_asking_gives_the_frames_of_plain_decoding(name: str, tmp_path: Path) -> None:
    path = known(name, tmp_path)
    truth = decoded(path)
    _, index = read_index(path)
    assert list(index.times) == [time for time, _ in truth]
    assert index.keys[0] == 0
    chance = random.Random(name)
    with VideoReader(path) as reader:
        at = None
        for _ in range(60):
            step = chance.choice(["anywhere", "back", "on", "between"])
            if at is None or step == "anywhere":
                at = chance.randrange(len(truth))
                found = reader.at(truth[at][0])
            elif step == "between":
                at = chance.randrange(len(truth) - 1)
                found = reader.at(truth[at + 1][0] - 1)
            elif step == "back":
                at = max(0, at - 1)
                found = reader.at(truth[at][0])
            else:
                at += 1
                found = next(iter(reader.following(1)), None)
                if at == len(truth):
                    assert found is None
                    at = None
                    continue
            assert found is not None
            assert found[0].time == truth[at][0], step
            # Colours by two ways of conversion; neighbours differ by far more.
            assert np.abs(pixels(found).astype(int) - truth[at][1]).mean() < 1.0, (step, at)


def test_that_frames_can_be_stepped_back_with_little_room_to_keep_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "long group.mp4", frames=50, group=50)
    truth = decoded(path)
    small = tmp_path / "avframes.py"
    small.write_text(framepipe.SCRIPT.read_text().replace("HELD_BYTES = 192 << 20", "HELD_BYTES = 40_000"))
    monkeypatch.setattr(framepipe, "SCRIPT", small)
    with VideoReader(path) as reader:
        for time, picture in reversed(truth):
            assert np.abs(pixels(reader.at(time)).astype(int) - picture).mean() < 1.0


def test_that_the_next_frames_come_in_one_go_and_end_with_the_video(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", frames=10)
    with VideoReader(path) as reader:
        assert len(list(reader.following(4))) == 4
        rest = list(reader.following(20))
        assert len(rest) == 6
        assert rest[-1][0].last
        assert not rest[0][0].last
        assert list(reader.following(3)) == []


@pytest.mark.parametrize("width", [96, 50, 34])
def test_that_pixels_for_screens_are_those_for_models_to_the_last_column(width: int, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", frames=3, width=width, height=34)
    truth = decoded(path)[1][1]
    with VideoReader(path) as plain, VideoReader(path, for_screens=True) as screens:
        moment = read_index(path)[1].times[1]
        told, seen = screens.at(moment)
        assert told.channels == (4 if width == 96 else 3)
        shown = np.frombuffer(seen, np.uint8).reshape(told.height, told.width, told.channels)
        rgb = pixels(plain.at(moment))
        assert np.abs((shown[..., 2::-1] if told.channels == 4 else shown).astype(int) - rgb).max() <= 4
        assert np.abs(rgb.astype(int) - truth)[:, -8:].mean() < 2.0
        told, seen = screens.at(moment, width=width // 2, height=17)
        assert len(seen) == told.width * told.height * told.channels and (told.width, told.height) == (width // 2, 17)


def test_that_a_growing_index_tells_only_times_that_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avframes, "TELL_EVERY_S", -1.0)
    monkeypatch.setattr(avframes, "GROWS_BY", 1.0)
    path = film(tmp_path / "b.mp4", frames=60, between=3)
    out = io.BytesIO()
    avframes.index(av, str(path), out, growing=True)
    lines = [msgspec.json.decode(one) for one in out.getvalue().splitlines()]
    whole = lines[-1]
    times: list[int] = []
    keys: list[int] = []
    for line in lines[:-1]:
        keys += [one + len(times) for one in line.get("more_keys", [])]
        times += line.get("more", [])
    assert 40 < len(times) < 60
    assert times == whole["times"][: len(times)]
    assert keys == [one for one in whole["keys"] if one < len(times)]
    # Through the process, as much of it as is told in its time.
    grown: list[FrameIndex] = []
    _, index = read_index(path, grown=grown.append)
    assert all(one.times == index.times[: len(one)] for one in grown)


def test_that_numbers_and_times_of_frames_belong_together() -> None:
    index = FrameIndex(tick_s=0.001, times=(100, 140, 230, 270), keys=(0,))
    assert [index.frame_at(index.time_s(frame)) for frame in range(4)] == [0, 1, 2, 3]
    assert index.frame_at(0.129) == 1
    assert index.frame_at(-1) == 0
    assert index.frame_at(99) == 3
    assert index.duration_s == pytest.approx(0.21)
    assert not index.steady
    assert FrameIndex(1 / 90000, (0, 3003, 6006, 9010), (0,)).steady


def test_that_a_frame_alone_stays_as_long_as_the_rate_says_and_a_whole_file_states_no_more(tmp_path: Path) -> None:
    for name, frames, stays_s in (
        ("one.mp4", 1, 0.04),
        ("one.mkv", 1, 0.04),
        ("all.mkv", 40, 1.6),
        ("all.avi", 40, 1.6),
    ):
        codec = "mpeg4" if name.endswith("avi") else "libx264"
        _, index = read_index(film(tmp_path / name, codec, frames=frames))
        assert index.duration_s == pytest.approx(stays_s, abs=0.002) and not index.notes


def test_that_pixels_that_are_not_square_and_small_boxes_keep_the_shape_of_the_scene(tmp_path: Path) -> None:
    path = film(tmp_path / "wide.mp4", aspect=Fraction(2, 1))
    with VideoReader(path) as reader:
        assert (reader.facts.width, reader.facts.height) == (192, 64)
        assert reader.facts.pixel_aspect == 2
        assert pixels(reader.at(0)).shape == (64, 192, 3)
        assert pixels(reader.at(0, width=96, height=96)).shape == (32, 96, 3)
        assert pixels(reader.at(0, width=960, height=960)).shape == (64, 192, 3), "never enlarged"


def test_that_a_video_filmed_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    path = film(tmp_path / "phone.mp4", frames=3)
    upright = decoded(path)[0][1]
    with VideoReader(rotated(path)) as reader:
        assert (reader.facts.width, reader.facts.height) == (64, 96)
        assert reader.facts.rotation_degrees == 90
        assert np.abs(pixels(reader.at(0)).astype(int) - np.rot90(upright, -1)).mean() < 1.0


def test_that_what_is_no_video_is_told_with_its_name(tmp_path: Path) -> None:
    text, empty, missing = tmp_path / "notes.mp4", tmp_path / "empty.mp4", tmp_path / "away.mp4"
    text.write_text("no video at all\n" * 50)
    empty.touch()
    for path in (text, empty, missing, tmp_path):
        with pytest.raises(InputError) as caught:
            VideoReader(path)
        assert caught.value.place == path.name
        assert caught.value.fix


def test_that_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.ogg"
    soundfile.write(path, np.zeros(8000, np.float32), 8000)
    with pytest.raises(InputError) as caught:
        read_index(path)
    assert "audio" in caught.value.received


def test_that_a_file_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    path = known("h264.mkv", tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    _, index = read_index(path)
    assert 5 < len(index) < 40
    assert [note for note in index.notes if "states 1.6 s" in note and "cut off" in note]
    with VideoReader(path) as reader:
        assert reader.at(index.times[4]) is not None
        list(reader.following(60))


def test_that_damage_is_passed_over_and_counted(tmp_path: Path) -> None:
    path = film(tmp_path / "damaged.mp4", frames=40, group=5)
    held = bytearray(path.read_bytes())
    middle = len(held) // 2
    held[middle : middle + 400] = bytes(400)
    path.write_bytes(held)
    _, index = read_index(path)
    with VideoReader(path) as reader:
        found = [reader.at(time) for time in index.times]
        assert sum(one is not None for one in found) > 20


def test_that_a_decoder_that_hangs_is_ended_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mp4", frames=2)
    stuck = tmp_path / "stuck.py"
    stuck.write_text(textwrap.dedent("import time\ntime.sleep(60)\n"))
    monkeypatch.setattr(framepipe, "SCRIPT", stuck)
    monkeypatch.setattr(framepipe, "SILENT_S", 0.3)
    with pytest.raises(KnownTrouble) as caught:
        VideoReader(path)
    assert "silence" in caught.value.received


def test_that_a_decoder_that_falls_over_says_of_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mp4", frames=2)
    falling = tmp_path / "falling.py"
    falling.write_text("raise RuntimeError('no such plane')\n")
    monkeypatch.setattr(framepipe, "SCRIPT", falling)
    with pytest.raises(KnownTrouble) as caught:
        VideoReader(path)
    assert caught.value.received == "exit status 1: RuntimeError: no such plane"


def test_that_the_window_process_never_loads_the_codecs(tmp_path: Path) -> None:
    import subprocess

    path = film(tmp_path / "a.mp4", frames=2)
    asked = f"""
import sys
from pathlib import Path
from workbench.core.framepipe import VideoReader
with VideoReader(Path({str(path)!r})) as reader:
    assert reader.at(0) is not None
assert not {{"av", "numpy", "torch"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", asked], check=True, timeout=60)
