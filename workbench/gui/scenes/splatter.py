"""A picture of a scene without OpenGL: points, samples of meshes and voxels as squares, by numpy, nearest ones on top.

For displays that have none, and for reports: true in place, colour and order, coarser than what OpenGL draws.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from workbench.core.scenes import ClipPlane, MeshDoc, Node, PointsDoc, RadianceDoc, VolumeDoc
from workbench.gui.scenes.boxshapes import MARK
from workbench.gui.scenes.colouring import shades_by
from workbench.gui.scenes.cutlines import planes_of, uncut
from workbench.gui.scenes.gaze import Gaze
from workbench.gui.scenes.looks import Look, MeshLook, PointsLook, RadianceLook, VolumeLook, colour_table, look_of
from workbench.gui.scenes.rays import alphas
from workbench.gui.scenes.scene import Scene, voxel_to_world
from workbench.gui.scenes.selecting import marked
from workbench.gui.scenes.wires import Lines, faces_of, lines_of
from workbench.gui.volumes import looks as volumelooks
from workbench.gui.volumes.shades import sampled

QUICK, MOST = 24_000, 300_000
"""Elements of a picture while something moves, and at rest."""
WIDEST_PX = 14
QUICK_PX = 5
Load = Callable[[str], NDArray[Any]]
Kept = dict[tuple[str, int], tuple[Any, Any]]


@dataclasses.dataclass(frozen=True)
class Standing:
    """A node with its look, what takes its coordinates to the scene's, and what is selected of it."""

    node: Node
    look: Look | None
    placed: NDArray[np.float64]
    selected: NDArray[np.bool_] | None

    def moved(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Its own coordinates (n, 3) as the scene's."""
        return np.asarray(places @ self.placed[:3, :3].T + self.placed[:3, 3])


@dataclasses.dataclass(frozen=True)
class Shot:
    """What a picture needs of the scene, taken on the GUI thread."""

    gaze: Gaze
    ratio: float
    nodes: tuple[Standing, ...]
    clips: tuple[ClipPlane, ...]
    lines: Lines
    faces: NDArray[np.void]
    load: Load
    accent: tuple[int, int, int]
    kept: Kept
    """Elements of pictures before."""


@dataclasses.dataclass(frozen=True)
class Elements:
    """What is seen of one thing: places (n, 3), colours (n, 3) uint8, sides in pixels or scene units, indices."""

    places: NDArray[np.float64]
    colours: NDArray[np.uint8]
    side: float
    in_scene: bool
    indices: NDArray[np.int64]
    normals: NDArray[np.float64] | None = None
    """(n, 3), of what is lit from the eye."""


@dataclasses.dataclass(frozen=True)
class Splatted:
    """A picture and who is seen in it: per pixel the place of the node in the shot (−1: none), its element, and the
    distance along the view axis."""

    image: QImage
    who: NDArray[np.int32]
    element: NDArray[np.int64]
    depth: NDArray[np.float32]
    shot: Shot

    def where(self, names: set[str]) -> NDArray[np.bool_]:
        """In which pixels these nodes are seen, (h, w)."""
        there = [at for at, one in enumerate(self.shot.nodes) if one.node.id in names]
        return np.asarray(np.isin(self.who, there))

    def lit(self, masks: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """In which pixels something is seen that is selected, (h, w)."""
        there = {one.node.id: at for at, one in enumerate(self.shot.nodes)}
        return marked(self.who, self.element, {there[key]: one for key, one in masks.items() if key in there})

    def beneath(self, x: int, y: int, reach: int) -> tuple[str, int, float] | None:
        """Who is seen nearest to a pixel, within `reach` pixels: node, element, distance along the view axis."""
        left, up = max(0, x - reach), max(0, y - reach)
        part = self.who[up : y + reach + 1, left : x + reach + 1]
        rows, columns = np.nonzero(part >= 0)
        if not len(rows):
            return None
        best = int(np.argmin((rows + up - y) ** 2 + (columns + left - x) ** 2))
        at = rows[best] + up, columns[best] + left
        return self.shot.nodes[self.who[at]].node.id, int(self.element[at]), float(self.depth[at])


def shot_of(scene: Scene, gaze: Gaze, ratio: float, kept: Kept, *, floor: bool = True) -> Shot:
    """The scene as it is now, with axes and grid where there is a `floor`; `kept` holds what pictures of it share."""
    nodes = tuple(
        Standing(node, look_of(node), scene.world(node.id), scene.selection.get(node.id))
        for node in scene.nodes.values()
        if node.thing is not None and scene.is_shown(node.id)
    )
    clips = tuple(one for one in scene.clips if one.on)
    lines = lines_of(scene, axes=floor, grid=floor)
    return Shot(gaze, ratio, nodes, clips, lines, faces_of(scene), scene.array, MARK, kept)


def splat(shot: Shot, most: int = MOST) -> Splatted:
    """Draw about `most` elements; runs on any thread. Things whose arrays are gone or damaged are left out."""
    image, who, element, depth = _scattered(shot, most)
    return Splatted(_pictured(image, shot, depth), who, element, depth, shot)


def splat_with(shot: Shot, drawn: Collection[str], rgba: NDArray[np.uint8], depth: NDArray[np.float32]) -> Splatted:
    """The same where the nodes `drawn` are seen in a picture that was made elsewhere: `rgba` (h, w, 4), colours times
    alpha, and its distances `depth` (h, w), infinite where nothing is; the nearer wins in each pixel."""
    others = tuple(one for one in shot.nodes if one.node.id not in drawn)
    image, _, _, beside = _scattered(dataclasses.replace(shot, nodes=others, kept={}), MOST)
    nearer = depth <= beside
    behind = image * (1 - rgba[..., 3:] / np.float32(255))
    image[nearer] = np.minimum(rgba + behind + 0.5, 255)[nearer].astype(np.uint8)
    # Who is met by a click stays as coarse as it was, with the distances that go with it.
    _, who, element, away = _scattered(shot, MOST)
    return Splatted(_pictured(image, shot, np.minimum(depth, beside)), who, element, away, shot)


def _pictured(image: NDArray[np.uint8], shot: Shot, depth: NDArray[np.float32]) -> QImage:
    """Pixels (h, w, 4) with the lines among them."""
    high, wide = depth.shape
    picture = QImage(image.tobytes(), wide, high, 4 * wide, QImage.Format.Format_RGBA8888_Premultiplied).copy()
    _wired(picture, shot, depth)
    return picture


def _scattered(
    shot: Shot, most: int
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int64], NDArray[np.float32]]:
    """Pixels (h, w, 4) without lines; per pixel who is seen, its element, and how far away."""
    gaze = shot.gaze
    found = [(at, one) for at, node in enumerate(shot.nodes) for one in _kept(shot, node, most)]
    wide, high = gaze.width, gaze.height
    image = np.zeros((high * wide, 4), np.uint8)
    who = np.full(high * wide, -1, np.int32)
    element = np.full(high * wide, -1, np.int64)
    depth = np.full(high * wide, np.inf, np.float32)
    widest = QUICK_PX if most <= QUICK else WIDEST_PX
    parts = [_squares(shot, at, one, widest) for at, one in found]
    if any(len(one[0]) for one in parts):
        pixel, away, colour, owner, index = (np.concatenate(column) for column in zip(*parts, strict=True))
        nearest, farthest = float(away.min()), float(away.max())
        steps = (farthest - away) * (65535 / max(farthest - nearest, 1e-12))
        order = np.argsort(steps.astype(np.uint16), kind="stable")  # whole numbers are sorted by their digits, at once
        pixel = pixel[order]
        image[pixel, :3], image[pixel, 3] = colour[order], 255
        who[pixel], element[pixel], depth[pixel] = owner[order], index[order], away[order]
    shape = (high, wide)
    return image.reshape(*shape, 4), who.reshape(shape), element.reshape(shape), depth.reshape(shape)


def _squares(shot: Shot, at: int, found: Elements, widest: int) -> tuple[NDArray[Any], ...]:
    """Pixels, distances, colours, owners and indices of every pixel that elements cover."""
    gaze = shot.gaze
    kept = np.ones(len(found.places), bool)
    for clip in shot.clips:
        kept &= found.places @ clip.normal <= clip.distance
    seen = gaze.project(found.places[kept])
    inside = np.isfinite(seen).all(axis=1)
    inside &= (seen[:, 2] > gaze.near) & (seen[:, 0] > -WIDEST_PX) & (seen[:, 0] < gaze.width + WIDEST_PX)
    inside &= (seen[:, 1] > -WIDEST_PX) & (seen[:, 1] < gaze.height + WIDEST_PX)
    seen, colours, indices = seen[inside], found.colours[kept][inside], found.indices[kept][inside]
    if found.in_scene:
        size = np.full(len(seen), found.side / gaze.pixel_size(1.0))
        size = size if gaze.view.orthographic else size / seen[:, 2]
    else:
        size = np.full(len(seen), found.side * shot.ratio)
    size = np.clip(np.ceil(size), 1, widest).astype(np.int64)
    if found.normals is not None:
        colours = _lit(gaze, found.places[kept][inside], colours, found.normals[kept][inside])
    columns: list[list[NDArray[Any]]] = [[], [], [], [], []]
    for dy in range(int(size.max(initial=0))):
        for dx in range(int(size.max(initial=0))):
            part = size > max(dx, dy)
            x = np.floor(seen[part, 0] - size[part] / 2 + 0.5).astype(np.int64) + dx
            y = np.floor(seen[part, 1] - size[part] / 2 + 0.5).astype(np.int64) + dy
            there = (x >= 0) & (x < gaze.width) & (y >= 0) & (y < gaze.height)
            columns[0].append((y * gaze.width + x)[there])
            columns[1].append(seen[part, 2][there].astype(np.float32))
            columns[2].append(colours[part][there])
            columns[3].append(np.full(int(there.sum()), at, np.int32))
            columns[4].append(indices[part][there])
    empty = (np.empty(0, np.int64), np.empty(0, np.float32), np.empty((0, 3), np.uint8), np.empty(0, np.int32),
             np.empty(0, np.int64))  # fmt: skip
    return tuple(np.concatenate([none, *column]) for none, column in zip(empty, columns, strict=True))


def _lit(
    gaze: Gaze, places: NDArray[np.float64], colours: NDArray[np.uint8], normals: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Colours as a lamp at the eye lights them, from both sides."""
    along = np.broadcast_to(gaze.pose[:3, 2], places.shape) if gaze.view.orthographic else places - gaze.pose[:3, 3]
    size = np.linalg.norm(along, axis=1) * np.linalg.norm(normals, axis=1)
    share = np.abs((normals * along).sum(axis=1)) / np.maximum(size, 1e-30)
    return np.asarray(colours * (0.28 + 0.72 * share[:, None]), np.uint8)


def _kept(shot: Shot, known: Standing, most: int) -> list[Elements]:
    """Elements of a node, made once for a look, placement and selection."""
    key = (known.node.id, most)
    state = (known.node, known.placed.tobytes(), id(known.selected), len(shot.nodes))
    before = shot.kept.get(key)
    if before is not None and before[0] == state:
        found: list[Elements] = before[1]
        return found
    found = list(_elements(shot, known, most))
    shot.kept[key] = (state, found)
    return found


def _elements(shot: Shot, known: Standing, most: int) -> Iterator[Elements]:
    share = max(1000, most // max(1, len(shot.nodes)))
    try:
        match known.node.thing, known.look:
            case PointsDoc() as thing, PointsLook() as look:
                yield points_of(shot, known, thing, look, share)
            case MeshDoc() as mesh, MeshLook() as look:
                yield _mesh(shot, known, mesh, look, share)
            case RadianceDoc() as field, RadianceLook() as look if field.grid:
                yield _radiance(shot, known, field, look, share)
            case VolumeDoc() as volume, VolumeLook() as look:
                yield _volume(shot, known, volume, look, share)
    except (OSError, ValueError):
        return


def points_of(shot: Shot, known: Standing, thing: PointsDoc, look: PointsLook, most: int) -> Elements:
    """The beginning of a cloud, which is an even sample, as its look and what is cropped and selected have it.

    Raises OSError or ValueError where an array is gone or damaged.
    """
    last = min(thing.count, most)
    at = np.asarray(shot.load(thing.positions)[:last], np.float64)
    colours = shades_by(shot.load, thing, look, 0, last)
    kept = colours[:, 3] > 0
    if known.node.hidden:
        kept &= ~np.asarray(shot.load(known.node.hidden)[:last], bool)
    rgb = colours[:, :3]
    if known.selected is not None:
        rgb[known.selected[:last]] = shot.accent
    places = known.moved(at[kept])
    return Elements(places, rgb[kept], max(look.size, 1e-6), look.size_in_scene, np.flatnonzero(kept))


def _mesh(shot: Shot, known: Standing, thing: MeshDoc, look: MeshLook, most: int) -> Elements:
    """Even samples of the faces, lit from the eye."""
    faces = np.asarray(shot.load(thing.faces), np.int64)
    hidden = known.node.hidden
    kept = ~np.asarray(shot.load(hidden), bool) if hidden else np.ones(len(faces), bool)
    corners = known.moved(np.asarray(shot.load(thing.vertices), np.float64)[faces])
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1)
    weight = np.cumsum(area * kept)
    if not len(weight) or weight[-1] <= 0:
        return Elements(np.empty((0, 3)), np.empty((0, 3), np.uint8), 1.0, False, np.empty(0, np.int64))
    rng = np.random.default_rng(0)
    chosen = np.minimum(np.searchsorted(weight, rng.random(most) * weight[-1]), len(faces) - 1)
    u, v = rng.random((2, most))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u)[:, None], np.where(over, 1 - v, v)[:, None]
    a, b, c = (corners[chosen, k] for k in range(3))
    places = a * (1 - u - v) + b * u + c * v
    if thing.colours and look.colour_by in ("auto", "colours", "texture"):
        rgb = np.asarray(shot.load(thing.colours), np.float64)[faces[chosen, 0], :3]
    else:
        rgb = np.broadcast_to(np.asarray(look.colour, np.float64), (most, 3))
    found = np.clip(rgb, 0, 255).astype(np.uint8)
    if known.selected is not None:
        found[known.selected[chosen]] = shot.accent
    side = float(np.sqrt(area.sum() / 2 / most)) * 2.2  # so that samples leave few gaps
    return Elements(places, found, side, True, chosen, across[chosen] if look.shading != "none" else None)


def _radiance(shot: Shot, known: Standing, thing: RadianceDoc, look: RadianceLook, most: int) -> Elements:
    """Voxels that hold back at least half of what the densest does, or lie above the threshold."""
    grid = shot.load(thing.grid)
    step = max(1, -(-max(grid.shape[:3]) // (48 if most <= QUICK else 96)))
    part = np.asarray(grid[::step, ::step, ::step], np.float32)
    alpha = alphas(part[..., 3], thing.meta.density) * look.strength
    least = max(look.threshold, min(0.15, 0.5 * float(alpha.max(initial=0.0))))
    solid = (alpha >= least) & (alpha > 0)
    at = np.argwhere(solid & ~_inner(solid))
    low, high = np.array(thing.meta.low), np.array(thing.meta.high)
    sides = (high - low) / np.array(grid.shape[:3])
    places = known.moved(low + (at * step + 0.5) * sides)
    values = part[tuple(at.T)] if len(at) else np.empty((0, 4), np.float32)
    if look.mode == "colour":
        rgb = np.clip(np.nan_to_num(values[:, :3]) * 255, 0, 255).astype(np.uint8)
    else:
        table = colour_table(look.colour_map)
        rgb = table[np.clip(alpha[tuple(at.T)] * 255, 0, 255).astype(np.uint8)]
    side = float(sides.max()) * step * float(np.cbrt(abs(np.linalg.det(known.placed[:3, :3]))))
    return Elements(places, rgb, side, True, np.full(len(at), -1, np.int64))


def _inner(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels all of whose neighbours are solid as well."""
    inner = np.zeros_like(solid)
    inner[1:-1, 1:-1, 1:-1] = (solid[:-2, 1:-1, 1:-1] & solid[2:, 1:-1, 1:-1] & solid[1:-1, :-2, 1:-1]
                               & solid[1:-1, 2:, 1:-1] & solid[1:-1, 1:-1, :-2] & solid[1:-1, 1:-1, 2:])  # fmt: skip
    return inner


def _volume(shot: Shot, known: Standing, thing: VolumeDoc, look: VolumeLook, most: int) -> Elements:
    """Voxels at the surface of one value."""
    array, meta = shot.load(thing.file.path), thing.file.meta
    step = max(1, -(-max(array.shape) // (48 if most <= QUICK else 96)))
    part = np.asarray(array[::step, ::step, ::step], np.float32)
    values = sampled(array).astype(np.float64)
    found = volumelooks.look_of(look.preset, meta, float(values.min()), float(np.percentile(values, 99.9)))
    solid = part >= (found.level if look.level is None else look.level)
    at = np.argwhere(solid & ~_inner(solid))
    at = at[:: max(1, len(at) // MOST)]
    world = known.placed @ voxel_to_world(meta.geometry)
    places = (at[:, ::-1] * step) @ world[:3, :3].T + world[:3, 3]
    gradient: Any = np.gradient(part)
    slope = np.stack(gradient, axis=-1)[tuple(at.T)][:, ::-1] @ np.linalg.inv(world[:3, :3])
    rgb = np.full((len(at), 3), (228, 220, 208), np.uint8)
    side = float(np.linalg.norm(world[:3, :3], axis=0).max()) * step
    return Elements(places, rgb, side, True, np.full(len(at), -1, np.int64), slope)


def _wired(picture: QImage, shot: Shot, depth: NDArray[np.float32]) -> None:
    """Lines and thin faces over the picture, in short pieces that are left out where something lies before them."""
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if len(shot.faces):
        at = shot.gaze.project(shot.faces["place"]).reshape(-1, 3, 3)
        left = uncut(shot.faces["place"].reshape(-1, 3, 3).mean(axis=1), planes_of(shot.clips))
        painter.setPen(QColor(0, 0, 0, 0))
        for corners, shade in zip(at[left], shot.faces["shade"][::3][left], strict=True):
            if np.isfinite(corners).all() and (corners[:, 2] > shot.gaze.near).all():
                painter.setBrush(QColor(*(int(one) for one in shade)))
                painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y, _ in corners]))
    for line in shot.lines:
        share = np.linspace(0, 1, 13)[:, None]
        at = shot.gaze.project(line["start"] * (1 - share) + line["end"] * share)
        painter.setPen(QPen(QColor(*(int(one) for one in line["shade"])), float(line["width"]) * shot.ratio))
        for a, b in itertools.pairwise(at):
            if np.isfinite(a).all() and np.isfinite(b).all() and min(a[2], b[2]) > 0:
                x, y = int((a[0] + b[0]) / 2), int((a[1] + b[1]) / 2)
                inside = 0 <= x < depth.shape[1] and 0 <= y < depth.shape[0]
                if not inside or (a[2] + b[2]) / 2 <= depth[y, x] * 1.005:
                    painter.drawLine(QPointF(a[0], a[1]), QPointF(b[0], b[1]))
    painter.end()
