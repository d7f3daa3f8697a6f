"""What the page of videos offers before one is open."""

from __future__ import annotations

from collections.abc import Callable

from workbench.gui.startplace import StartPlace, Way

KINDS = "MP4, MOV, MKV, WebM, AVI, GIF and what else FFmpeg reads,\na folder of videos, or a folder of single pictures."


def start_place(
    *, files: Callable[[], None], folder: Callable[[], None], camera: Callable[[], None],
    sample: Callable[[], None],
) -> StartPlace:  # fmt: skip
    """The sample needs no file, a camera none either."""
    ways = (
        Way("Open the sample video", sample, "Shapes that move on a ground of blocks; no file is needed"),
        Way("Files…", files, "Choose video files"),
        Way("Folder…", folder, "Choose a folder of videos, or of single pictures that make one"),
        Way("Camera…", camera, "See a camera live, or a video looped in the place of one"),
    )
    return StartPlace("Drop videos here", KINDS, ways, picture="mdi6.filmstrip")
