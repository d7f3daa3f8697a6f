"""What a window may ask to be done to things of a scene; arrays of what comes of it lie in the home's cache."""

from __future__ import annotations

import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.sceneprocess import SceneProcessed, SceneProcessWish
from workbench.worker.questions import as_asked
from workbench.worker.sceneprocessor import Processor

if TYPE_CHECKING:
    from workbench.worker.interactive import ApplyContext

KEPT_S = 3600.0
"""Previews, and what a terminal has written to a file by now, are not needed for longer."""
THOUSANDTHS = 1000


def _process(arguments: dict[str, Any], context: ApplyContext) -> SceneProcessed:
    """An operation on a thing; see core/sceneprocess.py. Nobody waiting for it ends the process that does it."""
    asked = as_asked(arguments, SceneProcessWish)
    place = context.home.cache / "scene-processing"
    _forget_passing(place)
    folder = (Path(asked.folder) if asked.folder else place) / f"made-{uuid.uuid4().hex[:16]}"
    key = ("scene-processor",)
    processor: Processor | None = context.cache.get(key)
    if processor is None:
        processor = context.cache[key] = Processor()

    def told(fraction: float, words: str) -> None:
        context.progress(round(fraction * THOUSANDTHS), THOUSANDTHS, words)

    try:
        return processor.do(asked, folder, told, lambda: context.progress(0, 0))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _forget_passing(place: Path) -> None:
    """What lies in the cache for a preview or a terminal goes after a while."""
    with contextlib.suppress(OSError):
        for one in place.iterdir():
            if one.stat().st_mtime < time.time() - KEPT_S:
                shutil.rmtree(one, ignore_errors=True)


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {"scene-process": _process}
