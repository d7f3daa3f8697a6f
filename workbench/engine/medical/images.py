"""NRRD and MetaImage files by SimpleITK, and pictures (PNG, JPEG, TIFF) as volumes of one slice or a few."""

from __future__ import annotations

import dataclasses
import re
import warnings
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
import tifffile
from PIL import Image as Picture

from workbench.core.problem import InputError, Problem
from workbench.core.volumes import Geometry
from workbench.core.words import spaced
from workbench.engine.medical.arrays import check_claim, check_room, damaged, grey
from workbench.engine.medical.geometry import of_sitk
from workbench.engine.medical.metaheaders import check_meta_header

MOST_LISTED_BYTES = 1 << 20
"""Of the names of slices that a header may list."""
SITK_ENDINGS = (".nrrd", ".nhdr", ".mha", ".mhd")
TIFF_ENDINGS = (".tif", ".tiff")
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", *TIFF_ENDINGS)
NO_SPACING = "a picture: its spacing and its place in the patient are unknown; 1 mm is assumed"


@dataclasses.dataclass(frozen=True, eq=False)
class Header:
    """What a file's header claims: `shape` is (x, y, z) of one of `frames`, `item_bytes` the voxel's size."""

    path: Path
    shape: tuple[int, int, int]
    frames: int
    geometry: Geometry
    components: int
    item_bytes: int
    notes: tuple[str, ...] = ()


def look(path: Path) -> Header:
    """The header of an NRRD, a MetaImage or a picture, checked against the size of its file.

    Raises InputError when it is damaged or claims more than the file holds.
    """
    if path.name.lower().endswith(SITK_ENDINGS):
        return _look_sitk(path)
    return _look_tiff(path) if path.suffix.lower() in TIFF_ENDINGS else _look_picture(path)


def read_frame(header: Header, frame: int = 0) -> np.ndarray:
    """One frame as a (z, y, x) array; colours and other channels as brightness or their mean.

    Raises InputError for damaged data, KnownTrouble where memory is short.
    """
    x, y, z = header.shape
    check_room(x * y * z * header.frames * header.components * header.item_bytes, header.path)
    try:
        if header.path.name.lower().endswith(SITK_ENDINGS):
            return _values(_execute(header.path), header, frame)
        if header.path.suffix.lower() in TIFF_ENDINGS:
            return _values(_tiff(header.path), header, frame)
        with Picture.open(header.path) as picture:
            return _values(np.asarray(_plain_mode(picture)), header, frame)
    except Problem:
        raise
    except Exception as error:  # decoders raise what they like
        raise damaged(header.path, _kind(header.path), _unpath(error, header.path)) from None


def _kind(path: Path) -> str:
    ending = path.suffix.lower().lstrip(".")
    return {"mha": "MetaImage", "mhd": "MetaImage", "nrrd": "NRRD", "nhdr": "NRRD"}.get(ending, "a picture")


def _unpath(error: object, path: Path) -> str:
    said = re.sub(r"(?s).*itk::ERROR: ", "", str(error)).strip()
    return (said.splitlines() or [type(error).__name__])[0].replace(str(path), path.name)


def _execute(path: Path) -> np.ndarray:
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    found: Any = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return np.asarray(found)


def _look_sitk(path: Path) -> Header:
    if path.suffix.lower() in (".mha", ".mhd") and not (text := _text(path)).startswith(b"NRRD"):
        check_meta_header(path, text)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        sizes = [int(size) for size in reader.GetSize()]
        blank = _blank(reader)
        components, item = int(reader.GetNumberOfComponents()), _item_bytes(reader)
        geometry = of_sitk(blank)
    except (RuntimeError, OverflowError, ValueError, TypeError) as error:
        raise damaged(path, _kind(path), _unpath(error, path)) from None
    if min(sizes, default=0) < 1:
        raise damaged(path, _kind(path), f"a volume of {' × '.join(map(str, sizes))} voxels")
    shape = ([*sizes, 1, 1])[:3]
    frames = int(np.prod(sizes[3:], dtype=object)) if len(sizes) > 3 else 1
    held, packed = _held(path)
    check_claim(int(np.prod(sizes, dtype=object)) * components * item, path, held_bytes=held, packed=packed)
    notes: tuple[str, ...] = ("colours or channels were turned into brightness",) if components > 1 else ()
    if path.suffix.lower() in (".nrrd", ".nhdr") and not re.search(rb"(?mi)^space( dimension)?:", _text(path)):
        notes += ("it says nothing of its orientation (no 'space'): sides cannot be told",)
    return Header(path, (shape[0], shape[1], shape[2]), frames, geometry, components, item, notes)


def _blank(reader: sitk.ImageFileReader) -> sitk.Image:
    """A tiny image with the header's geometry: the file's own size may be a lie."""
    count = reader.GetDimension()
    blank = sitk.Image([1] * count, sitk.sitkUInt8)
    blank.SetSpacing(reader.GetSpacing())
    blank.SetOrigin(reader.GetOrigin())
    blank.SetDirection(reader.GetDirection())
    return blank


def _item_bytes(reader: sitk.ImageFileReader) -> int:
    name = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    bits = re.search(r"(\d+)-bit", name)
    return (int(bits.group(1)) if bits else 64) // 8 * (2 if "complex" in name else 1)


def _text(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0] if head.startswith(b"NRRD") else head


def _held(path: Path) -> tuple[int, bool]:
    """How many bytes of voxels lie behind a header, and whether they are compressed."""
    text = _text(path)
    if text.startswith(b"NRRD"):
        packed = bool(re.search(rb"(?mi)^encoding:\s*(gz|gzip|bz2|bzip2)\s*$", text))
        is_text = bool(re.search(rb"(?mi)^encoding:\s*(txt|text|ascii|hex)\s*$", text))
        detached = re.search(rb"(?mi)^data ?file:\s*(.+?)\s*$", text)
        return _beside(path, detached.group(1) if detached else b"", len(text)), packed or is_text
    packed = bool(re.search(rb"(?mi)^CompressedData\s*=\s*True", text))
    is_text = bool(re.search(rb"(?mi)^BinaryData\s*=\s*False", text))
    named = re.search(rb"(?mi)^ElementDataFile\s*=\s*(.+?)\s*$", text)
    local = named is None or named.group(1).upper() == b"LOCAL"
    start = named.end() if named is not None else 0
    return _beside(path, b"" if local or named is None else named.group(1), start), packed or is_text


def _beside(path: Path, name: bytes, start: int) -> int:
    if not name:
        return max(path.stat().st_size - start, 0)
    text = name.decode("utf-8", "replace")
    listed = text.upper().startswith("LIST")
    behind = path.read_bytes()[start : start + MOST_LISTED_BYTES].decode("utf-8", "replace") if listed else ""
    for one in behind.splitlines() if listed else [text]:
        _check_inside(path, one.strip())
    if listed or "%" in text:
        return sum(one.stat().st_size for one in path.parent.iterdir() if one.is_file())
    data = path.parent / text
    if not data.is_file():
        raise InputError(
            "The file with the voxels is missing.",
            expected=f"{Path(text).name} beside the header",
            received="no such file",
            fix="Copy both files into one folder.",
            place=path.name,
        )
    return data.stat().st_size


def _check_inside(path: Path, name: str) -> None:
    """A header may name the file with its voxels, but none outside of its own folder; raises InputError."""
    if Path(name).parent == path.parent.absolute():  # some programs write the whole path
        return
    if Path(name).is_absolute() or PureWindowsPath(name).drive or ".." in PureWindowsPath(name).parts:
        raise InputError(
            "This header names a file outside of its folder.", expected="the file with the voxels beside the header",
            received=name[:200], fix="Copy both files into one folder, and name the second one without a path.",
            place=path.name,
        )  # fmt: skip


def _look_picture(path: Path) -> Header:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Picture.DecompressionBombWarning)
            with Picture.open(path) as picture:
                width, height = picture.size
    except Exception as error:  # Pillow raises what it likes
        raise damaged(path, "a picture", _unpath(error, path)) from None
    notes = (NO_SPACING,) + (
        ("colours were turned into brightness",) if picture.mode not in ("L", "I", "I;16", "F", "1") else ()
    )
    return Header(path, (width, height, 1), 1, Geometry(), 1, 4, notes)


def _plain_mode(picture: Picture.Image) -> Picture.Image:
    if picture.mode in ("L", "I", "F", "I;16", "RGB", "RGBA"):
        return picture
    return picture.convert("L" if picture.mode in ("1", "LA") else "RGB")


def _look_tiff(path: Path) -> Header:
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            axes, sizes, item = series.axes, [int(size) for size in series.shape], int(series.dtype.itemsize)
    except Exception as error:  # tifffile raises what it likes
        raise damaged(path, "TIFF", _unpath(error, path)) from None
    at = axes.find("S")
    colours = sizes[at] if at >= 0 else 1
    flat = [size for place, size in enumerate(sizes) if place != at]
    if len(flat) < 2 or min(sizes) < 1:
        raise damaged(path, "TIFF", f"a picture of shape {sizes} ({axes})")
    check_claim(int(np.prod(sizes, dtype=object)) * item, path, held_bytes=path.stat().st_size, packed=True)
    pages = int(np.prod(flat[:-2], dtype=object)) if len(flat) > 2 else 1
    notes: tuple[str, ...] = (NO_SPACING,) + (("colours were turned into brightness",) if colours > 1 else ())
    if pages > 1:
        notes += ("its pages are shown one behind the other",)
    return Header(path, (flat[-1], flat[-2], pages), 1, Geometry(), colours, item, notes)


def _tiff(path: Path) -> np.ndarray:
    with tifffile.TiffFile(path) as file:
        pages, at = len(file.pages), file.series[0].axes.find("S")
        try:
            array = np.asarray(file.series[0].asarray())
        except ValueError:
            # Without its codecs tifffile unpacks few compressions; Pillow knows the common ones.
            if pages != 1:
                raise
            with Picture.open(path) as picture:
                return np.asarray(_plain_mode(picture))
    return array if at < 0 else np.moveaxis(array, at, -1)


def _values(array: np.ndarray, header: Header, frame: int) -> np.ndarray:
    x, y, z = header.shape
    channels = array.size // max(x * y * z * header.frames, 1)
    if channels * x * y * z * header.frames != array.size or not channels:
        raise damaged(header.path, _kind(header.path), f"{spaced(array.size)} values for a volume of {x} × {y} × {z}")
    array = array.reshape(header.frames, z, y, x, channels)[frame]
    if array.dtype.kind == "c":
        array = np.abs(array)
    if channels in (3, 4):
        return grey(array)
    if array.dtype == bool:
        array = array.astype(np.uint8)
    return array[..., 0] if channels == 1 else array.astype(np.float32).mean(axis=-1)
