"""Pictures of posed photographs: every way that pixels are stored, as they lie in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.engine.scenes.photos import picture
from workbench.core.problem import InputError
from workbench.core.scenes import Lens, PosedImage
from workbench.engine.scenes.posed import load_pixels
from workbench.engine.scenes.posedframes import find_picture, picture_size, placement_of


def _posed(path: Path, width: int = 16, height: int = 12) -> PosedImage:
    return PosedImage(str(path), Lens(width, height, 20, 20, width / 2, height / 2), placement_of(np.eye(4)))


def test_that_colours_and_opacity_come_as_they_are_stored(tmp_path: Path) -> None:
    for mode, channels in (("RGB", 3), ("RGBA", 4)):
        path = picture(tmp_path / f"{mode}.png", mode=mode)
        with Image.open(path) as stored:
            expected = np.asarray(stored)
        found = load_pixels(_posed(path))
        assert found.shape == (12, 16, channels) and found.dtype == np.uint8 and np.array_equal(found, expected)


def test_that_grey_deep_and_indexed_pictures_become_colours(tmp_path: Path) -> None:
    grey = load_pixels(_posed(picture(tmp_path / "grey.png", mode="L")))
    assert grey.shape == (12, 16, 3) and (grey == grey[..., :1]).all()
    deep = np.linspace(0, 65535, 16 * 12).reshape(12, 16).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    found = load_pixels(_posed(tmp_path / "deep.png"))
    assert np.abs(found[..., 0] - deep / 257).max() <= 0.5 and found.shape == (12, 16, 3)
    indexed = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(12, 16)).convert("P")
    indexed.save(tmp_path / "indexed.png", transparency=7)
    clear = load_pixels(_posed(tmp_path / "indexed.png"))
    assert clear.shape == (12, 16, 4) and (clear[..., 3] == 0).sum() == 1


def test_that_exif_does_not_turn_a_picture_whose_pose_was_found_without_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90° for viewers
    Image.new("RGB", (16, 12), (200, 30, 30)).save(tmp_path / "phone.jpg", exif=exif)
    assert picture_size(tmp_path / "phone.jpg") == (16, 12)
    assert load_pixels(_posed(tmp_path / "phone.jpg")).shape == (12, 16, 3)


def test_that_pictures_that_cannot_be_read_or_have_changed_are_refused(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot be read") as caught:
        load_pixels(_posed(path))
    assert caught.value.place == str(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_pixels(_posed(tmp_path / "gone.png"))
    with pytest.raises(InputError, match="changed its size") as caught:
        load_pixels(_posed(picture(tmp_path / "b.png", (8, 6))))
    assert (caught.value.expected, caught.value.received) == ("16 × 12", "8 × 6")
    assert picture_size(tmp_path / "gone.png") is None


def test_that_pictures_are_found_with_and_without_their_endings(tmp_path: Path) -> None:
    upper, plain = picture(tmp_path / "x" / "A.PNG"), picture(tmp_path / "x" / "b.jpg")
    assert find_picture("x\\A.PNG", (tmp_path,)) == upper
    assert find_picture("./x/A", (tmp_path / "gone", tmp_path)) == tmp_path / "x" / "A.PNG"
    assert find_picture("b", (tmp_path / "x",)) == plain
    for name in ("", "c", "a\0b", "x", "n" * 5000, "/", "."):
        assert find_picture(name, (tmp_path,)) is None
