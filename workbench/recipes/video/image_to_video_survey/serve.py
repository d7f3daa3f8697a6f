"""A strategy at work: the classes of a clip, captions ranked for it, an answer to a question, or when a query happens.

`inputs`, as with the other recipes of videos: `clip` (a .npy of frames (T, H, W, 3) uint8), or `path` (a video) with
`start_s` and `end_s`, or the sample's address; `text` is a question, a query, or captions, one a line.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError
from workbench.engine.warm import warm

from .recipe import SPRITES

ASKED_SEED = 990_007
"""Of the generated clip that is looked at outside of a run."""


@dataclasses.dataclass
class Watcher:
    """A strategy with its head, and what it was trained for."""

    strategy: Any
    head: Any
    backbone: Any
    place: Any
    card: dict[str, Any]


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> AnswersDoc:
    """Say what the model's task asks of a clip; raises InputError for what is no clip, or lacks a text."""
    import torch

    from .base import Encoded

    began = time.perf_counter()
    tool = warm(job, "image-to-video-survey", folder, lambda card: _load(folder, card, job))
    card = tool.card
    frames, title = asked_frames(inputs, card["frames"], card["edge"])
    lines = [one.strip() for one in str(inputs.get("text") or "").splitlines() if one.strip()]
    if card["kind"] != "naming" and not lines:
        raise InputError(
            "This model needs words beside the clip.", expected="a question, a query, or captions one a line",
            received="no text", fix="Write what to look for.", field="text",
        )  # fmt: skip
    scores: list[tuple[str, float]] = []
    with torch.no_grad(), tool.place.autocast():
        pixels = tool.backbone.prepared(torch.from_numpy(frames)[None].to(tool.place.device))[None]
        found: Encoded = tool.strategy.encode(pixels)
        if card["kind"] == "naming":
            shares = tool.head.outputs(found, None)[0].float().softmax(0).tolist()
            scores = _ranked(card["classes"], shares)
            headline = scores[0][0]
        else:
            text = tool.backbone.text(lines).float()
            if card["kind"] == "retrieval":
                likeness = (tool.head.told(text) @ tool.head.outputs(found, None)[0]).tolist()
                scores = _ranked(lines, likeness)
                headline = scores[0][0]
            elif card["kind"] == "questions":
                scores = _ranked(card["classes"], tool.head.outputs(found, text[:1])[0].float().softmax(0).tolist())
                headline = scores[0][0]
            else:
                first, last = tool.head.span(tool.head.outputs(found, text[:1]))[0][0].tolist()
                headline = f"frames {first + 1} to {last + 1} of {len(frames)}"
    told = Answer(card["title"], headline, scores=scores, seconds=time.perf_counter() - began, note=title)
    return AnswersDoc([told])


def _ranked(names: list[str], values: list[float]) -> list[tuple[str, float]]:
    return sorted(((name, round(value, 4)) for name, value in zip(names, values, strict=True)), key=lambda one: -one[1])


def asked_frames(inputs: dict[str, Any], frames: int, edge: int) -> tuple[NDArray[np.uint8], str]:
    """The clip that is asked about (T, H, W, 3), with as many frames as the model looks at, and what it is called."""
    if inputs.get("clip"):
        path = Path(str(inputs["clip"]))
        clip = _read(path)
        return clip[((np.arange(frames) + 0.5) * len(clip) / frames).astype(int)], path.name
    if inputs.get("path"):
        from workbench.engine.video.clipsets import ClipSpec, load_clips

        end = inputs.get("end_s")
        spec = ClipSpec(str(inputs["path"]), float(inputs.get("start_s") or 0.0), None if end is None else float(end))
        return load_clips([spec], frames, edge, cached=False)[0], Path(spec.path).name
    if SPRITES.address not in inputs.values():
        raise InputError(
            "There is no clip to look at.", expected="clip (a .npy), or path (a video) with start_s and end_s",
            received=", ".join(sorted(inputs)) or "nothing", fix="Choose a clip or a video.", field="clip",
        )  # fmt: skip
    from workbench.engine.video import motions

    made = motions.clips(1, ASKED_SEED, frames=frames, size=edge)
    return made.frames[0], made.captions[0]


def _read(path: Path) -> NDArray[np.uint8]:
    received = "no such file"
    try:
        found: NDArray[np.uint8] = np.load(path, allow_pickle=False)
        if found.ndim == 4 and found.shape[-1] == 3 and found.dtype == np.uint8 and found.size:
            return found
        received = f"{found.shape} {found.dtype}"
    except (OSError, ValueError, EOFError) as error:
        received = str(error)[:120]
    raise InputError(
        "This is no clip.", expected="a .npy of frames (T, H, W, 3) uint8", received=received,
        fix="Choose another file.", field="clip", place=str(path),
    )  # fmt: skip


def _load(folder: Path, card: dict[str, Any], job: Any) -> Watcher:
    from safetensors.torch import load_file

    from workbench.core.params import check
    from workbench.engine import checkpoints
    from workbench.engine.devices import choose
    from workbench.engine.video import imagelanguage

    from .catalogue import build, options_of
    from .recipe import ImageToVideo
    from .saving import WEIGHTS
    from .tasks import make_head

    place = choose(job.device, job.precision)
    backbone = imagelanguage.load(card["backbone"]).to(place.device).requires_grad_(False)
    params = check(ImageToVideo, card["knobs"])
    kept = load_file(folder / WEIGHTS, device=str(place.device))
    names = kept.pop("names")
    strategy = build(card["strategy"], backbone, options_of(params, card["frames"]), seed=0).to(place.device).eval()
    scale = float(backbone.logit_scale.exp().clamp(max=100))
    head = make_head(card["kind"], dim=backbone.dim, frames=card["frames"], answers=len(card["classes"]), scale=scale,
                     names=names.cpu(), seed=0).to(place.device).eval()  # fmt: skip
    if kept:
        import torch

        model = torch.nn.ModuleDict({"strategy": strategy, "head": head})
        checkpoints.copy_into(checkpoints.learned(model), kept)
    return Watcher(strategy, head, backbone, place, card)
