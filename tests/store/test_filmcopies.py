"""The small copy of a film on the disk: which frames are in it, what damage costs, and that it stays in its room."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from workbench.core.video import FrameIndex, VideoFacts
from workbench.store import filmcopies
from workbench.store.filmcopies import FilmCopy, Part, far_parts, make_room, most_bytes

WIDE, HIGH = 1920, 1080


def facts_of(width: int = WIDE, height: int = HIGH) -> VideoFacts:
    return VideoFacts(width, height, width, height, "h264", "mov", "yuv420p", 25.0)


def index_of(frames: int, keys: tuple[int, ...], digest: str = "d1") -> FrameIndex:
    return FrameIndex(0.001, tuple(7 + 40 * at for at in range(frames)), keys, digest=digest)


def make(copy: FilmCopy, part: int, *, but: int = -1) -> None:
    """What the copier's process writes, with times for pictures."""
    with zipfile.ZipFile(copy.path_of(part), "w") as archive:
        for time in copy.times_of(part):
            if time != but:
                archive.writestr(f"{time}.jpg", f"picture {time}")
    copy.keep(part, copy.path_of(part).stat().st_size, side=640, pictures=len(copy.times_of(part)))


@pytest.fixture
def copy(tmp_path: Path) -> FilmCopy:
    """250 frames behind one key frame, 150 behind another, and 10 that are all near theirs."""
    found = FilmCopy(tmp_path / "copies", index_of(390, (0, 250, 380)), facts_of())
    found.look()
    return found


def test_that_just_the_frames_far_behind_their_key_frame_are_in_parts(copy: FilmCopy) -> None:
    inside = [frame for part in copy.parts for frame in range(part.first, part.last + 1)]
    near = -(-filmcopies.FAR_PIXELS // (WIDE * HIGH))
    assert inside == [*range(near + 1, 250), *range(250 + near + 1, 380)]
    assert max(part.last - part.first + 1 for part in copy.parts) <= filmcopies.PART_FRAMES
    assert [copy.part_of(frame) for frame in (0, near, near + 1, 249, 250, 379, 389)] == [-1, -1, 0, 3, -1, 5, -1]
    # A film of small pictures is decoded as fast without, one of key frames alone has nothing far.
    assert not far_parts(index_of(390, (0, 250, 380)), facts_of(320, 180))
    assert not far_parts(index_of(390, tuple(range(390))), facts_of())
    assert far_parts(index_of(60, ()), facts_of()) == (Part(near + 1, 59),)


def test_that_a_copy_is_gone_on_with_and_belongs_to_one_film_only(copy: FilmCopy) -> None:
    assert copy.missing(260) == 4
    for part in (4, 0):
        make(copy, part)
    assert copy.picture(300) == b"picture 12007" and copy.picture(200) is None and copy.picture(10) is None
    again = FilmCopy(copy.folder, copy.index, facts_of())
    again.look()
    assert (again.made, again.size_bytes) == (2, copy.size_bytes) and again.covers(300) and not again.covers(379)
    assert [again.missing(frame) for frame in (0, 260, 379)] == [1, 5, 5]
    other = FilmCopy(copy.folder, index_of(390, (0, 250, 380), "d2"), facts_of())
    other.look()
    assert other.made == 0 and other.picture(300) is None


def test_that_a_damaged_part_is_made_anew_and_a_frame_it_lacks_is_none(copy: FilmCopy) -> None:
    first = copy.times_of(0)[0]
    make(copy, 0, but=first)
    assert copy.picture(copy.parts[0].first) is None and copy.made == 1
    path = copy.path_of(0)
    whole = path.read_bytes()
    for harm in (whole[:-30], whole.replace(b"picture 2047", b"picture 9999"), b"", None):
        make(copy, 0)
        if harm is None:
            path.unlink()
        else:
            path.write_bytes(harm)
        assert copy.picture(51) is None and copy.made == 0 and not path.exists()
        assert copy.missing(0) == 0


def test_that_no_bit_that_turned_in_a_part_raises_or_shows_another_picture(tmp_path: Path) -> None:
    copy = FilmCopy(tmp_path, index_of(12, (0,)), facts_of())
    copy.look()
    make(copy, 0)
    frame = copy.parts[0].first
    path, told = copy.path_of(0), f"picture {copy.index.times[frame]}".encode()
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        harmed = bytearray(whole)
        harmed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(harmed)
        copy.keep(0, len(whole), side=640, pictures=1)
        assert copy.picture(frame) in (told, None)


def test_that_what_another_window_made_is_found_and_all_of_a_copy_can_go(copy: FilmCopy) -> None:
    other = FilmCopy(copy.folder, copy.index, facts_of())
    other.look()
    make(copy, 2)
    assert other.found(2) and not other.found(1) and other.covers(150) and other.size_bytes == copy.size_bytes
    growing = [copy.path_of(at).with_name(f"growing-{pid}-{copy.path_of(at).name}")
               for at, pid in ((0, os.getpid()), (1, 1), (3, 1))]  # fmt: skip
    for path in growing:
        path.touch()
    os.utime(growing[2], (1, 1))  # its writer has ended
    assert copy.under_way() == {1} and [copy.missing(0), copy.missing(0, {0}), copy.missing(0, range(9))] == [0, 1, 0]
    for path in growing:
        path.unlink()
    copy.clear()
    assert copy.made == 0 and not list(copy.folder.iterdir()) and other.picture(150) is None


def test_that_pictures_become_smaller_where_their_room_is_small_and_end_with_it(copy: FilmCopy) -> None:
    assert copy.side(1e9) == filmcopies.SIDES[0]
    assert copy.side(2.6e6) == filmcopies.SIDES[2] and copy.side(1.0) == filmcopies.SIDES[-1] and copy.side(0.0) == 0
    copy.keep(0, 64 * 200_000, side=640, pictures=64)  # a film full of noise
    assert copy.side(30e6) < filmcopies.SIDES[0]
    assert most_bytes(10**9, 4e9) == 2e9 and most_bytes(10, 4e9) == filmcopies.LEAST_BYTES
    assert most_bytes(10**12, 4e9) == 2e9


def test_that_what_was_not_used_for_longest_goes_for_another_film(copy: FilmCopy) -> None:
    names = ["old-2-0.zip", "new-2-0.zip", "d1-2-0.zip", "growing-7-old-2-64.zip"]
    for age, name in ((9, names[0]), (1, names[1]), (99, names[2]), (5, names[3])):
        (copy.folder / name).write_bytes(b"x" * 100)
        os.utime(copy.folder / name, (1e9 - age, 1e9 - age))
    assert make_room(copy.folder, 200, but="d1") == 200
    assert sorted(one.name for one in copy.folder.iterdir()) == ["d1-2-0.zip", "new-2-0.zip"]
    assert make_room(copy.folder / "none", 0, but="d1") == 0
    assert make_room(copy.folder, 0, but="") == 200 and not list(copy.folder.iterdir())
