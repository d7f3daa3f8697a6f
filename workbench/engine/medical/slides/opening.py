"""Which library reads a slide: tifffile what is a tiled TIFF it can decode, OpenSlide the rest where installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from workbench.core.problem import InputError, KnownTrouble
from workbench.engine.medical.slides.slide import SANE_MPP, Slide

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SLIDE_ENDINGS = (
    ".svs", ".tif", ".tiff", ".ndpi", ".scn", ".bif", ".mrxs", ".vms", ".vmu", ".svslide", ".btf", ".czi",
)  # fmt: skip
OPENSLIDE_ONLY = (".mrxs", ".vms", ".vmu", ".svslide", ".scn", ".bif", ".czi")
OPENSLIDE_BETTER = ("philips", "leica", "ventana", "trestle")
"""TIFF flavours with gaps or several scanned areas, which OpenSlide puts together and tifffile does not."""
INSTALL = "Install the readers with: pip install 'transfer-workbench[slides]'"


def has_openslide() -> bool:
    """Whether OpenSlide can be used here."""
    return importlib.util.find_spec("openslide") is not None


def open_slide(path: Path | str, *, mpp: float | None = None) -> Slide:
    """A whole slide, open for reading.

    `mpp` is µm per level-0 pixel for files that do not tell, or tell it wrongly. Raises InputError for
    a file that is missing, damaged or no slide, KnownTrouble for one that needs a library that is not
    installed.
    """
    place = Path(path)
    if mpp is not None and not SANE_MPP[0] <= mpp <= SANE_MPP[1]:
        raise InputError(
            "This resolution is no microscope's.", expected=f"{SANE_MPP[0]} to {SANE_MPP[1]} µm per pixel",
            received=f"{mpp:g}", fix="20× is about 0.5, 40× about 0.25 µm per pixel.", field="mpp",
        )  # fmt: skip
    slide = _open(place)
    if mpp is not None:
        slide.notes = (*slide.notes, f"the given {mpp:g} µm per pixel are used; the file says {slide.mpp or 'nothing'}")
        slide.mpp = mpp
    return slide


def _open(path: Path) -> Slide:
    magic = _magic(path)
    openslide = has_openslide()
    if openslide:
        from workbench.engine.medical.slides.openslides import OpenSlideSlide, detected

        vendor = detected(path)
        if vendor and (magic not in TIFF_MAGIC or vendor in OPENSLIDE_BETTER):
            return OpenSlideSlide(path)
    if magic in TIFF_MAGIC:
        from workbench.engine.medical.slides.tiff import TiffSlide

        try:
            return TiffSlide(path)
        except KnownTrouble:  # a codec is missing
            if not (openslide and vendor):
                raise
            return OpenSlideSlide(path)
    if path.suffix.lower() in OPENSLIDE_ONLY and not openslide:
        raise KnownTrouble(
            "This slide needs OpenSlide, which is not installed.", expected="a tiled TIFF, SVS, NDPI or OME-TIFF",
            received=f"a {path.suffix} file", fix=INSTALL, place=path.name,
        )  # fmt: skip
    raise InputError(
        "This is no whole-slide image.",
        expected="a tiled TIFF, SVS, NDPI, OME-TIFF" + (" or another format of OpenSlide" if openslide else ""),
        received=f"a file that begins with {magic!r}", fix="Choose the slide's own file.", place=path.name,
    )  # fmt: skip


def _magic(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise InputError(
            "The slide cannot be opened.", expected="a file that can be read", received=error.strerror or str(error),
            fix="Check the path and its permissions.", place=path.name,
        ) from None  # fmt: skip
