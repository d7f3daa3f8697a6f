"""What a window may ask about whole slides: what one is, tiles of it for the eye, where its tissue lies."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np
from PIL import Image

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.slides import TILE_PX, HeatMap, LevelInfo, SlideInfo
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.engine.medical.slides import Slide
    from workbench.worker.interactive import ApplyContext

T = TypeVar("T", bound=msgspec.Struct)
THUMBNAIL_PX = 1536
MOST_READ_PX = 4096
"""A tile is put together from a box of at most so many pixels a side; what is coarser is cut from the thumbnail."""
QUALITY = 92
LEAST_SLIDE_PX = 4096
"""A TIFF of one level that is smaller is taken for a picture."""


class SlidePlace(msgspec.Struct, frozen=True):
    """A slide's file; `mpp` is µm per level-0 pixel where the file does not tell.

    Without `pictures`, a TIFF that is neither tiled nor a pyramid is refused.
    """

    path: str
    mpp: float | None = None
    pictures: bool = True


class TileAsked(msgspec.Struct, frozen=True):
    """One tile of the viewer's zoom: see core/slides.py."""

    path: str
    zoom: int
    column: int
    row: int


class GridAsked(msgspec.Struct, frozen=True):
    """Tiles over the tissue: `target_mpp` µm per pixel, `tile` and `overlap` in pixels of that resolution."""

    path: str
    mpp: float | None = None
    target_mpp: float = 0.5
    tile: int = 256
    overlap: int = 0
    min_tissue: float = 0.5


@dataclasses.dataclass
class OpenedSlide:
    """A slide that stays open between questions, its thumbnail uint8 (h, w, 3) and tissue mask bool (h, w)."""

    slide: Slide
    thumbnail: np.ndarray
    mask: np.ndarray


def _opened(path: Path, context: ApplyContext) -> OpenedSlide:
    from workbench.engine.medical.slides import open_slide
    from workbench.engine.medical.slides.tissue import tissue_mask

    facts = path.stat() if path.is_file() else None
    key = ("slide", str(path), facts and (facts.st_mtime_ns, facts.st_size))
    if key not in context.cache:
        slide = open_slide(path)
        thumbnail = slide.thumbnail(THUMBNAIL_PX, progress=context.progress)
        context.cache[key] = OpenedSlide(slide, thumbnail, tissue_mask(thumbnail))
    found: OpenedSlide = context.cache[key]
    return found


def _slide(arguments: dict[str, Any], context: ApplyContext) -> SlideInfo:
    from workbench.engine.medical.slides.tiling import tile_grid

    asked = as_asked(arguments, SlidePlace)
    path = Path(asked.path)
    if not asked.pictures:
        _refuse_picture(path)
    opened = _opened(path, context)
    slide = opened.slide
    grid, notes = None, slide.notes
    with _mpp(slide, asked.mpp):
        mpp = slide.mpp
        try:
            grid = len(tile_grid(slide, opened.mask))
        except InputError as problem:
            notes = (*notes, f"no tiles can be cut: {problem.what} {problem.fix}")
    return SlideInfo(
        str(path), path.name, slide.reader, slide.vendor,
        tuple(LevelInfo(one.width, one.height, one.downsample) for one in slide.levels), mpp,
        _jpeg(opened.thumbnail), _coarsest(slide), float(opened.mask.mean()), grid, tuple(slide.associated()), notes,
    )  # fmt: skip


def _refuse_picture(path: Path) -> None:
    from workbench.engine.medical.slides import open_slide

    with open_slide(path) as slide:
        # DICOM says of itself that it is a slide; a TIFF does not.
        if slide.vendor != "dicom" and len(slide.levels) == 1 and max(slide.width, slide.height) < LEAST_SLIDE_PX:
            raise InputError(
                "This is a picture, not a slide.", expected=f"several levels, or {LEAST_SLIDE_PX} pixels a side",
                received=f"{slide.width} × {slide.height} pixels", place=path.name,
            )  # fmt: skip


def _tile(arguments: dict[str, Any], context: ApplyContext) -> bytes:
    asked = as_asked(arguments, TileAsked)
    slide = _opened(Path(asked.path), context).slide
    if not 0 <= asked.zoom <= _coarsest(slide):
        raise InputError("The slide is not cut at this zoom.", expected=f"0 to {_coarsest(slide)}",
                         received=str(asked.zoom), place=asked.path)  # fmt: skip
    return _jpeg(tile_pixels(slide, asked.zoom, asked.column, asked.row))


def tile_pixels(slide: Slide, zoom: int, column: int, row: int) -> np.ndarray:
    """A viewer's tile, uint8 (h, w, 3): TILE_PX a side, less at the right and lower edge of the slide.

    Raises InputError for a tile beyond the slide.
    """
    from workbench.engine.medical.slides.slide import resize

    step = 1 << zoom
    x0, y0 = column * TILE_PX * step, row * TILE_PX * step
    if not (0 <= x0 < slide.width and 0 <= y0 < slide.height):
        raise InputError("There is no such tile.", expected=f"a place on {slide.width} × {slide.height} pixels",
                         received=f"{x0}, {y0}", place=slide.path.name)  # fmt: skip
    wide, high = min(TILE_PX * step, slide.width - x0), min(TILE_PX * step, slide.height - y0)
    level = slide.level_of(step)
    scale = slide.levels[level].downsample
    found = slide.read_region(x0, y0, level, max(round(wide / scale), 1), max(round(high / scale), 1))
    return resize(found, max(-(-wide // step), 1), max(-(-high // step), 1))


def _coarsest(slide: Slide) -> int:
    most = slide.levels[-1].downsample * MOST_READ_PX / TILE_PX
    return int(np.log2(most * 1.01))


def _grid(arguments: dict[str, Any], context: ApplyContext) -> HeatMap:
    from workbench.engine.medical.slides.tiling import tile_grid, tile_plan, tissue_shares

    asked = as_asked(arguments, GridAsked)
    opened = _opened(Path(asked.path), context)
    slide = opened.slide
    with _mpp(slide, asked.mpp):
        coords = tile_grid(
            slide, opened.mask, mpp=asked.target_mpp, tile=asked.tile, overlap=asked.overlap,
            min_tissue=asked.min_tissue,
        )  # fmt: skip
        span = tile_plan(slide, asked.target_mpp, asked.tile).span
    x, at_x = np.unique(coords[:, 0], return_inverse=True)
    y, at_y = np.unique(coords[:, 1], return_inverse=True)
    shares = tissue_shares(opened.mask, x, y, span, (slide.width, slide.height))[at_y, at_x]
    return HeatMap(tuple(map(tuple, coords.tolist())), span, {"tissue": tuple(shares.tolist())})


class _mpp:  # noqa: N801
    """A slide with the resolution that a person gave, for one question; the open slide is shared by all."""

    def __init__(self, slide: Slide, mpp: float | None) -> None:
        self._slide, self._given, self._own = slide, mpp, slide.mpp

    def __enter__(self) -> None:
        self._slide.mpp = self._given or self._own

    def __exit__(self, *_: object) -> None:
        self._slide.mpp = self._own


def _sample(arguments: dict[str, Any], context: ApplyContext) -> SlideInfo:
    from workbench.engine.medical.slides.sample import write_sample

    try:
        path = write_sample(context.home.cache / "samples")
    except OSError as error:
        raise KnownTrouble(
            "The sample slide cannot be written.", expected="a writable home with room", received=str(error),
            fix="Free some space, or move the home with WORKBENCH_HOME.",
        ) from None  # fmt: skip
    return _slide({"path": str(path)}, context)


def _jpeg(rgb: np.ndarray) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(rgb).save(packed, "JPEG", quality=QUALITY, subsampling=0)
    return packed.getvalue()


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {
    "slide": _slide, "slide-tile": _tile, "slide-grid": _grid, "slide-sample": _sample,
}  # fmt: skip
