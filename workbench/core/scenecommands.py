"""What can be done with things in space: the part of the table of commands that the 3D page is made from."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.core.command import Command, Place

SCENE_PLACES: Mapping[str, Place] = {
    "scenes": Place(
        "Scene",
        "Points, meshes, volumes, radiance grids, cameras and boxes stand in one tree and are seen together. Files are "
        "read and never written over: what is edited is kept in a project, which is saved by itself. Things with large "
        "coordinates, such as eastings in the millions, are moved to the scene's origin, and places are told in the "
        "file's own numbers. Everything that is changed can be undone, selections too.",
    ),
    "view.scene": Place(
        "Scene",
        "The left button turns the view, the middle one shifts it, the wheel comes closer. With a tool for selecting, "
        "a drag selects; Shift adds, Alt removes, and the middle button still shifts. The scene's z points up.",
        True,
    ),
    "view.scenetree": Place(
        "Tree of the scene",
        "What stands in the scene. The eye shows and hides, a drag regroups, F2 renames; a click on the canvas chooses "
        "the thing under it.",
        True,
    ),
}

SCENES: tuple[Command, ...] = (
    Command("scenes.file", "Files…", "Read points, meshes, volumes, grids, cameras or boxes into the scene",
            "Ctrl+Alt+O"),
    Command("scenes.folder", "Folder…", "Read a folder of posed photographs (COLMAP, transforms.json) or of files",
            "Ctrl+Shift+O"),
    Command("scenes.sample", "Sample scene", "A hill with trees and a statue; no file is needed"),
    Command("scenes.samples", "Other samples…", "A volume, posed photographs, and what else is made on demand"),
    Command("scenes.export", "Export…", "Write what is chosen, or all that is shown, to a file for other programs",
            "Ctrl+Shift+X", "mdi6.export-variant"),
    Command("scenes.open", "Open project…", "Open a scene that was saved as a project", "Ctrl+Alt+P"),
    Command("scenes.save", "Save project", "Keep the scene as it stands in its project file", "Ctrl+S"),
    Command("scenes.save-as", "Save project as…", "Keep the scene in another project file", "Ctrl+Shift+S"),
    Command("scenes.close", "Close scene", "Back to the start; what is not in a project file is asked about", "Ctrl+W"),
    Command("scenes.properties", "Properties", "Facts, place and look of what is chosen; show or hide the panel",
            "Ctrl+Alt+I", "mdi6.tune-variant"),
    Command("view.scene.undo", "Undo", "Take the last edit of the scene back", "Ctrl+Z", "mdi6.undo"),
    Command("view.scene.redo", "Redo", "Do it again", "Ctrl+Shift+Z; Ctrl+Y", "mdi6.redo"),
    Command("view.scene.frame", "Frame", "Bring what is chosen, or everything, into view", "F",
            "mdi6.image-filter-center-focus"),
    Command("view.scene.all", "Show everything", "Bring everything that is shown into view", "Home",
            "mdi6.fit-to-screen-outline"),
    Command("view.scene.front", "From the front", "Look along +y", "1"),
    Command("view.scene.right", "From the right", "Look along −x", "3"),
    Command("view.scene.top", "From above", "Look along −z, y upwards", "7"),
    Command("view.scene.opposite", "From the other side", "Look from the opposite side", "9"),
    Command("view.scene.through", "Look through a camera", "See what the camera saw that was clicked; again: the next",
            "0"),
    Command("view.scene.orthographic", "Orthographic", "Parallel lines stay parallel; back to perspective", "5",
            "mdi6.cube-outline"),
    Command("view.scene.keep-view", "Keep viewpoint…", "Give where one looks from a name", "K",
            "mdi6.bookmark-plus-outline"),
    Command("view.scene.next-view", "Next viewpoint", "Look from the next kept viewpoint", "."),
    Command("view.scene.previous-view", "Previous viewpoint", "Look from the kept viewpoint before", ","),
    Command("view.scene.picture", "Save picture…", "Write what is seen as a PNG", "Ctrl+Alt+S", "mdi6.camera-outline"),
    Command("view.scene.fine", "Fine picture", "Where there is no OpenGL: draw what is seen once with Open3D; it takes "
            "some seconds", "P", "mdi6.image-auto-adjust"),
    Command("view.scene.turntable", "Film once around…", "Write a film of one turn around what is looked at",
            "Ctrl+Alt+T", "mdi6.rotate-3d-variant"),
    Command("view.scene.path", "Film along viewpoints…", "Write a film of the way along the kept viewpoints",
            "Ctrl+Alt+W", "mdi6.movie-open-outline"),
    Command("view.scene.navigate", "Navigate", "End the tool: the mouse moves the view again", "Esc",
            "mdi6.rotate-orbit"),
    Command("view.scene.transform", "Move, turn, scale", "Handles on what is chosen: arrows move, rings turn, the "
            "square scales", "G", "mdi6.axis-arrow"),
    Command("view.scene.box", "Select in a rectangle", "Points and faces inside; Shift adds, Alt removes", "R",
            "mdi6.select-drag"),
    Command("view.scene.lasso", "Select in an outline", "Points and faces inside; Shift adds, Alt removes", "L",
            "mdi6.lasso"),
    Command("view.scene.brush", "Select with a brush", "Points and faces under it; Shift adds, Alt removes", "B",
            "mdi6.brush"),
    Command("view.scene.smaller", "Smaller brush", "Make the brush smaller", "["),
    Command("view.scene.larger", "Larger brush", "Make the brush larger", "]"),
    Command("view.scene.select-all", "Select all", "All points or faces of what is chosen, or of all that is shown",
            "Ctrl+A", "mdi6.select-all"),
    Command("view.scene.select-none", "Select none", "Let go of the selection", "Ctrl+Shift+A", "mdi6.select-off"),
    Command("view.scene.invert", "Invert the selection", "What was not selected is", "Ctrl+I",
            "mdi6.select-inverse"),
    Command("view.scene.select-value", "Select by value…", "Points of a class, or within a range of a scalar",
            "Ctrl+Alt+F", "mdi6.filter-outline"),
    Command("view.scene.hide", "Hide the selection", "Crop it away; it can be shown again", "H",
            "mdi6.eye-off-outline"),
    Command("view.scene.keep", "Hide all but the selection", "Crop to it; the rest can be shown again", "Shift+H",
            "mdi6.crop"),
    Command("view.scene.unhide", "Show what was cropped", "Show all points and faces of what is chosen again", "U",
            "mdi6.eye-outline"),
    Command("view.scene.split", "Split the selection off", "Make what is selected a thing of its own", "Ctrl+Alt+X",
            "mdi6.content-cut"),
    Command("view.scene.delete", "Delete", "Delete the selected points or faces, or else what is chosen; no file is "
            "touched", "Del", "mdi6.delete-outline"),
    Command("view.scene.distance", "Measure a distance", "Click two places on things; it stands in the tree", "M",
            "mdi6.ruler"),
    Command("view.scene.angle", "Measure an angle", "Click three places, the second at the corner; it stands in the "
            "tree", "Shift+M", "mdi6.angle-acute"),
    Command("view.scene.unmeasure", "Delete measures", "Take all measures away", "Ctrl+Alt+M"),
    Command("view.scene.clip", "Clip planes", "Cut the scene open along x, y and z; show or hide the sliders", "C",
            "mdi6.box-cutter"),
    Command("view.scene.new-box", "Draw a box", "Drag on the floor, then up: a box with a label", "N",
            "mdi6.cube-scan"),
    Command("view.scenetree.rename", "Rename", "Give what is chosen another name", "F2", "mdi6.rename-box-outline"),
    Command("view.scenetree.show", "Show or hide", "Show or hide what is chosen", "Space", "mdi6.eye-outline"),
    Command("view.scenetree.alone", "Show alone", "Hide all but what is chosen; again, show everything", "Shift+Space"),
    Command("view.scenetree.duplicate", "Duplicate", "Put a copy of what is chosen beside it", "Ctrl+D",
            "mdi6.content-duplicate"),
    Command("view.scenetree.group", "Group", "Put what is chosen into a group of its own", "Ctrl+G",
            "mdi6.folder-plus-outline"),
    Command("view.scenetree.remove", "Remove from the scene", "Take what is chosen out of the scene; no file is "
            "touched", "Del", "mdi6.delete-outline"),
)  # fmt: skip
