"""What a window without OpenGL may ask about pictures of a scene by Open3D: whether there can be any, and one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.core.finepictures import ABLE, MOST_PIXELS, PICTURE, FineAble, FinePicture, FineWish
from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.worker.finepainter import Painter
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.worker.interactive import ApplyContext

FOLDER = "fine-pictures"
"""Below the home's cache."""


def _painter(context: ApplyContext) -> Painter:
    found: Painter | None = context.cache.get(("fine-painter",))
    if found is None:
        found = context.cache["fine-painter",] = Painter()
    return found


def _able(arguments: dict[str, Any], context: ApplyContext) -> FineAble:
    return _painter(context).able(lambda: context.progress(0, 0))


def _picture(arguments: dict[str, Any], context: ApplyContext) -> FinePicture:
    """See core/finepictures.py."""
    asked = as_asked(arguments, FineWish)
    if not 0 < asked.width * asked.height <= MOST_PIXELS or min(asked.width, asked.height) < 1:
        raise InputError("A picture of this size cannot be drawn.", expected=f"1 to {spaced(MOST_PIXELS)} pixels",
                         received=f"{asked.width} × {asked.height}", fix="Ask for a smaller one.")  # fmt: skip
    return _painter(context).draw(asked, context.home.cache / FOLDER, lambda: context.progress(0, 0))


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {ABLE: _able, PICTURE: _picture}
