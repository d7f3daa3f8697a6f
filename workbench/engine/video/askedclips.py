"""The clip that a trained model is asked about: frames in a file, a stretch of a video, or a generated sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError

Pixels = NDArray[np.uint8]


def asked_frames(inputs: dict[str, Any], frames: int, edge: int, *, sample: str, seed: int) -> tuple[Pixels, str]:
    """The clip that `inputs` name, as many frames as a model looks at (F, H, W, 3), and what it is called.

    `inputs` have `clip` (a .npy of frames), or `path` (a video) from `start_s` to `end_s`, the whole of it without
    them; the address `sample` in any place asks for a clip that is generated from `seed`. Frames of a video and of
    the sample have `edge` pixels, those of a file stay as they are. Raises InputError where there is no clip.
    """
    if inputs.get("clip"):
        path = Path(str(inputs["clip"]))
        return middle_frames(read_frames(path), frames), path.name
    if inputs.get("path"):
        from workbench.engine.video.clipsets import ClipSpec, load_clips

        start, end = float(inputs.get("start_s") or 0.0), inputs.get("end_s")
        spec = ClipSpec(str(inputs["path"]), start, None if end is None else float(end))
        return load_clips([spec], frames, edge, cached=False)[0], Path(spec.path).name
    if sample not in inputs.values():
        raise InputError(
            "There is no clip to look at.", expected="clip (a .npy), or path (a video) with start_s and end_s",
            received=", ".join(sorted(inputs)) or "nothing", fix="Choose a clip or a video.", field="clip",
        )  # fmt: skip
    from workbench.engine.video import motions

    made = motions.clips(1, seed, frames=frames, size=edge)
    return made.frames[0], made.captions[0]


def middle_frames(clip: Pixels, frames: int) -> Pixels:
    """The middle frame of each of `frames` equal segments of a clip (T, H, W, 3)."""
    found: Pixels = np.asarray(clip[((np.arange(frames) + 0.5) * len(clip) / frames).astype(int)])
    return found


def read_frames(path: Path) -> Pixels:
    """The frames of a .npy (T, H, W, 3) uint8, read where they are needed; raises InputError for anything else."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            "The clip cannot be read.", expected="a .npy of frames (T, H, W, 3) uint8", received=str(error)[:200],
            fix="Save frames with numpy.save, or choose another file.", field="clip", place=str(path),
        ) from None  # fmt: skip
    shape: tuple[int, ...] = getattr(found, "shape", ())
    if len(shape) != 4 or shape[-1] != 3 or 0 in shape or found.dtype != np.uint8:
        raise InputError(
            "These are no frames of a clip.", expected="(T, H, W, 3) uint8, at least one frame",
            received=f"{shape} {getattr(found, 'dtype', '')}",
            fix="Stack RGB frames of one size, or choose another file.", field="clip", place=str(path),
        )  # fmt: skip
    frames: Pixels = found
    return frames
