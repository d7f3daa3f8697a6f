"""The sound card by way of PortAudio: imported when somebody wants to hear or record, absent on some machines."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from workbench.gui.sounds.player import Fill

LATENCY_S = 0.02


class Device(NamedTuple):
    """An input; `number` is PortAudio's."""

    number: int
    name: str
    channels: int
    rate_hz: int


class Unheard(Exception):
    """There is no library or no device; the text says which, in one line."""


def library() -> Any:
    """The sounddevice module; raises Unheard where it or PortAudio is missing. Not on the GUI thread."""
    try:
        return importlib.import_module("sounddevice")
    except ImportError:
        raise Unheard("Playback and recording need the Python package sounddevice.") from None
    except OSError:
        raise Unheard("Playback and recording need PortAudio: sudo apt install libportaudio2") from None


def problem() -> str:
    """Why nothing can be heard here, in one line; empty where it can. Not on the GUI thread."""
    try:
        found = library()
        outputs = [one for one in found.query_devices() if one["max_output_channels"] > 0]
    except Unheard as error:
        return str(error)
    except Exception as error:  # PortAudioError exists only with the library
        return f"The sound system does not answer: {error}"
    return "" if outputs else "There is no sound output on this machine; all but playback works."


def inputs() -> list[Device]:
    """Every device that records; raises Unheard. Not on the GUI thread."""
    found = library()
    return [
        Device(number, str(one["name"]), int(one["max_input_channels"]), int(one["default_samplerate"]))
        for number, one in enumerate(found.query_devices())
        if one["max_input_channels"] > 0
    ]


class PortOutput:
    """A stream to the loudspeakers."""

    def __init__(self, rate_hz: int, channels: int, fill: Fill) -> None:
        module = library()

        def callback(out: Any, frames: int, times: Any, status: Any) -> None:
            if not fill(out, frames, times.outputBufferDacTime):
                raise module.CallbackStop

        self._stream = module.OutputStream(
            samplerate=rate_hz, channels=channels, dtype="float32", callback=callback, latency="low"
        )

    @property
    def now_s(self) -> float:
        """The stream's time."""
        return float(self._stream.time)

    def start(self) -> None:
        """Begin to call back."""
        self._stream.start()

    def close(self) -> None:
        """Stop at once."""
        self._stream.abort()
        self._stream.close()


class PortInput:
    """A stream from a microphone; `take(frames (n, channels), overflowed)` is called in its own thread."""

    def __init__(self, device: int, rate_hz: int, channels: int, take: Callable[[Any, bool], None]) -> None:
        module = library()

        def callback(data: Any, frames: int, times: Any, status: Any) -> None:
            take(data, bool(status and status.input_overflow))

        self._stream = module.InputStream(
            device=device, samplerate=rate_hz, channels=channels, dtype="float32", callback=callback, latency=LATENCY_S
        )

    def start(self) -> None:
        """Begin to call back."""
        self._stream.start()

    def close(self) -> None:
        """Stop; what was taken is kept."""
        self._stream.stop()
        self._stream.close()
