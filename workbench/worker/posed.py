"""What a window may ask about posed photographs: read and checked, written in another form, or drawn as a sample."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.scenefiles import READ_ENDINGS, WRITE_ENDINGS
from workbench.core.words import spaced
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.worker.interactive import ApplyContext

FOLDER = "scene-samples"
"""Below the home's cache: drawn again when they are gone."""
MODEL_FILES = ("cameras", "images", "points3D")


def _read(arguments: dict[str, Any], context: ApplyContext) -> PosedRead:
    from workbench.engine.scenes.posed import read_scene, write_colmap, write_transforms

    asked = as_asked(arguments, PosedWish)
    out = Path(asked.out)
    if asked.out:
        _check_kind(out)
    scene = read_scene(Path(asked.path), repair=asked.repair, axes=asked.axes, upright=asked.upright,
                       rescale=asked.rescale)  # fmt: skip
    notes = list(scene.cameras.notes)
    with _told_trouble(out):
        if asked.out and out.suffix.lower() == ".json":
            _check_free(out, (out,), replace=asked.replace, read=Path(asked.path), field="--to")
            write_transforms(out, scene.cameras)
        elif asked.out:
            models = [out / f"{name}{end}" for name in MODEL_FILES for end in (".txt", ".bin")]
            _check_free(out, [*models, out / "project.ini"],
                        replace=asked.replace, read=Path(asked.path), field="--to")  # fmt: skip
            pictures = write_colmap(out, scene.cameras, scene.points)
            notes.append(f"The pictures stay where they are: {pictures} is COLMAP's image path, noted in project.ini.")
    count = len(scene.points.positions) if scene.points is not None else 0
    cameras = msgspec.structs.replace(scene.cameras, notes=tuple(notes))
    return PosedRead(cameras, scene.kind, scene.placement, count, asked.out)


@contextlib.contextmanager
def _told_trouble(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KnownTrouble(
            "The photographs could not be written.", expected="a writable place with room",
            received=f"{out}: {error.strerror or type(error).__name__}",
            fix="Choose another place, or free some space.", place=out.name,
        ) from None  # fmt: skip


def _check_kind(out: Path) -> None:
    """Raise InputError for a name that says another format, or a file where a folder is to be."""
    ending = out.suffix.lower()
    known = {one for endings in (*READ_ENDINGS.values(), *WRITE_ENDINGS.values()) for one in endings}
    if ending != ".json" and (ending in known or out.is_file()):
        raise InputError(
            f"Photographs with poses cannot be written as {ending or 'a file without ending'}.",
            expected="a .json file, or a folder for COLMAP's files", received=out.name,
            fix="Choose a name that ends with .json, or a folder.", field="--to",
        )  # fmt: skip


def _check_free(out: Path, files: Iterable[Path], *, replace: bool, read: Path, field: str = "--out") -> None:
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
            expected="a place where nothing lies", received=str(there), field=field,
            fix="Choose another place." if own else "Choose another place, or add --replace.",
        )  # fmt: skip


def _sample(arguments: dict[str, Any], context: ApplyContext) -> PosedSample:
    from workbench.engine.scenes.posedsamples import sample_cameras, write_sample

    asked = as_asked(arguments, PosedSampleWish)
    for name, value, least, most in (("images", asked.images, 1, MOST_IMAGES),
                                     ("size_px", asked.size_px, LEAST_SIZE_PX, MOST_SIZE_PX),
                                     ("seed", asked.seed, 0, 2**31 - 1)):  # fmt: skip
        if not least <= value <= most:
            raise InputError(f"The sample's {name} cannot be this.", expected=f"{least} to {spaced(most)}",
                             received=spaced(value), field=name)  # fmt: skip
    if asked.out:
        folder = Path(asked.out)
        if folder.exists() and not folder.is_dir():
            raise InputError("The photographs go into a folder.", expected="a folder, or a name that is free",
                             received=f"{folder}: a file", fix="Choose another place.", field="--out")  # fmt: skip
        _check_free(
            folder, (folder / "transforms.json", folder / "images"), replace=asked.replace, read=Path("nowhere")
        )
        with _told_trouble(folder):
            return write_sample(asked.name, asked.seed, folder, images=asked.images, size=asked.size_px,
                                tell=context.progress)  # fmt: skip
    with _told_trouble(context.home.cache / FOLDER):
        cameras = sample_cameras(asked.name, context.home.cache / FOLDER, images=asked.images, size=asked.size_px,
                                 seed=asked.seed, tell=context.progress)  # fmt: skip
    return PosedSample(str(Path(cameras.images[0].path).parent.parent), cameras)


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {
    "posed-read": _read,
    "posed-sample": _sample,
}
