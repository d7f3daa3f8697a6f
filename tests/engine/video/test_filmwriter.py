"""Videos written by the encoder's process: every frame at its time, whole or not at all."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import pytest

from tests.engine.video.films import decoded, picture
from workbench.core import filmwriter
from workbench.core.filmwriter import VideoWriter
from workbench.core.framepipe import read_index
from workbench.core.problem import InputError, KnownTrouble
from workbench.engine.video import samplefilm


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".gif"])
def test_that_frames_come_back_at_their_times(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"film{suffix}"
    times = [0.0, 0.04, 0.13, 0.17, 0.5, 0.54]
    with VideoWriter(path, width=96, height=64, frames_per_s=25) as writer:
        for number, time_s in enumerate(times):
            writer.write(picture(number * 7).tobytes(), time_s)
    found = decoded(path)
    assert len(found) == len(times)
    for number, (_, pixels) in enumerate(found):
        errors = [np.abs(pixels.astype(int) - picture(other * 7)).mean() for other in range(len(times))]
        assert int(np.argmin(errors)) == number
    _, index = read_index(path)
    # A GIF counts in hundredths, Matroska in thousandths of a second.
    assert [index.time_s(at) for at in range(len(index))] == pytest.approx(times, abs=0.0051)


def test_that_nothing_is_left_of_a_video_that_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with pytest.raises(ZeroDivisionError), VideoWriter(path, width=96, height=64, frames_per_s=25) as writer:
        writer.write(picture(0).tobytes(), 0.0)
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_that_an_existing_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"before")
    writer = VideoWriter(path, width=96, height=64, frames_per_s=25)
    writer.write(picture(0).tobytes(), 0.0)
    assert path.read_bytes() == b"before"
    writer.finish()
    assert len(decoded(path)) == 1


def test_that_what_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="format"):
        VideoWriter(tmp_path / "film.txt", width=8, height=8, frames_per_s=25)
    writer = VideoWriter(tmp_path / "no folder" / "film.mp4", width=96, height=64, frames_per_s=25)
    with pytest.raises(KnownTrouble, match="could not be written") as caught, writer:
        for number in range(50):
            writer.write(picture(number).tobytes(), number / 25)
    assert "No such file" in caught.value.received
    dying = tmp_path / "dying.py"
    dying.write_text("import sys\nsys.exit('the encoder fell over')\n")
    monkeypatch.setattr(filmwriter, "SCRIPT", dying)
    with pytest.raises(KnownTrouble) as caught:
        try_one(tmp_path / "film.mp4")
    assert "fell over" in caught.value.received


def try_one(path: Path) -> None:
    with VideoWriter(path, width=96, height=64, frames_per_s=25) as writer:
        writer.write(picture(0).tobytes(), 0.0)


def test_that_a_frame_of_another_size_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError), VideoWriter(tmp_path / "a.mp4", width=96, height=64, frames_per_s=25) as writer:
        writer.write(b"123", 0.0)


def test_that_the_sample_holds_every_motion_and_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samplefilm, "EDGE_PX", 48)
    monkeypatch.setattr(samplefilm, "FRAMES_EACH", 6)
    told: list[tuple[int, int]] = []
    path = samplefilm.write_sample(tmp_path, lambda done, of: told.append((done, of)))
    assert told[-1] == (8, 8) and len(decoded(path)) == 48
    before = path.stat().st_mtime_ns
    assert samplefilm.write_sample(tmp_path) == path and path.stat().st_mtime_ns == before


def test_that_writing_never_loads_the_codecs_here(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys; from pathlib import Path; from workbench.core.filmwriter import VideoWriter\n"
        f"w = VideoWriter(Path({str(tmp_path / 'a.mp4')!r}), width=16, height=16, frames_per_s=25)\n"
        "w.write(bytes(768), 0.0); w.finish(); assert 'av' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert av.open(str(tmp_path / "a.mp4")).streams.video[0].frames == 1
