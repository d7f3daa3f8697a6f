"""NIfTI (and the Analyze and MGH files that nibabel reads alike): frames of a file and their geometry."""

from __future__ import annotations

import dataclasses
import gzip
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.spatialimages import SpatialImage

from workbench.core.problem import InputError
from workbench.core.volumes import Geometry
from workbench.core.words import spaced
from workbench.engine.medical.arrays import check_claim, damaged, grey
from workbench.engine.medical.geometry import flipped, geometry_of, is_sheared

ENDINGS = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz", ".mgz", ".mgh")
UNITS_MM = {"meter": 1000.0, "micron": 0.001}
MOST_FRAMES = 4096


@dataclasses.dataclass(frozen=True, eq=False)
class Image:
    """An opened file: `shape` is (x, y, z) of one frame; nothing of the voxels has been read yet."""

    path: Path
    loaded: SpatialImage
    shape: tuple[int, int, int]
    frames: int
    geometry: Geometry
    notes: tuple[str, ...]
    item_bytes: int

    @property
    def is_sheared(self) -> bool:
        """Whether the affine's axes are not at right angles."""
        return is_sheared(self.geometry)


def open_image(path: Path) -> Image:
    """Look at a file's header and check its claims against what the file holds.

    Raises InputError for damaged headers, surfaces and other files without a volume.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loaded: Any = nibabel.load(path, keep_file_open=True) if _may_stay_open(path) else nibabel.load(path)
            sizes = tuple(int(size) for size in loaded.shape)
            dtype = np.dtype(loaded.get_data_dtype())
        except InputError:
            raise
        except Exception as error:  # whatever a broken header makes nibabel raise
            raise damaged(path, "NIfTI", _unpath(error, path)) from None
    if not isinstance(loaded, SpatialImage) or not sizes or "Cifti" in type(loaded).__name__:
        raise InputError(
            "This file holds no volume.", expected="an image of three dimensions", received=type(loaded).__name__,
            fix="Surfaces and connectivity matrices (CIFTI, GIFTI) are not shown here.", place=path.name,
        )  # fmt: skip
    if min(sizes) < 1:
        raise damaged(path, "NIfTI", f"a volume of {' × '.join(map(str, sizes))} voxels")
    shape = (*sizes, 1, 1, 1)[:3]
    frames = int(np.prod(sizes[3:], dtype=np.int64)) if len(sizes) > 3 else 1
    _check_size(path, loaded, int(np.prod(sizes, dtype=object)) * dtype.itemsize)
    if frames > MOST_FRAMES:
        raise InputError(
            "This file holds more volumes than a chooser can list.", expected=f"at most {MOST_FRAMES} frames",
            received=spaced(frames), fix="Split the file, or drop the average over time.", place=path.name,
        )  # fmt: skip
    geometry, notes = _geometry(path, loaded)
    if dtype.kind == "c":
        notes += ("its complex values were turned into magnitudes",)
    if dtype.names:
        notes += ("colours were turned into brightness",)
    return Image(path, loaded, (shape[0], shape[1], shape[2]), frames, geometry, notes, min(dtype.itemsize, 8))


def _unpath(error: Exception, path: Path) -> str:
    # nibabel's messages carry whole paths, which may name a patient.
    return (str(error) or type(error).__name__).replace(str(path), path.name)


def _may_stay_open(path: Path) -> bool:
    return path.suffix.lower() in (".gz", ".nii")


def _check_size(path: Path, loaded: Any, claimed: int) -> None:
    data = Path(getattr(loaded.dataobj, "file_like", None) or path)
    if not isinstance(getattr(loaded.dataobj, "file_like", ""), str) or not data.is_file():
        raise damaged(path, "NIfTI", "the file of its voxels (.img) is missing" if not data.is_file() else "no voxels")
    packed = data.suffix.lower() in (".gz", ".mgz", ".bz2")
    check_claim(claimed, path, held_bytes=data.stat().st_size, packed=packed)
    if packed and data.suffix != ".bz2" and claimed > 64 << 20:
        _check_packed(data, claimed)


def _check_packed(path: Path, claimed: int) -> None:
    """A gzip stream tells its unpacked size modulo 4 GB in its last bytes; a liar is caught before memory is taken."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        told = int.from_bytes(file.read(4), "little")
    if claimed >= 1 << 32 or told >= claimed:
        return
    with gzip.open(path) as stream:
        held, piece = 0, stream.read(1 << 20)
        while piece and held < claimed:
            held += len(piece)
            piece = stream.read(1 << 20)
    check_claim(claimed, path, held_bytes=held, packed=False)


def _geometry(path: Path, loaded: Any) -> tuple[Geometry, tuple[str, ...]]:
    header = loaded.header
    notes: tuple[str, ...] = ()
    codes = [int(header[name]) for name in ("sform_code", "qform_code")] if _is_nifti(header) else None
    told = loaded.affine
    affine = None if told is None else np.array(told, dtype=float)
    scale, unit = _unit(header)
    if codes == [0, 0] or (codes is None and "Analyze" in type(loaded).__name__):
        notes = ("it says nothing of its orientation (sform and qform are 0): sides cannot be told",)
        affine = _plain(loaded)
    elif codes is not None and codes[0] > 0 and codes[1] > 0:
        notes = _disagreement(loaded)
    try:
        if affine is None:
            raise ValueError("no affine")
        affine[:3] *= scale
        return geometry_of(flipped(affine)), notes + unit
    except ValueError:
        notes = ("its affine is not valid: orientation is unknown and sides cannot be told",)
        return geometry_of(flipped(_plain(loaded))), notes + unit


def _is_nifti(header: Any) -> bool:
    return hasattr(header, "get_sform") and "sform_code" in header


def _unit(header: Any) -> tuple[float, tuple[str, ...]]:
    try:
        name = header.get_xyzt_units()[0] if hasattr(header, "get_xyzt_units") else "mm"
    except KeyError:
        return 1.0, ("its unit of length is not known; millimetres are assumed",)
    scale = UNITS_MM.get(name, 1.0)
    return scale, (f"its lengths in {name}s were turned into millimetres",) if scale != 1 else ()


def _plain(loaded: Any) -> np.ndarray:
    """Spacing only, as RAS, where a file tells no orientation."""
    zooms = [abs(float(zoom)) for zoom in loaded.header.get_zooms()[:3]]
    zooms = [zoom if np.isfinite(zoom) and zoom > 0 else 1.0 for zoom in zooms + [1.0] * (3 - len(zooms))]
    return np.diag([*zooms, 1.0])


def _disagreement(loaded: Any) -> tuple[str, ...]:
    try:
        sform, qform = loaded.header.get_sform(), loaded.header.get_qform()
    except Exception:  # a qform whose quaternion is broken; the sform is what is used
        return ("its qform is not valid; the sform is used",)
    ends = np.array([[0, 0, 0, 1], [*(np.array((*loaded.shape, 1, 1, 1)[:3]) - 1), 1]]).T
    gap = float(np.abs((sform - qform) @ ends).max())
    return (f"sform and qform differ by up to {gap:.1f} mm; the sform is used",) if gap > 0.5 else ()


def planes(image: Image, frame: int = 0) -> Iterator[np.ndarray]:
    """The (y, x) planes of a frame in the order of z, scaled as the header says.

    Raises InputError when the file turns out to be cut off or damaged.
    """
    proxy: Any = image.loaded.dataobj
    sizes = image.loaded.shape
    rest = np.unravel_index(frame, sizes[3:], order="F") if len(sizes) > 3 else ()
    for z in range(image.shape[2]):
        where = (slice(None), slice(None), z, *(int(at) for at in rest))[: len(sizes)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                plane = np.asarray(proxy[where])
        except Exception as error:  # cut-off streams raise what they like
            raise damaged(image.path, "NIfTI", _unpath(error, image.path)) from None
        yield _real(plane.reshape(image.shape[0], image.shape[1])).T


def _real(plane: np.ndarray) -> np.ndarray:
    if plane.dtype.names:
        return grey(np.stack([plane[name] for name in plane.dtype.names[:3]], axis=-1))
    return np.abs(plane) if plane.dtype.kind == "c" else plane
