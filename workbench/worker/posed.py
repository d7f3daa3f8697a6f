"""What a window may ask about posed photographs: read and checked, written in another form, or drawn as a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.core.posing import (
    LEAST_SIZE_PX,
    MOST_IMAGES,
    MOST_SIZE_PX,
    PosedRead,
    PosedSample,
    PosedSampleWish,
    PosedWish,
)
from workbench.core.problem import InputError
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.worker.interactive import ApplyContext

FOLDER = "scene-samples"
"""Below the home's cache: drawn again when they are gone."""
MODEL_FILES = ("cameras", "images", "points3D")


def _read(arguments: dict[str, Any], context: ApplyContext) -> PosedRead:
    from workbench.engine.scenes.posed import read_scene, write_colmap, write_transforms

    asked = as_asked(arguments, PosedWish)
    scene = read_scene(Path(asked.path), repair=asked.repair, axes=asked.axes, upright=asked.upright,
                       rescale=asked.rescale)  # fmt: skip
    out, notes = Path(asked.out), list(scene.cameras.notes)
    if asked.out and out.suffix.lower() == ".json":
        _check_free(out, (out,), replace=asked.replace, read=Path(asked.path))
        write_transforms(out, scene.cameras)
    elif asked.out:
        _check_free(out, [out / f"{name}{end}" for name in MODEL_FILES for end in (".txt", ".bin")],
                    replace=asked.replace, read=Path(asked.path))  # fmt: skip
        pictures = write_colmap(out, scene.cameras, scene.points)
        notes.append(f"The pictures stay where they are: {pictures} is COLMAP's image path.")
    count = len(scene.points.positions) if scene.points is not None else 0
    cameras = msgspec.structs.replace(scene.cameras, notes=tuple(notes))
    return PosedRead(cameras, scene.kind, scene.placement, count, asked.out)


def _check_free(out: Path, files: Iterable[Path], *, replace: bool, read: Path) -> None:
    """Raise InputError where writing would go over something that nobody gave away."""
    there = next((path for path in files if path.exists()), None)
    if there is None:
        return
    own = out.resolve() in (
        read.resolve(),
        *((read / part).resolve() for part in ("transforms.json", "sparse/0", "sparse")),
    )
    if own or not replace:
        raise InputError(
            "The photographs' own files are never written over." if own else "Something lies there already.",
            expected="a place where nothing lies", received=str(there), field="--out",
            fix="Choose another place." if own else "Choose another place, or add --replace.",
        )  # fmt: skip


def _sample(arguments: dict[str, Any], context: ApplyContext) -> PosedSample:
    from workbench.engine.scenes.posedsamples import sample_cameras, write_sample

    asked = as_asked(arguments, PosedSampleWish)
    for name, value, least, most in (("images", asked.images, 1, MOST_IMAGES),
                                     ("size_px", asked.size_px, LEAST_SIZE_PX, MOST_SIZE_PX),
                                     ("seed", asked.seed, 0, 2**31 - 1)):  # fmt: skip
        if not least <= value <= most:
            raise InputError(f"The sample's {name} cannot be this.", expected=f"{least} to {most:,}",
                             received=f"{value:,}", field=name)  # fmt: skip
    if asked.out:
        folder = Path(asked.out)
        _check_free(
            folder, (folder / "transforms.json", folder / "images"), replace=asked.replace, read=Path("nowhere")
        )
        return write_sample(asked.name, asked.seed, folder, images=asked.images, size=asked.size_px,
                            tell=context.progress)  # fmt: skip
    cameras = sample_cameras(asked.name, context.home.cache / FOLDER, images=asked.images, size=asked.size_px,
                             seed=asked.seed, tell=context.progress)  # fmt: skip
    return PosedSample(str(Path(cameras.images[0].path).parent.parent), cameras)


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {
    "posed-read": _read,
    "posed-sample": _sample,
}
