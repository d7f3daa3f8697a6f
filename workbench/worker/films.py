"""What a window may ask of the page of videos' own: the sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.worker.interactive import ApplyContext


def _film_sample(arguments: dict[str, Any], context: ApplyContext) -> str:
    """The path of a video that is drawn once."""
    from workbench.engine.video.samplefilm import write_sample

    return str(write_sample(context.home.cache / "film-sample", context.progress))


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {"film-sample": _film_sample}
