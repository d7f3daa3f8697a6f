"""Meshes as PLY, OBJ with materials and textures, STL, GLB and OFF."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from workbench.core.problem import InputError
from workbench.core.scenefiles import WriteThing
from workbench.core.scenes import NOWHERE, MeshDoc, ReadGroup
from workbench.core.words import spaced
from workbench.engine.scenes import placing
from workbench.engine.scenes.keeping import Told
from workbench.engine.scenes.readingmeshes import STL_ROW

Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""glTF has y up; scenes have z up."""


class Solid(NamedTuple):
    """A mesh to be written: (V, 3) in double precision and whether single is enough, (F, 3), what is known of V."""

    name: str
    vertices: NDArray[np.float64]
    single: bool
    faces: NDArray[np.uint32]
    normals: NDArray[np.float32] | None
    colours: NDArray[np.uint8] | None
    uv: NDArray[np.float32] | None
    texture: str


def solid(one: WriteThing, *, placed: bool = True) -> Solid:
    """A mesh where its placement puts it, without its hidden faces, turned inside in where it is mirrored.

    Raises InputError where no face is left.
    """
    doc = cast(MeshDoc, one.thing)
    matrix = placing.matrix_of(one.placement) if placed else np.eye(4)
    faces = np.load(doc.faces)
    kept: NDArray[Any] | slice = slice(None)
    if one.hidden:
        faces = faces[~np.load(one.hidden)]
        kept, faces = np.unique(faces, return_inverse=True)
        faces = faces.reshape(-1, 3).astype(np.uint32)
    if not len(faces):
        raise InputError("There is no face to write.", expected="at least one that is not cropped away",
                         received="none", fix="Undo the crop, or choose another mesh.", field="things")  # fmt: skip

    def of(path: str) -> Any:
        return np.load(path)[kept] if path else None

    normals = of(doc.normals)
    if placed and placing.is_mirrored(matrix):
        faces = faces[:, ::-1]
    return Solid(
        one.name or "mesh", placing.moved(of(doc.vertices), doc.origin if placed else NOWHERE, matrix),
        doc.origin == NOWHERE and placing.is_unmoved(matrix), faces,
        None if normals is None else placing.turned(normals, matrix), of(doc.colours), of(doc.uv), doc.texture,
    )  # fmt: skip


def joined(things: Sequence[WriteThing]) -> tuple[Solid, list[str]]:
    """All meshes as one; what only some of them have is left out, and told."""
    parts, notes = [solid(one) for one in things], list[str]()
    if len(parts) == 1:
        return parts[0], notes
    starts = np.cumsum([0, *(len(one.vertices) for one in parts[:-1])])
    normals: Any = None
    if all(one.normals is not None for one in parts):
        normals = np.concatenate([cast(Any, one.normals) for one in parts])
    colours: Any = None
    if any(one.colours is not None for one in parts):
        white = [np.full((len(one.vertices), 4), 255, np.uint8) for one in parts]
        colours = np.concatenate([blank if one.colours is None else one.colours
                                  for one, blank in zip(parts, white, strict=True)])  # fmt: skip
    if any(one.uv is not None for one in parts):
        notes.append("Textures are left out: several meshes in one file of this kind have none")
    faces = np.concatenate([one.faces + np.uint32(start) for one, start in zip(parts, starts, strict=True)])
    vertices = np.concatenate([one.vertices for one in parts])
    return Solid("mesh", vertices, all(one.single for one in parts), faces, normals, colours, None, ""), notes


def _single_note(one: Solid) -> list[str]:
    """What single precision does to coordinates in formats that know no other."""
    if one.single:
        return []
    far = float(np.abs(one.vertices).max())
    step = float(np.spacing(np.float32(far)))
    return [f"Coordinates reach {spaced(far)}: this format keeps them to {step:.2g}"] if step > 1e-3 else []


def _texture_beside(one: Solid, out: Path, name: str) -> str:
    """Copy a texture beside the file; its name there, empty for none."""
    if not one.texture or one.uv is None:
        return ""
    shutil.copyfile(one.texture, out.with_name(name))
    return name


def write_ply(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """A binary PLY; its texture beside it, named in a comment as MeshLab does."""
    one, notes = joined(things)
    kind, said = ("<f4", "float") if one.single else ("<f8", "double")
    fields: list[tuple[str, str, str, Any]] = [(axis, kind, said, one.vertices[:, at]) for at, axis in enumerate("xyz")]
    if one.normals is not None:
        fields += [(f"n{axis}", "<f4", "float", one.normals[:, at]) for at, axis in enumerate("xyz")]
    if one.colours is not None:
        fields += [
            (name, "u1", "uchar", one.colours[:, at]) for at, name in enumerate(("red", "green", "blue", "alpha"))
        ]
    if one.uv is not None:
        fields += [(name, "<f4", "float", one.uv[:, at]) for at, name in enumerate("st")]
    rows = np.empty(len(one.vertices), [(name, code) for name, code, _, _ in fields])
    for name, _, _, values in fields:
        rows[name] = values
    faces = np.empty(len(one.faces), [("count", "u1"), ("corners", "<u4", 3)])
    faces["count"], faces["corners"] = 3, one.faces
    texture = _texture_beside(one, out, f"{out.stem}.png")
    header = ["ply", "format binary_little_endian 1.0"] + ([f"comment TextureFile {texture}"] if texture else [])
    header += [f"element vertex {len(rows)}", *(f"property {told_as} {name}" for name, _, told_as, _ in fields)]
    header += [f"element face {len(faces)}", "property list uchar uint vertex_indices", "end_header"]
    with out.open("wb") as file:
        file.write(("\n".join(header) + "\n").encode("utf-8") + rows.tobytes())
        told(1, 2, "faces")
        file.write(faces.tobytes())
    return notes


def write_stl(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """A binary STL: triangles and their normals, nothing else."""
    one, notes = joined(things)
    corners = one.vertices[one.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(across, axis=1, keepdims=True)
    rows = np.zeros(len(corners), STL_ROW)
    rows["normal"], rows["corners"] = across / np.where(length > 0, length, 1), corners
    with out.open("wb") as file:
        file.write(b"binary STL".ljust(80) + np.uint32(len(rows)).astype("<u4").tobytes() + rows.tobytes())
    told(1, 1, "faces")
    lost = [what for what, there in (("colours", one.colours), ("texture coordinates", one.uv)) if there is not None]
    return notes + _single_note(one) + ([f"STL has no {' and no '.join(lost)}"] if lost else [])


def write_off(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """An OFF in text, COFF where vertices have colours."""
    one, notes = joined(things)
    lines = ["COFF" if one.colours is not None else "OFF", f"{len(one.vertices)} {len(one.faces)} 0"]
    numbers = _rows(one.vertices, one.single)
    if one.colours is not None:
        numbers = [f"{row} {r} {g} {b} {a}" for row, (r, g, b, a) in zip(numbers, one.colours.tolist(), strict=True)]
    told(1, 2, "vertices")
    faces = [f"3 {a} {b} {c}" for a, b, c in one.faces.tolist()]
    out.write_text("\n".join([*lines, *numbers, *faces]) + "\n", encoding="utf-8")
    lost = [what for what, there in (("normals", one.normals), ("texture coordinates", one.uv)) if there is not None]
    return notes + ([f"OFF has no {' and no '.join(lost)} here"] if lost else [])


def _rows(values: NDArray[Any], single: bool) -> list[str]:
    """Rows of numbers as text that reads back to the same bits."""
    kept = values.astype(np.float32) if single else values
    words = [[str(one) for one in row] for row in kept]
    return [" ".join(row) for row in words]


def write_obj(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """An OBJ with an object for each mesh, and a material library with the textures beside it."""
    materials, notes, base = list[str](), list[str](), np.zeros(3, np.int64)
    with out.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"mtllib {out.stem}.mtl\n")
        for number, thing in enumerate(things):
            told(number, len(things), "meshes")
            one = solid(thing)
            suffix = "" if len(things) == 1 else f"-{number + 1}"
            texture = _texture_beside(one, out, f"{'_'.join(out.stem.split())}{suffix}.png")
            materials += [f"newmtl material{number + 1}", "Kd 1 1 1", *([f"map_Kd {texture}"] if texture else []), ""]
            file.write(f"o {' '.join(one.name.split())}\nusemtl material{number + 1}\n")
            rows = _rows(one.vertices, one.single)
            if one.colours is not None:
                tints = _rows(one.colours[:, :3].astype(np.float64) / 255, single=False)
                rows = [f"{row} {tint}" for row, tint in zip(rows, tints, strict=True)]
                if (one.colours[:, 3] != 255).any():
                    notes.append("OBJ has no transparent colours: they were made solid")
            for word, table in (("v", rows), ("vt", _optional(one.uv)), ("vn", _optional(one.normals))):
                file.writelines(f"{word} {row}\n" for row in table)
            file.writelines(_obj_faces(one, base))
            base += [len(one.vertices), 0 if one.uv is None else len(one.uv),
                     0 if one.normals is None else len(one.normals)]  # fmt: skip
    out.with_suffix(".mtl").write_text("\n".join(materials), encoding="utf-8")
    return notes


def _optional(values: NDArray[np.float32] | None) -> list[str]:
    return [] if values is None else _rows(values, single=True)


def _obj_faces(one: Solid, base: NDArray[np.int64]) -> list[str]:
    corners = one.faces.astype(np.int64) + 1
    form = {(False, False): "{0}", (True, False): "{0}/{1}", (False, True): "{0}//{2}", (True, True): "{0}/{1}/{2}"}[
        one.uv is not None, one.normals is not None
    ]
    v, t, n = (int(some) for some in base)
    return [
        "f " + " ".join(form.format(at + v, at + t, at + n) for at in face) + "\n" for face in corners.tolist()
    ]  # fmt: skip


def write_glb(
    things: Sequence[WriteThing], out: Path, told: Told, *, groups: Sequence[ReadGroup] = ()
) -> list[str]:  # fmt: skip
    """A GLB whose nodes stand where the things do, in nodes for their groups: coordinates stay small, and y is up as
    glTF has it."""
    scene = trimesh.Scene()
    frames = _frames(scene, groups)
    for number, thing in enumerate(things):
        told(number, len(things), "meshes")
        one = solid(thing, placed=False)
        mesh = trimesh.Trimesh(one.vertices, one.faces.astype(np.int64), process=False, validate=False,
                               vertex_normals=one.normals)  # fmt: skip
        mesh.visual = _visual(one)
        origin = cast(MeshDoc, thing.thing).origin
        place = Y_UP @ placing.with_origin(placing.matrix_of(thing.placement), origin)
        frame, above = frames.get(thing.parent, (scene.graph.base_frame, np.eye(4)))
        name = _free(scene, one.name)
        scene.add_geometry(mesh, node_name=name, geom_name=name, parent_node_name=frame,
                           transform=np.linalg.solve(above, place))  # fmt: skip
    library: Any = trimesh.exchange.gltf
    out.write_bytes(library.export_glb(scene, include_normals=None))
    return []


def _frames(scene: Any, groups: Sequence[ReadGroup]) -> dict[str, tuple[str, NDArray[np.float64]]]:
    """A node for each group: its name in the library's tree, and what takes its coordinates to the file's (y up)."""
    frames: dict[str, tuple[str, NDArray[np.float64]]] = {}
    for one in groups:
        frame, above = frames.get(one.parent, (scene.graph.base_frame, np.eye(4)))
        local = Y_UP @ placing.matrix_of(one.placement) @ Y_UP.T
        name = _free(scene, one.name or "group")
        scene.graph.update(frame_from=frame, frame_to=name, matrix=local)
        frames[one.id] = name, above @ local
    return frames


def _free(scene: Any, name: str) -> str:
    """A name that no node has: the library tells nodes apart by their names."""
    taken, number, found = set(scene.graph.nodes) | set(scene.geometry) | {"world"}, 2, name
    while found in taken:
        found, number = f"{name} {number}", number + 1
    return found


def _visual(one: Solid) -> Any:
    library: Any = trimesh.visual
    if one.uv is not None and one.texture:
        with Image.open(one.texture) as picture:
            held = Image.open(io.BytesIO(_png(picture)))
        material = library.material.PBRMaterial(baseColorTexture=held, metallicFactor=0.0, roughnessFactor=1.0)
        return library.TextureVisuals(uv=one.uv, material=material)
    if one.colours is not None:
        return library.ColorVisuals(vertex_colors=one.colours)
    return library.ColorVisuals()


def _png(picture: Image.Image) -> bytes:
    held = io.BytesIO()
    picture.save(held, format="PNG")
    return held.getvalue()


WRITERS: Mapping[str, Callable[[Sequence[WriteThing], Path, Told], list[str]]] = {
    ".ply": write_ply, ".obj": write_obj, ".stl": write_stl, ".glb": write_glb, ".off": write_off,
}  # fmt: skip
