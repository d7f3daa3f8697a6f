"""What a window may ask about trained radiance fields: how one looks from a viewpoint, coarse at once, then finer."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.fields import FieldFrame, FieldWish
from workbench.core.problem import InputError
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.engine.scenes.fieldlive import Picture
    from workbench.engine.scenes.fieldrendering import Occupancy
    from workbench.engine.scenes.fields import Field
    from workbench.worker.interactive import ApplyContext

SAMPLES = 128
CELLS = 48
FILES = 12
"""Frames share so many files: a window has read one long before it is written over."""
_numbers = itertools.count()


def _render(arguments: dict[str, Any], context: ApplyContext) -> FieldFrame:
    """The finest picture of a look; coarser ones are told before. See core/fields.py."""
    from workbench.engine.scenes.fieldlive import COARSENESS, bounded, progressive

    asked = as_asked(arguments, FieldWish)
    began = time.perf_counter()
    context.progress(0, 0)
    field, empty = _warm(Path(asked.model), context)
    look = bounded(asked.look)
    total = sum(1 / one**2 for one in COARSENESS)
    done, found = 0.0, None
    for made in progressive(field, look, SAMPLES, occupancy=empty):
        context.progress(0, 0)
        if made is None:
            continue
        done += 1 / made.coarseness**2
        found = _told(made, asked, context, time.perf_counter() - began)
        if made.coarseness > 1:
            context.partial(found, round(1000 * done), round(1000 * total), "rendering")
    if found is None:
        raise InputError("There is nothing to render.", expected="a picture of a pixel or more",
                         received=f"{look.width} × {look.height}", fix="Make the view larger.")  # fmt: skip
    return found


def _warm(model: Path, context: ApplyContext) -> tuple[Field, Occupancy]:
    """The field and what is empty in it, kept as long as its file stays as it is."""
    import torch

    from workbench.engine.devices import choose
    from workbench.engine.scenes.fieldrendering import Occupancy
    from workbench.engine.scenes.fields import WEIGHTS, load

    folder = model / "model" if (model / "run.json").exists() else model
    file = folder / WEIGHTS
    stamp = file.stat().st_mtime_ns if file.is_file() else 0
    key = ("field", str(folder), stamp, context.device)
    if key not in context.cache:
        field = load(folder).to(choose(context.device, context.precision).device)
        empty = Occupancy(field, CELLS)
        empty.look(field, torch.Generator().manual_seed(0))
        context.cache[key] = (field, empty)
    found: tuple[Field, Occupancy] = context.cache[key]
    return found


def _told(made: Picture, asked: FieldWish, context: ApplyContext, seconds: float) -> FieldFrame:
    folder = context.home.cache / "fields"
    folder.mkdir(parents=True, exist_ok=True)
    number = next(_numbers) % FILES
    paths = []
    for name, array in (("rgba", made.rgba), ("depth", made.depth)):
        path = folder / f"{name}-{number}.npy"
        scratch = path.with_suffix(".tmp")
        with scratch.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        scratch.replace(path)
        paths.append(str(path))
    return FieldFrame(asked.look, made.coarseness, paths[0], paths[1], seconds)


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {"field-render": _render}
