"""Frame exactness, held against the ffmpeg program: the MD5 of every frame's stored planes (yuv420p and the like, not
converted), as `ffmpeg -f framemd5` tells them, and the moments at which frames are shown."""

from __future__ import annotations

import hashlib
import random
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from av.codec.context import ThreadType

from tests.engine.video.films import KINDS, film, known
from workbench.core.framepipe import VideoReader, read_index
from workbench.engine.video.avframes import Frames, Slices

FRAMES = 40


def told_by_ffmpeg(path: Path) -> tuple[list[float], list[str]]:
    """When each frame is shown, in seconds from the first one, and the MD5 of its planes."""
    out = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-noautorotate", "-i", str(path), "-map", "0:v:0",
         "-fps_mode", "passthrough", "-f", "framemd5", "-"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    lines = out.splitlines()
    base = next(line.split(":", 1)[1] for line in lines if line.startswith("#tb 0"))
    top, bottom = (int(one) for one in base.strip().split("/"))
    rows = [[one.strip() for one in line.split(",")] for line in lines if line and not line.startswith("#")]
    times = [int(row[2]) * top / bottom for row in rows]
    return [one - times[0] for one in times], [row[5] for row in rows]


def planes_of(frame: av.VideoFrame) -> str:
    """The MD5 of a frame as it is stored, its lines close to each other."""
    found = hashlib.md5(usedforsecurity=False)
    for at, plane in enumerate(frame.planes):
        each = plane.line_size
        rows = np.frombuffer(plane, np.uint8)[: each * plane.height].reshape(plane.height, each)
        part = frame.format.components[at] if len(frame.planes) > 1 else None
        if part is not None:
            used = plane.width * (2 if part.bits > 8 else 1)
        else:
            used = plane.width * frame.format.padded_bits_per_pixel // 8
        found.update(rows[:, :used].tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("name", KINDS)
def test_that_every_frame_asked_for_in_any_order_has_the_hash_that_ffmpeg_gives_it(name: str, tmp_path: Path) -> None:
    path = known(name, tmp_path, frames=FRAMES)
    times, hashes = told_by_ffmpeg(path)
    _, index = read_index(path)
    assert len(index) == len(hashes) == FRAMES
    assert [index.time_s(at) for at in range(len(index))] == pytest.approx(times, abs=index.tick_s)
    order = random.Random(7).sample(range(FRAMES), FRAMES)
    frames = Frames(av, str(path))
    found = {at: planes_of(frames.at(index.times[at])) for at in order}
    assert [found[at] for at in range(FRAMES)] == hashes
    # What comes through the pipe is that frame and no other.
    with VideoReader(path) as reader:
        for at in order[:8]:
            told, pixels = reader.at(index.times[at])
            assert told.time == index.times[at]
            assert pixels == frames.picture(frames.at(index.times[at]), 0, 0)[2]


@pytest.mark.parametrize("name", ["h264.mp4", "hevc10.mp4", "mpeg4.avi", "vp9.webm", "vp8.webm", "uneven.mov"])
def test_that_far_apart_key_frames_and_backward_steps_stay_exact(name: str, tmp_path: Path) -> None:
    path = known(name, tmp_path, frames=160, group=150, **({} if "webm" in name else {"between": 3}))
    _, hashes = told_by_ffmpeg(path)
    _, index = read_index(path)
    frames = Frames(av, str(path))
    chance = random.Random(name)
    steps = [159, 158, 157, 20, 19, 18, 151, 150, 149, 0, *chance.sample(range(160), 20)]
    # What follows is told frame by frame, however the way to it was taken.
    frames.at(index.times[100])
    frames.at(index.times[90])
    assert [planes_of(frames.after()) for _ in range(30)] == hashes[91:121]
    assert [planes_of(frames.at(index.times[at])) for at in steps] == [hashes[at] for at in steps]


@pytest.mark.parametrize("slices", [1, 4])
@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_that_frames_in_one_slice_or_several_stay_exact_while_what_none_leans_on_is_left_out(
    slices: int, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(
        tmp_path / f"film.{kind}", frames=160, group=150, between=3, options={"x264-params": f"slices={slices}"}
    )
    _, hashes = told_by_ffmpeg(path)
    _, index = read_index(path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONREF"
        needed = {frame.pts for frame in container.decode(stream)}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        units = Slices(stream)
        left_out = {one.pts for one in container.demux(stream) if one.size and units.leaned_on_by_none(one)}
        # A transport stream has start codes instead of lengths: of those nothing is told before the decoder.
        assert left_out == (set() if kind == "ts" else set(index.times) - needed) and len(needed) < 120
    monkeypatch.setattr("workbench.engine.video.avframes.os.cpu_count", lambda: 4)
    frames = Frames(av, str(path))
    by_slices = kind != "ts" and slices == 4
    assert (frames._stream.thread_type == ThreadType.SLICE) == by_slices
    order = random.Random(slices).sample(range(160), 30)
    assert [planes_of(frames.at(index.times[at])) for at in order] == [hashes[at] for at in order]
