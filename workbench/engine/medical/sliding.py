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

from workbench.engine.devices import Place, has_tiles
from workbench.engine.medical.segmentation import Floats, Windows

log = logging.getLogger("workbench.sliding")
SAME = 1e-3
"""A faster form of a network whose logits differ by more than this is not used."""
Corner = tuple[int, ...]


@dataclasses.dataclass
class Slab:
    """Slices `start` to `stop` across z that the same rows of windows reach: their weighted sums, until `left` is 0."""

    start: int
    stop: int
    left: int
    """Windows that are still to come."""
    sums: Tensor | None = None
    """(K, d, y, x)."""
    weights: Tensor | None = None
    """(d, y, x)."""

    def shares(self) -> Tensor:
        """Probabilities (K, d, y, x); 0 where no window has been yet."""
        if self.sums is None or self.weights is None:
            raise RuntimeError("No window has been here yet, or the slab was given up.")
        return self.sums / self.weights.clamp_min(1e-8)


@dataclasses.dataclass
class Growing:
    """How far the work is, in windows, and the slabs that are neither complete nor untouched."""

    slabs: list[Slab]
    inside: tuple[slice, ...]
    """Where the volume lies in what is read."""
    done: int
    of: int
    computed: int = 0
    """Windows that the network has seen; the others had a known answer."""

    def parts(self) -> Iterator[tuple[int, Floats, NDArray[np.bool_]]]:
        """Where each slab begins (z), its probabilities (K, d, y, x), and where a window has been (d, y, x)."""
        with torch.inference_mode():
            for slab in self.slabs:
                cut = _cut(slab, self.inside)
                if cut is not None and slab.weights is not None:
                    reached = (slab.weights[cut[1]] > 0).numpy()
                    yield cut[0], slab.shares()[(slice(None), *cut[1])].numpy(), reached


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
    """Probabilities (K, z, y, x) of a whole volume (C, z, y, x) at once; see slide_by_slabs."""
    found: list[Floats] = []

    def take(start: int, share: Floats) -> None:
        if not found:
            found.append(np.empty((len(share), *image.shape[1:]), np.float32))
        found[0][:, start : start + share.shape[1]] = share

    slide_by_slabs(model, image, windows, place, take, told=told, focus=focus, mirrored=mirrored)
    return found[0]


def slide_by_slabs(
    model: nn.Module,
    image: Floats,
    windows: Windows,
    place: Place,
    finished: Callable[[int, Floats], object],
    *,
    told: Callable[[Growing], object] = lambda growing: None,
    focus: Sequence[float] | None = None,
    mirrored: Sequence[tuple[int, ...]] = ((),),
) -> None:
    """Give `finished` the probabilities (K, d, z, y, x) of slices from z on, as soon as no window is to come there.

    `image` is (C, z, y, x); a window of two lengths reads it slice by slice. Rows of windows nearest to `focus` (z, y,
    x; the middle without one) come first, and in a row its nearest windows; slabs are complete from there outwards,
    so that sums are held for the two fronts alone. `mirrored` lists the axes (0 z, 1 y, 2 x) along which each reading
    is turned round; the readings are averaged. `told` hears after each batch and may raise to end the work. Source:
    the sums are those of MONAI's sliding_window_inference (Gaussian).
    """
    flat = len(windows.size) == 2
    size = (1, *windows.size) if flat else tuple(windows.size)
    values, inside = padded(np.asarray(image, np.float32), size)
    whole = values.shape[1:]
    source = torch.from_numpy(np.ascontiguousarray(values))
    starts = grid(whole[1:] if flat else whole, windows)
    middle = [one.start + at for one, at in zip(inside, focus or [(e - 1) / 2 for e in image.shape[1:]], strict=True)]
    starts = [list(range(whole[0])), *starts] if flat else starts
    corners = ordered(starts, size, middle)
    weight = importance(windows.size).reshape(size)
    slabs = slabs_of(starts, size[0], len(mirrored))
    growing = Growing([], inside, 0, len(corners) * len(mirrored))
    asking = _Asking(model.eval(), windows, place)
    with torch.inference_mode():
        for axes, batch in batches(corners, mirrored, windows.batch):
            cuts = [source[(slice(None), *_box(corner, size))] for corner in batch]
            found, computed = asking.answers(cuts, axes)
            for corner, share in zip(batch, found, strict=True):
                for slab in slabs:
                    if corner[0] <= slab.start < corner[0] + size[0]:
                        _add(slab, corner, share, weight, whole)
                slabs = _handed_on(slabs, inside, finished)
            growing.done += len(batch)
            growing.computed += computed
            growing.slabs = [one for one in slabs if one.sums is not None]
            told(growing)


def slabs_of(starts: Sequence[Sequence[int]], depth: int, readings: int) -> list[Slab]:
    """The slabs between all places where a row of windows begins or ends, and how many windows reach each."""
    rows, across = starts[0], len(starts[1]) * len(starts[2]) * readings
    edges = sorted({*rows, *(row + depth for row in rows)})
    reach = [sum(row <= edge < row + depth for row in rows) * across for edge in edges[:-1]]
    return [Slab(low, high, left) for low, high, left in zip(edges, edges[1:], reach, strict=False) if left]


def _add(slab: Slab, corner: Corner, share: Tensor, weight: Tensor, whole: tuple[int, ...]) -> None:
    """Add a window's share (K, *size) to the slab, all of whose slices it covers."""
    if slab.sums is None or slab.weights is None:
        slab.weights = torch.zeros(slab.stop - slab.start, *whole[1:])
        slab.sums = torch.zeros(len(share), *slab.weights.shape)
    there = slice(slab.start - corner[0], slab.stop - corner[0])
    box = tuple(slice(low, low + edge) for low, edge in zip(corner[1:], share.shape[2:], strict=True))
    slab.sums[(slice(None), slice(None), *box)].addcmul_(share[:, there], weight[there])
    slab.weights[(slice(None), *box)].add_(weight[there])
    slab.left -= 1


def _handed_on(slabs: list[Slab], inside: tuple[slice, ...], finished: Callable[[int, Floats], object]) -> list[Slab]:
    """Give away what is complete; what is left."""
    for slab in slabs:
        cut = _cut(slab, inside)
        if not slab.left and slab.sums is not None and slab.weights is not None and cut is not None:
            slab.sums.div_(slab.weights.clamp_min(1e-8))
            finished(cut[0], slab.sums[(slice(None), *cut[1])].numpy())
            slab.sums = slab.weights = None
    return [one for one in slabs if one.left]


def _cut(slab: Slab, inside: tuple[slice, ...]) -> tuple[int, tuple[slice, ...]] | None:
    """Where the slab begins in the volume, and the volume's part of the slab (d, y, x); None beside the volume."""
    low, high = max(slab.start, inside[0].start), min(slab.stop, inside[0].stop)
    if low >= high:
        return None
    return low - inside[0].start, (slice(low - slab.start, high - slab.start), *inside[1:])


def importance(size: Sequence[int]) -> Tensor:
    """MONAI's Gaussian weights of a window (*size)."""
    found: Tensor = compute_importance_map(tuple(size), mode=BlendMode.GAUSSIAN, sigma_scale=0.125)
    return found.float()


def ordered(starts: Sequence[Sequence[int]], size: Sequence[int], middle: Sequence[float]) -> list[Corner]:
    """Every window's corner: row by row (z), those whose middles are nearest to a place first, and so in each row."""
    half = np.array(size) / 2 - 0.5
    corners = np.array(list(itertools.product(*starts)))
    away = (np.abs(corners + half - np.array(middle)) / np.array(size)) ** 2
    order = np.lexsort((away[:, 1:].sum(1), corners[:, 0], away[:, 0]))
    return [tuple(int(one) for one in corners[at]) for at in order]


def batches(
    corners: Sequence[Corner], mirrored: Sequence[tuple[int, ...]], batch: int
) -> Iterator[tuple[tuple[int, ...], Sequence[Corner]]]:
    """Windows by batches; of a few rows together the plain reading before the mirrored ones."""
    for group in _rows(corners, batch) if len(mirrored) > 1 else [corners]:
        for axes in mirrored:
            for at in range(0, len(group), batch):
                yield axes, group[at : at + batch]


def _rows(corners: Sequence[Corner], least: int) -> Iterator[Sequence[Corner]]:
    """Whole rows (z), as many together as fill a batch."""
    begin = 0
    for at in range(1, len(corners) + 1):
        whole = at == len(corners) or corners[at][0] != corners[at - 1][0]
        if whole and (at - begin >= least or at == len(corners)):
            yield corners[begin:at]
            begin = at


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
