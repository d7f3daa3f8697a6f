"""What a window may ask about files of things in space: read, say what they hold, write, make a sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.scenefiles import SceneInfo
from workbench.core.scenes import SceneRead, SceneReadWish
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.worker.interactive import ApplyContext

FOLDER = "scene-files"
"""Below the home's cache: things as they were read; all come again from their files."""


def _read(arguments: dict[str, Any], context: ApplyContext) -> SceneRead:
    from workbench.engine.scenes.reading import read_scene

    asked = as_asked(arguments, SceneReadWish)
    return read_scene(
        Path(asked.path), context.home.cache / FOLDER, most_points=asked.most_points, told=context.progress
    )


def _info(arguments: dict[str, Any], context: ApplyContext) -> SceneInfo:
    from workbench.engine.scenes.reading import format_of, read_scene

    asked = as_asked(arguments, SceneReadWish)
    path = Path(asked.path)
    found = read_scene(path, context.home.cache / FOLDER, most_points=asked.most_points, told=context.progress)
    size = path.stat().st_size if path.is_file() else sum(one.stat().st_size for one in path.iterdir() if one.is_file())
    return SceneInfo(str(path), format_of(path), size, found)


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {"scene-read": _read, "scene-info": _info}
