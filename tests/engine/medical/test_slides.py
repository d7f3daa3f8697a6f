"""Whole slides: what is read is what was written, resolution is never guessed, bad files are told."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from workbench.core.problem import InputError, KnownTrouble, Problem
from workbench.engine.medical.slides import open_slide, opening, tiff
from workbench.engine.medical.slides.slide import on_white
from workbench.engine.medical.slides.writing import write_pyramid


def picture(width: int = 1300, height: int = 900, seed: int = 0) -> np.ndarray:
    """Coarse structure and fine grain, different everywhere, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 70 + at) * np.cos(y / 90 - at) for at in range(3)], axis=-1)
    return np.clip(150 + 70 * waves + rng.integers(-12, 13, waves.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, np.ndarray]:
    rgb = picture()
    return write_pyramid(tmp_path / "slide.tif", rgb, mpp=0.25, compression="deflate"), rgb


def test_that_regions_of_the_finest_level_are_the_pixels_that_were_written(written):
    path, rgb = written
    rng = np.random.default_rng(1)
    with open_slide(path) as slide:
        assert (slide.width, slide.height) == (1300, 900)
        for _ in range(20):
            width, height = rng.integers(1, 600, 2)
            x, y = rng.integers(0, 1300 - width), rng.integers(0, 900 - height)
            found = slide.read_region(int(x), int(y), 0, int(width), int(height))
            assert np.array_equal(found, rgb[y : y + height, x : x + width])


def test_that_coarser_levels_show_the_same_place_in_level_0_coordinates(written):
    path, rgb = written
    with open_slide(path) as slide:
        assert [(one.width, one.height) for one in slide.levels] == [(1300, 900), (650, 450), (325, 225)]
        found = slide.read_region(400, 200, 1, 120, 80)
    means = rgb[200:360, 400:640].reshape(80, 2, 120, 2, 3).mean(axis=(1, 3))
    assert np.abs(found - means).max() <= 1


def test_that_what_lies_beyond_the_slide_is_white(written):
    path, rgb = written
    with open_slide(path) as slide:
        corner = slide.read_region(-30, -20, 0, 100, 100)
        away = slide.read_region(5000, 5000, 0, 8, 8)
    assert (corner[:20] == 255).all() and (corner[:, :30] == 255).all()
    assert np.array_equal(corner[20:, 30:], rgb[:80, :70])
    assert (away == 255).all()


def test_that_the_thumbnail_is_the_whole_slide_made_small_whatever_the_bands(written, monkeypatch):
    path, rgb = written
    with open_slide(path) as slide:
        at_once = slide.thumbnail(130)
        monkeypatch.setattr("workbench.engine.medical.slides.slide.BAND_BYTES", 1)
        in_bands = slide.thumbnail(130)
    assert at_once.shape == (90, 130, 3) and np.array_equal(at_once, in_bands)
    means = rgb.reshape(90, 10, 130, 10, 3).mean(axis=(1, 3))
    assert np.abs(at_once.astype(float) - means).mean() < 2


@pytest.mark.parametrize("compression", ["deflate", "jpeg"])
def test_that_openslide_reads_the_same_pixels_levels_and_resolution(tmp_path, compression):
    from workbench.engine.medical.slides.openslides import OpenSlideSlide

    path = write_pyramid(tmp_path / "slide.tif", picture(), mpp=0.4, compression=compression)
    with open_slide(path) as ours, OpenSlideSlide(path) as theirs:
        assert ours.reader.startswith("tifffile") and theirs.reader.startswith("OpenSlide")
        assert [(a.width, a.height) for a in ours.levels] == [(b.width, b.height) for b in theirs.levels]
        assert ours.mpp == pytest.approx(0.4, rel=1e-4) and theirs.mpp == pytest.approx(0.4, rel=1e-4)
        for level in range(3):
            difference = ours.read_region(64, 32, level, 200, 150).astype(int) - theirs.read_region(
                64, 32, level, 200, 150
            )
            assert np.abs(difference).max() <= 2


def test_that_resolution_survives_writing_and_is_none_where_it_was_not_given(tmp_path):
    for mpp in (0.2528, 0.5, 4.0):
        with open_slide(write_pyramid(tmp_path / f"{mpp}.tif", picture(300, 200), mpp=mpp)) as slide:
            assert slide.mpp == pytest.approx(mpp, rel=1e-4)
    with open_slide(write_pyramid(tmp_path / "none.tif", picture(300, 200), mpp=None)) as slide:
        assert slide.mpp is None
    with open_slide(tmp_path / "none.tif", mpp=0.3) as slide:
        assert slide.mpp == 0.3 and "0.3" in slide.notes[-1]


def test_that_a_printers_resolution_is_not_taken_for_a_microscopes(tmp_path):
    path = tmp_path / "dpi.tif"
    tifffile.imwrite(path, picture(300, 200), tile=(64, 64), photometric="rgb", resolution=(72, 72), resolutionunit=2)
    with open_slide(path) as slide:
        assert slide.mpp is None and "no microscope's" in slide.notes[0]


def test_that_pixels_that_are_not_square_are_told(tmp_path):
    path = tmp_path / "oblong.tif"
    tifffile.imwrite(
        path, picture(300, 200), tile=(64, 64), photometric="rgb", resolution=(20000, 40000), resolutionunit=3
    )
    with open_slide(path) as slide:
        assert slide.mpp == pytest.approx((0.5 * 0.25) ** 0.5) and "not square" in slide.notes[0]


def test_that_aperios_and_omes_words_are_read(tmp_path):
    rgb = picture(800, 600)
    svs = tmp_path / "a.svs"
    with tifffile.TiffWriter(svs) as writer:
        about = "Aperio Image Library v1\r\n800x600 |AppMag = 40|MPP = 0.2520"
        writer.write(rgb, tile=(128, 128), photometric="rgb", description=about, metadata=None)
        writer.write(rgb[::4, ::4].copy(), photometric="rgb", description="Aperio thumbnail", metadata=None)
        writer.write(rgb[::2, ::2].copy(), tile=(128, 128), photometric="rgb", description=about, metadata=None)
        writer.write(
            rgb[:50, :60].copy(), photometric="rgb", description="Aperio\nlabel 60x50", metadata=None, subfiletype=1
        )
    with open_slide(svs) as slide:
        assert slide.vendor == "aperio" and slide.mpp == 0.252
        assert [one.downsample for one in slide.levels] == [1.0, 2.0]
        assert np.array_equal(slide.associated()["label"], rgb[:50, :60])
        assert np.array_equal(slide.read_region(100, 40, 0, 50, 60), rgb[40:100, 100:150])
    ome = tmp_path / "b.ome.tif"
    with tifffile.TiffWriter(ome, ome=True) as writer:
        meta = {"axes": "YXS", "PhysicalSizeX": 500.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 500.0,
                "PhysicalSizeYUnit": "nm"}  # fmt: skip
        writer.write(rgb, tile=(128, 128), photometric="rgb", subifds=1, metadata=meta)
        writer.write(rgb[::2, ::2].copy(), tile=(128, 128), photometric="rgb", subfiletype=1)
    with open_slide(ome) as slide:
        assert slide.vendor == "ome" and slide.mpp == 0.5 and len(slide.levels) == 2
        assert np.array_equal(slide.read_region(0, 0, 1, 64, 64), rgb[::2, ::2][:64, :64])


def test_that_transparent_gaps_are_laid_on_white(tmp_path):
    rgba = np.dstack([picture(256, 256), np.full((256, 256), 255, np.uint8)])
    rgba[:, 100:, 3] = 0
    rgba[:, 50:100, 3] = 128
    path = tmp_path / "gaps.tif"
    tifffile.imwrite(path, rgba, tile=(64, 64), photometric="rgb", extrasamples=["unassalpha"])
    with open_slide(path) as slide:
        found = slide.read_region(0, 0, 0, 256, 256)
    assert np.array_equal(found[:, :50], rgba[:, :50, :3])
    assert (found[:, 100:] == 255).all()
    assert np.abs(found[:, 50:100] - (rgba[:, 50:100, :3] / 2 + 127.5)).max() <= 1.5
    assert np.array_equal(on_white(np.full((1, 1, 4), 255, np.uint8)), np.full((1, 1, 3), 255, np.uint8))


def test_that_only_the_tiles_of_a_region_are_decoded_and_kept_within_bounds(written, monkeypatch):
    path, _ = written
    with open_slide(path) as slide:
        decoded: list[int] = []
        decode = slide._decode
        monkeypatch.setattr(slide, "_decode", lambda page, index: decoded.append(index) or decode(page, index))
        slide.read_region(300, 300, 0, 10, 10)
        slide.read_region(310, 310, 0, 10, 10)
        assert decoded == [7]  # the second of six in the second row, once
        monkeypatch.setattr(tiff, "CACHE_BYTES", 3 * 256 * 256 * 3)
        slide.read_region(0, 0, 0, 1300, 900)
        assert slide._held <= 3 * 256 * 256 * 3 == tiff.CACHE_BYTES


def test_that_a_slide_of_one_huge_level_is_looked_over_in_bounded_memory(tmp_path):
    side, tile = 30_000, 512
    path = tmp_path / "huge.tif"
    grid = -(-side // tile)
    dark = np.full((tile, tile, 3), 90, np.uint8)
    light = np.full((tile, tile, 3), 250, np.uint8)  # the first one tells the type
    tiles = ({0: light, grid * 20 + 30: dark}.get(at) for at in range(grid * grid))
    tifffile.imwrite(
        path, tiles, shape=(side, side, 3), dtype=np.uint8, tile=(tile, tile), photometric="rgb", compression="deflate"
    )
    with open_slide(path) as slide:
        tracemalloc.start()
        small = slide.thumbnail(600)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert "one level" in slide.notes[0]
    assert peak < 200 << 20
    dark_rows, dark_columns = np.nonzero(small[..., 0] < 200)
    assert abs(dark_rows.mean() * 50 - 20.5 * tile) < 60 and abs(dark_columns.mean() * 50 - 30.5 * tile) < 60


def test_that_plain_strips_are_read_by_rows_from_the_file(tmp_path):
    rgb = picture()
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, rgb, photometric="rgb")
    with open_slide(path) as slide:
        assert np.array_equal(slide.read_region(700, 500, 0, 300, 200), rgb[500:700, 700:1000])


def refused(path: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        open_slide(path).thumbnail(64)
    told = str(caught.value)
    assert caught.value.expected and caught.value.received and caught.value.place
    assert all(word in told for word in words), told


def test_that_files_that_are_no_slides_are_told_by_what_they_are(tmp_path):
    Image.fromarray(picture(64, 64)).save(tmp_path / "picture.png")
    (tmp_path / "picture.png").rename(tmp_path / "wrong.svs")
    refused(tmp_path / "wrong.svs", "no whole-slide image", "PNG")
    (tmp_path / "empty.tif").write_bytes(b"")
    refused(tmp_path / "empty.tif", "no whole-slide image")
    refused(tmp_path / "nowhere.svs", "cannot be opened")
    tifffile.imwrite(tmp_path / "deep.tif", picture(256, 256).astype(np.uint16), tile=(64, 64), photometric="rgb")
    refused(tmp_path / "deep.tif", "8-bit", "uint16")
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 128, 128), np.uint8), tile=(64, 64), photometric="minisblack")
    refused(tmp_path / "stack.tif", "5 pictures")


def test_that_cut_off_files_are_told_or_read_but_never_crash(written, tmp_path):
    path, _ = written
    whole = path.read_bytes()
    outcomes = []
    for share in (0.0005, 0.01, 0.2, 0.5, 0.9, 0.999):
        cut = tmp_path / "cut.tif"
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError) as caught:
            open_slide(cut).thumbnail(64)
        outcomes.append(caught.value.fix)
    assert len(outcomes) == 6 and all(outcomes)


def test_that_flipped_bytes_give_data_or_a_problem(written, tmp_path):
    whole = bytearray(written[0].read_bytes())
    rng = np.random.default_rng(3)
    told = 0
    for _ in range(40):
        hurt = bytearray(whole)
        for at in rng.integers(0, 3000, 6):  # where the header and the first directory are
            hurt[at] = rng.integers(0, 256)
        path = tmp_path / "hurt.tif"
        path.write_bytes(hurt)
        try:
            with open_slide(path) as slide:
                assert slide.read_region(0, 0, 0, 64, 64).shape == (64, 64, 3)
        except Problem:
            told += 1
    assert told > 0


def test_that_a_header_that_claims_a_huge_picture_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "claim.tif"
    tifffile.imwrite(path, picture(256, 256), tile=(64, 64), photometric="rgb", compression="deflate")
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        for code in (256, 257):
            tag = file.pages[0].tags[code]
            form = {3: "<H", 4: "<I"}[int(tag.dtype)]
            raw[tag.valueoffset : tag.valueoffset + struct.calcsize(form)] = struct.pack(form, 60_000)
    path.write_bytes(raw)
    tracemalloc.start()
    refused(path, "60000 × 60000")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_that_one_compressed_block_too_large_to_be_read_in_parts_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff, "MOST_BLOCK_BYTES", 1 << 20)
    path = tmp_path / "strip.tif"
    tifffile.imwrite(path, picture(), photometric="rgb", compression="deflate", rowsperstrip=900)
    refused(path, "not tiled", "blocks of")


def test_that_a_missing_library_is_named_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "has_openslide", lambda: False)
    (tmp_path / "slide.mrxs").write_bytes(b"\xff\xd8\xff\xe0 something")
    with pytest.raises(KnownTrouble, match="OpenSlide") as caught:
        open_slide(tmp_path / "slide.mrxs")
    assert "pip install" in caught.value.fix


def test_that_compression_without_its_package_is_told_when_the_slide_is_opened(tmp_path, monkeypatch):
    path = write_pyramid(tmp_path / "j.tif", picture(300, 200), mpp=0.5, compression="jpeg")
    monkeypatch.setattr(opening, "has_openslide", lambda: False)

    def lacking(*_args: object, **_more: object) -> None:
        raise ValueError("<COMPRESSION.JPEG: 7> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "decode", property(lambda page: lacking))
    with pytest.raises(KnownTrouble, match="compression") as caught:
        open_slide(path)
    assert "slides]" in caught.value.fix


def test_that_wishes_that_cannot_be_read_are_refused(written):
    with open_slide(written[0]) as slide:
        for wish in ((0, 0, 7, 10, 10), (0, 0, 0, 0, 10), (0, 0, 0, 90_000, 90_000)):
            with pytest.raises(InputError):
                slide.read_region(*wish)
    with pytest.raises(InputError, match="no picture to write"):
        write_pyramid(written[0], np.zeros((4, 4)), mpp=1)
    with pytest.raises(InputError, match="microscope"):
        open_slide(written[0], mpp=400.0)
