"""What the 3D page offers before anything stands in the scene."""

from __future__ import annotations

from collections.abc import Callable

from workbench.gui.startplace import StartPlace, Way

KINDS = (
    "Points: PLY, PCD, XYZ, CSV, LAS, LAZ. Meshes: OBJ, STL, GLB, OFF, PLY.\n"
    "Volumes: NIfTI, NRRD. Radiance grids: NPZ.\nPosed photographs: transforms.json, COLMAP. Projects: .scene"
)


def start_place(
    *, files: Callable[[], None], folder: Callable[[], None], sample: Callable[[], None], others: Callable[[], None]
) -> StartPlace:  # fmt: skip
    """The sample needs no file."""
    ways = (
        Way("Open the sample scene", sample, "A hill with trees and a statue, as points and meshes"),
        Way("Other samples…", others, "A volume, posed photographs of a room or an object, and more"),
        Way("Files…", files, "Choose points, meshes, volumes, grids, or a project"),
        Way("Folder…", folder, "Choose a folder of posed photographs, or of files"),
    )
    return StartPlace("Drop 3D files here", KINDS, ways, picture="mdi6.cube-outline")
