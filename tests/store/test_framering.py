"""Camera frames through a memory-mapped ring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workbench.core.problem import InputError
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
