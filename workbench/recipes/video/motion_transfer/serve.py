"""A trained model at work: the motion of a clip."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError
from workbench.engine.video.askedclips import Pixels, read_frames
from workbench.engine.warm import warm

from .recipe import MOTIONS, MotionTransfer
from .taxonomy import Taxonomy

ASKED_SEED = 99
"""The generated clip that is asked about is of no run's parts."""


@dataclasses.dataclass
class Reader:
    """A model with what describes clips to it and the classes that it tells."""

    describe: Any
    model: Any
    params: MotionTransfer
    taxonomy: Taxonomy
    known_set: int
    place: Any


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> AnswersDoc:
    """Name the motion of inputs['clip'] (frames as .npy, (T, H, W, 3) uint8) or of a stretch of a video.

    A video is inputs['path'] from 'start_s' to 'end_s', the whole one without them; the sample's address asks about a
    generated clip. Raises InputError where there is no such clip.
    """
    began = time.perf_counter()
    reader = warm(job, "motion-transfer", folder, lambda card: _load(folder, card, job))
    clip, title = _clip(inputs, reader.params)
    with torch.no_grad(), reader.place.autocast():
        said = reader.model({name: one.to(reader.place.device) for name, one in reader.describe(clip[None]).items()})
    told, seconds = [], time.perf_counter() - began
    for name, scores in said.items():
        if labels := _labels(name, reader):
            shares = torch.softmax(scores[0].float(), 0).tolist()
            ranked = sorted(zip(labels, shares, strict=True), key=lambda one: -one[1])
            told.append(Answer(_TITLES[name], ranked[0][0], [(label, round(share, 4)) for label, share in ranked],
                               seconds=seconds, note=title))  # fmt: skip
    return AnswersDoc(told)


_TITLES = {"coarse": "Motion", "fine": "Variant, of those it learned", "named": "Variant, of all that have a name"}


def _labels(name: str, reader: Reader) -> list[str]:
    fine = reader.taxonomy.fine
    known = [fine[at].name for at in reader.taxonomy.of_set(reader.known_set)]
    return {"coarse": list(reader.taxonomy.coarse), "fine": known, "named": [one.name for one in fine]}.get(name, [])


def _clip(inputs: dict[str, Any], params: MotionTransfer) -> tuple[Pixels, str]:
    """Frames (T, S, S, 3) as the model wants them, and what they are."""
    asked = str(next((inputs[name] for name in ("clip", "path", "clips") if inputs.get(name)), ""))
    if asked == MOTIONS.address:
        from .data import part_of
        from .taxonomy import drawn

        taxonomy = drawn(params.classes)
        part = part_of(taxonomy, ASKED_SEED, 2, "val", params.replace(test_clips=1))
        return part.frames[0], f"a drawn clip: {taxonomy.fine[int(part.fine[0])].name}"
    path = Path(asked)
    if not asked or not path.is_file():
        raise InputError(
            "There is no clip to look at.", expected="frames as .npy, or a video", received=path.name or "nothing",
            fix="Choose a file, or the sample.", field="clip",
        )  # fmt: skip
    if path.suffix.lower() == ".npy":
        return _sampled(read_frames(path), params), path.name
    from .folders import decoded

    start, end = (inputs.get(name) for name in ("start_s", "end_s"))
    return decoded(path, start, end, params), path.name


def _sampled(frames: Pixels, params: MotionTransfer) -> Pixels:
    """As many frames as the model reads, evenly over the clip, at its size: (T, S, S, 3)."""
    places = np.round(np.linspace(0, len(frames) - 1, params.frames)).astype(int)
    chosen = torch.from_numpy(np.ascontiguousarray(frames[places])).permute(0, 3, 1, 2)
    if chosen.shape[-2:] != (params.size, params.size):
        chosen = torch.nn.functional.interpolate(chosen, (params.size, params.size), mode="bicubic", antialias=True)
    found: Pixels = chosen.permute(0, 2, 3, 1).contiguous().numpy()
    return found


def _load(folder: Path, card: dict[str, Any], job: Any) -> Reader:
    from safetensors.torch import load_file

    from workbench.core.params import check
    from workbench.engine.devices import choose

    from .describing import assembled
    from .saving import WEIGHTS, taxonomy_of

    place = choose(job.device, job.precision)
    params = check(MotionTransfer, card["knobs"])
    taxonomy = taxonomy_of(card)
    describe, model = assembled(params, taxonomy, int(card["known_set"]), place)
    model.load_state_dict(load_file(folder / WEIGHTS))
    return Reader(describe, model.to(place.device).eval(), params, taxonomy, int(card["known_set"]), place)
