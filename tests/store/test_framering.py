"""Camera frames through a memory-mapped ring."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from workbench.core.problem import InputError, KnownTrouble
from workbench.store import framering
from workbench.store.framering import RingReader, RingWriter


def filled(folder: Path, frames: int, *, slots: int = 16, rate: float = 10.0) -> RingWriter:
    ring = RingWriter(folder, slots, 4, 6)
    for at in range(frames):
        ring.put(np.full((4, 6, 3), at, np.uint8), at / rate)
    return ring


def test_that_the_last_frames_are_read_in_their_order_spread_over_the_window(tmp_path: Path) -> None:
    filled(tmp_path, 40)
    newest, at_s, frames = RingReader(tmp_path).latest(5, 1.0)
    assert (newest, at_s) == (40, 3.9) and frames.shape == (5, 4, 6, 3)
    values = frames[:, 0, 0, 0].tolist()
    assert values == [30, 32, 34, 36, 39]


def test_that_a_ring_with_fewer_frames_than_asked_gives_some_twice(tmp_path: Path) -> None:
    ring = RingWriter(tmp_path, 8, 4, 6)
    assert RingReader(tmp_path).latest(4, 1.0)[0] == 0 and not len(RingReader(tmp_path).latest(4, 1.0)[2])
    ring.put(np.full((4, 6, 3), 7, np.uint8), 0.0)
    newest, _, frames = RingReader(tmp_path).latest(4, 1.0)
    assert newest == 1 and frames.tolist() == np.full((4, 4, 6, 3), 7).tolist()


def test_that_a_window_longer_than_the_ring_holds_gives_what_there_is(tmp_path: Path) -> None:
    filled(tmp_path, 30, slots=8)
    _, _, frames = RingReader(tmp_path).latest(4, 2.0)
    assert frames[:, 0, 0, 0].min() >= 22 and frames[-1, 0, 0, 0] == 29


def test_that_a_frame_that_is_written_over_while_it_is_read_is_left_out(tmp_path: Path) -> None:
    ring = filled(tmp_path, 16)
    reader = RingReader(tmp_path)
    seen = reader._frames

    class Slow:
        """Reading takes so long that the writer comes round to the oldest slot."""

        shape = seen.shape

        def __getitem__(self, slots: list[int]) -> np.ndarray:
            found = seen[slots]
            ring.put(np.full((4, 6, 3), 99, np.uint8), 1.6)
            return found

    reader._frames = Slow()  # type: ignore[assignment]
    _, _, frames = reader.latest(16, 1.6)
    assert frames.shape[0] == 16 and 99 not in frames and 0 not in frames


def test_that_no_ring_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no camera frames"):
        RingReader(tmp_path)


def test_that_a_ring_has_all_its_room_on_the_disk_before_the_first_frame(tmp_path: Path) -> None:
    RingWriter(tmp_path / "ring", 16, 64, 64)
    for name in ("frames.npy", "told.npy"):
        told = (tmp_path / "ring" / name).stat()
        assert told.st_blocks * 512 >= told.st_size > 0


@pytest.mark.parametrize("with_call", [True, False])
def test_that_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_call: bool
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if with_call:
        monkeypatch.setattr(framering.os, "posix_fallocate", full)
    else:  # as on systems without it: all is written once
        monkeypatch.delattr(framering.os, "posix_fallocate")
        monkeypatch.setattr(framering.os, "fsync", full)
    with pytest.raises(KnownTrouble) as caught:
        RingWriter(tmp_path / "live" / "1-1", 16, 64, 64)
    assert "full" in caught.value.what and "0 MB" in caught.value.expected and "Free" in caught.value.fix
    assert list((tmp_path / "live").iterdir()) == []


def test_that_a_file_that_is_reserved_by_writing_keeps_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(framering.os, "posix_fallocate")
    monkeypatch.setattr(framering, "BLOCK_BYTES", 1000)
    ring = RingWriter(tmp_path, 4, 16, 16)
    ring.put(np.full((16, 16, 3), 9, np.uint8), 1.0)
    framering.reserve(tmp_path / "frames.npy")
    assert RingReader(tmp_path).latest(1, 1.0)[2].tolist() == np.full((1, 16, 16, 3), 9).tolist()
