"""Remake the pictures on the recipe cards from real runs: packaging/pictures.py [--home FOLDER] [RECIPE ...]

Each recipe's newest finished run of the home is drawn, in both themes; where there is none, its desk
preset is run first. Pictures go to resources/pictures/recipes, at most 120 kB each.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from PIL import Image

from workbench.recipes import recipes
from workbench.store.home import Home, open_home
from workbench.store.index import Index

OUT = Path(__file__).resolve().parents[1] / "resources" / "pictures" / "recipes"
VIEWS = {
    "brain-tumor-resunet": "errors", "ctc-recogniser": "emissions", "dist-image-to-video": "clips",
    "hifi-gan": "spectra", "image-language": "similarity", "image-to-video-survey": "grid", "motion-transfer": "map",
    "nerf-mae": "answers", "radiance-field": "held_out",
    "punctuation-adversarial": "examples", "slu-transfer": "attention", "speecht5": "spectrograms", "sv2tts": "mels",
    "tera": "restoration", "uni-pathology": "map",
}  # fmt: skip
"""Slots that tell more of a recipe than the one that is chosen by its kind."""
SIZE, MOST_BYTES, SHADES = "640x320", 120_000, 128


def main() -> int:
    """Draw the recipes named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="default: all")
    parser.add_argument("--home", type=Path, default=None, help="where runs are looked for and made")
    asked = parser.parse_args()
    home = open_home(asked.home)
    for name in asked.recipes or recipes():
        run = _finished(home, name) or _made(home, name)
        for theme in ("dark", "light"):
            out = OUT / f"{name}-{theme}.png"
            words = ["--run", run, "--view", VIEWS.get(name, ""), "--theme", theme, "--size", SIZE, "--out", str(out)]
            _workbench("snapshot", recipes()[name].tab.name, *words, "--home", str(home.root))
            if out.stat().st_size > MOST_BYTES:
                # Spectrograms have more shades than a card needs.
                Image.open(out).convert("RGB").quantize(SHADES).save(out, optimize=True)
            if out.stat().st_size > MOST_BYTES:
                print(f"{out.name} has {out.stat().st_size} bytes; at most {MOST_BYTES} are wanted.", file=sys.stderr)
                return 1
            print(out)
    return 0


def _finished(home: Home, name: str) -> str:
    rows = Index(home.index, home.runs).refresh()
    return next((row.id for row in rows if row.config.recipe == name and row.state.phase == "finished"), "")


def _made(home: Home, name: str) -> str:
    _workbench("run", name, "--preset", "desk", "--home", str(home.root))
    return _finished(home, name)


def _workbench(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "workbench", *words], check=True)


if __name__ == "__main__":
    sys.exit(main())
