"""Sliding-window segmentation of whole volumes: the same sums as MONAI's, with less done for them.

Windows lie as MONAI's `sliding_window_inference` puts them and have its Gaussian weights, so the result is
its result. Less is done: a window of one and the same value throughout gets the answer that such a window
got before (the network is deterministic in eval mode, so it is the same answer); sums are kept in two
arrays that are made once; the network runs in a faster form (see Fast).
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from monai.data.utils import compute_importance_map, dense_patch_slices
from monai.utils.enums import BlendMode
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.engine.devices import Place
from workbench.engine.medical.segmentation import Floats, Windows

log = logging.getLogger("workbench.sliding")
SAME = 1e-3
"""A faster form of a network whose logits differ by more than this is not used."""
Corner = tuple[int, ...]


@dataclasses.dataclass
class Growing:
    """What there is so far: weighted sums (K, *space), weights (*space), windows done and to do."""

    sums: Tensor
    weights: Tensor
    done: int
    of: int
    computed: int = 0
    """Windows that the network has seen; the others had a known answer."""

    def shares(self) -> Floats:
        """Probabilities (K, *space); 0 where no window has been yet."""
        with torch.inference_mode():
            found: Floats = (self.sums / self.weights.clamp_min(1e-8)).numpy()
        return found


class Fast(nn.Module):
    """A network made faster for windows of one size on a processor; on other devices it stays as it is.

    Slices: channels last, norms folded into convolutions, frozen; compared with the plain network when this is
    made, and not used where logits differ by SAME. Volumes: convolutions in bfloat16 where the processor has
    tiles for it (AMX), unless `exact`; what that does to Dice is measured by tests/bench/sliding.py.
    """

    def __init__(
        self, model: nn.Module, channels: int, size: Sequence[int], place: Place, *, exact: bool = False
    ) -> None:
        super().__init__()
        self.plain = model.eval()
        self.quick: Any = None
        plain_cpu = place.device.type == "cpu" and place.dtype_name == "fp32"
        self.reduced = plain_cpu and len(size) == 3 and not exact and has_tiles()
        if plain_cpu and len(size) == 2:
            self.quick = self._made(torch.rand(2, channels, *size))

    def forward(self, batch: Tensor) -> Tensor:
        """Logits (B, K, *size) of windows (B, C, *size)."""
        if self.quick is not None:
            found: Tensor = self.quick(batch.to(memory_format=torch.channels_last))
        elif self.reduced:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                found = self.plain(batch)
        else:
            found = self.plain(batch)
        return found

    def _made(self, example: Tensor) -> Any:
        layout: Any = {"memory_format": torch.channels_last}
        trace: Any = torch.jit.trace
        try:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # tracing warns of every shape that a network asks for
                kept = copy.deepcopy(self.plain).to(**layout)
                quick: Any = torch.jit.freeze(trace(kept, example.to(**layout), check_trace=False))
                for batch in (example, example[:1] * 2 - 1):
                    away = float((quick(batch.to(**layout)) - self.plain(batch)).abs().max())
                    if not away < SAME:
                        raise RuntimeError(f"logits differ by {away:.2g}")
        except Exception as error:  # tracing raises what it likes, and the plain network does as well
            log.info("The network stays as it is: %s", error)
            return None
        return quick


def has_tiles() -> bool:
    """Whether the processor multiplies matrices of bfloat16 in hardware (AMX)."""
    asked: Any = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return bool(asked())


def for_volumes(place: Place, precision: str = "auto") -> Place:
    """The place to train networks of 3-D convolutions on: bfloat16 on a processor with tiles, unless told otherwise.

    Weights, norms and the optimizer stay in float32. Where the person asked for a precision, and on any other
    device, the place is as it was.
    """
    if precision == "auto" and place.device.type == "cpu" and has_tiles():
        return dataclasses.replace(place, dtype_name="bf16")
    return place


def grid(shape: Sequence[int], windows: Windows) -> list[list[int]]:
    """Where windows begin along each axis, as MONAI places them; the volume is at least a window wide."""
    size = windows.size
    interval = [max(1, int(edge * (1 - windows.overlap))) if edge != whole else edge
                for edge, whole in zip(size, shape, strict=True)]  # fmt: skip
    found = dense_patch_slices(list(shape), list(size), interval)
    return [sorted({place[axis].start for place in found}) for axis in range(len(size))]


def padded(image: Floats, size: Sequence[int]) -> tuple[Floats, tuple[slice, ...]]:
    """A volume (C, *space) with zeros around it where it is smaller than a window, and where it lies in that."""
    short = [max(0, edge - whole) for edge, whole in zip(size, image.shape[1:], strict=True)]
    if not any(short):
        return image, tuple(slice(0, whole) for whole in image.shape[1:])
    sides = [(gap // 2, gap - gap // 2) for gap in short]
    inside = tuple(slice(low, low + whole) for (low, _), whole in zip(sides, image.shape[1:], strict=True))
    return np.pad(image, [(0, 0), *sides]), inside


def slide(
    model: nn.Module,
    image: Floats,
    windows: Windows,
    place: Place,
    *,
    told: Callable[[Growing], object] = lambda growing: None,
    focus: Sequence[float] | None = None,
    mirrored: Sequence[tuple[int, ...]] = ((),),
) -> Floats:
    """Probabilities (K, z, y, x) of a volume (C, z, y, x); a window of two lengths reads it slice by slice.

    Windows nearest to `focus` (z, y, x; the middle without one) come first. `mirrored` lists the axes (0 z,
    1 y, 2 x) along which each reading is turned round; the readings are averaged. `told` hears after each batch
    and may raise to end the work. Source: the sums are those of MONAI's sliding_window_inference (Gaussian).
    """
    flat = len(windows.size) == 2
    size = (1, *windows.size) if flat else tuple(windows.size)
    values, inside = padded(np.asarray(image, np.float32), size)
    whole = values.shape[1:]
    source = torch.from_numpy(np.ascontiguousarray(values))
    starts = grid(whole[1:] if flat else whole, windows)
    middle = [one.start + at for one, at in zip(inside, focus or [(e - 1) / 2 for e in image.shape[1:]], strict=True)]
    corners = ordered(([list(range(whole[0])), *starts] if flat else starts), size, middle)
    weight = importance(windows.size).reshape(size)
    growing: Growing | None = None
    asking = _Asking(model.eval(), windows, place)
    with torch.inference_mode():
        for axes, batch in batches(corners, mirrored, windows.batch):
            cuts = [source[(slice(None), *_box(corner, size))] for corner in batch]
            found, computed = asking.answers(cuts, axes)
            if growing is None:
                growing = Growing(torch.zeros(found[0].shape[0], *whole), torch.zeros(whole), 0,
                                  len(corners) * len(mirrored))  # fmt: skip
            for corner, share in zip(batch, found, strict=True):
                box = _box(corner, size)
                growing.sums[(slice(None), *box)].addcmul_(share, weight)
                growing.weights[box].add_(weight)
            growing.done += len(batch)
            growing.computed += computed
            told(Growing(growing.sums[(slice(None), *inside)], growing.weights[inside], growing.done, growing.of,
                         growing.computed))  # fmt: skip
        if growing is None:
            raise ValueError(f"There are no windows in {image.shape}.")
        growing.sums.div_(growing.weights.clamp_min(1e-8))
    result: Floats = np.ascontiguousarray(growing.sums[(slice(None), *inside)].numpy())
    return result


def importance(size: Sequence[int]) -> Tensor:
    """MONAI's Gaussian weights of a window (*size)."""
    found: Tensor = compute_importance_map(tuple(size), mode=BlendMode.GAUSSIAN, sigma_scale=0.125)
    return found.float()


def ordered(starts: Sequence[Sequence[int]], size: Sequence[int], middle: Sequence[float]) -> list[Corner]:
    """Every window's corner, those whose middles are nearest to a place first."""
    half = np.array(size) / 2 - 0.5
    corners = np.array(list(itertools.product(*starts)))
    away = (np.abs(corners + half - np.array(middle)) / np.array(size)) ** 2
    return [tuple(int(one) for one in corners[at]) for at in np.argsort(away.sum(1), kind="stable")]


def batches(
    corners: Sequence[Corner], mirrored: Sequence[tuple[int, ...]], batch: int
) -> Iterator[tuple[tuple[int, ...], Sequence[Corner]]]:
    """Windows by batches, the plain reading of the whole volume before the mirrored ones."""
    for axes in mirrored:
        for at in range(0, len(corners), batch):
            yield axes, corners[at : at + batch]


def _box(corner: Corner, size: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(low, low + edge) for low, edge in zip(corner, size, strict=True))


@dataclasses.dataclass
class _Asking:
    """The network and the answers it gave to windows of one value."""

    model: nn.Module
    windows: Windows
    place: Place
    known: dict[tuple[Any, ...], Tensor] = dataclasses.field(default_factory=dict)

    def answers(self, cuts: list[Tensor], axes: tuple[int, ...]) -> tuple[list[Tensor], int]:
        """Probabilities (K, d, h, w) of windows (C, d, h, w), and how many of them the network had to see."""
        keys = [(axes, constant(cut)) for cut in cuts]
        wanted: list[int] = []
        asked: set[tuple[Any, ...]] = set()
        for at, key in enumerate(keys):
            if key[1] is None or (key not in self.known and key not in asked):
                wanted.append(at)
                asked.add(key)
        made = self._ask([cuts[at] for at in wanted], axes) if wanted else []
        found = dict(zip(wanted, made, strict=True))
        self.known.update({keys[at]: found[at].clone() for at in wanted if keys[at][1] is not None})
        return [found[at] if at in found else self.known[keys[at]] for at in range(len(cuts))], len(wanted)

    def _ask(self, cuts: list[Tensor], axes: tuple[int, ...]) -> list[Tensor]:
        flat = len(self.windows.size) == 2
        batch = torch.stack([cut.flip([one + 1 for one in axes]) if axes else cut for cut in cuts])
        batch = (batch.squeeze(2) if flat else batch).to(self.place.device)
        with self.place.autocast():
            logits = self.model(batch).float()
        share = (logits.sigmoid() if self.windows.reading == "regions" else logits.softmax(1)).cpu()
        share = share.unsqueeze(2) if flat else share
        return list(share.flip([one + 2 for one in axes]) if axes else share)


def constant(cut: Tensor) -> tuple[float, ...] | None:
    """The one value that each channel of a window (C, *size) has throughout; None where one has several."""
    first = cut.flatten(1)[:, 0]
    if not bool((cut.flatten(1)[:, -1] == first).all()):
        return None
    low, high = torch.aminmax(cut.flatten(1), dim=1)
    return tuple(low.tolist()) if torch.equal(low, high) else None


def entropy(share: NDArray[Any], reading: str) -> Floats:
    """How undecided the model is of each voxel, (K, *space) to (*space): 0 sure, 1 as undecided as can be.

    For regions the mean binary entropy in bits; for classes their entropy over its largest value, log K.
    """
    found = np.zeros(share.shape[1:], np.float32)
    for one in share:
        safe = np.clip(one.astype(np.float32), 1e-6, 1 - 1e-6)
        found -= safe * np.log2(safe)
        if reading == "regions":
            found -= (1 - safe) * np.log2(1 - safe)
    found /= len(share) if reading == "regions" else max(np.log2(len(share)), 1.0)
    return np.clip(found, 0.0, 1.0, out=found)
