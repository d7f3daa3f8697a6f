"""What the page of sounds offers before one is open."""

from __future__ import annotations

from collections.abc import Callable

from workbench.gui.startplace import StartPlace, Way

KINDS = "WAV, FLAC, MP3, OGG, Opus, M4A, AIFF, the sound of a video,\nor a folder of them."


def start_place(
    *, files: Callable[[], None], folder: Callable[[], None], sample: Callable[[], None], record: Callable[[], None]
) -> StartPlace:
    """The sample needs no file, a recording none either."""
    ways = (
        Way("Open the sample sound", sample, "Synthetic speech with its words and phones; no file is needed"),
        Way("Files…", files, "Choose sound or video files"),
        Way("Folder…", folder, "Choose a folder of sound files"),
        Way("Record…", record, "Record from a microphone"),
    )
    return StartPlace("Drop sounds here", KINDS, ways, picture="mdi6.waveform")
