"""`medical slide`: what a whole slide is, how much tissue it shows and how many tiles that makes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from workbench.cli.follow import answer
from workbench.cli.medical import WITHIN_S
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.cli.running import runner_of
from workbench.core.slides import HeatMap, SlideInfo
from workbench.core.words import count
from workbench.store.home import open_home


def slide(asked: Namespace) -> int:
    """`medical slide PATH`: levels, resolution, tissue, tiles."""
    stop_at(asked.problems)
    path = str(asked.path.expanduser().absolute())  # the worker has a working folder of its own
    with runner_of(open_home(asked.home)) as runner:
        raw = answer(runner.inspect("slide", path=path, mpp=asked.mpp), WITHIN_S)
        info = msgspec.json.decode(raw, type=SlideInfo)
        tiles = None
        if info.mpp is not None:
            how = {"target_mpp": asked.target_mpp, "tile": asked.tile, "overlap": asked.overlap}
            found = answer(runner.inspect("slide-grid", path=path, mpp=asked.mpp, **how), WITHIN_S)
            tiles = len(msgspec.json.decode(found, type=HeatMap).tiles)
    if asked.json:
        told = msgspec.to_builtins(info)
        for name in ("thumbnail", "grid", "coarsest", "levels"):
            del told[name]
        levels = [{"width": one.width, "height": one.height, "downsample": one.downsample} for one in info.levels]
        json_line({**told, "levels": levels, "tiles": tiles})
        return 0
    mpp = f"{info.mpp:.4g} µm per pixel" if info.mpp else "resolution unknown: give it with --mpp"
    say(f"{info.title}: {mpp}, tissue {info.tissue:.1%}, read by {info.reader} ({info.vendor})")
    rows = [[str(at), f"{one.width} × {one.height}", f"{one.downsample:g}"] for at, one in enumerate(info.levels)]
    table(rows, ["level", "pixels", "downsample"])
    if tiles is not None:
        say(f"{count(tiles, 'tile')} of {asked.tile} pixels at {asked.target_mpp:g} µm per pixel hold tissue")
    if info.associated:
        say("Beside it: " + ", ".join(info.associated))
    for note in info.notes:
        tell(note)
    return 0


def slide_arguments(deed: Parser) -> None:
    """The flags of `medical slide`."""
    deed.add_argument("path", type=Path, metavar="PATH", help="a slide: SVS, NDPI, OME-TIFF, tiled TIFF …")
    deed.add_argument("--mpp", type=float, default=None, metavar="UM", help="µm per pixel, where the file tells none")
    deed.add_argument("--target-mpp", type=float, default=0.5, metavar="UM", help="of the tiles (0.5 is 20×)")
    deed.add_argument("--tile", type=int, default=256, metavar="PX", help="width of a tile")
    deed.add_argument("--overlap", type=int, default=0, metavar="PX", help="of neighbouring tiles")
