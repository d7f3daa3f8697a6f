"""Small files of every kind that is read, as other libraries write them, and ways to damage them."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import laspy
import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813
import trimesh


def ball(colours: bool = True) -> trimesh.Trimesh:
    """A coarse ball of 42 vertices and 80 faces."""
    mesh = trimesh.creation.icosphere(1)
    if colours:
        chance = np.random.default_rng(3)
        mesh.visual.vertex_colors = chance.integers(0, 256, (len(mesh.vertices), 4), dtype=np.uint8)
    return mesh


def ascii_stl(mesh: trimesh.Trimesh) -> bytes:
    return trimesh.exchange.stl.export_stl_ascii(mesh).encode()


def ply_cloud(order: str = "<", count: int = 200, *, text: bool = False) -> tuple[bytes, np.ndarray]:
    """A cloud with properties of many types, written by hand."""
    chance = np.random.default_rng(5)
    kinds = {"double": "f8", "float": "f4", "uchar": "u1", "short": "i2", "uint": "u4"}
    names = [("double", "x"), ("double", "y"), ("float", "z"), ("uchar", "red"), ("uchar", "green"),
             ("uchar", "blue"), ("short", "label"), ("uint", "scalar_Time"), ("float", "nx"), ("float", "ny"),
             ("float", "nz")]  # fmt: skip
    rows = np.zeros(count, [(name, order + kinds[kind]) for kind, name in names])
    for kind, name in names:
        rows[name] = chance.integers(0, 200, count) if kind not in ("float", "double") else chance.normal(size=count)
    form = "ascii" if text else f"binary_{'little' if order == '<' else 'big'}_endian"
    header = [f"ply\nformat {form} 1.0\ncomment by hand\nelement vertex {count}"]
    header += [f"property {kind} {name}" for kind, name in names]
    data = "\n".join([*header, "end_header\n"]).encode()
    if text:
        body = "\n".join(" ".join(repr(value.item()) for value in row) for row in rows) + "\n"
        return data + body.encode(), rows
    return data + rows.tobytes(), rows


def lzf_literals(raw: bytes) -> bytes:
    """LZF of nothing but literals, which any reader must unpack."""
    return b"".join(bytes([len(raw[at : at + 32]) - 1]) + raw[at : at + 32] for at in range(0, len(raw), 32))


def pcd(data: str, count: int = 50) -> bytes:
    chance = np.random.default_rng(6)
    xyz, rgb = chance.normal(size=(count, 3)).astype("<f4"), chance.integers(0, 1 << 24, count).astype("<u4")
    header = (
        "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 1\n"
        f"WIDTH {count}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {count}\nDATA {data}\n"
    ).encode()
    if data == "ascii":
        rows = zip(xyz.tolist(), rgb.view("<f4").tolist(), strict=True)
        return header + "".join(f"{x!r} {y!r} {z!r} {c!r}\n" for (x, y, z), c in rows).encode()
    if data == "binary":
        rows = np.concatenate([xyz, rgb.view("<f4")[:, None]], axis=1)
        return header + rows.tobytes()
    raw = b"".join(xyz[:, at].tobytes() for at in range(3)) + rgb.tobytes()
    packed = lzf_literals(raw)
    return header + struct.pack("<II", len(packed), len(raw)) + packed


def write_las(path: Path, count: int = 300) -> laspy.LasData:
    """A cloud near Munich with classes, colours and an extra dimension; LAZ by the ending."""
    header = laspy.LasHeader(version="1.4", point_format=7)
    header.scales, header.offsets = np.array([0.01, 0.01, 0.001]), np.array([690_000.0, 5_335_000.0, 500.0])
    header.add_extra_dim(laspy.ExtraBytesParams("height above ground", "f4"))
    chance, cloud = np.random.default_rng(7), laspy.LasData(header)
    for name, reach in (("X", 40_000), ("Y", 40_000), ("Z", 20_000)):
        cloud[name] = chance.integers(-reach, reach, count)
    cloud.classification = chance.integers(0, 19, count)
    cloud.intensity = chance.integers(0, 65536, count)
    cloud.return_number = chance.integers(1, 5, count)
    cloud.number_of_returns = np.full(count, 4)
    cloud.gps_time = chance.uniform(3e8, 3.1e8, count)
    cloud["height above ground"] = chance.random(count)
    for name in ("red", "green", "blue"):
        cloud[name] = chance.integers(0, 256, count) * 257
    cloud.write(path)
    return cloud


OBJ = """mtllib stuff.mtl
o box
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl painted
f 1/1 2/2 3/3 4/4
o wedge
v 0 0 1
v 1 0 1
v 0 1 1
usemtl plain
f -3 -2 -1
"""
MTL = "newmtl painted\nKd 1 1 1\nmap_Kd wood.png\nnewmtl plain\nKd 1 0.5 0\n"


def write_all(folder: Path) -> dict[str, Path]:
    """A small file of every kind below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mesh, chance = ball(), np.random.default_rng(8)

    def put(name: str, data: bytes) -> None:
        (folder / name).write_bytes(data)

    put("little.ply", ply_cloud("<")[0])
    put("big.ply", ply_cloud(">")[0])
    put("text.ply", ply_cloud(text=True)[0])
    put("mesh.ply", mesh.export(file_type="ply"))
    put("meshtext.ply", mesh.export(file_type="ply", encoding="ascii"))
    for data in ("ascii", "binary", "binary_compressed"):
        put(f"{data}.pcd", pcd(data))
    put(
        "plain.xyz",
        b"".join(b"%f %f %f %d %d %d\n" % (*row, 4, 5, 200) for row in chance.normal(size=(60, 3)).tolist()),
    )
    put(
        "table.csv",
        b"x,y,z,class\n" + b"".join(b"%f,%f,%f,2\n" % tuple(row) for row in chance.normal(size=(60, 3)).tolist()),
    )
    write_las(folder / "cloud.las")
    write_las(folder / "cloud.laz")
    put("boxes.obj", OBJ.encode())
    put("stuff.mtl", MTL.encode())
    put("binary.stl", mesh.export(file_type="stl"))
    put("text.stl", ascii_stl(mesh))
    put("mesh.off", mesh.export(file_type="off").encode())
    put("mesh.glb", mesh.export(file_type="glb"))
    for name, data in trimesh.exchange.gltf.export_gltf(mesh.scene()).items():
        put("mesh.gltf" if name.endswith(".gltf") else name, data)
    values = chance.integers(-500, 500, (6, 7, 8)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 2.0, 3.0, 1.0])), folder / "volume.nii.gz")
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 2.0, 3.0, 1.0])), folder / "volume.nii")
    sitk.WriteImage(sitk.GetImageFromArray(values), str(folder / "volume.nrrd"), useCompression=True)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(folder / "volume.mha"), useCompression=False)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(folder / "raw.nrrd"), useCompression=False)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(folder / "packed.mha"), useCompression=True)
    np.savez_compressed(folder / "volume.npz", volume=values, spacing_mm=[1.0, 2.0, 3.0])
    write_grid(folder / "grid.npz")
    np.save(folder / "loose.npy", np.array([[0.0, 0, 0, 1, 1, 1, 0.5]]))
    put("boxes.json", b'{"thing":"boxes","boxes":[{"centre":[0,0,0],"size":[1,2,3],"label":"box"}],"names":["box"]}')
    return {one.name: one for one in sorted(folder.iterdir()) if one.suffix not in (".mtl", ".bin", ".png")}


def write_grid(path: Path, shape: tuple[int, int, int] = (3, 4, 5)) -> np.ndarray:
    """A grid as instant-ngp's extraction writes it, x fastest; returns (X, Y, Z, 4)."""
    rgba = np.random.default_rng(9).random((*shape, 4)).astype(np.float32)
    np.savez_compressed(
        path, rgbsigma=rgba.transpose(2, 1, 0, 3).reshape(-1, 4), resolution=np.array(shape), bbox_min=np.zeros(3),
        bbox_max=np.array(shape) / 2.0, scale=1.0, offset=np.zeros(3), from_mitsuba=True,
    )  # fmt: skip
    return rgba


# Damage

NUMBER = re.compile(rb"\d+")
HUGE = (b"999999999", b"4294967295", b"-1", b"0", b"99999999999999")


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A file's bytes cut off, with bits flipped, claims made huge, or parts set to one value or put elsewhere."""
    kind = chance.randrange(8)
    if kind == 0 or not data:
        return data[: chance.randrange(len(data) + 1)]
    if kind == 1:
        return _flipped(data, chance, chance.randint(1, 3), len(data))
    if kind == 2:
        return _flipped(data, chance, chance.randint(1, 4), min(len(data), 400))
    if kind == 3:
        found = list(NUMBER.finditer(data[:2000]))
        if found:
            one = chance.choice(found)
            return data[: one.start()] + chance.choice(HUGE) + data[one.end() :]
        kind = 4
    at = chance.randrange(len(data))
    if kind == 4:
        at = chance.randrange(min(len(data), 500))
        word = chance.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\0\0\0\x80", b"\xff" * 8))
        return data[:at] + word + data[at + len(word) :]
    if kind == 5:
        return data[:at] + bytes([chance.randrange(256)]) * chance.randint(1, 64) + data[at + chance.randint(0, 64) :]
    if kind == 6:
        return data[:at] + data[chance.randrange(len(data)) :]
    return data + bytes(chance.randrange(256) for _ in range(chance.randint(1, 200)))


def _flipped(data: bytes, chance: random.Random, many: int, below: int) -> bytes:
    out = bytearray(data)
    for _ in range(many):
        out[chance.randrange(below)] ^= 1 << chance.randrange(8)
    return bytes(out)


def damages(files: dict[str, Path], rounds: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """So many damaged files of every kind, some under the name of another kind."""
    chance = random.Random(seed)
    held = {name: path.read_bytes() for name, path in files.items()}
    for turn in range(rounds):
        for name, data in held.items():
            wrong = chance.choice(list(held)) if chance.random() < 0.05 else name
            yield f"{turn}-{wrong}", damaged(data, chance)
