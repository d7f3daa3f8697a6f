"""What all readers of posed photographs share: pictures found and measured, poses checked, and what is told of them.

A frame that cannot be used is left out and counted; what makes the whole unusable is an InputError. Nothing is put
right silently: every repair and every guess is a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.posing import AWAY, LYING, MIRRORED
from workbench.core.problem import InputError
from workbench.core.scenes import CamerasDoc, Lens, PosedImage

Floats = NDArray[np.floating[Any]]
CameraAxes = Literal["opengl", "opencv"]
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
ROUNDING = 1e-3
"""Poses that are off a rotation by less are rounded ones; by more than TOO_BENT, no rotation at all."""
TOO_BENT = 0.1
ALIKE = 0.02
"""Two sides of a picture whose ratio differs by less belong to the same picture at another size."""
_MOST_NAMED = 3
_ONE_PLACE = 1e-6
_SAME = 1e-12
"""Of the greatest coordinate: what double precision no longer tells apart."""


@dataclass(frozen=True)
class Frame:
    """One pose as a file has it: the picture's name there, its file, its lens, and the pose (4, 4) in OpenGL axes."""

    name: str
    path: Path
    lens: Lens
    pose: Floats
    held_out: bool = False


@dataclass
class Account:
    """What was left out, by reason, and what else there is to tell."""

    of: int = 0
    left_out: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def leave(self, name: str, why: str) -> None:
        """Count a frame that cannot be used; `why` goes on from 'poses …'."""
        self.left_out.setdefault(why, []).append(name)

    def tell(self, note: str) -> None:
        """A note, once; an empty one is none."""
        if note and note not in self.notes:
            self.notes.append(note)

    def sentences(self) -> tuple[str, ...]:
        """All notes, what was left out first."""
        counted = (f"{len(names)} of {self.of} poses {why} and were left out: {named(names)}."
                   for why, names in self.left_out.items())  # fmt: skip
        return (*counted, *self.notes)


def named(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height from a picture's header, as it is stored (cameras do not turn by EXIF); None: unreadable."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            width, height = picture.size
            return int(width), int(height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def find_picture(name: str, folders: Iterable[Path]) -> Path | None:
    """The file of a picture that is named with or without its ending, seen from one of the folders."""
    plain = name.replace("\\", "/")
    if not plain or "\0" in plain or len(plain) > 4000:
        return None
    for folder in folders:
        whole = folder / plain
        endings = ("", *PICTURES, *(one.upper() for one in PICTURES))
        for ending in endings:
            path = whole.with_name(whole.name + ending) if ending and whole.name else whole
            try:
                if path.is_file():
                    return path
            except (OSError, ValueError):
                return None
    return None


def fitted(lens: Lens, size: tuple[int, int]) -> Lens | None:
    """The lens for a picture of `size`: itself, or scaled where the picture is a smaller copy; None: another shape."""
    width, height = size
    if (lens.width, lens.height) == size:
        return lens
    sx, sy = width / lens.width, height / lens.height
    if abs(sx / sy - 1) > ALIKE:
        return None
    return scaled(lens, sx, sy, size)


def scaled(lens: Lens, sx: float, sy: float, size: tuple[int, int]) -> Lens:
    """A lens whose picture is drawn `sx` and `sy` times as large; the distortion has no unit and stays."""
    return msgspec.structs.replace(lens, width=size[0], height=size[1], fx=lens.fx * sx, fy=lens.fy * sy,
                                   cx=lens.cx * sx, cy=lens.cy * sy)  # fmt: skip


def is_usable(lens: Lens) -> bool:
    """Whether numbers can be a lens: finite and of a size that makes sense, sides and focal lengths above zero."""
    bends = [lens.k1, lens.k2, lens.k3, lens.k4, lens.p1, lens.p2]
    lengths = [lens.fx, lens.fy, lens.cx, lens.cy]
    if not np.isfinite(bends + lengths).all() or max(map(abs, bends)) > 1e6 or max(map(abs, lengths)) > 1e9:
        return False
    return min(lens.width, lens.height) > 0 and min(lens.fx, lens.fy) > 1e-3


def rotation_of(matrix: Floats) -> tuple[Floats | None, str]:
    """The nearest turn or mirrored turn (3, 3) to what a file has, and what had to be done ('', 'scaled', 'bent').

    None where it is too far from any. Uniform scale is taken out.
    """
    lengths = np.linalg.norm(matrix, axis=0)
    scale = float(lengths.mean())
    if not np.isfinite(scale) or scale < 1e-9:
        return None, "bent"
    u, _, vt = np.linalg.svd(matrix / scale)
    nearest: Floats = u @ vt
    off = float(np.abs(matrix / scale - nearest).max())
    if off > TOO_BENT:
        return None, "bent"
    if off > ROUNDING:
        return nearest, "bent"
    if off <= 1e-6 and abs(scale - 1) <= 1e-6:
        return matrix, ""  # exactly as the file has it: nothing to round
    return nearest, "scaled" if abs(scale - 1) > ROUNDING else ""


def common_point(poses: Floats) -> Floats:
    """The point (3,) that is nearest to the view axes of poses (N, 4, 4), in least squares."""
    look, eye = -poses[:, :3, 2], poses[:, :3, 3]
    across = np.eye(3) - look[:, :, None] * look[:, None, :]
    found: Floats = np.linalg.lstsq(across.sum(0), np.einsum("nij,nj->i", across, eye), rcond=1e-6)[0]
    return found


def looking_away(poses: Floats) -> bool:
    """Whether nearly all of three or more cameras have what they circle behind them."""
    if len(poses) < 3:
        return False
    off = common_point(poses) - poses[:, :3, 3]
    spread = float(np.linalg.norm(poses[:, :3, 3].std(0)))
    ahead = np.einsum("nc,nc->n", off, -poses[:, :3, 2])
    return spread > _ONE_PLACE and float((ahead < -0.05 * spread).mean()) > 0.9


def assembled(
    frames: Sequence[Frame], account: Account, place: Path, *, repair: bool = False, axes: CameraAxes = "opengl",
    box: tuple[Floats, Floats] | None = None, loose: bool = False, any_way_up: bool = False,
) -> CamerasDoc:  # fmt: skip
    """The frames as a document, with everything that is odd about them told.

    `axes` says how the file's cameras are turned; `repair` puts mirrored poses right; `loose` as CamerasDoc has it;
    `any_way_up` says that nobody expects z to be up. Raises InputError where no pose can be used or where poses are
    mirrored and nobody asked to put them right.
    """
    kept: list[Frame] = []
    done: dict[str, int] = {}
    for frame in frames:
        pose, why = _upright(frame.pose, axes)
        if pose is None:
            account.leave(frame.name, why)
        elif not is_usable(frame.lens):
            account.leave(
                frame.name, "have a lens that cannot be (focal length not above zero, or numbers without sense)"
            )
        else:
            done[why] = done.get(why, 0) + 1
            kept.append(Frame(frame.name, frame.path, frame.lens, pose, frame.held_out))
    if not kept:
        raise InputError(
            "None of the photographs can be used.", expected="at least one pose with its picture",
            received=" ".join(account.sentences()) or "no poses", fix="Check the paths and the poses in the file.",
            place=str(place),
        )  # fmt: skip
    _tell_of_turns(account, done, len(kept))
    kept = _not_mirrored(kept, account, place, repair=repair)
    _tell_of_arrangement(kept, account, any_way_up=any_way_up)
    low, high = _box(kept, box, account)
    images = tuple(PosedImage(str(one.path), one.lens, placement_of(one.pose), one.held_out) for one in kept)
    return CamerasDoc(images, low, high, account.sentences(), loose and low is not None)


def placement_of(pose: Floats) -> Any:
    """A matrix (4, 4) as the documents hold it: sixteen numbers, row by row."""
    return tuple(float(one) for one in np.asarray(pose, np.float64).reshape(16))


def poses_of(doc: CamerasDoc) -> Floats:
    """All poses (N, 4, 4) of a document."""
    return np.array([one.pose for one in doc.images], np.float64).reshape(-1, 4, 4)


def _upright(pose: Floats, axes: CameraAxes) -> tuple[Floats | None, str]:
    if not np.isfinite(pose).all():
        return None, "are not finite numbers"
    if np.abs(pose[:3]).max() > 1e12 or not np.allclose(pose[3], [0, 0, 0, 1], atol=1e-6):
        return None, "are not camera-to-world matrices with a last row of 0 0 0 1"
    turn, done = rotation_of(pose[:3, :3])
    if turn is None:
        return None, "are no rotations (their axes are not at right angles)"
    found = np.eye(4)
    found[:3, :3], found[:3, 3] = turn, pose[:3, 3]
    if axes == "opencv":
        found[:3, 1:3] *= -1
    return found, done


def _tell_of_turns(account: Account, done: dict[str, int], count: int) -> None:
    if bent := done.get("bent", 0):
        account.tell(f"{bent} of {count} rotations are not quite at right angles; the nearest rotations were taken.")
    if sized := done.get("scaled", 0):
        account.tell(f"{sized} of {count} rotations are scaled; the scale was taken out of them.")


def _not_mirrored(kept: list[Frame], account: Account, place: Path, *, repair: bool) -> list[Frame]:
    mirrored = [one for one in kept if np.linalg.det(one.pose[:3, :3]) < 0]
    if not mirrored:
        return kept
    if len(mirrored) < len(kept):
        for one in mirrored:
            account.leave(one.name, "are mirrored (determinant −1) where others are not")
        return [one for one in kept if np.linalg.det(one.pose[:3, :3]) > 0]
    if not repair:
        raise InputError(
            f"All {len(kept)} {MIRRORED}: their rotations have determinant −1.",
            expected="right-handed axes, cameras with x to the right, y up, looking along −z",
            received="left-handed poses, from a program such as Unity or with one axis of the wrong sign",
            fix="Read them with the mirroring repaired, and look whether the scene is as it should be.",
            field="repair", place=str(place),
        )  # fmt: skip
    poses = np.stack([one.pose for one in kept])
    poses, said = _unmirrored(poses)
    account.tell(f"All {len(kept)} poses were mirrored (determinant −1); {said}, which is a guess: look at the scene.")
    return [Frame(one.name, one.path, one.lens, pose, one.held_out) for one, pose in zip(kept, poses, strict=True)]


def _unmirrored(poses: Floats) -> tuple[Floats, str]:
    """Mirrored poses (N, 4, 4) put right, by turning round the axis that the arrangement shows to be wrong."""
    if looking_away(poses):
        return poses @ np.diag([1.0, 1, -1, 1]), "the cameras' z axes were turned round"
    if float(poses[:, 2, 1].mean()) < -0.3:
        return poses @ np.diag([1.0, -1, 1, 1]), "the cameras' y axes were turned round"
    return np.diag([-1.0, 1, 1, 1]) @ poses, "the scene's x axis was turned round"


def _tell_of_arrangement(kept: Sequence[Frame], account: Account, *, any_way_up: bool) -> None:
    poses = np.stack([one.pose for one in kept])
    if len(kept) == 1:
        account.tell("There is one photograph only: nothing in space can be learned from a single view.")
    elif float(np.ptp(poses[:, :3, 3], axis=0).max()) <= _ONE_PLACE + _SAME * float(np.abs(poses[:, :3, 3]).max()):
        account.tell("All photographs were taken from one place: without parallax there is no depth to learn.")
    elif looking_away(poses):
        account.tell(
            f"{AWAY} the point that they circle. If they should not, the file's camera axes are OpenCV's (y down, z "
            "ahead)."
        )
    elif len(kept) > 2 and not any_way_up:
        account.tell(_standing(poses[:, :3, 1].mean(0)))
    sizes = {(one.lens.width, one.lens.height) for one in kept}
    if len(sizes) > 1:
        least, most = min(sizes), max(sizes)
        account.tell(f"The pictures have {len(sizes)} sizes, from {least[0]} × {least[1]} to {most[0]} × {most[1]}.")
    if oblong := sum(abs(one.lens.fx / one.lens.fy - 1) > 0.01 for one in kept):
        account.tell(f"{oblong} of {len(kept)} lenses have pixels that are not square.")
    seen: dict[Path, int] = {}
    for one in kept:
        seen[one.path] = seen.get(one.path, 0) + 1
    if twice := [path.name for path, count in seen.items() if count > 1]:
        account.tell(f"{len(twice)} pictures have more than one pose: {named(twice)}.")


def _standing(up: Floats) -> str:
    """What is odd about the cameras' mean up; nothing where it is z, or where they have none in common."""
    if float(np.linalg.norm(up)) < 0.3 or up[2] > 0.3:
        return ""
    if up[2] < -0.3:
        return "The cameras are upside down: the scene's z axis may point down, or the cameras' y axes do."
    axis = ("x", "y")[int(np.abs(up[:2]).argmax())]
    return f"{LYING} but along {axis}: the scene lies on its side."


def _box(kept: Sequence[Frame], box: tuple[Floats, Floats] | None, account: Account) -> tuple[Any, Any]:
    if box is None:
        return None, None
    low, high = (np.asarray(one, np.float64) for one in box)
    if not (np.isfinite([*low, *high]).all() and (low < high).all()):
        account.tell("The file's box is empty or not finite; it was left out.")
        return None, None
    meeting = sum(_meets(one, low, high) for one in kept)
    if not meeting:
        account.tell("No camera sees anything of the file's box; the box was left out.")
        return None, None
    if meeting < len(kept):
        account.tell(f"{len(kept) - meeting} of {len(kept)} cameras see nothing of the file's box.")
    return tuple(map(float, low)), tuple(map(float, high))


def _meets(frame: Frame, low: Floats, high: Floats) -> bool:
    """Whether any of 7 × 7 rays through the picture, bent or not, meets the box."""
    from workbench.engine.scenes.lenses import directions_at

    lens = frame.lens
    share = (np.arange(7) + 0.5) / 7
    pixels = np.stack(np.meshgrid(share * lens.width, share * lens.height), -1).reshape(-1, 2)
    directions = directions_at(pixels, lens) @ frame.pose[:3, :3].T
    directions = np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    with np.errstate(over="ignore"):
        one, two = (low - frame.pose[:3, 3]) / directions, (high - frame.pose[:3, 3]) / directions
    enter, leave = np.minimum(one, two).max(1), np.maximum(one, two).min(1)
    return bool(((leave >= enter) & (leave > 0)).any())
