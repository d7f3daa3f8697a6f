"""What a window may ask about files of things in space: read, say what they hold, write, make a sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from workbench.core.problem import KnownTrouble
from workbench.core.scenefiles import TOGETHER, SceneInfo, SceneSample, SceneWriteWish, SceneWritten
from workbench.core.scenes import SceneRead, SceneReadWish
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.worker.interactive import ApplyContext

FOLDER = "scene-files"
"""Below the home's cache: things as they were read; all come again from their files."""


def _read(arguments: dict[str, Any], context: ApplyContext) -> SceneRead:
    from workbench.engine.scenes.reading import read_scene

    asked = as_asked(arguments, SceneReadWish)
    return read_scene(Path(asked.path), context.home.cache / FOLDER, most_points=asked.most_points,
                      poses=asked.poses, told=context.progress)  # fmt: skip


def _info(arguments: dict[str, Any], context: ApplyContext) -> SceneInfo:
    from workbench.engine.scenes.reading import format_of, read_scene, told_trouble

    asked = as_asked(arguments, SceneReadWish)
    path = Path(asked.path)
    found = read_scene(path, context.home.cache / FOLDER, most_points=asked.most_points, told=context.progress)
    with told_trouble(path):
        files = [path] if path.is_file() else [one for one in path.iterdir() if one.is_file()]
        return SceneInfo(str(path), format_of(path), sum(one.stat().st_size for one in files), found)


def _write(arguments: dict[str, Any], context: ApplyContext) -> SceneWritten:
    from workbench.engine.scenes.writing import write_scene

    return write_scene(as_asked(arguments, SceneWriteWish), context.progress)


class SampleAsked(msgspec.Struct, frozen=True):
    """Which sample is meant; those that stand in one scene for none."""

    name: SceneSample | Literal[""] = ""


def _sample(arguments: dict[str, Any], context: ApplyContext) -> list[str]:
    from workbench.engine.scenes.samples import write_sample

    asked = as_asked(arguments, SampleAsked)
    try:
        folder = context.home.cache / "samples"
        return [
            str(write_sample(name, folder, context.progress)) for name in ([asked.name] if asked.name else TOGETHER)
        ]
    except (OSError, RuntimeError) as error:
        raise KnownTrouble(
            "The sample cannot be written.", expected="a writable home with room", received=str(error),
            fix="Free some space, or move the home with WORKBENCH_HOME.",
        ) from None  # fmt: skip


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {
    "scene-read": _read, "scene-info": _info, "scene-write": _write,
    "scene-sample": _sample,
}  # fmt: skip
