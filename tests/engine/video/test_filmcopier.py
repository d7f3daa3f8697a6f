"""Small pictures of a film, made by a process of its own."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.engine.video.films import film, rotated
from workbench.core import filmcopier
from workbench.core.filmcopier import FilmCopier
from workbench.core.framepipe import VideoReader, read_index
from workbench.core.problem import KnownTrouble


def pictures(path: Path) -> dict[int, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        return {int(name.removesuffix(".jpg")): np.asarray(Image.open(io.BytesIO(archive.read(name))), float)
                for name in archive.namelist()}  # fmt: skip


def test_that_each_picture_is_of_the_frame_shown_at_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rotated(film(tmp_path / "clip.mov", frames=40, group=30, uneven=True))
    monkeypatch.setattr(filmcopier, "OPTIONS", ())  # beside other tests it would wait for them
    _, index = read_index(path)
    copier = FilmCopier(path)
    try:
        # Not from a key frame on, then further behind the same one, then from before another.
        for first, last in ((7, 12), (12, 20), (25, 39)):
            packed = copier.pack(tmp_path / "part.zip", index.times[first:last], side=48, quality=90)
            found = pictures(tmp_path / "part.zip")
            assert sorted(found) == list(index.times[first:last])
            assert packed == (last - first, (tmp_path / "part.zip").stat().st_size)
            with VideoReader(path) as reader:
                for time, image in found.items():
                    told, data = reader.at(time, width=48, height=48)
                    exact = np.frombuffer(data, np.uint8).reshape(told.height, told.width, 3).astype(float)
                    assert told.time == time and image.shape == exact.shape
                    assert np.abs(image - exact).mean() < 4
        assert sorted(one.name for one in tmp_path.glob("*.zip")) == ["part.zip"]
        with pytest.raises(KnownTrouble, match="could not be written") as caught:
            copier.pack(tmp_path / "gone" / "part.zip", index.times[7:9], side=48, quality=90)
        assert "No such file" in caught.value.received
        (
            tmp_path / f"growing-{os.getpid()}-held.zip"
        ).mkdir()  # can neither be written nor deleted, as on a read-only disk
        with pytest.raises(KnownTrouble, match="could not be written"):
            copier.pack(tmp_path / "held.zip", index.times[7:9], side=48, quality=90)
        # It goes on after that.
        assert copier.pack(tmp_path / "part.zip", index.times[7:9], side=48, quality=90).pictures == 2
    finally:
        copier.close()


def test_that_the_digest_is_of_the_film_wherever_it_lies(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", frames=10)
    whole = read_index(path)[1].digest
    path.rename(tmp_path / "b.mp4")
    assert whole and read_index(tmp_path / "b.mp4")[1].digest == whole
    assert read_index(film(tmp_path / "a.mp4", frames=10, width=94))[1].digest != whole
    (tmp_path / "b.mp4").write_bytes(path.read_bytes())
    assert read_index(tmp_path / "b.mp4")[1].digest != whole
