"""Point clouds as PLY, LAS and LAZ, PCD, and text, with all their columns, in the order of the file they came from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import laspy
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from workbench.core.problem import InputError
from workbench.core.scenefiles import WriteThing
from workbench.core.scenes import NOWHERE, Column, PointsDoc
from workbench.engine.scenes import placing
from workbench.engine.scenes.keeping import CHUNK, Told
from workbench.engine.scenes.plyrows import TYPES

PLY_NAMES = {np.dtype(kind): name for name, kind in TYPES.items() if name in
             ("char", "uchar", "short", "ushort", "int", "uint", "float", "double")}  # fmt: skip
SCALES = (1.0, 0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6)
LAS_REACH = 2.0**31 - 2
ANGLE_STEP_DEG = 0.006
"""Of LAS 1.4's scan angles."""


class Cloud(NamedTuple):
    """Points to be written: (N, 3) in double precision, whether single is enough for them, to what they are known
    (3,), and columns by name."""

    positions: NDArray[np.float64]
    single: bool
    step: NDArray[np.float64]
    columns: Mapping[str, tuple[Column, NDArray[Any]]]


def gathered(things: Sequence[WriteThing]) -> Cloud:
    """The points of all clouds one after the other, each in its file's order, without the hidden ones.

    What one cloud knows of its points and another does not is 0 there. Raises InputError where nothing is left.
    """
    parts = [_cloud(one) for one in things]
    if not sum(len(one.positions) for one in parts):
        raise InputError("There is no point to write.", expected="at least one that is not cropped away",
                         received="none", fix="Undo the crop, or choose another cloud.", field="things")  # fmt: skip
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, tuple[Column, NDArray[Any]]] = {}
    for name in dict.fromkeys(name for one in parts for name in one.columns):
        known = [one.columns[name] for one in parts if name in one.columns]
        kind = np.result_type(*(array.dtype for _, array in known))
        shape = known[0][1].shape[1:]
        arrays = [
            one.columns[name][1].astype(kind) if name in one.columns and one.columns[name][1].shape[1:] == shape
            else np.zeros((len(one.positions), *shape), kind) for one in parts
        ]  # fmt: skip
        columns[name] = known[0][0], np.concatenate(arrays)
    step = np.max([one.step for one in parts], axis=0)
    return Cloud(np.concatenate([one.positions for one in parts]), all(one.single for one in parts), step, columns)


def _cloud(one: WriteThing) -> Cloud:
    doc = cast(PointsDoc, one.thing)
    matrix = placing.matrix_of(one.placement)
    order = np.argsort(np.load(doc.order, mmap_mode="r"), kind="stable") if doc.order else np.arange(doc.count)
    if one.hidden:
        order = order[~np.load(one.hidden, mmap_mode="r")[order]]
    positions = np.load(doc.positions, mmap_mode="r")[order]
    columns = {}
    for column in doc.columns:
        values = np.load(column.path, mmap_mode="r")[order]
        if column.kind == "normal":
            values = placing.turned(values, matrix)
        columns[column.name] = column, values
    single = doc.origin == NOWHERE and placing.is_unmoved(matrix)
    step = np.abs(matrix[:3, :3]) @ np.spacing(np.maximum(np.abs(doc.low), np.abs(doc.high)).astype(np.float32))
    return Cloud(placing.moved(positions, doc.origin, matrix), single, step, columns)


def named(cloud: Cloud) -> dict[str, NDArray[Any]]:
    """Plain columns of single numbers, x, y and z first: colours as red, green, blue, normals as nx, ny, nz."""
    found: dict[str, NDArray[Any]] = {}
    kind = np.float32 if cloud.single else np.float64
    for at, axis in enumerate("xyz"):
        found[axis] = cloud.positions[:, at].astype(kind)
    for name, (column, values) in cloud.columns.items():
        three = {"colour": ("red", "green", "blue"), "normal": ("nx", "ny", "nz")}.get(column.kind)
        if three is not None:
            for at, one in enumerate(three):
                found.setdefault(one, values[:, at])
        else:
            found.setdefault(plain(name), values)
    return found


def plain(name: str) -> str:
    """A column's name as every format takes it."""
    return re.sub(r"[^\w.\-:]+", "_", name).strip("_") or "value"


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    """An array of a type that PLY and PCD know: 64-bit whole numbers become doubles, booleans bytes."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return array.astype(np.float64) if array.dtype.itemsize == 8 or array.dtype == np.float16 else array


def _records(columns: Mapping[str, NDArray[Any]], begin: int) -> NDArray[Any]:
    part = {name: _bits(one[begin : begin + CHUNK]) for name, one in columns.items()}
    rows = np.empty(len(part["x"]), [(name, one.dtype.newbyteorder("<")) for name, one in part.items()])
    for name, one in part.items():
        rows[name] = one
    return rows


def write_ply(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """A binary PLY with every column under its name."""
    columns = named(gathered(things))
    many = len(columns["x"])
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {many}"]
    header += [f"property {PLY_NAMES[_bits(one[:0]).dtype]} {name}" for name, one in columns.items()]
    with out.open("wb") as file:
        file.write(("\n".join([*header, "end_header"]) + "\n").encode("utf-8"))
        for begin in range(0, many, CHUNK):
            file.write(_records(columns, begin).tobytes())
            told(min(begin + CHUNK, many), many, "points")
    return _told_wide(columns)


def _told_wide(columns: Mapping[str, NDArray[Any]]) -> list[str]:
    wide = [name for name, one in columns.items() if one.dtype.kind in "iu" and one.dtype.itemsize == 8]
    return [f"Whole numbers of 64 bits written as doubles: {', '.join(wide)[:120]}"] if wide else []


def write_pcd(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """A binary PCD 0.7; colours packed as PCL packs them."""
    columns = named(gathered(things))
    if {"red", "green", "blue"} <= set(columns):
        red, green, blue = (columns.pop(one).astype(np.uint32) for one in ("red", "green", "blue"))
        columns["rgb"] = (red << 16 | green << 8 | blue).view(np.float32)
    for old, new in zip(("nx", "ny", "nz"), ("normal_x", "normal_y", "normal_z"), strict=True):
        if old in columns:
            columns[new] = columns.pop(old)
    many, kinds = len(columns["x"]), [_bits(one[:0]).dtype for one in columns.values()]
    header = [
        "# .PCD v0.7 - Point Cloud Data file format", "VERSION 0.7", "FIELDS " + " ".join(columns),
        "SIZE " + " ".join(str(one.itemsize) for one in kinds), "TYPE " + " ".join(one.kind.upper() for one in kinds),
        "COUNT " + " ".join("1" for _ in kinds), f"WIDTH {many}", "HEIGHT 1", "VIEWPOINT 0 0 0 1 0 0 0",
        f"POINTS {many}", "DATA binary",
    ]  # fmt: skip
    with out.open("wb") as file:
        file.write(("\n".join(header) + "\n").encode("utf-8"))
        for begin in range(0, many, CHUNK):
            file.write(_records(columns, begin).tobytes())
            told(min(begin + CHUNK, many), many, "points")
    return _told_wide(columns)


def _write_table(things: Sequence[WriteThing], out: Path, told: Told, separator: str, mark: str) -> list[str]:
    columns = named(gathered(things))
    many = len(columns["x"])
    style = csv.WriteOptions(include_header=False, delimiter=separator, quoting_style="none")
    with out.open("wb") as file:
        file.write((mark + separator.join(columns) + "\n").encode("utf-8"))
        for begin in range(0, many, CHUNK):
            part = {name: pa.array(_plainly(one[begin : begin + CHUNK])) for name, one in columns.items()}
            csv.write_csv(pa.table(part), file, style)
            told(min(begin + CHUNK, many), many, "points")
    return []


def _plainly(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers that are written as the shortest text which is read back as the same number of their type."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    return np.ascontiguousarray(values.astype(np.float32) if values.dtype == np.float16 else values)


def write_xyz(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """Text with spaces, its columns named in a first line that begins with //."""
    return _write_table(things, out, told, " ", "//")


def write_csv(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """A table with commas and a header."""
    return _write_table(things, out, told, ",", "")


# LAS


def las_scale(cloud: Cloud, offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each axis the coarsest step that loses nothing of stored coordinates, else the finest that reaches them."""
    positions = cloud.positions
    found = np.ones(3)
    for axis in range(3):
        here = positions[:, axis] - offset[axis]
        reach = float(np.abs(here).max())
        fits = [one for one in SCALES if reach / one < LAS_REACH]
        if not fits:
            found[axis] = 10.0 ** np.ceil(np.log10(max(reach / LAS_REACH, 1e-30)))
            continue
        some = here[:: max(1, len(here) // 200_000)]
        exact = (
            one for one in fits if np.abs(some - np.rint(some / one) * one).max() <= min(cloud.step[axis], one / 8)
        )
        found[axis] = next(exact, fits[-1])
    return found


def write_las(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """LAS 1.4, or LAZ by its ending: what the standard knows in its place, the rest as extra bytes."""
    cloud = gathered(things)
    columns = named(cloud)
    coloured = {"red", "green", "blue"} <= set(columns)
    header = laspy.LasHeader(version="1.4", point_format=8 if "nir" in columns else 7 if coloured else 6)
    header.offsets = np.round(np.median(cloud.positions[:: max(1, len(cloud.positions) // 10_000)], axis=0))
    header.scales = las_scale(cloud, header.offsets)
    notes, standard = [], set(header.point_format.dimension_names)
    if "scan_angle_rank" in columns:
        columns["scan_angle"] = np.rint(columns.pop("scan_angle_rank") / ANGLE_STEP_DEG).astype(np.int16)
    rest = {name: one for name, one in columns.items() if name not in ("x", "y", "z")}
    placed = {name: one for name, one in rest.items() if name in standard and _fits(header, name, one)}
    extra = {_short(name, name in standard): one for name, one in rest.items() if name not in placed}
    if extra:
        kinds = [laspy.ExtraBytesParams(name=name, type=_las_type(one)) for name, one in extra.items()]
        header.add_extra_dims(kinds)
        notes.append(f"Written as extra bytes: {', '.join(extra)[:160]}")
    many = len(cloud.positions)
    with laspy.open(out, "w", header=header) as writer:
        for begin in range(0, many, CHUNK):
            part = slice(begin, begin + CHUNK)
            record = laspy.ScaleAwarePointRecord.zeros(min(CHUNK, many - begin), header=header)
            record.x, record.y, record.z = cloud.positions[part].T
            for name, one in (*placed.items(), *extra.items()):
                values = one[part]
                record[name] = (
                    values.astype(np.uint16) * 257
                    if name in ("red", "green", "blue")
                    else values.astype(_las_type(one) if name in extra else values.dtype)
                )
            writer.write_points(record)
            told(min(begin + CHUNK, many), many, "points")
    return notes


def _short(name: str, taken: bool) -> str:
    return (f"{name[:26]}_value" if taken else name)[:32]


def _fits(header: Any, name: str, values: NDArray[Any]) -> bool:
    """Whether the standard's place for a column holds all of its values."""
    place = header.point_format.dimension_by_name(name)
    if name in ("red", "green", "blue"):
        return values.dtype == np.uint8
    if place.kind == laspy.point.dims.DimensionKind.FloatingPoint:
        return True
    if values.dtype.kind == "f" and not (values == np.rint(values)).all():
        return False
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    signed = place.kind == laspy.point.dims.DimensionKind.SignedInteger
    least, most = (
        (-(2 ** (place.num_bits - 1)), 2 ** (place.num_bits - 1) - 1) if signed else (0, 2**place.num_bits - 1)
    )
    return least <= low and high <= most


def _las_type(values: NDArray[Any]) -> np.dtype[Any]:
    return np.dtype(np.uint8) if values.dtype.kind == "b" else values.dtype.newbyteorder("=")


WRITERS: Mapping[str, Callable[[Sequence[WriteThing], Path, Told], list[str]]] = {
    ".ply": write_ply, ".las": write_las, ".laz": write_las, ".pcd": write_pcd, ".xyz": write_xyz, ".csv": write_csv,
}  # fmt: skip
