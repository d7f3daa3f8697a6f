"""A context of OpenGL 3.3 of the canvas's own, and the framebuffers that it draws a picture of the scene into."""

from __future__ import annotations

import ctypes
import dataclasses

import numpy as np
import shiboken6
from PySide6.QtGui import QImage, QOffscreenSurface, QOpenGLContext, QSurfaceFormat

from workbench.gui.scenes import gl as g
from workbench.gui.scenes import rayshaders, shaders
from workbench.gui.scenes.gl import GL, Program, draw_buffers, trouble

NO_GL = "This display has no OpenGL 3.3."
_PROGRAMS = {
    "points": (shaders.POINTS_VERTEX, shaders.POINTS_FRAGMENT),
    "mesh": (shaders.MESH_VERTEX, shaders.MESH_FRAGMENT),
    "lines": (shaders.LINES_VERTEX, shaders.LINES_FRAGMENT),
    "faces": (shaders.FACES_VERTEX, shaders.FACES_FRAGMENT),
    "photograph": (shaders.PHOTOGRAPH_VERTEX, shaders.PHOTOGRAPH_FRAGMENT),
    "lit": (shaders.SCREEN_VERTEX, shaders.LIT_FRAGMENT),
    "volume": (shaders.SCREEN_VERTEX, rayshaders.VOLUME_FRAGMENT),
    "radiance": (shaders.SCREEN_VERTEX, rayshaders.RADIANCE_FRAGMENT),
    "frame": (shaders.SCREEN_VERTEX, rayshaders.FRAME_FRAGMENT),
    "veil": (shaders.SCREEN_VERTEX, rayshaders.VEIL_FRAGMENT),
}


def wanted_format() -> QSurfaceFormat:
    """OpenGL 3.3, core profile."""
    wanted = QSurfaceFormat()
    wanted.setVersion(3, 3)
    wanted.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    return wanted


def offscreen(form: QSurfaceFormat) -> QOffscreenSurface:
    """A surface that is never seen; made on the GUI thread."""
    surface = QOffscreenSurface()
    surface.setFormat(form)
    surface.create()
    return surface


class Device:
    """A context, its functions and its programs; used while it is current, on the thread that made it."""

    def __init__(self, surface: QOffscreenSurface | None = None) -> None:
        """`surface` is what another thread needs from the GUI thread; raises KnownTrouble without OpenGL 3.3."""
        self._context = QOpenGLContext()
        self._context.setFormat(wanted_format())
        made = self._context.create()
        self._surface = surface or offscreen(self._context.format())
        found = self._context.format().version()
        if not made or tuple(found) < (3, 3) or not self._context.makeCurrent(self._surface):
            raise trouble(NO_GL, "none" if not made else "OpenGL {}.{}".format(*found))
        self.gl = GL(self._context)
        self._programs: dict[str, Program] = {}
        self._nothing = self.gl.made("VertexArrays")  # core profiles draw nothing without one
        self.gl.glPixelStorei(0x0CF5, 1)  # rows of textures and pictures lie without gaps
        self.gl.glPixelStorei(0x0D05, 1)
        self.gl.glEnable(g.PROGRAM_POINT_SIZE)
        self.renderer = str(ctypes.string_at(self.gl.glGetString(g.RENDERER)), "utf-8", "replace")

    def current(self) -> bool:
        """Make its context current; whether it still can be."""
        alive = shiboken6.isValid(self._context) and shiboken6.isValid(self._surface)  # not after the application
        return alive and self._context.makeCurrent(self._surface)

    def done(self) -> None:
        """Let others have the thread's context."""
        self._context.doneCurrent()

    def program(self, name: str) -> Program:
        """A program by its name; compiled when it is first asked for."""
        if name not in self._programs:
            self._programs[name] = Program(self.gl, *_PROGRAMS[name])
        return self._programs[name]

    def screen(self) -> None:
        """Draw a triangle over the whole picture with the program in use."""
        self.gl.glBindVertexArray(self._nothing)
        self.gl.glDrawArrays(g.TRIANGLES, 0, 3)
        self.gl.glBindVertexArray(0)

    def sample(self, unit: int, target: int, texture: int) -> None:
        """Let a texture be read from a unit."""
        self.gl.glActiveTexture(0x84C0 + unit)
        self.gl.glBindTexture(target, texture)

    def close(self) -> None:
        """Give everything back while the context is current, without which the driver cannot."""
        if self.current():
            for one in self._programs.values():
                one.close()
            self.gl.deleted("VertexArrays", self._nothing)
            self.done()
        self._programs = {}


class Target:
    """Textures of a picture's size: colours, who they are, and depth of opaque things, and the picture made of them."""

    def __init__(self, device: Device, width: int, height: int) -> None:
        """Raises KnownTrouble where there is no memory for them."""
        self._gl = device.gl
        self.width, self.height = width, height
        self.shade = self._texture(g.RGBA8, g.RGBA, g.UNSIGNED_BYTE)
        self.who = self._texture(g.RG32UI, g.RG_INTEGER, g.UNSIGNED_INT)
        self.depth = self._texture(g.DEPTH24, g.DEPTH, g.UNSIGNED_INT)
        self.picture = self._texture(g.RGBA8, g.RGBA, g.UNSIGNED_BYTE)
        self.walls = self._texture(g.DEPTH24, g.DEPTH, g.UNSIGNED_INT)
        """Depth of what lines of sight end at: opaque things, and lines too."""
        self.opaque = self._frame(self.shade, self.who, depth=self.depth)
        """Opaque things are drawn here."""
        self.over = self._frame(self.picture, depth=self.depth)
        """What is thin or clear is drawn here, hidden by what lies before it."""
        self.flat = self._frame(self.picture)
        """What reads the depth itself is drawn here."""
        self.stops = self._frame(depth=self.walls)

    def _texture(self, inner: int, form: int, kind: int) -> int:
        name = self._gl.texture(g.FLAT, smooth=False)
        self._gl.glTexImage2D(g.FLAT, 0, inner, self.width, self.height, 0, form, kind, None)
        return name

    def _frame(self, *colours: int, depth: int = 0) -> int:
        gl = self._gl
        name = gl.made("Framebuffers")
        gl.glBindFramebuffer(g.FRAMEBUFFER, name)
        for at, one in enumerate(colours):
            gl.glFramebufferTexture2D(g.FRAMEBUFFER, g.ATTACHMENT + at, g.FLAT, one, 0)
        if depth:
            gl.glFramebufferTexture2D(g.FRAMEBUFFER, g.DEPTH_ATTACHMENT, g.FLAT, depth, 0)
        draw_buffers(gl, [g.ATTACHMENT + at for at in range(len(colours))] or [0])
        if not colours:
            gl.glReadBuffer(0)
        state = gl.glCheckFramebufferStatus(g.FRAMEBUFFER)
        gl.check("a framebuffer was made")
        if state != g.COMPLETE:
            raise trouble("OpenGL has no framebuffer to draw the scene into.", hex(state))
        return name

    def bind(self, frame: int) -> None:
        """Draw into one of the framebuffers from now on."""
        self._gl.glBindFramebuffer(g.FRAMEBUFFER, frame)
        self._gl.glViewport(0, 0, self.width, self.height)

    def clear(self) -> None:
        """Nothing is seen: clear, nobody, far away."""
        gl = self._gl
        self.bind(self.opaque)
        gl.glDepthMask(1)
        nothing, nobody, far = (ctypes.c_float * 4)(), (ctypes.c_uint * 4)(), (ctypes.c_float * 1)(1.0)
        gl.glClearBufferfv(0x1800, 0, nothing)
        gl.glClearBufferuiv(0x1800, 1, nobody)
        gl.glClearBufferfv(0x1801, 0, far)

    def copy_walls(self) -> None:
        """Lines of sight end where opaque things are now; binds what further ends are drawn into."""
        gl, size = self._gl, (0, 0, self.width, self.height)
        gl.glBindFramebuffer(g.READ_FRAMEBUFFER, self.opaque)
        gl.glBindFramebuffer(g.DRAW_FRAMEBUFFER, self.stops)
        gl.glBlitFramebuffer(*size, *size, g.DEPTH_BIT, g.NEAREST)
        self.bind(self.stops)

    def image(self) -> QImage:
        """The picture; its alpha is multiplied into the colours, 0 where nothing was drawn."""
        # As the window is painted: other orders of colours would be changed into it with every paint.
        found = QImage(self.width, self.height, QImage.Format.Format_ARGB32_Premultiplied)
        self._gl.glBindFramebuffer(g.FRAMEBUFFER, self.flat)
        bits = np.frombuffer(found.bits(), np.uint8)
        self._gl.glReadPixels(0, 0, self.width, self.height, g.BGRA, g.PACKED_BYTES, g.address(bits))
        return found.flipped()

    def everyone(self) -> np.ndarray:
        """The numbers of nodes that are seen and of their elements, (h, w, 2) uint32, rows from above; 0 for nobody."""
        who, gl = np.zeros((self.height, self.width, 2), np.uint32), self._gl
        gl.glBindFramebuffer(g.FRAMEBUFFER, self.opaque)
        gl.glReadBuffer(g.ATTACHMENT + 1)
        gl.glReadPixels(0, 0, self.width, self.height, g.RG_INTEGER, g.UNSIGNED_INT, g.address(who))
        gl.glReadBuffer(g.ATTACHMENT)
        return who[::-1]

    def beneath(self, x: int, y: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
        """Who is seen around a pixel, (h, w, 2) uint32, and its depths, (h, w); rows from below."""
        left, low = max(0, x - reach), max(0, self.height - 1 - y - reach)
        right, high = min(self.width, x + reach + 1), min(self.height, self.height - y + reach)
        shape = (max(1, high - low), max(1, right - left))
        who, depth = np.zeros((*shape, 2), np.uint32), np.ones(shape, np.float32)
        gl = self._gl
        gl.glBindFramebuffer(g.FRAMEBUFFER, self.opaque)
        gl.glReadBuffer(g.ATTACHMENT + 1)
        gl.glReadPixels(left, low, shape[1], shape[0], g.RG_INTEGER, g.UNSIGNED_INT, g.address(who))
        gl.glReadBuffer(g.ATTACHMENT)
        gl.glReadPixels(left, low, shape[1], shape[0], g.DEPTH, g.FLOAT, g.address(depth))
        return who, depth

    def close(self) -> None:
        """Give it back."""
        for one in (self.opaque, self.over, self.flat, self.stops):
            self._gl.deleted("Framebuffers", one)
        for one in (self.shade, self.who, self.depth, self.picture, self.walls):
            self._gl.deleted("Textures", one)


@dataclasses.dataclass(frozen=True)
class Edges:
    """Textures that say how much of a pixel meshes cover, see rayshaders.EDGES."""

    fine: int
    """Means of several samples."""
    shade: int
    """Of one."""


class Sheet:
    """A clear picture that is drawn into and laid over another."""

    def __init__(self, device: Device, width: int, height: int) -> None:
        """Raises KnownTrouble where there is no memory for it."""
        self._device, self._gl = device, device.gl
        self.width, self.height = width, height
        gl = device.gl
        self.texture = gl.texture(g.FLAT, smooth=True)
        gl.glTexImage2D(g.FLAT, 0, g.RGBA8, width, height, 0, g.RGBA, g.UNSIGNED_BYTE, None)
        self.frame = gl.made("Framebuffers")
        gl.glBindFramebuffer(g.FRAMEBUFFER, self.frame)
        gl.glFramebufferTexture2D(g.FRAMEBUFFER, g.ATTACHMENT, g.FLAT, self.texture, 0)
        draw_buffers(gl, [g.ATTACHMENT])
        gl.check("memory was taken for a picture")

    def bind(self) -> None:
        """Draw into it from now on."""
        self._gl.glBindFramebuffer(g.FRAMEBUFFER, self.frame)
        self._gl.glViewport(0, 0, self.width, self.height)

    def lay(self, edges: Edges | None = None) -> None:
        """Lay it over the bound framebuffer; where `edges` are told, as what passes before meshes and beside them."""
        gl, device = self._gl, self._device
        gl.glDisable(g.DEPTH_TEST)
        gl.glEnable(g.BLEND)
        gl.glBlendFunc(g.ONE, g.ONE_LESS)
        device.sample(0, g.FLAT, self.texture)
        device.sample(1, g.FLAT, edges.fine if edges is not None else 0)
        device.sample(2, g.FLAT, edges.shade if edges is not None else 0)
        device.program("veil").use(veil=0, fine=1, shade=2, smoothed=edges is not None)
        device.screen()
        gl.glDisable(g.BLEND)

    def close(self) -> None:
        """Give it back."""
        self._gl.deleted("Framebuffers", self.frame)
        self._gl.deleted("Textures", self.texture)
