"""What of OpenGL 3.3 the 3-D canvas calls, by the addresses that Qt's context knows, and programs and buffers of it.

Called by ctypes, which lets Python's other threads run while a driver draws and takes numpy's memory as it is; Qt's own
wrappers copy arrays, hold Python's lock while a driver draws, and lack integer attributes and buffer textures.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QOpenGLContext

from workbench.core.problem import KnownTrouble

COLOUR_BIT, DEPTH_BIT = 0x4000, 0x100
DEPTH_TEST, BLEND, SCISSOR_TEST, PROGRAM_POINT_SIZE, CULL_FACE = 0x0B71, 0x0BE2, 0x0C11, 0x8642, 0x0B44
LESS, LEQUAL, ALWAYS, ONE, SOURCE_ALPHA, ONE_LESS = 0x0201, 0x0203, 0x0207, 1, 0x0302, 0x0303
POINTS, TRIANGLES, TRIANGLE_STRIP = 0x0000, 0x0004, 0x0005
CLIP_DISTANCE = 0x3000
UNSIGNED_BYTE, UNSIGNED_INT, FLOAT = 0x1401, 0x1405, 0x1406
ARRAY, ELEMENTS, TEXELS, STATIC = 0x8892, 0x8893, 0x8C2A, 0x88E4
FLAT, VOLUME, BUFFER_TEXTURE = 0x0DE1, 0x806F, 0x8C2A
RGBA, RGB, RED, RG_INTEGER, DEPTH = 0x1908, 0x1907, 0x1903, 0x8228, 0x1902
BGRA, PACKED_BYTES = 0x80E1, 0x8367
"""Together 0xAARRGGBB in each 32-bit number, whatever the order of bytes."""
RGBA8, R8, R8UI, R32F, RG32UI, RGBA16F, DEPTH24, DEPTH32F = (
    0x8058, 0x8229, 0x8232, 0x822E, 0x823C, 0x881A, 0x81A6, 0x8CAC,
)  # fmt: skip
NEAREST, LINEAR, CLAMP = 0x2600, 0x2601, 0x812F
FRAMEBUFFER, READ_FRAMEBUFFER, DRAW_FRAMEBUFFER, RENDERBUFFER, ATTACHMENT, DEPTH_ATTACHMENT, COMPLETE = (
    0x8D40, 0x8CA8, 0x8CA9, 0x8D41, 0x8CE0, 0x8D00, 0x8CD5,
)  # fmt: skip
VERTEX_SHADER, FRAGMENT_SHADER, COMPILED, LINKED = 0x8B31, 0x8B30, 0x8B81, 0x8B82
MAX_3D_SIDE, MAX_BUFFER_TEXELS, MAX_SIDE, MAX_SAMPLES, RENDERER = 0x8073, 0x8C2B, 0x0D33, 0x8D57, 0x1F01
_FAULTS = {0x0500: "invalid enum", 0x0501: "invalid value", 0x0502: "invalid operation", 0x0505: "out of memory",
           0x0506: "incomplete framebuffer", 0x0507: "context lost"}  # fmt: skip

# A letter for each argument: u unsigned, i int, f float, p pointer, z size, b byte; after ">" what comes back.
_CALLS = """
glActiveTexture u; glAttachShader uu; glBindBuffer uu; glBindFramebuffer uu; glBindTexture uu; glBindVertexArray u
glBlendFunc uu; glBlendFuncSeparate uuuu; glBufferData uzpu; glBufferSubData uzzp; glCheckFramebufferStatus u>u
glClear u; glClearBufferfv uip; glClearBufferuiv uip; glClearColor ffff; glColorMask bbbb; glCompileShader u
glCreateProgram >u; glCreateShader u>u; glCullFace u; glDeleteBuffers ip; glDeleteFramebuffers ip; glDeleteProgram u
glDeleteShader u; glDeleteTextures ip; glDeleteVertexArrays ip; glDepthFunc u; glDepthMask b; glDisable u
glDrawArrays uii; glDrawArraysInstanced uiii; glDrawBuffers ip; glDrawElements uiup; glEnable u
glEnableVertexAttribArray u; glFinish ; glFlush ; glFramebufferTexture2D uuuui; glGenBuffers ip; glGenFramebuffers ip
glGenTextures ip; glGenVertexArrays ip; glGetError >u; glGetIntegerv up; glGetProgramInfoLog uipp; glGetProgramiv uup
glGetShaderInfoLog uipp; glGetShaderiv uup; glGetString u>p; glGetUniformLocation up>i; glLinkProgram u
glPixelStorei ui; glReadBuffer u; glReadPixels iiiiuup; glScissor iiii; glShaderSource uipp; glTexBuffer uuu
glTexImage2D uiiiiiuup; glTexImage3D uiiiiiiuup; glTexParameteri uui; glTexSubImage2D uiiiiiuup
glTexSubImage3D uiiiiiiiuup; glUniform1f if; glUniform1i ii; glUniform1ui iu; glUniform2f iff; glUniform3f ifff
glUniform4f iffff; glUniform4fv iip; glUniformMatrix4fv iibp; glUseProgram u; glVertexAttribDivisor uu
glVertexAttribIPointer uiuip; glVertexAttribPointer uiubip; glViewport iiii; glDisableVertexAttribArray u
glPolygonMode uu; glVertexAttrib4f uffff; glVertexAttribI1ui uu; glVertexAttrib3f ufff; glBlitFramebuffer iiiiiiiiuu
glGenRenderbuffers ip; glDeleteRenderbuffers ip; glBindRenderbuffer uu; glRenderbufferStorageMultisample uiuii
glFramebufferRenderbuffer uuuu
"""
# What only notes a state. Each call that lets other threads run may wait for them to stop, up to Python's switch
# interval: some two hundred a picture would be a second beside a busy window.
_QUICK = re.compile(
    r"gl(Uniform|VertexAttrib|Enable|Disable|Blend|Depth|Tex(Parameter|Buffer)|Gen|Bind(Buffer|Texture|VertexArray)$"
    r"|(ActiveTexture|ClearColor|ColorMask|CullFace|DrawBuffers|GetError|GetIntegerv|GetUniformLocation|PixelStorei"
    r"|PolygonMode|ReadBuffer|Scissor|UseProgram|Viewport)$)"
)
_TYPES: dict[str, Any] = {
    "u": ctypes.c_uint, "i": ctypes.c_int, "f": ctypes.c_float, "p": ctypes.c_void_p, "z": ctypes.c_ssize_t,
    "b": ctypes.c_ubyte,
}  # fmt: skip


class GL:
    """OpenGL's functions under their own names; the context that they were asked of is current when they are called."""

    def __init__(self, context: QOpenGLContext) -> None:
        """Raises KnownTrouble where the driver lacks one of them."""
        self._found: dict[str, Callable[..., Any]] = {}
        for name, arguments, back in re.findall(r"(gl\w+) ([uifpzb]*)(?:>(\w))?", _CALLS):
            address = context.getProcAddress(name.encode())
            if not address:
                raise trouble("The OpenGL of this display lacks a function.", name)
            made = ctypes.PYFUNCTYPE if _QUICK.match(name) else ctypes.CFUNCTYPE
            kind = made(_TYPES[back] if back else None, *(_TYPES[one] for one in arguments))
            self._found[name] = kind(int(address))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            return self._found[name]
        except KeyError:
            raise AttributeError(name) from None

    def check(self, doing: str) -> None:
        """Raises KnownTrouble where something since the last check went wrong."""
        fault = self.glGetError()
        if not fault:
            return
        for _ in range(8):  # the rest of what has gathered
            if not self.glGetError():
                break
        raise trouble(f"OpenGL failed while {doing}.", _FAULTS.get(fault, hex(fault)))

    def integer(self, name: int) -> int:
        """A limit of the driver."""
        found = ctypes.c_int()
        self.glGetIntegerv(name, ctypes.byref(found))
        return found.value

    def made(self, what: str) -> int:
        """A new name of `Buffers`, `Textures`, `Framebuffers`, `Renderbuffers` or `VertexArrays`."""
        found = ctypes.c_uint()
        self._found[f"glGen{what}"](1, ctypes.byref(found))
        return found.value

    def deleted(self, what: str, name: int) -> None:
        """Give such a name and what it means back."""
        if name:
            self._found[f"glDelete{what}"](1, ctypes.byref(ctypes.c_uint(name)))

    def texture(self, target: int, *, smooth: bool) -> int:
        """A new bound texture, smooth between its texels or not, clamped to its edge."""
        name = self.made("Textures")
        self.glBindTexture(target, name)
        for key in (0x2801, 0x2800):  # minified, magnified
            self.glTexParameteri(target, key, LINEAR if smooth else NEAREST)
        for key in (0x2802, 0x2803, 0x8072):
            self.glTexParameteri(target, key, CLAMP)
        return name


def trouble(what: str, received: str) -> KnownTrouble:
    """What to tell of a driver that fails."""
    return KnownTrouble(
        what, expected="a display with OpenGL 3.3 and memory for the scene", received=received,
        fix="Show fewer or smaller things, or update the graphics driver. Until then the scene is drawn coarsely.",
    )  # fmt: skip


def address(array: NDArray[Any]) -> ctypes.c_void_p:
    """Where a contiguous array lies, for as long as it is kept."""
    return ctypes.c_void_p(array.ctypes.data)


class Program:
    """A linked program of two shaders."""

    def __init__(self, gl: GL, vertex: str, fragment: str) -> None:
        """Raises KnownTrouble with the driver's words where it does not compile or link."""
        self._gl = gl
        self.name = gl.glCreateProgram()
        shaders = [self._shader(VERTEX_SHADER, vertex), self._shader(FRAGMENT_SHADER, fragment)]
        for one in shaders:
            gl.glAttachShader(self.name, one)
        gl.glLinkProgram(self.name)
        for one in shaders:
            gl.glDeleteShader(one)
        self._demand(self.name, LINKED, "Program")
        self._places: dict[str, int] = {}

    def _shader(self, kind: int, text: str) -> int:
        gl = self._gl
        name: int = gl.glCreateShader(kind)
        source = ctypes.c_char_p(text.encode())
        gl.glShaderSource(name, 1, ctypes.byref(source), None)
        gl.glCompileShader(name)
        self._demand(name, COMPILED, "Shader")
        return name

    def _demand(self, name: int, state: int, what: str) -> None:
        able, words = ctypes.c_int(), ctypes.create_string_buffer(2000)
        getattr(self._gl, f"glGet{what}iv")(name, state, ctypes.byref(able))
        if not able.value:
            getattr(self._gl, f"glGet{what}InfoLog")(name, 2000, None, words)
            raise trouble("The graphics driver does not compile what draws the scene.", words.value.decode()[:300])

    def use(self, **values: Any) -> None:
        """Use it from now on, with these uniforms: bool and int as int, float, tuples of floats, (4, 4) arrays."""
        self._gl.glUseProgram(self.name)
        self.set(**values)

    def set(self, **values: Any) -> None:
        """Set uniforms of the program in use; ones that the driver left out are passed by."""
        gl = self._gl
        for name, value in values.items():
            if name not in self._places:
                self._places[name] = gl.glGetUniformLocation(self.name, ctypes.c_char_p(name.encode()))
            at = self._places[name]
            if at < 0:
                continue
            if isinstance(value, bool | int):
                gl.glUniform1i(at, int(value))
            elif isinstance(value, np.unsignedinteger):
                gl.glUniform1ui(at, int(value))
            elif isinstance(value, float):
                gl.glUniform1f(at, value)
            elif isinstance(value, np.ndarray) and value.shape == (4, 4):
                matrix = np.ascontiguousarray(value, np.float32)
                gl.glUniformMatrix4fv(at, 1, 1, address(matrix))
            elif isinstance(value, np.ndarray):  # (N, 4)
                rows = np.ascontiguousarray(value, np.float32)
                gl.glUniform4fv(at, len(rows), address(rows))
            else:
                getattr(gl, f"glUniform{len(value)}f")(at, *map(float, value))

    def close(self) -> None:
        """Give it back."""
        self._gl.glDeleteProgram(self.name)


class Buffer:
    """A buffer of the driver that is filled in pieces."""

    def __init__(self, gl: GL, size: int) -> None:
        """`size` in bytes; raises KnownTrouble where there is no memory for it."""
        self._gl = gl
        self.name = gl.made("Buffers")
        gl.glBindBuffer(ARRAY, self.name)  # buffers have no kind of their own
        gl.glBufferData(ARRAY, max(size, 4), None, STATIC)
        gl.check("memory was taken for the scene")

    def send(self, offset: int, values: NDArray[Any]) -> None:
        """Put values at an offset in bytes."""
        values = np.ascontiguousarray(values)
        self._gl.glBindBuffer(ARRAY, self.name)
        self._gl.glBufferSubData(ARRAY, offset, values.nbytes, address(values))

    def feed(
        self, at: int, count: int, kind: int, *, stride: int = 0, offset: int = 0, scaled: bool = False,
        whole: bool = False, each: int = 0,
    ) -> None:  # fmt: skip
        """Let attribute `at` of the bound vertex array read from here; `whole` as integers, `each` per instance."""
        gl = self._gl
        gl.glBindBuffer(ARRAY, self.name)
        gl.glEnableVertexAttribArray(at)
        if whole:
            gl.glVertexAttribIPointer(at, count, kind, stride, ctypes.c_void_p(offset))
        else:
            gl.glVertexAttribPointer(at, count, kind, int(scaled), stride, ctypes.c_void_p(offset))
        if each:
            gl.glVertexAttribDivisor(at, each)

    def close(self) -> None:
        """Give it back."""
        self._gl.deleted("Buffers", self.name)
        self.name = 0


def draw_buffers(gl: GL, kinds: Sequence[int]) -> None:
    """Into which attachments of the bound framebuffer is drawn."""
    names = (ctypes.c_uint * len(kinds))(*kinds)
    gl.glDrawBuffers(len(kinds), names)
