"""A trained recogniser at work on one clip.

`apply` of a run's model takes, in `inputs`, one of

- `clip`: the path of a .npy with frames (T, H, W, 3) uint8, in order, from any number of frames a second;
- `path` with `start_s` and `end_s` (both may be left out: the whole video): a stretch of a video;
- the sample's address in any slot: a generated clip.

Where T differs from the frames that the model was trained on, the clip is cut into as many equal segments, and the
middle frame of each is taken. `attention` may name a .npy that the maps are written to, (F, h, w) float32 from 0 to 1,
where the model has a spatial query. What comes back is a `Recognised`: an Answer for each task (motion, shape; class
for a person's own clips), whose `scores` name every class with its probability, the best first.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError
from workbench.engine.video.askedclips import asked_frames
from workbench.engine.warm import warm

from .recipe import SPRITES


class Recognised(AnswersDoc):
    """Answers about a clip, an Answer for each task; `attention` is where its maps were written (empty: nowhere)."""

    attention: str = ""


@dataclasses.dataclass
class Recogniser:
    """A network with the names of its classes."""

    network: Any
    place: Any
    tasks: dict[str, list[str]]
    frames: int
    edge: int
    title: str


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> Recognised:
    """Name a clip; see above for `inputs`. Raises InputError for what is no clip, or no stretch of a video."""
    began = time.perf_counter()
    tool = warm(job, "dist-image-to-video", folder, lambda card: _load(folder, card, job))
    from .data import ASKED_SEED
    from .method import said

    frames, title = asked_frames(inputs, tool.frames, tool.edge, sample=SPRITES.address, seed=ASKED_SEED)
    found = said(tool.network, frames[None], tool.place)
    answers = []
    for task, names in tool.tasks.items():
        scores = found.scores[task][0]
        ranked = [(names[at], round(float(scores[at]), 4)) for at in np.argsort(-scores, kind="stable")]
        answers.append(Answer(f"{tool.title}: {task}", ranked[0][0], scores=ranked,
                              seconds=time.perf_counter() - began, note=title))  # fmt: skip
    return Recognised(answers, _written(inputs, found.attention, len(frames)))


def _written(inputs: dict[str, Any], attention: Any, frames: int) -> str:
    if not inputs.get("attention") or attention is None:
        return ""
    path = Path(str(inputs["attention"]))
    if path.suffix != ".npy" or not path.parent.is_dir():
        raise InputError(
            "The attention cannot be written there.", expected="a .npy in a folder that is there", received=str(path),
            fix="Choose another place.", field="attention",
        )  # fmt: skip
    from .show import over_frames

    np.save(path, over_frames(attention, frames)[0], allow_pickle=False)
    return str(path)


def _load(folder: Path, card: dict[str, Any], job: Any) -> Recogniser:
    import torch
    from safetensors.torch import load_file

    from workbench.core.params import check
    from workbench.engine.devices import choose
    from workbench.engine.video import imagelanguage

    from .method import ENCODER, WEIGHTS
    from .networks import Recogniser as Network
    from .recipe import STILLS, DistImageToVideo

    params = check(DistImageToVideo, card["knobs"])
    # The vectors of the classes are saved with the head: the text encoder is not needed.
    blank = {name: torch.zeros(len(names), card["dim"]) for name, names in card["tasks"].items()}
    address = str(folder / ENCODER) if params.encoder == STILLS else params.backbone
    network = Network(imagelanguage.load(address), blank, params)
    kept = load_file(folder / WEIGHTS)
    lacking, unknown = network.load_state_dict(kept, strict=False)
    wanted = set(network.saved())
    if unknown or wanted & set(lacking):
        raise InputError(
            "This model does not fit its encoder.", expected=f"the weights of {params.arm} on {params.backbone}",
            received=f"{len(unknown)} unknown and {len(wanted & set(lacking))} missing tensors",
            fix="Choose the encoder that it was trained on, or train it again.", field="model", place=str(folder),
        )  # fmt: skip
    place = choose(job.device, job.precision)
    return Recogniser(
        network.to(place.device).eval(), place, card["tasks"], card["frames"], card["edge"], params.arm
    )  # fmt: skip
