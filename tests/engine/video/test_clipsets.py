"""Clips as training data: lists of many makes, and frames that are those of plain decoding."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.engine.video.films import decoded, film, picture
from workbench.core.framepipe import VideoReader
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.video import FrameIndex
from workbench.engine.video import clipsets
from workbench.engine.video.clipsets import ClipSpec, frames_at, load_clips, load_readable, read_list, write_list


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two videos of 40 frames in 1.6 s, all of them different."""
    folder = tmp_path_factory.mktemp("films")
    film(folder / "one.mp4")
    film(folder / "two.mp4", width=64, height=96)
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))


def steady(frames: int, rate: int = 25) -> FrameIndex:
    return FrameIndex(1 / rate, tuple(range(frames)), (0,))


def test_that_each_frame_stands_for_an_equal_part_of_the_stretch() -> None:
    index = steady(100)
    assert frames_at(index, ClipSpec("a"), 4) == [12, 37, 62, 87]
    assert frames_at(index, ClipSpec("a", 1.0, 2.0), 5) == [27, 32, 37, 42, 47]
    assert frames_at(index, ClipSpec("a", 1.0, 2.0), 3, sampling="uniform") == [25, 37, 49]
    assert frames_at(index, ClipSpec("a", 1.0, 1.04), 3) == [25, 25, 25]


def test_that_a_seed_takes_any_frame_of_each_part_and_never_one_outside() -> None:
    index, seen = steady(100), set()
    for seed in range(200):
        picked = frames_at(index, ClipSpec("a", 1.0, 2.0), 4, chance=np.random.default_rng(seed))
        assert picked == sorted(picked)
        assert all(25 + 6.25 * at - 1 < one < 25 + 6.25 * (at + 1) for at, one in enumerate(picked))
        seen |= set(picked)
    assert seen == set(range(25, 50))


def test_that_a_trimmed_clip_stands_for_its_own_stretch_only(made: Path, tmp_path: Path) -> None:
    shutil.copy(made / "one.mp4", tmp_path / "abc_000002_000012.mp4")
    rows = ["label,youtube_id,time_start,time_end,split", "clap,abc,2,12,train", "jump,abc,20,30,train"]
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    told: list[str] = []
    specs = read_list(tmp_path / "list.csv", told.append)
    assert [(Path(one.path).name, one.start_s, one.end_s, one.label) for one in specs] == [
        ("abc_000002_000012.mp4", 0, None, "clap")
    ]
    assert any("left out" in one and "abc" in one for one in told)


@pytest.mark.parametrize(("start", "end"), [(-0.1, 1.0), (4.0, 5.0), (1.0, 4.2), (2.0, 2.0), (3.0, 1.0)])
def test_that_a_stretch_outside_its_video_is_told_and_not_cut(start: float, end: float) -> None:
    with pytest.raises(InputError) as told:
        frames_at(steady(100), ClipSpec("films/a.mp4", start, end, "jump"), 4)
    assert told.value.place == "a.mp4"
    assert "0 to 4.000 s" in told.value.expected
    assert "jump" in told.value.received


def test_that_loaded_frames_are_those_of_the_file(made: Path) -> None:
    path = str(made / "one.mp4")
    clips = load_clips([ClipSpec(path, label="all"), ClipSpec(path, 0.4, 0.8, "part")], 5, 64)
    assert (clips.shape, clips.dtype) == ((2, 5, 64, 64, 3), np.uint8)
    truth = [pixels for _, pixels in decoded(made / "one.mp4")]
    for clip, numbers in zip(clips, ([4, 12, 20, 28, 36], [11, 13, 15, 17, 19]), strict=True):
        for pixels, number in zip(clip, numbers, strict=True):
            assert np.abs(pixels.astype(int) - truth[number][:, 16:80]).mean() < 1.0, number


@pytest.mark.parametrize("size", [16, 33, 64, 80])
def test_that_the_middle_is_cut_out_of_pictures_upright_and_wide(made: Path, size: int) -> None:
    clips = load_clips([ClipSpec(str(made / name)) for name in ("one.mp4", "two.mp4")], 2, size)
    assert clips.shape == (2, 2, size, size, 3)
    wide, high = picture(10, 96, 64)[:, 16:80], picture(10, 64, 96)[16:80]
    for clip, truth in zip(clips, (wide, high), strict=True):
        # The blue of these films says which frame it is, the middle of the rest which part of it.
        assert abs(float(clip[0, ..., 2].mean()) - 40) < 8
        assert abs(float(clip[0, ..., 0].mean()) - float(truth[..., 0].mean())) < 12


def test_that_nothing_is_decoded_twice_wherever_the_file_lies(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [ClipSpec(str(made / "one.mp4"), 0.0, 0.8, "a"), ClipSpec(str(made / "one.mp4"), 0.8, None, "b")]
    before = load_clips(specs, 4, 32, seed=3)
    moved = shutil.copy(made / "one.mp4", tmp_path / "elsewhere.mp4")

    def never(path: Path) -> None:
        raise AssertionError(f"{path} is decoded again")

    monkeypatch.setattr(clipsets, "read_index", never)
    again = load_clips(
        [ClipSpec(str(moved), one.start_s, one.end_s, one.label) for one in reversed(specs)], 4, 32, seed=3
    )
    assert np.array_equal(again, before[::-1])
    with pytest.raises(AssertionError):
        load_clips(specs, 4, 32, seed=4)


def test_that_another_seed_takes_other_frames_and_the_same_one_the_same(made: Path) -> None:
    spec = [ClipSpec(str(made / "one.mp4"))]
    first, same, other = (load_clips(spec, 4, 16, seed=seed, cached=False) for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_that_a_damaged_cache_is_decoded_anew(made: Path, tmp_path: Path) -> None:
    spec = [ClipSpec(str(made / "one.mp4"))]
    before = load_clips(spec, 3, 16)
    (kept,) = (tmp_path / "home" / "cache" / "clips").glob("*.npy")
    kept.write_bytes(kept.read_bytes()[:200])
    assert np.array_equal(load_clips(spec, 3, 16), before)
    assert np.load(kept).shape == (3, 16, 16, 3)


def test_that_faulty_videos_are_named_or_left_out_and_told(made: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.mp4"
    torn.write_bytes((made / "one.mp4").read_bytes()[:600])
    specs = [ClipSpec(str(made / "one.mp4"), label="a"), ClipSpec(str(torn), label="b"),
             ClipSpec(str(tmp_path / "gone.mp4"), label="c"), ClipSpec(str(made / "two.mp4"), 1.0, 9.0, "d"),
             ClipSpec(str(made / "two.mp4"), label="e")]  # fmt: skip
    with pytest.raises(InputError) as told:
        load_clips(specs, 2, 16)
    assert told.value.place == "torn.mp4"
    clips, kept, notes = load_readable(specs, 2, 16)
    assert [one.label for one in kept] == ["a", "e"]
    assert np.array_equal(clips, load_clips(kept, 2, 16))
    assert notes[0].startswith("3 clips of 5 left out; the first: torn.mp4")
    with pytest.raises((InputError, KnownTrouble)):
        load_readable(specs[1:3], 2, 16)


def test_that_progress_is_told_and_can_stop(made: Path) -> None:
    specs = [ClipSpec(str(made / name)) for name in ("one.mp4", "two.mp4")]
    heard: list[tuple[int, int]] = []
    load_clips(specs, 2, 16, tell=lambda done, of: heard.append((done, of)))
    assert heard[-1] == (2, 2)

    class Enough(Exception):
        pass

    def stop(done: int, of: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        load_clips(specs, 2, 16, cached=False, tell=stop)


def test_that_readers_are_ended_with_their_clips(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[VideoReader] = []
    init = VideoReader.__init__

    def noted(self: VideoReader, path: Path) -> None:
        init(self, path)
        readers.append(self)

    monkeypatch.setattr(VideoReader, "__init__", noted)
    load_clips([ClipSpec(str(made / "one.mp4"))], 2, 16)
    assert [one._pipe._process.poll() is not None for one in readers] == [True]


def _kinetics(folder: Path) -> Path:
    path = folder / "train.csv"
    path.write_text("label,youtube_id,time_start,time_end,split\nriding a bike,one,0,1,train\nwaving,gone,3,13,train\n"
                    "clapping,two,2,12,train\n")  # fmt: skip
    return path


def _ssv2(folder: Path) -> Path:
    (folder / "labels.json").write_text('{"Pushing something": "0", "Holding something": "1"}')
    path = folder / "something-something-v2-validation.json"
    entries = [{"id": "one", "label": "pushing a cup", "template": "Pushing [something]", "placeholders": ["a cup"]},
               {"id": "two", "label": "holding a pen", "template": "Holding [something]"}]  # fmt: skip
    path.write_text(json.dumps(entries))
    return path


def _ucf(folder: Path) -> Path:
    (folder / "classInd.txt").write_text("1 ApplyEyeMakeup\n2 Archery\n")
    path = folder / "trainlist01.txt"
    path.write_text("ApplyEyeMakeup/one.mp4 1\nArchery/two.mp4 2\n")
    return path


def _slowfast(folder: Path) -> Path:
    path = folder / "val.csv"
    path.write_text(f"{folder / 'one.mp4'} 3\ntwo.mp4 11\n")
    return path


def _ours(folder: Path) -> Path:
    path = folder / "spans.csv"
    path.write_text(
        "path,start_s,end_s,label,split\none.mp4,0.2,1.0,jump,train\none.mp4,,,rest,test\ntwo.mp4,0.5,,run,\n"
    )
    return path


LISTS: list[tuple[Callable[[Path], Path], list[tuple[str, float, float | None, str, str]]]] = [
    (_kinetics, [("one.mp4", 0, 1, "riding a bike", "train"), ("two_000002_000012.mp4", 0, None, "clapping", "train")]),
    (_ssv2, [("one.mp4", 0, None, "Pushing something", ""), ("two.mp4", 0, None, "Holding something", "")]),
    (_ucf, [("one.mp4", 0, None, "ApplyEyeMakeup", "train"), ("two.mp4", 0, None, "Archery", "train")]),
    (_slowfast, [("one.mp4", 0, None, "3", "validation"), ("two.mp4", 0, None, "11", "validation")]),
    (_ours, [("one.mp4", 0.2, 1.0, "jump", "train"), ("one.mp4", 0, None, "rest", "test"),
             ("two.mp4", 0.5, None, "run", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("write", "expected"), LISTS, ids=lambda one: getattr(one, "__name__", ""))
def test_that_lists_of_every_make_name_the_same_clips(
    tmp_path: Path, write: Callable[[Path], Path], expected: list[tuple[str, float, float | None, str, str]]
) -> None:
    videos = tmp_path / "videos" / "deep"
    videos.mkdir(parents=True)
    for name in {one[0] for one in expected}:
        (tmp_path / name if write is _slowfast else videos / name).write_bytes(b"no video, and not read")
    told: list[str] = []
    specs = read_list(write(tmp_path), told.append)
    found = [(Path(one.path).name, one.start_s, one.end_s, one.label, one.split) for one in specs]
    # A video's own spans stand together; else the order is the list's.
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert all(Path(one.path).is_file() for one in specs)
    assert [("1 clip" in one, "gone" in one) for one in told] == ([(True, True)] if write is _kinetics else [])


def test_that_videos_are_found_in_folders_beside_their_lists_as_data_sets_lie(tmp_path: Path) -> None:
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    for name in ("UCF-101/ApplyEyeMakeup/one.mp4", "UCF-101/Archery/two.mp4", "too/deep/to/be/one.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = read_list(_ucf(lists))
    assert [Path(one.path).relative_to(tmp_path).as_posix() for one in found] == [
        "UCF-101/ApplyEyeMakeup/one.mp4", "UCF-101/Archery/two.mp4"
    ]  # fmt: skip
    # The name of a file alone could be that of any video nearby.
    (lists / "names.csv").write_text("path,label\none.mp4,run\n")
    with pytest.raises(InputError, match="None of the videos"):
        read_list(lists / "names.csv")
    (tmp_path / "UCF-101" / "78687.webm").write_bytes(b"x")
    (lists / "train.json").write_text('[{"id": "78687", "label": "x", "template": "Holding [something]"}]')
    assert Path(read_list(lists / "train.json")[0].path).name == "78687.webm"


def test_that_class_folders_are_lists_with_and_without_splits(tmp_path: Path) -> None:
    for part in ("train/jump/a.mp4", "train/run/b.webm", "val/jump/c.MP4", "val/run/readme.txt"):
        path = tmp_path / "split" / part
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    found = [(Path(one.path).name, one.label, one.split) for one in read_list(tmp_path / "split")]
    assert found == [("a.mp4", "jump", "train"), ("b.webm", "run", "train"), ("c.MP4", "jump", "validation")]
    plain = [(one.label, one.split) for one in read_list(tmp_path / "split" / "train")]
    assert plain == [("jump", ""), ("run", "")]
    with pytest.raises(InputError, match="no videos in class folders"):
        read_list(tmp_path / "split" / "val" / "run")


def test_that_a_written_list_is_read_as_it_was(tmp_path: Path) -> None:
    for name in ("a.mp4", "below/b.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    specs = [ClipSpec(str(tmp_path / "a.mp4"), 0.1 + 0.2, 1.75, 'say "hi", twice', "train"),
             ClipSpec(str(tmp_path / "a.mp4"), 2.0, None, "jump", "train"),
             ClipSpec(str(tmp_path / "below" / "b.mp4"), label="run")]  # fmt: skip
    write_list(tmp_path / "clips.csv", specs)
    assert read_list(tmp_path / "clips.csv") == specs
    assert "below/b.mp4" in (tmp_path / "clips.csv").read_text()


def test_that_a_list_without_its_videos_says_so(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    with pytest.raises(InputError, match="None of the videos") as told:
        read_list(_kinetics(tmp_path / "lists"))
    assert (told.value.place, told.value.received) == ("train.csv", "one, gone, two")
