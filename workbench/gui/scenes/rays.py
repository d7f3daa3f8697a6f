"""Volumes and radiance grids in the driver's memory: made ready on a thread, sent in slabs, walked in a shader."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import ALPHA_STEP, Node, RadianceDoc, VolumeDoc
from workbench.gui.scenes import gl as g
from workbench.gui.scenes.device import Device
from workbench.gui.scenes.items import Make, Passed
from workbench.gui.scenes.looks import RadianceLook, VolumeLook, colour_table, look_of
from workbench.gui.scenes.rayshaders import BLOCK
from workbench.gui.scenes.scene import Seen
from workbench.gui.scenes.textures import table_texture
from workbench.gui.volumes import looks as volumelooks
from workbench.gui.volumes.tones import MOST_SIDE, MOST_VOXELS, Tones, steps_of, table_of, thinned, tones_of

SLAB_BYTES = 4 << 20
COARSE, FINE = 2.0, 0.7
"""Steps along a line of sight, in sides of a texel."""


@dataclasses.dataclass(frozen=True)
class Texels:
    """What a 3-D texture is made of: (Z, Y, X) or (Z, Y, X, 4) uint8, colours times alpha."""

    values: NDArray[np.uint8]
    blocks: NDArray[np.uint8]
    """The most of the values (or alphas) in blocks of BLOCK and a texel around, (Z, Y, X)."""
    placed: NDArray[np.float64]
    """From the texture's 0 … 1 to the thing's own coordinates, (4, 4)."""
    note: str = ""
    tones: Tones | None = None

    @property
    def scale(self) -> NDArray[np.float64]:
        """The lengths of the texture's axes, in the thing's own units."""
        return np.asarray(np.linalg.norm(self.placed[:3, :3], axis=0))

    @property
    def texel(self) -> float:
        """The shortest side of a texel, in the thing's own units."""
        return float((self.scale / np.array(self.values.shape[2::-1])).min())


def blocks_of(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The most in blocks of BLOCK texels and a texel around, as interpolation reaches there."""
    found = values
    for axis in range(3):
        size = found.shape[axis]
        many = -(-size // BLOCK)
        parts = []
        for at in range(many):
            part = np.take(found, range(max(0, at * BLOCK - 1), min(size, (at + 1) * BLOCK + 1)), axis=axis)
            parts.append(part.max(axis=axis))
        found = np.stack(parts, axis=axis)
    return found


def box_of(blocks: NDArray[np.uint8], shape: tuple[int, ...], least: int) -> NDArray[np.float64]:
    """The corners (2, 3), x, y, z from 0 to 1, of the blocks that hold `least` or more; empty where none does."""
    corners = np.zeros((2, 3))
    for axis, other in enumerate(((0, 1), (0, 2), (1, 2))):  # x, y, z
        there = np.flatnonzero(blocks.max(axis=other) >= least)
        if not there.size:
            return np.zeros((2, 3))
        size = shape[2 - axis]
        corners[:, axis] = there[0] * BLOCK / size, min(1.0, (there[-1] + 1) * BLOCK / size)
    return corners


def radiance_texels(grid: NDArray[Any], thing: RadianceDoc) -> Texels:
    """A radiance grid (X, Y, Z, 4) as texels, thinned by whole steps where it is too large; runs on any thread."""
    shape = grid.shape[:3]
    sides = (np.array(thing.meta.high) - thing.meta.low) / shape
    steps = steps_of(shape, tuple(sides), most_voxels=MOST_VOXELS, most_side=MOST_SIDE)
    part = grid[:: steps[0], :: steps[1], :: steps[2]]
    found = np.empty((*part.shape[2::-1], 4), np.uint8)
    for z in range(part.shape[2]):
        slab = np.asarray(part[:, :, z], np.float32)
        alpha = alphas(slab[..., 3], thing.meta.density)[..., None]
        values = np.concatenate([np.clip(np.nan_to_num(slab[..., :3]), 0, 1) * alpha, alpha], axis=2)
        found[z] = np.rint(values.transpose(1, 0, 2) * 255)
    placed = np.eye(4)
    covered = np.array(steps) * part.shape[:3] * sides  # a texel's middle is its voxel's
    placed[:3, :3] = np.diag(covered)
    placed[:3, 3] = np.array(thing.meta.low) + sides / 2 - np.array(steps) * sides / 2
    return Texels(found, blocks_of(found[..., 3]), placed, thinned(max(steps)))


def alphas(density: NDArray[np.float32], kind: str) -> NDArray[np.float32]:
    """Densities as opacities from 0 to 1, over ALPHA_STEP where they are densities (paper 09)."""
    if kind == "alpha":
        return np.clip(np.nan_to_num(density), 0, 1)
    many = np.exp(np.minimum(density, 30.0)) if kind == "exp" else np.maximum(density, 0.0)
    return np.asarray(1 - np.exp(-np.nan_to_num(many) * ALPHA_STEP), np.float32)


def volume_texels(array: NDArray[Any], thing: VolumeDoc) -> Texels:
    """A scalar volume as texels; runs on any thread."""
    geometry = thing.file.meta.geometry
    tones = tones_of(array, geometry)
    return Texels(tones.tones, blocks_of(tones.tones), tones.placed(geometry), tones.words, tones)


class RaysItem:
    """A volume or a radiance grid; nothing is drawn before all of it is there."""

    def __init__(self, device: Device, scene: Seen, node: Node, make: Make) -> None:
        """`make` does work on another thread and hands on what came out; raises OSError or ValueError for the array."""
        thing = node.thing
        self.node, self.note = node, ""
        self._device, self._scene = device, scene
        self._look = look_of(node)
        self._texels: Texels | None = None
        self._grid = self._blocks = self._table = 0
        self._tabled: tuple[object, NDArray[np.uint8]] | None = None
        self._box: tuple[int, NDArray[np.float64]] | None = None
        """Corners of what is not clear, and from what tone on that is."""
        self._sent = 0
        self._closed = False
        if isinstance(thing, RadianceDoc):
            grid: Any = scene.array(thing.grid)
            make(lambda: radiance_texels(grid, thing), self._take)
        elif isinstance(thing, VolumeDoc):
            array: Any = scene.array(thing.file.path)
            make(lambda: volume_texels(array, thing), self._take)
        else:
            raise TypeError(node.kind)

    def _take(self, texels: Texels) -> None:
        if not self._closed:
            self._texels, self.note = texels, texels.note

    @property
    def ready(self) -> bool:
        """Whether it can be drawn."""
        return self._texels is not None and self._sent >= len(self._texels.values)

    def send(self, until_s: float) -> bool:
        """Send one slab; whether all is there. True as well while another thread makes it ready: that wakes the
        canvas."""
        texels = self._texels
        if texels is None or self._sent >= len(texels.values):
            return True
        gl, values = self._device.gl, texels.values
        z, y, x = values.shape[:3]
        form, inner = (g.RGBA, g.RGBA8) if values.ndim == 4 else (g.RED, g.R8)
        if not self._grid:
            self._grid = gl.texture(g.VOLUME, smooth=True)
            gl.glTexImage3D(g.VOLUME, 0, inner, x, y, z, 0, form, g.UNSIGNED_BYTE, None)
            gl.check("memory was taken for a volume")
            self._blocks = gl.texture(g.VOLUME, smooth=False)
            blocks = np.ascontiguousarray(texels.blocks)
            depth, rows, columns = blocks.shape
            gl.glTexImage3D(g.VOLUME, 0, g.R8, columns, rows, depth, 0, g.RED, g.UNSIGNED_BYTE, g.address(blocks))
        many = min(max(1, SLAB_BYTES // (y * x * (4 if values.ndim == 4 else 1))), z - self._sent)
        part = np.ascontiguousarray(values[self._sent : self._sent + many])
        gl.glBindTexture(g.VOLUME, self._grid)
        gl.glTexSubImage3D(g.VOLUME, 0, 0, 0, self._sent, x, y, many, form, g.UNSIGNED_BYTE, g.address(part))
        gl.check("a volume was sent")
        self._sent += many
        if self._sent < z:
            return False
        self._texels = dataclasses.replace(  # once the texture has them, only their number is left
            texels, values=np.broadcast_to(np.uint8(0), values.shape),
            tones=texels.tones.emptied() if texels.tones is not None else None,
        )  # fmt: skip
        return True

    def restyle(self, node: Node) -> None:
        """Another look or placement of the same thing."""
        self.node, self._look = node, look_of(node)

    def middle(self) -> NDArray[np.float64]:
        """Its middle, in scene coordinates."""
        placed = self._placed()
        return np.asarray(placed @ [0.5, 0.5, 0.5, 1.0])[:3]

    def _placed(self) -> NDArray[np.float64]:
        own = self._texels.placed if self._texels is not None else np.eye(4)
        return np.asarray(self._scene.world(self.node.id) @ own)

    def draw(self, passed: Passed, depth: int, pace: float) -> None:
        """Walk the lines of sight of the bound framebuffer; `depth` is the texture of what is opaque, `pace` the
        steps in sides of a texel."""
        texels = self._texels
        if texels is None:
            return
        device, placed = self._device, self._placed()
        volume = isinstance(self._look, VolumeLook)
        program = device.program("volume" if volume else "radiance")
        program.use(
            back=np.linalg.inv(passed.gaze.whole @ placed), placed=placed, scale=tuple(texels.scale),
            texels=texels.values.shape[2::-1], pace=float(pace * texels.texel), grid=0, blocks=1, depth=2, table=3,
            clips=passed.clips, clip_count=len(passed.clips),
        )  # fmt: skip
        least = self._volume(texels, self._look) if isinstance(self._look, VolumeLook) else self._radiance(texels)
        if self._box is None or self._box[0] != least:  # a fine picture is drawn in hundreds of parts
            self._box = least, box_of(texels.blocks, texels.values.shape, max(1, least))
        lowest, highest = self._box[1]
        program.set(lowest=tuple(lowest), highest=tuple(highest))
        for unit, kind, name in (
            (0, g.VOLUME, self._grid), (1, g.VOLUME, self._blocks), (2, g.FLAT, depth), (3, g.FLAT, self._table),
        ):  # fmt: skip
            device.sample(unit, kind, name)
        device.screen()

    def _volume(self, texels: Texels, look: VolumeLook) -> int:
        """Uniforms of a scalar volume; what tone is the least that is not clear."""
        tones, thing = texels.tones, self.node.thing
        if tones is None or not isinstance(thing, VolumeDoc):
            return 1
        found = volumelooks.look_of(look.preset, thing.file.meta, tones.low, tones.high)
        points = look.points or found.points
        level = min(max(tones.tone(found.level if look.level is None else look.level), 0.002), 1.0)
        table = self._use_table((points, "volume"), lambda: _table(points, tones))
        mode = ("volume", "maximum", "surface").index(look.mode)
        least = int(level * 255) if mode == 2 else 1
        if mode == 0:
            least = int(np.argmax(table[:, 3] > 0)) if table[:, 3].any() else 256
        self._device.program("volume").set(
            mode=mode, level=level, opacity=float(look.opacity), least=max(1, least) / 255 - 1e-4,
            span=(max(0.0, tones.tone(points[0][0])), min(1.0, tones.tone(points[-1][0]))),
        )  # fmt: skip
        return least

    def _radiance(self, texels: Texels) -> int:
        look = self._look if isinstance(self._look, RadianceLook) else RadianceLook()
        self._use_table(look.colour_map, lambda: colour_table(look.colour_map))
        least = max(look.threshold, 1 / 255)
        self._device.program("radiance").set(
            mode=("colour", "density", "maximum").index(look.mode), opacity=float(look.opacity),
            strength=float(look.strength), light=float(2.0**look.exposure), voxel=texels.texel, least=least - 1e-4,
        )  # fmt: skip
        return int(least * 255)

    def _use_table(self, wanted: object, make: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """The colour table that is wanted; made and sent where it is another one than before."""
        if self._tabled is None or self._tabled[0] != wanted:
            self._device.gl.deleted("Textures", self._table)
            self._tabled = wanted, make()
            self._table = table_texture(self._device, self._tabled[1])
        return self._tabled[1]

    def close(self) -> None:
        """Give everything back."""
        self._closed = True
        for name in (self._grid, self._blocks, self._table):
            self._device.gl.deleted("Textures", name)
        self._texels = None


def _table(points: Sequence[tuple[float, tuple[int, int, int], float]], tones: Tones) -> NDArray[np.uint8]:
    """The table of opacities and colours by value, for a volume's tones."""
    return table_of([(tones.tone(value), colour, opacity) for value, colour, opacity in points])


class Elsewhere(msgspec.Struct, frozen=True):
    """A picture of a field that the worker rendered, for one view."""

    view: Any
    frame: Any
    """A QImage with alpha."""
    depth: NDArray[np.float32]
    """Distances along the view axis, (h, w), from above."""
