"""Slides in TIFF files read by tifffile: only the tiles that a region touches are read and decoded."""

from __future__ import annotations

import itertools
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from workbench.core.problem import InputError, KnownTrouble, Problem
from workbench.core.sizes import in_bytes
from workbench.core.words import spaced
from workbench.engine.medical.slides.slide import WHITE, Level, Slide, on_white, sane_mpp

MOST_BLOCK_BYTES = 256 << 20
"""A tile or strip is decoded whole: a larger one (an untiled picture) cannot be read in parts."""
CACHE_BYTES = 96 << 20
ASSOCIATED_BYTES = 64 << 20
JPEG = (6, 7, 33007, 34892)
OME_UNITS_UM = {"µm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4}
RESOLUTION_UM = {2: 25_400.0, 3: 10_000.0}
"""Inches and centimetres, as the tag ResolutionUnit numbers them."""


class TiffSlide(Slide):
    """A slide open through tifffile.

    Raises InputError for damaged files and ones without an 8-bit colour picture in tiles, KnownTrouble
    where the compression needs a package that is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.reader = path, f"tifffile {tifffile.__version__}"
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._held = 0
        try:
            self._file: Any = tifffile.TiffFile(path)
        except Exception as error:  # it raises what it likes on damaged files
            raise self._damaged(error) from None
        try:
            self._open()
        except Problem:
            self._file.close()
            raise
        except Exception as error:
            self._file.close()
            raise self._damaged(error) from None

    def _open(self) -> None:
        pages = self._find_levels()
        first = pages[0]
        self.vendor = _vendor(first, self._file)
        self.levels = tuple(
            Level(page.imagewidth, page.imagelength, round(_scale(first, page), 6)) for page in pages
        )  # fmt: skip
        self._pages = pages
        for page in pages:
            self._check(page)
        self._read(len(pages) - 1, 0, 0, 1, 1)  # a codec that is missing is found now, not while someone looks
        self.mpp, self.notes = sane_mpp(*_mpp(first, self._file))
        if len(pages) == 1 and max(first.imagewidth, first.imagelength) > 8192:
            self.notes += ("it holds one level only: an overview has to read all of it",)

    def _find_levels(self) -> list[Any]:
        series = self._file.series
        if not series:
            raise self._unfit("a file without pictures")
        chosen = max(series, key=lambda one: one.keyframe.imagewidth * one.keyframe.imagelength)
        self._refuse_stacks(chosen)
        pages = [level.keyframe for level in chosen.levels]
        if len(pages) == 1:  # plain pyramids keep their levels as further pages
            pages += [page for page in self._flat_pages() if _is_level(pages[0], page)]
        pages.sort(key=lambda page: -page.imagewidth)
        return [next(same) for _, same in itertools.groupby(pages, key=lambda page: int(page.imagewidth))]

    def _refuse_stacks(self, series: Any) -> None:
        page = series.keyframe
        planes = int(np.prod(series.shape, dtype=object)) // max(
            page.imagewidth * page.imagelength * page.samplesperpixel, 1
        )
        if planes > 1:
            raise self._unfit(f"{planes} pictures of {page.imagewidth} × {page.imagelength} pixels ({series.axes})")

    def _flat_pages(self) -> Iterator[Any]:
        for page in itertools.islice(self._file.pages, 64):
            if isinstance(page, tifffile.TiffPage):
                yield page

    def _check(self, page: Any) -> None:
        """Whether a page is an 8-bit picture whose tiles lie within the file."""
        samples, size = page.samplesperpixel, f"{page.imagewidth} × {page.imagelength}"
        if page.dtype != np.uint8 or samples not in (1, 3, 4) or (samples > 1 and page.planarconfig != 1):
            raise self._unfit(f"{size} pixels of {samples} × {page.dtype} samples, {page.photometric.name}")
        chunk, blocks = math.prod(page.chunks), math.prod(page.chunked)
        if chunk > MOST_BLOCK_BYTES and not page.is_memmappable:
            raise InputError(
                "The picture is not tiled and too large to be read whole.",
                expected=f"tiles or strips of at most {in_bytes(MOST_BLOCK_BYTES)}",
                received=f"{size} pixels in blocks of {in_bytes(chunk)}",
                fix="Convert it to a tiled pyramid, for example with: vips tiffsave IN OUT --tile --pyramid",
                place=self.path.name,
            )  # fmt: skip
        offsets, counts = np.asarray(page.dataoffsets, np.int64), np.asarray(page.databytecounts, np.int64)
        length = self._file.filehandle.size
        if len(offsets) < blocks or len(counts) < blocks or (offsets.size and int((offsets + counts).max()) > length):
            raise InputError(
                "The slide's file is cut off.",
                expected=f"{spaced(blocks)} tiles of {size} pixels, "
                f"{in_bytes(int((offsets + counts).max(initial=0)))} in all",
                received=f"{spaced(min(len(offsets), len(counts)))} tiles listed in a file of {in_bytes(length)}",
                fix="Copy or download it again.", place=self.path.name,
            )  # fmt: skip

    def _unfit(self, received: str) -> InputError:
        return InputError(
            "The file holds no picture that can be shown as a slide.",
            expected="one 8-bit grey or RGB picture (brightfield), tiled, with or without smaller levels",
            received=received, fix="Convert it to 8-bit RGB, for example with bioformats2raw and raw2ometiff.",
            place=self.path.name,
        )  # fmt: skip

    def _damaged(self, error: Exception) -> InputError:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return InputError(
            "The slide cannot be read.", expected="a whole, undamaged TIFF file", received=said,
            fix="The file is cut off or damaged: copy or download it again.", place=self.path.name,
        )  # fmt: skip

    def _read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        page = self._pages[level]
        if page.is_memmappable and not page.is_tiled:
            return _plain(self._mapped(page)[y : y + height, x : x + width])
        out = np.full((height, width, 3), WHITE, np.uint8)
        high, wide = page.chunks[:2]
        columns = page.chunked[1] if page.is_tiled else 1
        for row in range(y // high, (y + height - 1) // high + 1):
            for column in range(x // wide, (x + width - 1) // wide + 1):
                block = self._block(level, row * columns + column)
                if block is None:
                    continue  # not scanned
                top, left = row * high, column * wide
                low_y, low_x = max(y, top), max(x, left)
                end_y, end_x = min(y + height, top + block.shape[0]), min(x + width, left + block.shape[1])
                out[low_y - y : end_y - y, low_x - x : end_x - x] = block[
                    low_y - top : end_y - top, low_x - left : end_x - left
                ]
        return out

    def _mapped(self, page: Any) -> np.ndarray:
        shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
        return np.memmap(self.path, np.uint8, "r", page.dataoffsets[0], shape)

    def _block(self, level: int, index: int) -> np.ndarray | None:
        """One decoded tile or strip, uint8 (h, w, 3); None where the file holds nothing. The last ones are kept."""
        with self._lock:
            found = self._blocks.get((level, index))
            if found is not None:
                self._blocks.move_to_end((level, index))
                return found
            block = self._decode(self._pages[level], index)
            if block is None:
                return None
            self._blocks[level, index] = block
            self._held += block.nbytes
            while self._held > CACHE_BYTES and len(self._blocks) > 1:
                self._held -= self._blocks.popitem(last=False)[1].nbytes
            return block

    def _decode(self, page: Any, index: int) -> np.ndarray | None:
        handle, count = self._file.filehandle, page.databytecounts[index]
        if not count:
            return None
        handle.seek(page.dataoffsets[index])
        packed = handle.read(count)  # before the tables, whose reading moves the file's position
        options = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if page.compression in JPEG else {}
        try:
            data, _, _ = page.decode(packed, index, _fullsize=False, **options)
        except Exception as error:  # each codec has exceptions of its own
            if "imagecodecs" in str(error):
                raise KnownTrouble(
                    "The slide's compression cannot be read here.", expected="the package imagecodecs",
                    received=f"{page.compression.name} tiles, and no imagecodecs",
                    fix="Install the readers with: pip install 'transfer-workbench[slides]'", place=self.path.name,
                ) from None  # fmt: skip
            raise self._damaged(error) from None
        return None if data is None else _plain(data[0])

    def associated(self) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        shown = {page.index for page in self._pages}
        for page in self._flat_pages():
            if page.index in shown or page.nbytes > ASSOCIATED_BYTES or page.dtype != np.uint8:
                continue
            try:
                found[_picture_name(page, len(found))] = _plain(page.asarray())
            except Exception as error:  # a broken label is no reason not to show the slide
                self.notes += (f"a small picture beside the slide cannot be read ({error})",)
        return found

    def close(self) -> None:
        self._file.close()
        self._blocks.clear()


def _scale(first: Any, page: Any) -> float:
    if page is first:
        return 1.0
    return (float(first.imagewidth / page.imagewidth) + float(first.imagelength / page.imagelength)) / 2


def _is_level(first: Any, page: Any) -> bool:
    """Whether a page is the first one at a smaller size: same kind of pixels, tiled, sides in proportion."""
    if page.index == first.index or page.imagewidth >= first.imagewidth or not page.is_tiled:
        return False
    if page.samplesperpixel != first.samplesperpixel or page.dtype != first.dtype:
        return False
    across, down = first.imagewidth / page.imagewidth, first.imagelength / page.imagelength
    # Sizes are rounded to whole pixels, by either way of rounding.
    slack = 1.0 / page.imagewidth + 1.0 / page.imagelength
    return bool(abs(across / down - 1) <= max(slack * 1.5, 0.005))


def _plain(pixels: np.ndarray) -> np.ndarray:
    """Grey, RGB or RGBA samples as uint8 (h, w, 3)."""
    if pixels.ndim == 4:
        pixels = pixels[0]
    if pixels.ndim == 2 or pixels.shape[-1] == 1:
        return np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=-1)
    return on_white(pixels) if pixels.shape[-1] == 4 else np.ascontiguousarray(pixels[..., :3])


def _vendor(page: Any, file: Any) -> str:
    known = {"aperio": page.is_svs, "hamamatsu": page.is_ndpi, "ome": file.is_ome}
    return next((name for name, so in known.items() if so), "generic-tiff")


def _mpp(page: Any, file: Any) -> tuple[float | None, float | None]:
    """µm per pixel (x, y): from Aperio's or OME's own words, else from the resolution tags."""
    if page.is_svs:
        said = re.search(r"\bMPP\s*=\s*([0-9.eE+-]+)", page.description)
        return (_number(said[1]), _number(said[1])) if said else (None, None)
    if file.is_ome:
        said_x, said_y = (_ome_size(file.ome_metadata or "", axis) for axis in "XY")
        if said_x or said_y:
            return said_x or said_y, said_y or said_x
    scale = RESOLUTION_UM.get(int(page.resolutionunit or 1))
    across, down = page.resolution
    if scale is None or not across or not down:
        return None, None
    return scale / across, scale / down


def _ome_size(xml: str, axis: str) -> float | None:
    size = re.search(rf'\bPhysicalSize{axis}="([^"]+)"', xml)
    unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]+)"', xml)
    scale = OME_UNITS_UM.get(unit[1] if unit else "µm")
    value = _number(size[1]) if size else None
    return value * scale if value is not None and scale is not None else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _picture_name(page: Any, at: int) -> str:
    words: Sequence[str] = ("label", "macro", "thumbnail")
    said = page.description.lower()
    named = next((word for word in words if word in said), "")
    return named or f"picture {at + 1}"
