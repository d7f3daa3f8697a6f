"""COLMAP models as documents and back: pictures found for the poses, lenses fitted, points written beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workbench.core.problem import InputError
from workbench.core.scenes import CamerasDoc, Lens, PosedImage
from workbench.engine.scenes.colmap import MODELS, Model, SparsePoints, has_model, pose_of, view_of
from workbench.engine.scenes.posedframes import (
    PICTURES,
    Account,
    Frame,
    assembled,
    find_picture,
    fitted,
    named,
    picture_size,
    poses_of,
)

_PICTURE_FOLDERS = ("images", "input", "images_2", "images_4", "images_8", "")
PROJECT = "project.ini"
"""COLMAP's own note beside a model, which names the folder of its pictures as `image_path`."""


def colmap_cameras(model: Model, folder: Path, asked: Path) -> CamerasDoc:
    """A model's photographs, still in its own axes; pictures are looked for around `folder` and `asked`."""
    account = Account(of=len(model.views))
    account.notes += model.notes
    folders = list(_picture_folders(folder, asked))
    frames = []
    for view in sorted(model.views, key=lambda view: view.name):
        lens = model.lenses.get(view.lens)
        path = find_picture(view.name, folders)
        if lens is None:
            account.leave(view.name, "name a lens that the model does not have")
        elif path is None:
            account.leave(view.name, "have no picture")
        elif (size := picture_size(path)) is None:
            account.leave(view.name, "have a picture that cannot be read")
        elif (fit := fitted(lens, size)) is None:
            account.leave(view.name, "have a picture of another shape than their lens")
        else:
            if fit is not lens:
                account.tell("Pictures have another size than the model says: their lenses were scaled with them.")
            frames.append(Frame(view.name, path, fit, pose_of(view)))
    posed = {frame.path for frame in frames}
    left = {Path(name).name for names in account.left_out.values() for name in names}
    alone = sorted(path.name for folder in {path.parent for path in posed} for path in folder.iterdir()
                   if path.suffix.lower() in PICTURES and path not in posed and path.name not in left)  # fmt: skip
    if alone:
        account.tell(f"{len(alone)} pictures have no pose and are not used: {named(alone)}.")
    beside = [
        path.name for path in sorted(folder.parent.iterdir()) if path != folder and path.is_dir() and has_model(path)
    ]
    if beside:
        account.tell(f"The model has {len(beside) + 1} parts; only {folder.parent.name}/{folder.name} was read.")
    return assembled(frames, account, folder, any_way_up=True)


def _picture_folders(folder: Path, asked: Path) -> Iterator[Path]:
    """Where a model's pictures may lie, the likeliest first, each once."""
    seen = set()
    for root in (asked, folder):
        if (found := _image_path(root / PROJECT)) is not None and found not in seen:
            seen.add(found)
            yield found
    for root in (asked, folder, folder.parent, folder.parent.parent, folder.parent.parent.parent):
        for part in _PICTURE_FOLDERS:
            if (found := root / part) not in seen and found.is_dir():
                seen.add(found)
                yield found


def _image_path(project: Path) -> Path | None:
    """The folder of pictures that a project file names and that is there."""
    try:
        lines = project.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    named = [value.strip() for key, _, value in (line.partition("=") for line in lines) if key.strip() == "image_path"]
    if not named or not named[0]:
        return None
    try:
        folder = project.parent / named[0]
        return folder if folder.is_dir() else None
    except (OSError, ValueError):
        return None


def write_colmap(folder: Path, doc: CamerasDoc, points: SparsePoints | None = None) -> Path:
    """A model in COLMAP's text form (cameras.txt, images.txt, points3D.txt); pictures stay where they are.

    Names are those below the pictures' common folder, which is returned and stands in project.ini, where COLMAP and
    `colmap_cameras` look for it. Raises
    InputError for a lens that no COLMAP model describes.
    """
    if not doc.images:
        raise InputError("There are no photographs to write.", expected="at least one", received="none",
                         place=str(folder))  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    lenses = list(dict.fromkeys(one.lens for one in doc.images))
    lines = ["# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    lines += [f"{number} {_described(lens, folder)}" for number, lens in enumerate(lenses, 1)]
    (folder / "cameras.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "# POINTS2D[] as (X, Y, POINT3D_ID)"]
    common = _common_folder(doc.images)
    names = [Path(one.path).relative_to(common).as_posix() for one in doc.images]
    for number, (name, image, pose) in enumerate(zip(names, doc.images, poses_of(doc), strict=True), 1):
        view = view_of(number, name, lenses.index(image.lens) + 1, pose)
        numbers = " ".join(repr(float(one)) for one in (*view.quaternion, *view.shift))
        lines += [f"{view.number} {numbers} {view.lens} {view.name}", ""]
    (folder / "images.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = ["# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)"]
    if points is not None:
        for number, (at, colour, off) in enumerate(
            zip(points.positions, points.colours, points.error_px, strict=True), 1
        ):
            lines.append(" ".join([str(number), *(repr(float(one)) for one in at), *map(str, colour), f"{off:.6g}"]))
    (folder / "points3D.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / PROJECT).write_text(f"image_path={common.absolute().as_posix()}\n", encoding="utf-8")
    return common


def _described(lens: Lens, folder: Path) -> str:
    """Model, size and parameters; the simplest model that says all."""
    plain = not (lens.k3 or lens.k4)
    if lens.fisheye and not (lens.p1 or lens.p2):
        model = "OPENCV_FISHEYE"
    elif not lens.is_distorted:
        model = "PINHOLE"
    elif plain and not lens.fisheye:
        model = "OPENCV"
    else:
        raise InputError("COLMAP's text has no model for this lens.", expected=", ".join(MODELS),
                         received="radial terms beyond k2, or a fisheye with tangential ones",
                         fix="Undistort the photographs first.", place=str(folder))  # fmt: skip
    numbers = (repr(float(getattr(lens, name))) for name in MODELS[model][1])
    return f"{model} {lens.width} {lens.height} {' '.join(numbers)}"


def _common_folder(images: tuple[PosedImage, ...]) -> Path:
    """The deepest folder that all pictures lie in."""
    parents = [set(Path(one.path).parents) for one in images]
    return max(set.intersection(*parents), key=lambda path: len(path.parts))
