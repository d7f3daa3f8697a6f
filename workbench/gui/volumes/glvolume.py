"""A volume drawn by ray marching through a 3-D texture, with Qt's own OpenGL classes, into pictures or parts of them.

Knows nothing of what the values mean: it takes 8-bit tones, a colour table and matrices. How tones are made,
and thinned where there are too many, is in tones.py; in which parts a picture is drawn is in tiling.py.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import shiboken6
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QRect, QSize, QThread
from PySide6.QtGui import (
    QImage,
    QMatrix4x4,
    QOffscreenSurface,
    QOpenGLContext,
    QSurfaceFormat,
    QVector2D,
    QVector3D,
)

Mode = Literal["composite", "maximum", "surface"]
MODES: tuple[Mode, ...] = ("composite", "maximum", "surface")
SLAB_BYTES = 4 << 20
"""What is sent to the texture at a time."""
COLOURS = 256
WHOLE = np.asarray([[0, 0, 0], [1, 1, 1]], np.float64)
_TRIANGLE_STRIP, _FLOAT = 0x0005, 0x1406

_VERTEX = """#version 130
in vec2 corner;
out vec2 at;
void main() { at = corner; gl_Position = vec4(corner, 0.0, 1.0); }
"""
LOOKED = """vec4 looked(float tone) { return texture(table, vec2(tone * 255.0 / 256.0 + 0.5 / 256.0, 0.5)); }
"""
"""GLSL: the colour and opacity of a tone in a `table`."""
LIT = """vec3 tint() {  // of a surface: as bright as a surface should be, whatever its value is in the table
    vec3 found = looked(level).rgb;
    float most = max(found.r, max(found.g, found.b));
    return most < 0.02 ? vec3(0.85) : found * (0.9 / most);
}
float lit(vec3 p, vec3 along) {
    vec3 g = slope(p);
    float size = length(g);
    return size < 1e-6 ? 1.0 : 0.3 + 0.7 * abs(dot(g / size, along));
}
"""
"""GLSL: a surface's colour at `level`, and how bright a place is by its `slope`; needs LOOKED and `slope`."""
_FRAGMENT = (
    """#version 130
in vec2 at;
out vec4 colour;
uniform sampler3D volume;
uniform sampler2D table;
uniform mat4 back;      // from the picture to the texture's 0 ... 1
uniform vec3 scale;     // lengths of the texture's axes, for lengths and gradients
uniform vec3 texel;
uniform float pace;     // length of a step
uniform float level;
uniform vec2 span;      // tones from black to white of the maximum
uniform vec3 lowest, highest;  // corners of what is not clear
uniform vec2 origin;    // of this part in the whole picture, so that parts fit together
uniform int mode;
uniform sampler2D wall;   // something opaque in the volume: its colours, clear where there is nothing,
uniform sampler2D depth;  // and its depths, 24 bits in three channels
uniform int walled;
"""
    + LOOKED
    + """vec3 slope(vec3 p) {
    vec3 dx = vec3(texel.x, 0, 0), dy = vec3(0, texel.y, 0), dz = vec3(0, 0, texel.z);
    return vec3(texture(volume, p + dx).r - texture(volume, p - dx).r,
                texture(volume, p + dy).r - texture(volume, p - dy).r,
                texture(volume, p + dz).r - texture(volume, p - dz).r) / (texel * scale);
}
"""
    + LIT
    + """void main() {
    vec4 a = back * vec4(at, -1.0, 1.0), b = back * vec4(at, 1.0, 1.0);
    vec3 start = a.xyz / a.w, end = b.xyz / b.w, ray = end - start;
    vec3 low = (lowest - start) / ray, high = (highest - start) / ray;
    vec3 first = min(low, high), last = max(low, high);
    float enter = max(max(first.x, first.y), max(first.z, 0.0)), leave = min(min(last.x, last.y), min(last.z, 1.0));
    vec4 hit = vec4(0);
    if (walled == 1) {
        vec4 far = texture(depth, at * 0.5 + 0.5);
        if (far.a > 0.5) {
            vec4 q = back * vec4(at, 2.0 * dot(far.rgb, vec3(1.0, 1.0 / 255.0, 1.0 / 65025.0)) - 1.0, 1.0);
            hit = vec4(texture(wall, at * 0.5 + 0.5).rgb, 1);
            if (mode != 1) leave = min(leave, dot(q.xyz / q.w - start, ray) / dot(ray, ray));
        }
    }
    colour = vec4(hit.rgb, 1);
    if (enter >= leave) return;
    vec3 along = normalize(ray * scale);
    float step = pace / length(ray * scale);
    float jitter = fract(sin(dot(gl_FragCoord.xy + origin, vec2(12.9898, 78.233))) * 43758.5453);
    vec3 sum = vec3(0);
    float clear = 1.0, most = 0.0, before = texture(volume, start + enter * ray).r;
    if (mode == 2 && before >= level) {  // cut open by the border
        colour = vec4(tint() * 0.8, 1);
        return;
    }
    for (float t = enter + step * jitter; t < leave; t += step) {
        vec3 p = start + t * ray;
        float tone = texture(volume, p).r;
        if (mode == 1) { most = max(most, tone); continue; }
        if (mode == 2) {
            if (tone >= level) {
                float share = (level - before) / max(tone - before, 1e-4);
                p -= ray * step * (1.0 - clamp(share, 0.0, 1.0));
                colour = vec4(tint() * lit(p, along), 1);
                return;
            }
            before = tone;
            continue;
        }
        vec4 seen = looked(tone);
        if (seen.a < 0.004) continue;
        float held = 1.0 - pow(1.0 - min(seen.a, 0.999), pace);
        sum += clear * held * seen.rgb * lit(p, along);
        clear *= 1.0 - held;
        if (clear < 0.02) break;
    }
    if (mode == 1) sum = vec3(clamp((most - span.x) / max(span.y - span.x, 1e-4), 0.0, 1.0));
    colour = vec4(mode == 0 ? sum + clear * hit.rgb : mode == 1 ? mix(sum, hit.rgb, 0.5 * hit.a) : hit.rgb, 1);
}
"""
)


def table_of(points: Sequence[tuple[float, tuple[int, int, int], float]]) -> NDArray[np.uint8]:
    """A colour table (256, 4) by straight lines between (tone 0 … 1, colour, opacity 0 … 1), in rising order."""
    at = np.linspace(0, 1, COLOURS)
    tones = [tone for tone, _, _ in points]
    columns = [np.interp(at, tones, [colour[channel] for _, colour, _ in points]) for channel in range(3)]
    columns.append(255 * np.interp(at, tones, [opacity for _, _, opacity in points]))
    return np.rint(np.stack(columns, axis=1)).astype(np.uint8)


class VolumePainter:
    """A context, a 3-D texture and a program; used on the GUI thread, where there is OpenGL 3.

    Only `warm` runs elsewhere, between `lend` and its end.
    """

    def __init__(self) -> None:
        from PySide6.QtOpenGL import QOpenGLBuffer, QOpenGLShader, QOpenGLShaderProgram, QOpenGLVertexArrayObject

        wanted = QSurfaceFormat()
        wanted.setVersion(3, 0)
        self._context, self._surface = QOpenGLContext(), QOffscreenSurface()
        self._context.setFormat(wanted)
        self._context.create()
        self._surface.setFormat(self._context.format())
        self._surface.create()
        self.able = False
        """Whether this OpenGL runs the program."""
        self._volume: Any = None
        self._table: Any = None
        self._frame: Any = None
        self._walls: list[Any] = []
        self._walled = False
        self._tones: NDArray[np.uint8] | None = None
        self._sent = 0
        self._shape = (1, 1, 1)
        self._program: Any = None
        self._here = threading.Event()
        """Set while the GUI thread may use the context."""
        self._here.set()
        self._claim = threading.Lock()
        """Who takes the context while it belongs to no thread: `warm`, or `close` where nobody warmed any more."""
        self._warmed: set[tuple[int, ...]] = set()
        if not self._context.makeCurrent(self._surface):
            return
        self._program = QOpenGLShaderProgram()
        kinds = QOpenGLShader.ShaderTypeBit
        if self._context.format().majorVersion() >= 3:
            made = self._program.addCacheableShaderFromSourceCode(kinds.Vertex, _VERTEX)
            made = made and self._program.addCacheableShaderFromSourceCode(kinds.Fragment, _FRAGMENT)
            self.able = bool(made and self._program.link())
        corners = np.asarray([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)
        self._bound = QOpenGLVertexArrayObject()  # core profiles draw nothing without one
        self._bound.create()
        self._corners = QOpenGLBuffer()
        self._corners.create()
        self._corners.bind()
        self._corners.allocate(corners.tobytes(), corners.nbytes)
        self._corners.release()
        self._unlocked = _unlocked(self._context)
        self._context.doneCurrent()

    def lend(self, shape: tuple[int, ...]) -> bool:
        """Whether `warm` should be called on another thread before tones of this shape are sent; then not used here."""
        if _speck(shape) in self._warmed:
            return False
        self._here.clear()
        self._claim = threading.Lock()
        self._context.moveToThread(None)  # type: ignore[arg-type]  # only then another thread may take it
        return True

    def warm(self, shape: tuple[int, ...]) -> None:
        """Let the driver compile what it needs to draw tones of this shape (z, y, x), by drawing next to nothing.

        Software OpenGL takes up to half a second for it, and compiles anew for other sizes that are powers of two.
        """
        if not self._claim.acquire(blocking=False):
            return
        self._context.moveToThread(QThread.currentThread())
        try:
            self.begin(np.zeros(_speck(shape), np.uint8))
            while not self.send():
                pass
            self.colour(np.zeros((COLOURS, 4), np.uint8))
            self.stand(None)
            self.draw(QSize(2, 2), QMatrix4x4(), QMatrix4x4(), pace=0.5)
            self._warmed.add(_speck(shape))
        finally:
            app = QCoreApplication.instance()
            if app is not None:
                self._context.moveToThread(app.thread())
            self._here.set()

    def begin(self, tones: NDArray[np.uint8]) -> None:
        """Draw these tones (z, y, x), smoothly between voxels, once `send` has sent them all."""
        from PySide6.QtOpenGL import QOpenGLTexture

        self._context.makeCurrent(self._surface)
        if self._volume is not None:
            self._volume.destroy()
        z, y, x = self._shape = tones.shape
        self._volume = QOpenGLTexture(QOpenGLTexture.Target.Target3D)
        self._volume.setSize(x, y, z)
        self._volume.setFormat(QOpenGLTexture.TextureFormat.R8_UNorm)
        self._volume.setAutoMipMapGenerationEnabled(False)
        self._volume.setMipLevels(1)
        self._volume.allocateStorage(QOpenGLTexture.PixelFormat.Red, QOpenGLTexture.PixelType.UInt8)
        self._volume.setMinMagFilters(QOpenGLTexture.Filter.Linear, QOpenGLTexture.Filter.Linear)
        self._volume.setWrapMode(QOpenGLTexture.WrapMode.ClampToEdge)
        self._context.doneCurrent()
        self._tones, self._sent = tones, 0

    def send(self) -> bool:
        """Send some slices to the texture; whether all of them are there now."""
        from PySide6.QtOpenGL import QOpenGLTexture

        if self._tones is not None:
            z, y, x = self._shape
            many = min(max(1, SLAB_BYTES // (y * x)), z - self._sent)
            part = np.ascontiguousarray(self._tones[self._sent : self._sent + many])
            self._context.makeCurrent(self._surface)
            self._volume.setData(
                0, 0, self._sent, x, y, many, QOpenGLTexture.PixelFormat.Red, QOpenGLTexture.PixelType.UInt8,
                part.tobytes(), _packed(),
            )  # fmt: skip
            self._context.doneCurrent()
            self._sent += many
            if self._sent == z:
                self._tones = None
        return self._volume is not None and self._tones is None

    def colour(self, table: NDArray[np.uint8]) -> None:
        """Give tones these colours and opacities, (256, 4); an opacity counts for one unit of length."""
        from PySide6.QtOpenGL import QOpenGLTexture

        self._context.makeCurrent(self._surface)
        if self._table is None:
            self._table = QOpenGLTexture(QOpenGLTexture.Target.Target2D)
            self._table.setSize(COLOURS, 1)
            self._table.setFormat(QOpenGLTexture.TextureFormat.RGBA8_UNorm)
            self._table.setMipLevels(1)
            self._table.allocateStorage(QOpenGLTexture.PixelFormat.RGBA, QOpenGLTexture.PixelType.UInt8)
            self._table.setMinMagFilters(QOpenGLTexture.Filter.Linear, QOpenGLTexture.Filter.Linear)
            self._table.setWrapMode(QOpenGLTexture.WrapMode.ClampToEdge)
        values = np.ascontiguousarray(table).tobytes()
        self._table.setData(QOpenGLTexture.PixelFormat.RGBA, QOpenGLTexture.PixelType.UInt8, values, _packed())
        self._context.doneCurrent()

    def stand(self, pictures: tuple[QImage, QImage] | None) -> None:
        """Let something opaque stand in the volume, by colours and depths of the same camera; None for nothing."""
        from PySide6.QtOpenGL import QOpenGLTexture

        self._context.makeCurrent(self._surface)
        for one in self._walls:
            one.destroy()
        self._walls = []
        self._walled = pictures is not None
        nothing = QImage(3, 3, QImage.Format.Format_RGBA8888)  # bound as well: Mesa compiles for what is bound
        nothing.fill(0)
        for picture in pictures or (nothing, nothing):
            texture = QOpenGLTexture(picture.flipped(), QOpenGLTexture.MipMapGeneration.DontGenerateMipMaps)
            texture.setMinMagFilters(QOpenGLTexture.Filter.Nearest, QOpenGLTexture.Filter.Nearest)
            texture.setWrapMode(QOpenGLTexture.WrapMode.ClampToEdge)
            self._walls.append(texture)
        self._context.doneCurrent()

    def draw(
        self, size: QSize, seen: QMatrix4x4, placed: QMatrix4x4, *, pace: float, mode: Mode = "composite",
        level: float = 0.5, span: tuple[float, float] = (0.0, 1.0), box: NDArray[np.float64] = WHOLE,
        part: QRect | None = None,
    ) -> QImage:  # fmt: skip
        """A picture of this size on black, or a part of it.

        `placed` takes the texture's 0 … 1 (x, y, z) to the world, `seen` the world to the picture; `pace` is
        the length of a step in the world; `level` the tone (0 … 1) of a surface; `span` the tones from black
        to white of the maximum; `box` (2, 3) the corners, x, y, z from 0 to 1, outside of which all is clear.
        """
        from PySide6.QtOpenGL import QOpenGLFramebufferObject

        part = part or QRect(0, 0, size.width(), size.height())
        below = size.height() - part.y() - part.height()
        self._context.makeCurrent(self._surface)
        if self._frame is None or self._frame.size() != part.size():
            self._frame = QOpenGLFramebufferObject(part.size())
        self._frame.bind()
        gl = self._context.functions()
        gl.glViewport(-part.x(), -below, size.width(), size.height())
        program = self._program
        program.bind()
        back, _ = (seen * placed).inverted()
        z, y, x = self._shape
        axes = [placed.mapVector(QVector3D(*one)).length() for one in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
        self._volume.bind(0)
        self._table.bind(1)
        for at, texture in enumerate(self._walls, 2):
            texture.bind(at)
        for name, value in (
            ("back", back), ("scale", QVector3D(*axes)), ("texel", QVector3D(1 / x, 1 / y, 1 / z)),
            ("lowest", QVector3D(*map(float, box[0]))), ("highest", QVector3D(*map(float, box[1]))),
            ("span", QVector2D(*span)), ("origin", QVector2D(part.x(), below)),
        ):  # fmt: skip
            program.setUniformValue(program.uniformLocation(name), value)
        for name, number in (("pace", pace), ("level", level)):
            program.setUniformValue1f(program.uniformLocation(name), number)
        for name, whole in (
            ("volume", 0), ("table", 1), ("wall", 2), ("depth", 3), ("walled", int(self._walled)),
            ("mode", MODES.index(mode)),
        ):  # fmt: skip
            program.setUniformValue1i(program.uniformLocation(name), whole)
        self._bound.bind()
        self._corners.bind()
        at = program.attributeLocation("corner")
        program.enableAttributeArray(at)
        program.setAttributeBuffer(at, _FLOAT, 0, 2, 8)
        self._unlocked(_TRIANGLE_STRIP, 0, 4)
        self._corners.release()
        self._bound.release()
        program.release()
        self._frame.release()
        image: QImage = self._frame.toImage()
        self._context.doneCurrent()
        return image

    def close(self) -> None:
        """Give everything back while its context is current, without which Qt cannot."""
        if not self._here.is_set() and self._claim.acquire(blocking=False):
            self._context.moveToThread(QThread.currentThread())
        else:
            self._here.wait()
        alive = shiboken6.isValid(self._context) and shiboken6.isValid(self._surface)  # not after the application
        if alive and self._context.makeCurrent(self._surface):
            for one in (self._volume, self._table, *self._walls):
                if one is not None:
                    one.destroy()
            if self._program is not None:
                self._corners.destroy()
                self._bound.destroy()
            self._frame = self._program = None
            self._context.doneCurrent()
        self._volume = self._table = self._tones = None
        self._walls = []
        self.able = False


def _speck(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The smallest shape that a driver compiles the same for."""
    return tuple(2 if size & (size - 1) == 0 else 3 for size in shape)


def _unlocked(context: QOpenGLContext) -> Callable[[int, int, int], None]:
    """glDrawArrays and glFinish of a current context by their addresses, so that other threads run meanwhile.

    Qt's own wrappers hold Python's lock, and a driver that compiles would hold up the window even from another thread.
    """
    draw, finish = (context.getProcAddress(name) for name in (b"glDrawArrays", b"glFinish"))
    if not draw or not finish:
        return lambda kind, first, count: context.functions().glDrawArrays(kind, first, count)
    arrays = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_int, ctypes.c_int)(int(draw))
    end = ctypes.CFUNCTYPE(None)(int(finish))

    def call(kind: int, first: int, count: int) -> None:
        arrays(kind, first, count)
        end()

    return call


def _packed() -> Any:
    from PySide6.QtOpenGL import QOpenGLPixelTransferOptions

    options = QOpenGLPixelTransferOptions()
    options.setAlignment(1)
    return options
