"""Whether this display draws OpenGL, found out in steps that hold the window up for a moment each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext

BETWEEN_MS = 10
"""From one step of loading the driver to the next, so that the window has its turn."""


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
