"""Cameras through Qt Multimedia, where it is installed; a device that goes away ends its view with a word."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from workbench.core.problem import KnownTrouble, ProblemRecord
from workbench.gui.films.live import LIVE_BOX

LACKING = "pip install 'transfer-workbench[camera]'"


def multimedia() -> Any:
    """Qt Multimedia; raises KnownTrouble where it is not installed. Importing takes a while: off the GUI thread."""
    try:
        from PySide6 import QtMultimedia  # type: ignore[attr-defined,unused-ignore]
    except ModuleNotFoundError as error:
        raise KnownTrouble(
            "Cameras need Qt Multimedia, which is not installed.", expected="the package PySide6-Addons",
            received=str(error), fix=f"{LACKING}, or loop a video file in the place of a camera.",
        ) from None  # fmt: skip
    except ImportError as error:
        raise KnownTrouble(
            "Qt Multimedia cannot be loaded.", expected="the libraries of the system that it needs",
            received=str(error), fix="Install the library that is named (Debian and Ubuntu: apt install libpulse0), "
            "or loop a video file in the place of a camera.",
        ) from None  # fmt: skip
    return QtMultimedia


def cameras() -> list[str]:
    """The names of the cameras there are, the default one first; raises KnownTrouble without Qt Multimedia."""
    found = multimedia().QMediaDevices
    default = found.defaultVideoInput()
    devices = sorted(found.videoInputs(), key=lambda one: one.id() != default.id())
    return [str(one.description()) for one in devices]


class Camera(QObject):
    """A camera by its name. Made and used on the GUI thread; frames are no larger than live pictures need to be."""

    arrived = Signal(object, float)
    ended = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        """Raises KnownTrouble where no camera has this name, or Qt Multimedia is not installed."""
        super().__init__(parent)
        parts = multimedia()
        device = next((one for one in parts.QMediaDevices.videoInputs() if one.description() == name), None)
        if device is None:
            raise KnownTrouble(
                "This camera is not there.", expected=", ".join(cameras()) or "a camera that is plugged in",
                received=name, fix="Plug it in, or choose another one.",
            )  # fmt: skip
        self.name = name
        self._began_s = time.perf_counter()
        self._over = False
        self._camera = parts.QCamera(device, self)
        self._sink = parts.QVideoSink(self)
        self._session = parts.QMediaCaptureSession(self)
        self._session.setCamera(self._camera)
        self._session.setVideoSink(self._sink)
        self._devices = parts.QMediaDevices(self)
        self._device_id = device.id()
        self._inputs = parts.QMediaDevices.videoInputs
        self._sink.videoFrameChanged.connect(self._take)
        self._camera.errorOccurred.connect(lambda _, words: self._end(words))
        self._devices.videoInputsChanged.connect(self._look)

    def start(self) -> None:
        """Switch the camera on."""
        self._began_s = time.perf_counter()
        self._camera.start()

    def stop(self) -> None:
        """Switch the camera off."""
        self._over = True
        self._camera.stop()

    def _take(self, frame: Any) -> None:
        image: QImage = frame.toImage()
        if self._over or image.isNull():
            return
        if image.width() > LIVE_BOX[0]:
            image = image.scaledToWidth(LIVE_BOX[0])
        self.arrived.emit(image, time.perf_counter() - self._began_s)

    def _look(self) -> None:
        if all(one.id() != self._device_id for one in self._inputs()):
            self._end("it was unplugged")

    def _end(self, words: str) -> None:
        if self._over:
            return
        self.stop()
        fix = "Plug it in and start it again. What was seen of late is kept."
        received = words or "no more pictures"
        self.ended.emit(
            ProblemRecord("The camera has gone away.", expected="pictures", received=received, fix=fix, place=self.name)
        )
