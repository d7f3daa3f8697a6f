"""How near radiance fields come to photographs they never saw, after 10, 30, 60 and 120 seconds of training.

    python -m tests.bench.fields [--seconds 10,30,60,120] [--methods voxels,hash,plain,nerfacto] [--device auto]
                                 [--folder FOLDER | --scene 5 --images 40] [--size 100] [--check] [--json]

All methods learn the same photographs, of a generated room or of a folder with poses, in the same box before white, one
after another on the same device, and are compared on the same chance pixels of held-out photographs (`--whole N`: at
the end on N whole ones, too). The clock runs while they train, not while they are compared, nor while a GPU loads its
kernels. A line comes for each method and second. `plain` is the first NeRF, written out: 8 layers of 256, 10 and 4
frequencies, a coarse network of 64 samples and a fine one that sees 128 more where the coarse one saw something, 1,024
rays (on a GPU 4,096, in bf16), Adam 5e-4. `nerfacto` is nerfstudio's, installed into a throw-away folder (or `--peer`).

On a GPU: `workbench scenes object --seed 5 --images 115 --size 800 --out FOLDER` first, where the workbench is; then
`--device cuda --folder FOLDER --size 800`. `--check` compares the device with the CPU, and shows what steps wait for.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.bench import fields_device
from tests.bench.fields_method import Method, Ours, compared, measured, of_folder, photographs, presets, whole
from tests.bench.fields_nerfacto import Nerfacto, fetched
from tests.bench.fields_peers import PlainNerf
from workbench.core.problem import KnownTrouble
from workbench.engine.scenes.fields import FieldFacts
from workbench.engine.scenes.fieldviews import Photographs

OURS, METHODS = ("voxels", "hash"), ("voxels", "hash", "plain", "nerfacto")
COMPARED, GPU_COMPARED = 2000, 1 << 16
"""Pixels of held-out photographs that everyone is compared on."""
WARMING = 3


def _told(asked: argparse.Namespace, line: dict[str, Any], words: str) -> None:
    print(json.dumps(line) if asked.json else words, flush=True)


def _clock() -> str:
    """The graphics card's clocks and power, as its own tool tells them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    fields = "name,clocks.sm,clocks.mem,clocks.max.sm,power.draw,utilization.gpu"
    done = subprocess.run([tool, f"--query-gpu={fields}", "--format=csv,noheader"], capture_output=True, text=True,
                          timeout=20, check=False)  # fmt: skip
    return done.stdout.strip()


def _check(asked: argparse.Namespace, taken: Photographs, place: torch.device) -> None:
    large = {"levels": 16, "table_log2": 19, "finest": 2048}
    every = [
        FieldFacts("voxels", taken.low, taken.high, side=48),
        FieldFacts("voxels", taken.low, taken.high, side=48, view_dependent=True),
        FieldFacts("hash", taken.low, taken.high), FieldFacts("hash", taken.low, taken.high, **large),
        FieldFacts("plain", taken.low, taken.high),
    ]  # fmt: skip
    for facts in every:
        line = fields_device.agreed(facts, taken, place)
        _told(asked, line, f"check {facts.kind:8} colours {line['colours']:.1e}, gradients {line['gradients']:.1e}, "
              f"cells alike {line['cells']:.4%}: {'agrees' if line['agrees'] else 'DIFFERS'}")  # fmt: skip
    if place.type != "cuda":
        return
    for kind in OURS:
        facts, learning = presets(kind, taken, place, asked.rays, asked.room)  # type: ignore[arg-type]
        learner = Ours(facts, taken, learning, 60.0, place).learner
        found = list(fields_device.waits(learner))
        _told(asked, {"waits": kind, "steps": fields_device.WATCHED, "for": found},
              f"{fields_device.WATCHED} steps of {kind} wait {len(found)} times: {found[:6]}")  # fmt: skip
        if asked.profile:
            print(fields_device.profiled(learner), flush=True)


def _method(name: str, asked: argparse.Namespace, taken: Photographs, place: torch.device) -> Callable[[], Method]:
    budget_s = max(asked.marks)
    if name == "plain":
        return lambda: PlainNerf(taken, place)
    if name == "nerfacto":
        fetched(asked.peer)
        return lambda: Nerfacto(taken, place)
    facts, learning = presets(name, taken, place, asked.rays, asked.room)  # type: ignore[arg-type]
    return lambda: Ours(facts, taken, learning, budget_s, place)


def _run(name: str, asked: argparse.Namespace, taken: Photographs, place: torch.device) -> list[dict[str, float]]:
    test = compared(taken, place, asked.compared or (GPU_COMPARED if place.type == "cuda" else COMPARED))
    made = _method(name, asked, taken, place)
    if place.type == "cuda":
        warm = made()
        for _ in range(WARMING):
            warm.step()
        del warm
        torch.cuda.synchronize()
    method, found = made(), []
    for one in measured(method, asked.marks, test):
        found.append(one)
        rays = method.learner.rays if isinstance(method, Ours) else 0
        _told(asked, {"method": name, **one, "rays": rays},
              f"{name:10}{one['seconds']:7.0f} s  {one['psnr']:6.2f} dB  {one['steps']:7,.0f} steps"
              + (f"  {rays:,} rays" if rays else ""))  # fmt: skip
    if asked.whole:
        scores = whole(method, taken, asked.whole)
        mean = sum(scores) / len(scores)
        _told(asked, {"method": name, "whole": scores, "mean": mean},
              f"{name:10} {mean:6.2f} dB on {len(scores)} whole photographs")  # fmt: skip
    return found


def main() -> None:
    """Print a line for each method and second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", default="10,30,60,120")
    parser.add_argument("--methods", default="voxels,hash,plain")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--folder", type=Path, default=None, help="photographs with poses, in place of a room's")
    parser.add_argument("--size", type=int, default=100, help="their side in pixels; a folder's are shrunk to it")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--scene", type=int, default=5)
    parser.add_argument("--rays", type=int, default=0, help="of a step of ours (with a room: at most)")
    parser.add_argument("--room", type=int, default=0, help="samples of a step of ours")
    parser.add_argument("--compared", type=int, default=0, help="held-out pixels that everyone is compared on")
    parser.add_argument("--whole", type=int, default=0, help="whole held-out photographs to compare at the end")
    parser.add_argument("--check", action="store_true", help="first compare the device with the CPU")
    parser.add_argument("--profile", action="store_true", help="with --check on a GPU: where steps spend their time")
    parser.add_argument("--peer", type=Path, default=None, help="a folder with nerfstudio, or where to install it")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    asked.marks = [float(one) for one in asked.seconds.split(",") if one]
    names = [one for one in asked.methods.split(",") if one]
    if unknown := set(names) - set(METHODS):
        parser.error(f"unknown methods {sorted(unknown)}; there are {', '.join(METHODS)}")
    kind = asked.device if asked.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    place = torch.device(kind)
    if kind == "cuda":
        torch.set_float32_matmul_precision("high")
    taken = of_folder(asked.folder, asked.size) if asked.folder else photographs(asked.scene, asked.images, asked.size)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    lens = taken.learned[0].lens
    told = {"device": kind, "card": _clock() if kind == "cuda" else "", "torch": torch.__version__,
            "cuda": torch.version.cuda or "", "threads": torch.get_num_threads(), "load_before": load,
            "size": f"{lens.width} x {lens.height}", "learned": len(taken.learned),
            "held_out": len(taken.held_out)}  # fmt: skip
    _told(asked, told, str(told))
    if asked.check:
        _check(asked, taken, place)
    if not asked.marks:
        return
    table = {}
    for name in names:
        try:
            table[name] = _run(name, asked, taken, place)
        except KnownTrouble as trouble:
            _told(asked, {"method": name, "why": trouble.received}, f"{name:10} {trouble.what} {trouble.received}")
        if kind == "cuda":
            _told(asked, {"card": _clock()}, _clock())
    if not asked.json:
        for name, found in table.items():
            print(f"{name:10}" + "".join(f"  {one['psnr']:6.2f} dB ({one['steps']:,.0f})" for one in found))


if __name__ == "__main__":
    main()
