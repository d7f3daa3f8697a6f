"""Writes things of the scene to files for other programs, through the worker; no file that is read is written over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from workbench.core.scenefiles import WRITE_ENDINGS, SceneWriteWish, SceneWritten, WriteThing
from workbench.core.scenes import NOWHERE, UNMOVED, Node, Placement, ReadGroup
from workbench.core.volumes import Triple
from workbench.gui.asking import Asking
from workbench.gui.savedialog import ask_where
from workbench.gui.scenes import trees
from workbench.gui.scenes.scene import Scene, matrix_of, placement_of
from workbench.gui.scenes.selecting import selectable
from workbench.gui.scenes.subsets import save

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage

TITLES = {
    ".ply": "PLY", ".las": "LAS", ".laz": "LAZ", ".pcd": "PCD", ".xyz": "XYZ", ".csv": "CSV", ".obj": "OBJ",
    ".stl": "STL", ".glb": "GLB", ".off": "OFF", ".nii.gz": "NIfTI, compressed", ".nii": "NIfTI", ".nrrd": "NRRD",
    ".mha": "MetaImage", ".npz": "NumPy archive", ".json": "JSON", ".npy": "NumPy array",
}  # fmt: skip
SEVERAL = {"points": "clouds", "mesh": "meshes", "measure": "measures"}


class Exporting(QObject):
    """Asks where, and lets the worker write."""

    def __init__(self, page: ScenesPage) -> None:
        super().__init__(page)
        self.page, self.scene = page, page.scene
        self.asking = Asking(page.link, self, failed=page.failed_with)
        self.asking.changed.connect(lambda doing: page.tell("exporting", doing, self.asking.fraction))

    def nodes(self) -> list[Node]:
        """What is chosen and below it, or all that is shown; of one kind, that of the first."""
        scene = self.scene
        every = trees.with_below(scene, scene.chosen) or [one for one in scene.nodes.values() if scene.is_shown(one.id)]
        things = [one for one in every if one.thing is not None]
        return [one for one in things if one.kind == things[0].kind]

    def ask(self, *, selected: bool = False) -> None:
        """Ask where to write them; with `selected`, only the points and faces that are selected of them."""
        nodes = self.nodes() if not selected else [
            one for one in self.scene.nodes.values() if one.id in self.scene.selection and selectable(one)]  # fmt: skip
        nodes = [one for one in nodes if one.kind == nodes[0].kind]
        if not nodes:
            self.page.note(
                ["Nothing here can be written: choose points, meshes, volumes, grids, boxes, cameras or measures."]
            )
            return
        endings = WRITE_ENDINGS[nodes[0].kind]
        kinds = {f"{TITLES.get(one, one)} (*{one})": one for one in endings}
        source = next((one.source for one in nodes if one.source), "")
        beside = Path(source).parent if source and Path(source).parent.is_dir() else Path.home()
        several = "measures" if nodes[0].kind == "measure" else "scene"
        name = f"{nodes[0].name}-edited" if len(nodes) == 1 else several
        kind = SEVERAL.get(nodes[0].kind, nodes[0].kind)
        ask_where(self.page, f"Write {len(nodes)} {kind}" if len(nodes) > 1 else f"Write {nodes[0].name}",
                  beside / name, kinds, then=lambda path: self.write(nodes, path, selected=selected),
                  failed=self.page.failed_with)  # fmt: skip

    def write(self, nodes: Sequence[Node], path: Path, *, selected: bool = False) -> None:
        """Write nodes where they stand, in the numbers of the files that they were read from."""
        masks = dict(self.scene.selection) if selected else {}
        worlds = {one.id: self.scene.world(one.id) for one in nodes}
        groups = groups_of(self.scene, nodes, self.page.state.origin)
        state_origin = self.page.state.origin

        def things() -> tuple[WriteThing, ...]:
            found = []
            for one in nodes:
                place = written_place(worlds[one.id], getattr(one.thing, "origin", NOWHERE), state_origin)
                hidden = one.hidden
                if one.id in masks:
                    away = ~masks[one.id]
                    away = away | np.load(hidden, allow_pickle=False) if hidden else away
                    hidden = save(self.page.keeping.folder(), away)
                assert one.thing is not None
                found.append(WriteThing(one.thing, one.name, place, hidden, one.parent))
            return tuple(found)

        def ask(found: tuple[WriteThing, ...]) -> None:
            sources = {one.source for one in self.scene.nodes.values() if one.source}
            wish = SceneWriteWish(found, str(path), replace=True, open_files=tuple(sorted(sources)),
                                  unit=self.page.state.unit, groups=groups)  # fmt: skip
            arguments = {name: getattr(wish, name) for name in wish.__struct_fields__}
            self.asking.ask(f"Writing {path.name}", "scene-write", SceneWritten, self._written, **arguments)

        self.asking.work(f"Writing {path.name}", things, ask)

    def _written(self, found: SceneWritten) -> None:
        names = ", ".join(Path(one).name for one in found.files)
        self.page.note([f"Written: {names}", *found.notes])


def groups_of(scene: Scene, nodes: Sequence[Node], origin: Triple) -> tuple[ReadGroup, ...]:
    """The groups that nodes stand in, outer ones first, where they stand in the file: at the scene's origin."""
    wanted, shift = set[str](), np.eye(4)
    shift[:3, 3] = origin
    for one in nodes:
        up = scene.nodes.get(one.parent)
        while up is not None and up.id not in wanted:
            wanted.add(up.id)
            up = scene.nodes.get(up.parent)
    return tuple(
        ReadGroup(one.id, one.name, one.placement if one.parent in wanted else
                  placement_of(shift @ matrix_of(one.placement)), one.parent)
        for one in scene.nodes.values() if one.id in wanted
    )  # fmt: skip


def written_place(world: NDArray[np.float64], own: Triple, origin: Triple) -> Placement:
    """What takes a thing's coordinates, its own origin added, to the file's: to those of the scene with its origin.

    A thing that was not moved comes back exactly as it was read, whatever the scene's origin is.
    """
    there, back = np.eye(4), np.eye(4)
    there[:3, 3], back[:3, 3] = origin, np.negative(own)
    found = there @ world @ back
    least = 1e-9 * max(1.0, float(np.abs([*own, *origin]).max()))
    return UNMOVED if np.abs(found - np.eye(4)).max() < least else placement_of(found)
