"""Learn a radiance field from posed photographs: a voxel grid, a hash grid, or the plain network before them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import (
    Cameras,
    Curve,
    Frame,
    ImageGrid,
    Mesh,
    Outcomes,
    Points,
    PosedPictures,
    RadianceGrid,
    Sample,
    Slot,
)
from workbench.core.params import Params, knob
from workbench.core.recipe import SCENES, Paper, recipe

VOXELS, HASH, PLAIN = "voxels", "hash", "plain"
_VOXELS, _HASH, _PLAIN = {"field": (VOXELS,)}, {"field": (HASH,)}, {"field": (PLAIN,)}


class RadianceField(Params):
    """Knobs of the field, of its training, and of what is taken away."""

    field: Literal["voxels", "hash", "plain"] = knob(
        VOXELS, "What holds density and colour: a grid (quick on a CPU), a multiresolution hash grid (for a GPU), or "
        "the plain NeRF network"
    )  # fmt: skip
    steps: int = knob(1500, "Steps of training", low=1, high=1_000_000)
    rays: int = knob(512, "Chance pixels of all photographs in each step", low=16, high=1 << 16)
    samples: int = knob(64, "Places looked at along each ray", low=8, high=1024)
    rate: float = knob(1.0, "Factor on the field's own step sizes: 0.4 on voxels, 0.01 on hash tables, 0.002 plain",
                       low=1e-3, high=100.0, log=True, label="Step size")  # fmt: skip
    side: int = knob(96, "Voxels along the box's longest side", low=16, high=512, unit="voxels", when=_VOXELS,
                     label="Grid")  # fmt: skip
    roughness: float = knob(1e-5, "Weight of total variation: smoother surfaces, fewer specks; a tenth of it for "
                            "colours", low=0.0, high=1.0, when=_VOXELS)  # fmt: skip
    background: Literal["auto", "white", "black", "random", "last colour"] = knob(
        "auto", "What lies behind the box and behind what is transparent in a photograph; auto: other chance colours "
        "in each step, before which nothing half transparent can pass for a wall",
    )  # fmt: skip
    skip: bool = knob(True, "Pass over empty space once it is known", label="Skip empty space")
    exposure: bool = knob(False, "Learn how bright each photograph is, for cameras that chose it themselves")
    longest: int = knob(96, "Voxels along the longest side of the grid that is taken away; 160 in NeRF-MAE", low=8,
                        high=512, unit="voxels", label="Grid taken away")  # fmt: skip
    levels: int = knob(8, "Resolutions of the hash grid", low=2, high=24, when=_HASH, more=True)
    table_log2: int = knob(14, "Binary logarithm of the rows of each hash table", low=8, high=22, when=_HASH, more=True,
                           label="Table size")  # fmt: skip
    finest: int = knob(256, "Cells along the longest side at the finest resolution", low=32, high=4096, when=_HASH,
                       more=True)  # fmt: skip
    width: int = knob(64, "Width of the plain network", low=16, high=512, when=_PLAIN, more=True)
    depth: int = knob(4, "Layers of the plain network", low=2, high=16, when=_PLAIN, more=True)
    octaves: int = knob(6, "Frequencies of positions that the plain network sees; 10 in the paper, for large pictures",
                        low=1, high=16, when=_PLAIN, more=True)  # fmt: skip
    view_dependent: bool = knob(False, "Voxels hold features, and a small network sees the direction: for gloss",
                                when=_VOXELS, more=True)  # fmt: skip
    start_side: int = knob(48, "Voxels along the longest side at first", low=8, high=512, when=_VOXELS, more=True)
    grow_at: float = knob(0.5, "Share of the steps after which the grid becomes finer", low=0.0, high=1.0, when=_VOXELS,
                          more=True)  # fmt: skip
    skip_from: float = knob(0.25, "Share of the steps after which empty space is passed over", low=0.0, high=1.0,
                            when={"skip": (True,)}, more=True)  # fmt: skip
    entropy: float = knob(1e-3, "Weight of the doubt whether a ray ends in the field or behind it", low=0.0, high=1.0,
                          more=True, label="Background entropy")  # fmt: skip
    spread: float = knob(0.0, "Weight of the distance between what is seen along one ray (distortion of Mip-NeRF 360)",
                         low=0.0, high=10.0, more=True, label="Distortion")  # fmt: skip
    calm: float = knob(0.5, "Nearer to a camera than this share of the box gradients are made smaller, which keeps "
                       "specks away from lenses; 0 never", low=0.0, high=2.0, more=True,
                       label="Near-camera scaling")  # fmt: skip
    room: int = knob(0, "Places outside of empty cells in a step: as many pixels are drawn as fill it, at most those "
                     "above. For a GPU, which is then never waited for; 0: all of all pixels", low=0, high=1 << 24,
                     more=True, label="Places per step")  # fmt: skip
    longest_px: int = knob(400, "Larger photographs are shrunk to this side; 0 takes them as they are", low=0,
                           high=10_000, unit="pixels", more=True, label="Photographs' side")  # fmt: skip
    repair: bool = knob(False, "Put mirrored poses right, which is a guess", more=True, label="Repair mirrored poses")
    axes: Literal["opengl", "opencv"] = knob("opengl", "How the cameras of a transforms.json are turned: OpenCV's look "
                                             "along +z with y down", more=True, label="Camera axes")  # fmt: skip
    upright: bool = knob(False, "Turn the cameras' mean up to +z; COLMAP's always is", more=True, label="Turn upright")
    images: int = knob(32, "Photographs of a sample scene; every eighth is held out", low=4, high=1000, more=True)
    size: int = knob(64, "Side of a sample's photographs", low=16, high=1024, unit="pixels", more=True)
    scene: int = knob(-1, "Which sample scene; −1 takes the run's seed", low=-1, high=1_000_000, more=True)
    evaluations: int = knob(6, "How often held-out photographs are compared", low=1, high=1000, more=True)
    point_count: int = knob(20_000, "Points on the surface that are taken away", low=100, high=5_000_000, more=True)
    keep_model: bool = knob(True, "Save the field", more=True)
    continue_from: str = knob("", "The folder of a field of this recipe that is learned further, on the same "
                              "photographs. Empty: begin anew", widget="path", more=True,
                              label="Continue from")  # fmt: skip


ROOM = Sample("room", "A furnished room", "A generated room with three to eight things, photographed from inside.",
              generated=True)  # fmt: skip
OBJECT = Sample("object", "An object", "A generated object on nothing, photographed from a hemisphere.",
                generated=True)  # fmt: skip

# Chosen on room 90 alone, after 600 steps (dB on held-out views; share of occupied voxels found right at opacity 0.3).
# Voxels on white: 25.3 at step size 0.5, 24.0 at 2; 22.9 with ten times the variation; 24.6 from a tenth of the first
# density. On white walls stay half transparent (0.21 found), before chance colours they do not: 24.3 (0.65 found) at
# step size 1, 23.4 (0.65) at 2, and 22.9 (0.55) at 0.5 where they begin at a quarter of the steps. On 24 photographs,
# on white at 0.5: 23.0 and 24.2 without and with near-camera scaling, 23.5 and less with a push towards emptiness.
# Plain: 14.2 and 13.5 with ten frequencies at step sizes 0.5 and 1, 21.2 with six at 1.
DESK = RadianceField()
_ARM = DESK.replace(
    steps=600, rate=0.5, background="white", evaluations=1, keep_model=False, longest=32, point_count=1000
)
_V, _H, _P, _ROUGH, _WHOLE = "voxels", "hash grid", "plain NeRF", "voxels, no variation", "voxels, no skipping"

CLAIM = Claim(
    arms={
        _V: _ARM, _H: _ARM.replace(field=HASH, rate=1.0), _P: _ARM.replace(field=PLAIN, rate=1.0),
        _ROUGH: _ARM.replace(roughness=0.0), _WHOLE: _ARM.replace(skip=False),
    },
    statements=(
        Better("After equal steps voxels show held-out views better by 2 dB than the plain network", "psnr", _V, _P,
               by=2.0, items="outcomes"),
        Better("The hash grid shows them better than the plain network", "psnr", _H, _P, asserted=False,
               items="outcomes"),
        Better("… and the voxels better than the hash grid", "psnr", _V, _H, asserted=False, items="outcomes"),
        Better("Total variation helps held-out views", "psnr", _V, _ROUGH, asserted=False, items="outcomes"),
        Better("Passing over empty space takes less time", "train_seconds", _V, _WHOLE, lower=True, asserted=False),
    ),
    seeds=3,
    note="Generated rooms, 28 photographs of 64 × 64 pixels to learn from, 4 held out; 600 steps of 512 rays with 64 "
    "places each for all. The plain network is small (4 layers of 64), or it would be a hundred times as long at it.",
)  # fmt: skip


@recipe(
    tab=SCENES,
    title="Voxel and hash radiance fields",
    paper=Paper(
        "Direct Voxel Grid Optimization: Super-fast Convergence for Radiance Fields Reconstruction",
        2022,
        "2111.11215",
        "Density and colour at the nodes of a grid, learned from photographs in minutes where a network takes hours.",
    ),
    reads={
        "pictures": Slot(
            PosedPictures, "Photographs with poses",
            "transforms.json (nerfstudio, instant-ngp, Blender) or a COLMAP folder. What the photographs show should "
            "lie in the box; where none is given, or a cube that is far too wide, one around what they look at is "
            "taken (around what none sees through, where they are transparent).",
            (ROOM, OBJECT),
        ),
    },
    writes={
        "psnr": Curve, "ssim": Curve, "view": Frame, "held_out": ImageGrid, "grid": RadianceGrid, "mesh": Mesh,
        "points": Points, "cameras": Cameras, "outcomes": Outcomes,
    },
    layout=(("view", "psnr"), ("held_out",), ("grid", "mesh"), ("points", "cameras"), ("ssim",)),
    presets={
        "smoke": DESK.replace(steps=24, rays=64, samples=16, side=24, start_side=12, longest=12, images=8, size=16,
                              evaluations=2, point_count=200),
        "desk": DESK,
        "paper": DESK.replace(field=HASH, steps=20_000, rays=1 << 15, samples=512, room=1 << 18, levels=16,
                              table_log2=19, finest=2048, longest=160, longest_px=800, size=400, images=100,
                              evaluations=20),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: RadianceField) -> None:
    """Learn density and colour of every point of a box from photographs whose poses are known.

    **Voxels** hold both at the nodes of a grid that becomes finer at half time (DVGO): density goes through softplus
    after it was interpolated, colour through a sigmoid. **A hash grid** (Müller et al., *Instant Neural Graphics
    Primitives*, 2022) keeps features of many resolutions in small tables that two small networks read; it is meant for
    a GPU. **Plain** is the network of the first NeRF, which both are compared with.

    **Each step** draws pixels of all photographs by chance, looks at places along their rays, and adds up what is seen
    there. Beside the error of colours count how rough the grid is and whether rays end clearly; empty space is passed
    over once it is known. Gradients near cameras are made smaller, or specks would hang before the lenses.

    **Held-out photographs** are never learned from: every eighth, where the file does not say which. PSNR and SSIM on
    them are told while training goes on, and one is shown as photograph, rendered, as depth and as normals.

    **Look around** in the view while it trains: it is rendered from where you stand, coarse at once and then finer, in
    at most a small share of the time.

    **Taken away** are the field itself; a grid of colours, averaged over the training cameras' directions, with the
    kind of density that was learned (also as NeRF-MAE's npz in the run's model folder); a mesh and points by marching
    cubes, with colours; the cameras. Continue from a finished field to learn it further.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's photographs are: how many, how large, which are held out."""
    from .data import preview as look

    return look(address, values)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Render a view of a trained field."""
    from .serve import answer

    return answer(job, model, inputs)
