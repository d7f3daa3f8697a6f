"""Meshes drawn by OpenGL into a picture, with Qt's own classes: no window of its own, no further package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QSize, QTimer
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QImage,
    QMatrix4x4,
    QOffscreenSurface,
    QOpenGLContext,
    QSurfaceFormat,
    QVector4D,
)

from workbench.gui.volumes.surfaces import Surface

SAMPLES = 4
BETWEEN_MS = 10
"""From one step of loading the driver to the next, so that the window has its turn."""
CORNERS = 30_000
"""Of triangles, that are drawn at a time where others wait."""
_COLOUR_BIT, _DEPTH_BIT = 0x4000, 0x100
_DEPTH_TEST, _BLEND, _CULL_FACE = 0x0B71, 0x0BE2, 0x0B44
_FRONT, _BACK = 0x0404, 0x0405
_SOURCE_ALPHA, _ONE_LESS = 0x0302, 0x0303
_TRIANGLES, _FLOAT = 0x0004, 0x1406

_VERTEX = """
attribute highp vec3 place;
attribute highp vec3 normal;
uniform highp mat4 seen;
uniform highp mat4 turned;
varying highp vec3 facing;
void main() { facing = (turned * vec4(normal, 0.0)).xyz; gl_Position = seen * vec4(place, 1.0); }
"""
_FRAGMENT = """
varying highp vec3 facing;
uniform highp vec4 colour;
void main() {
    highp float lit = abs(normalize(facing).z);
    gl_FragColor = vec4(colour.rgb * (0.25 + 0.75 * lit), colour.a);
}
"""
_DEPTH = """
void main() {  // 24 bits of depth in three channels
    highp vec3 parts = fract(vec3(1.0, 255.0, 65025.0) * min(gl_FragCoord.z, 0.9999999));
    parts.xy -= parts.yz / 255.0;
    gl_FragColor = vec4(parts, 1.0);
}
"""


class _Look:
    """Loads the driver in steps; together they would hold the window for a tenth of a second."""

    def __init__(self) -> None:
        self.able: bool | None = None
        self._steps = self._go()

    def step(self) -> bool:
        """Go a step further; whether it is known now."""
        next(self._steps, None)
        return self.able is not None

    def _go(self) -> Iterator[None]:
        context, surface = QOpenGLContext(), QOffscreenSurface()
        surface.create()
        yield
        if not context.create():
            self.able = False
            return
        yield
        able = surface.isValid() and context.makeCurrent(surface) and context.format().majorVersion() >= 2
        context.doneCurrent()
        self.able = able


_look = _Look()


def opengl() -> bool | None:
    """Whether this display draws OpenGL 2 or later; None while nobody has looked."""
    if QGuiApplication.platformName() in ("offscreen", "minimal"):
        return False
    return _look.able


def has_opengl() -> bool:
    """Whether this display draws OpenGL 2 or later; the first time a driver is loaded for it."""
    while opengl() is None:
        _look.step()
    return bool(opengl())


def when_known(owner: QObject, then: Callable[[], None]) -> None:
    """Call `then` once `opengl` answers: at once, or after some turns of the event loop, while `owner` lives."""
    if opengl() is not None:
        then()
        return

    def go_on() -> None:
        _look.step()
        when_known(owner, then)

    QTimer.singleShot(BETWEEN_MS, owner, go_on)


def triangles(surface: Surface) -> NDArray[np.float32]:
    """Corners with smooth normals, (3 M, 6) float32: x, y, z, then the normal."""
    points, faces = surface.vertices, surface.faces
    a, b, c = (points[faces[:, at]] for at in range(3))
    flat = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for at in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(faces[:, at], flat[:, axis], len(points)).astype(np.float32)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return np.ascontiguousarray(np.hstack([points, normals])[faces.ravel()], np.float32)


class MeshPainter:
    """A context, its buffers and its program; used on the GUI thread only, where `has_opengl`."""

    def __init__(self) -> None:
        from PySide6.QtOpenGL import QOpenGLShader, QOpenGLShaderProgram  # only where 3-D is asked for

        wanted = QSurfaceFormat()
        wanted.setDepthBufferSize(24)
        self._context, self._surface = QOpenGLContext(), QOffscreenSurface()
        self._context.setFormat(wanted)
        self._context.create()
        self._surface.setFormat(self._context.format())
        self._surface.create()
        self._context.makeCurrent(self._surface)
        kinds = QOpenGLShader.ShaderTypeBit
        self._program, self._depths = QOpenGLShaderProgram(), QOpenGLShaderProgram()
        for program, fragment in ((self._program, _FRAGMENT), (self._depths, _DEPTH)):
            program.addShaderFromSourceCode(kinds.Vertex, _VERTEX)
            program.addShaderFromSourceCode(kinds.Fragment, fragment)
            program.link()
        self._buffers: dict[int, tuple[Any, int]] = {}
        self._frame: Any = None
        self._context.doneCurrent()

    def take(self, meshes: dict[int, NDArray[np.float32]]) -> None:
        """Keep these meshes, corners as `triangles` returns them, in place of those before."""
        from PySide6.QtOpenGL import QOpenGLBuffer

        self._context.makeCurrent(self._surface)
        for buffer, _ in self._buffers.values():
            buffer.destroy()
        self._buffers = {}
        for value, corners in meshes.items():
            buffer = QOpenGLBuffer()
            buffer.create()
            buffer.bind()
            buffer.allocate(corners.tobytes(), corners.nbytes)
            buffer.release()
            self._buffers[value] = (buffer, len(corners))
        self._context.doneCurrent()

    def draw(self, size: QSize, colours: dict[int, QColor], seen: QMatrix4x4, turned: QMatrix4x4) -> QImage:
        """A picture of the meshes that have a colour, opaque ones before clear ones, on black."""
        from PySide6.QtOpenGL import QOpenGLFramebufferObject, QOpenGLFramebufferObjectFormat

        self._context.makeCurrent(self._surface)
        if self._frame is None or self._frame.size() != size:
            form = QOpenGLFramebufferObjectFormat()
            form.setAttachment(QOpenGLFramebufferObject.Attachment.Depth)
            form.setSamples(SAMPLES)
            self._frame = QOpenGLFramebufferObject(size, form)
        self._prepare(self._frame, self._program, size, seen, turned, ground=1.0)
        for value in sorted(colours, key=lambda one: -colours[one].alpha()):
            if value in self._buffers:
                self._draw_one(self._program, value, colours[value], 0, self._buffers[value][1])
        self._program.release()
        self._frame.release()
        image: QImage = self._frame.toImage()
        self._context.doneCurrent()
        return image

    def standing(
        self, size: QSize, colours: dict[int, QColor], seen: QMatrix4x4, turned: QMatrix4x4
    ) -> Iterator[tuple[QImage, QImage] | None]:
        """A picture of these meshes, clear where there is none, and their depths, which glvolume's shader reads.

        Drawn some triangles at a time, with None after each, so that a slow OpenGL holds nobody up.
        """
        from PySide6.QtOpenGL import QOpenGLFramebufferObject

        images = []
        for program in (self._program, self._depths):
            self._context.makeCurrent(self._surface)
            frame = QOpenGLFramebufferObject(size, QOpenGLFramebufferObject.Attachment.Depth)
            self._prepare(frame, program, size, seen, turned, ground=0.0)
            for value in colours.keys() & self._buffers.keys():
                for first in range(0, self._buffers[value][1], CORNERS):
                    self._draw_one(program, value, colours[value], first, CORNERS)
                    self._context.functions().glFinish()
                    self._context.doneCurrent()
                    yield None
                    self._context.makeCurrent(self._surface)
                    self._prepare(frame, program, size, seen, turned)
            frame.release()
            images.append(frame.toImage())
            self._context.doneCurrent()
        yield images[0], images[1]

    def _prepare(
        self, frame: Any, program: Any, size: QSize, seen: QMatrix4x4, turned: QMatrix4x4,
        *, ground: float | None = None,
    ) -> None:  # fmt: skip
        """Draw into a frame from now on, cleared to black of this opacity unless it is gone on with."""
        gl = self._context.functions()
        frame.bind()
        gl.glViewport(0, 0, size.width(), size.height())
        if ground is not None:
            gl.glClearColor(0.0, 0.0, 0.0, ground)
            gl.glClear(_COLOUR_BIT | _DEPTH_BIT)
        gl.glEnable(_DEPTH_TEST)
        gl.glBlendFunc(_SOURCE_ALPHA, _ONE_LESS)
        program.bind()
        program.setUniformValue(program.uniformLocation("seen"), seen)
        program.setUniformValue(program.uniformLocation("turned"), turned)

    def _draw_one(self, program: Any, value: int, colour: QColor, first: int, many: int) -> None:
        gl = self._context.functions()
        buffer, corners = self._buffers[value]
        buffer.bind()
        for name, offset in (("place", 0), ("normal", 12)):
            at = program.attributeLocation(name)
            if at < 0:  # depths need no normals
                continue
            program.enableAttributeArray(at)
            program.setAttributeBuffer(at, _FLOAT, offset, 3, 24)
        shade = QVector4D(colour.redF(), colour.greenF(), colour.blueF(), colour.alphaF())
        program.setUniformValue(program.uniformLocation("colour"), shade)
        if colour.alpha() < 255:
            gl.glEnable(_BLEND)
            gl.glDepthMask(0)
        gl.glDrawArrays(_TRIANGLES, first, min(many, corners - first))
        gl.glDepthMask(1)
        gl.glDisable(_BLEND)
        buffer.release()
