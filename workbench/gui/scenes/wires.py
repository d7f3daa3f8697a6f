"""What of a scene is lines and thin faces: boxes, frustums of cameras, axes, the grid, clip planes; as arrays.

Nothing here knows OpenGL: the canvas's painter and the one without OpenGL draw the same lines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor

from workbench.core.scenes import Box, CamerasDoc, Node, PosedImage
from workbench.gui.scenes.boxshapes import EDGES, MARK, BoxShapes, corners_of, shapes_of
from workbench.gui.scenes.cutlines import planes_of, shortened, uncut
from workbench.gui.scenes.gaze import Gaze
from workbench.gui.scenes.looks import CamerasLook, Rgb, look_of
from workbench.gui.scenes.scene import Bounds, Seen, box_corners, matrix_of

Lines = NDArray[np.void]
LINE = np.dtype([("start", np.float32, 3), ("end", np.float32, 3), ("shade", np.uint8, 4), ("width", np.float32)])
FACE_CORNER = np.dtype([("place", np.float32, 3), ("shade", np.uint8, 4)])
_FRUSTUM = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1)]
_SIDES = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
AXES = ("#E5646E", "#3FB68B", "#5B9DFF")
"""Colours of x, y and z, in every program the same hues."""
HELD_OUT, TAKEN = "#E69F00", "#56B4E9"


def frustum_size(doc: CamerasDoc, look: CamerasLook) -> float:
    """The length of a frustum: the look's, or a part of how far apart the cameras stand."""
    if look.size > 0:
        return look.size
    at = np.array([[one.pose[3], one.pose[7], one.pose[11]] for one in doc.images])
    if len(at) < 2:
        return 0.2
    reach = float(np.linalg.norm(at.max(axis=0) - at.min(axis=0)))
    return max(reach * 0.35 / math.sqrt(len(at)), 1e-6) if reach > 0 else 0.2


def frustum(image: PosedImage, length: float) -> NDArray[np.float64]:
    """The eye and the four corners of a photograph at a distance before it, (5, 3): from the upper left, clockwise."""
    lens = image.lens
    at = [((x - lens.cx) / lens.fx, -(y - lens.cy) / lens.fy, -1.0)
          for x, y in ((0, 0), (lens.width, 0), (lens.width, lens.height), (0, lens.height))]  # fmt: skip
    points = np.array([(0.0, 0.0, 0.0), *at]) * length
    pose = matrix_of(image.pose)
    return np.asarray(points @ pose[:3, :3].T + pose[:3, 3])


def _cut(lines: Lines, scene: Seen) -> Lines:
    starts, ends, left = shortened(lines["start"], lines["end"], planes_of(scene.clips))
    found = lines[left]
    found["start"], found["end"] = starts[left], ends[left]
    return found


def lines_of(scene: Seen, *, axes: bool, grid: bool) -> Lines:
    """All lines of what is shown, in scene coordinates; clip planes cut those of things, not the floor's."""
    found: list[Lines] = _box_lines(scene, shapes_of(scene))
    for node in scene.nodes.values():
        if isinstance(node.thing, CamerasDoc) and scene.is_shown(node.id):
            found += _camera_lines(node, node.thing, scene)
    found = [_cut(one, scene) for one in found]
    bounds = scene.bounds()
    if bounds is not None:
        if grid:
            found.append(grid_lines(bounds))
        if axes:
            found.append(axis_lines(bounds))
        if scene.chosen:
            chosen = scene.bounds([one for one in scene.chosen if scene.is_shown(one)])
            if chosen is not None:
                found.append(_chosen_lines(chosen))
    return np.concatenate(found) if found else np.empty(0, LINE)


def _box_lines(scene: Seen, shapes: list[BoxShapes]) -> list[Lines]:
    """The edges of all boxes at once."""
    if not shapes:
        return []
    corners = np.concatenate([one.corners for one in shapes])
    colours = np.concatenate([one.colours for one in shapes])
    opacity = np.repeat([one.look.opacity for one in shapes], [len(one.places) for one in shapes])
    width = np.repeat([one.look.line_px for one in shapes], [len(one.places) for one in shapes])
    marked = np.concatenate([_marked(scene, one.node, one.places) for one in shapes])
    found = np.zeros((len(corners), len(EDGES)), LINE)
    found["start"], found["end"] = corners[:, [a for a, _ in EDGES]], corners[:, [b for _, b in EDGES]]
    found["shade"][..., :3] = np.where(marked[:, None], MARK, colours)[:, None]
    found["shade"][..., 3] = np.round(255 * np.clip(opacity, 0, 1))[:, None]
    found["width"] = (width * np.where(marked, 1.6, 1.0))[:, None]
    return [found.reshape(-1)]


def _marked(scene: Seen, node: Node, places: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which elements at these places of a document are selected."""
    selected = scene.selection.get(node.id)
    if selected is None:
        return np.zeros(len(places), bool)
    return np.isin(places, np.flatnonzero(selected))


def _camera_lines(node: Node, thing: CamerasDoc, scene: Seen) -> list[Lines]:
    placed, look = scene.world(node.id), look_of(node)
    if not isinstance(look, CamerasLook):
        return []
    found: list[Lines] = []
    length = frustum_size(thing, look)
    marked = _marked(scene, node, np.arange(len(thing.images)))
    for image, chosen in zip(thing.images, marked.tolist(), strict=True):
        colour, width = (MARK, 2.4) if chosen else (camera_colour(image, look), 1.3)
        found.append(_joined(_moved(frustum(image, length), placed), _FRUSTUM, colour, look.opacity, width))
    if look.box and thing.low is not None and thing.high is not None:
        middle, size = (np.add(thing.low, thing.high) / 2).tolist(), np.subtract(thing.high, thing.low).tolist()
        corners = corners_of(Box(centre=tuple(middle), size=tuple(size)))
        found.append(_joined(_moved(corners, placed), EDGES, (150, 156, 168), 0.5 * look.opacity, 1.0))
    return found


def camera_colour(image: PosedImage, look: CamerasLook) -> Rgb:
    """The colour of a frustum: held out or learned from, or the plain one."""
    if look.colour_by == "plain":
        return look.colour
    return rgb_of(HELD_OUT if image.held_out else TAKEN)


def seen_bounds(scene: Seen) -> Bounds | None:
    """The box around all that is shown, the ends of frustums as well."""
    return scene.remembered(("seen bounds", ""), lambda: _seen_bounds(scene))


def _seen_bounds(scene: Seen) -> Bounds | None:
    bounds = scene.bounds()
    if bounds is None:
        return None
    low, high = bounds
    for node in scene.nodes.values():
        look = look_of(node) if isinstance(node.thing, CamerasDoc) else None
        if isinstance(node.thing, CamerasDoc) and isinstance(look, CamerasLook) and scene.is_shown(node.id):
            length, placed = frustum_size(node.thing, look), scene.world(node.id)
            if node.thing.images:
                eyes = np.array([[one.pose[3], one.pose[7], one.pose[11]] for one in node.thing.images])
                far = max(
                    float(np.linalg.norm(frustum(node.thing.images[0], length)[k] - eyes[0])) for k in range(1, 5)
                )
                far *= float(np.linalg.norm(placed[:3, :3], 2))
                at = _moved(eyes, placed)
                low, high = np.minimum(low, at.min(axis=0) - far), np.maximum(high, at.max(axis=0) + far)
    return low, high


def near(scene: Seen, gaze: Gaze, x: float, y: float, reach_px: float = 7.0) -> tuple[str, int, float] | None:
    """The box or camera whose lines pass nearest to a pixel: node, place in its document, distance along the view."""
    best: tuple[float, tuple[str, int, float]] | None = None
    for name, places, points, pairs in _pointed(scene):
        seen = gaze.project(points.reshape(-1, 3)).reshape(points.shape)
        a, b = seen[:, [one for one, _ in pairs]], seen[:, [one for _, one in pairs]]
        along = b[..., :2] - a[..., :2]
        size = np.maximum((along**2).sum(axis=-1), 1e-12)
        share = np.clip(((np.array((x, y)) - a[..., :2]) * along).sum(axis=-1) / size, 0, 1)
        away = np.linalg.norm(a[..., :2] + along * share[..., None] - (x, y), axis=-1)
        left = uncut(points, planes_of(scene.clips)).any(axis=1, keepdims=True)
        away = np.where(np.isfinite(away) & left, away, np.inf)
        at, k = np.unravel_index(int(np.argmin(away)), away.shape)
        if away[at, k] <= reach_px and (best is None or away[at, k] < best[0]):
            depth = float(a[at, k, 2] + (b[at, k, 2] - a[at, k, 2]) * share[at, k])
            best = float(away[at, k]), (name[at], int(places[at]), depth)
    return best[1] if best is not None else None


_Pointed = tuple[list[str], NDArray[np.intp], NDArray[np.float64], list[tuple[int, int]]]


def _pointed(scene: Seen) -> Iterator[_Pointed]:
    """What has lines to point at: nodes and places in their documents, (M,) each, corners (M, C, 3), and which of
    these are joined."""
    shapes = [one for one in shapes_of(scene) if len(one.places)]
    if shapes:
        names = [one.node.id for one in shapes for _ in one.places]
        places = np.concatenate([one.places for one in shapes])
        yield names, places, np.concatenate([one.corners for one in shapes]), EDGES
    for node in scene.nodes.values():
        look = look_of(node) if isinstance(node.thing, CamerasDoc) else None
        if isinstance(node.thing, CamerasDoc) and isinstance(look, CamerasLook) and scene.is_shown(node.id):
            images, length = node.thing.images, frustum_size(node.thing, look)
            if images:
                points = _moved(np.array([frustum(one, length) for one in images]), scene.world(node.id))
                yield [node.id] * len(images), np.arange(len(images)), points, _FRUSTUM


def faces_of(scene: Seen) -> NDArray[np.void]:
    """Corners of thin triangles: the sides of boxes that are filled."""
    found = []
    at = [side[k] for side in _SIDES for k in (0, 1, 2, 0, 2, 3)]
    for one in shapes_of(scene):
        if one.look.fill > 0:
            part = np.empty((len(one.places), 36), FACE_CORNER)
            part["place"] = one.corners[:, at]
            part["shade"][..., :3] = one.colours[:, None]
            part["shade"][..., 3] = round(255 * one.look.fill * one.look.opacity)
            found.append(part.reshape(-1))
    return np.concatenate(found) if found else np.empty(0, FACE_CORNER)


def grid_step(reach: float) -> float:
    """1, 2 or 5 times a power of ten, about a tenth of what it has to span."""
    raw = max(reach, 1e-9) / 10
    power = 10.0 ** math.floor(math.log10(raw))
    return float(next(one for one in (1, 2, 5, 10) if one * power >= raw * 0.999) * power)


def grid_lines(bounds: Bounds) -> Lines:
    """A level grid below everything, with steps of 1, 2 or 5 of a power of ten."""
    low, high = bounds
    step = grid_step(float(max(high[0] - low[0], high[1] - low[1], (high[2] - low[2]) / 2)))
    first = [math.floor(low[k] / step) - 1 for k in (0, 1)]
    last = [math.ceil(high[k] / step) + 1 for k in (0, 1)]
    x = np.arange(first[0], last[0] + 1)
    y = np.arange(first[1], last[1] + 1)
    found = np.zeros(len(x) + len(y), LINE)
    z = float(low[2]) - 1e-3 * step
    found["start"][: len(x)] = [(at * step, first[1] * step, z) for at in x]
    found["end"][: len(x)] = [(at * step, last[1] * step, z) for at in x]
    found["start"][len(x) :] = [(first[0] * step, at * step, z) for at in y]
    found["end"][len(x) :] = [(last[0] * step, at * step, z) for at in y]
    found["shade"] = (120, 128, 142, 70)
    found["shade"][np.concatenate([x, y]) % 5 == 0] = (140, 148, 162, 120)
    found["width"] = 1.0
    return found


def axis_lines(bounds: Bounds) -> Lines:
    """The axes from the scene's origin: x red, y green, z blue."""
    low, high = bounds
    length = grid_step(float(np.linalg.norm(high - low)))
    found = np.zeros(3, LINE)
    found["end"] = np.eye(3) * length
    found["shade"] = [(*rgb_of(one), 255) for one in AXES]
    found["width"] = 2.0
    return found


def _chosen_lines(bounds: Bounds) -> Lines:
    """The corners of the box around what is chosen, a fifth of each side."""
    corners = box_corners(*bounds)
    pairs = [(corners[a], corners[a] + (corners[b] - corners[a]) * 0.15) for a, b in EDGES]
    pairs += [(corners[b], corners[b] + (corners[a] - corners[b]) * 0.15) for a, b in EDGES]
    found = np.zeros(len(pairs), LINE)
    found["start"], found["end"] = [a for a, _ in pairs], [b for _, b in pairs]
    found["shade"], found["width"] = (*MARK, 255), 1.6
    return found


def _moved(points: NDArray[np.float64], placed: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points @ placed[:3, :3].T + placed[:3, 3])


def _joined(
    points: NDArray[np.float64], pairs: list[tuple[int, int]], colour: Rgb, opacity: float, width: float
) -> Lines:
    found = np.zeros(len(pairs), LINE)
    found["start"], found["end"] = points[[a for a, _ in pairs]], points[[b for _, b in pairs]]
    found["shade"], found["width"] = (*colour, round(255 * min(max(opacity, 0.0), 1.0))), width
    return found


def rgb_of(colour: str) -> Rgb:
    """'#RRGGBB' as numbers."""
    found = QColor(colour)
    return found.red(), found.green(), found.blue()
