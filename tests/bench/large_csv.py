"""How much time and memory a table far larger than it should be held in memory takes.

    python -m tests.bench.large_csv [--megabytes 1000] [--json]

Writes a CSV of that size, and one a tenth of it, into a temporary folder and, each in a process of its
own, previews it, reads it, divides it into parts and cuts it into word pieces. Memory is the most
that was held above what the process held when its imports were done: `_mb` without, `_mapped_mb`
with the pages of mapped files, which the system takes back whenever somebody else needs them. Flat
means that the larger file takes no more than the smaller one, give or take its rows' positions.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

WORDS = ("the", "array", "returns", "a", "new", "sparse", "matrix", "of", "given", "shape", "along", "an", "axis")
ROWS_AT_ONCE = 20_000


def write_table(path: Path, megabytes: int) -> int:
    """A CSV of texts with one of ten classes; returns its rows."""
    chance, rows = random.Random(0), 0
    with path.open("w", encoding="utf-8") as file:
        file.write("text,label\n")
        while file.tell() < megabytes << 20:
            texts = (" ".join(chance.choices(WORDS, k=chance.randint(8, 30))) for _ in range(ROWS_AT_ONCE))
            lines = [f'"{text} {rows + at}",class {chance.randrange(10)}\n' for at, text in enumerate(texts)]
            file.writelines(lines)
            rows += len(lines)
    return rows


class Held:
    """The most memory that this process has held since it began to look, in megabytes, sampled."""

    def __init__(self) -> None:
        self._process, self.own, self.mapped = psutil.Process(), 0.0, 0.0
        self._idle = self._now()
        threading.Thread(target=self._look, daemon=True).start()

    def told(self, what: str) -> dict[str, float]:
        """What was held at most so far, above the beginning."""
        self._take()
        return {f"{what}_mb": self.own, f"{what}_mapped_mb": self.mapped}

    def _look(self) -> None:
        while True:
            self._take()
            time.sleep(0.02)

    def _take(self) -> None:
        now = self._now()
        self.own, self.mapped = (
            max(most, one - idle) for most, one, idle in zip((self.own, self.mapped), now, self._idle, strict=True)
        )

    def _now(self) -> tuple[float, float]:
        told = self._process.memory_info()
        return (told.rss - getattr(told, "shared", 0)) / 2**20, told.rss / 2**20


def look(path: str) -> dict[str, float]:
    """Preview, read and divide one table in this process."""
    from workbench.core.mixins import MINILM
    from workbench.engine import backbones
    from workbench.engine.text.examples import split
    from workbench.engine.text.preview import Seer, preview
    from workbench.engine.text.readers import load_labelled

    seer, held = Seer(backbones.load_tokenizer(MINILM), 64), Held()
    began = time.perf_counter()
    preview(path, seer=seer)
    found = {"preview_s": time.perf_counter() - began} | held.told("preview")
    began = time.perf_counter()
    loaded = load_labelled(path, seed=0)
    found |= {"read_s": time.perf_counter() - began} | held.told("read")
    began = time.perf_counter()
    parts = split(loaded.examples, 0, validation=0.1, test=0.1)
    assert len(parts.train) + len(parts.validation) + len(parts.test) == len(loaded.examples)
    return found | {"split_s": time.perf_counter() - began} | held.told("split")


def pretrain(path: str) -> dict[str, float]:
    """Read one table as plain text and cut it into word pieces, as pretraining by masked words does."""
    from types import SimpleNamespace

    from workbench.core.mixins import MINILM
    from workbench.engine import backbones
    from workbench.engine.text.readers import load_plain
    from workbench.recipes.text.berturk_nlu.masked import cut
    from workbench.recipes.text.berturk_nlu.passages import Blocks, Picked

    study = SimpleNamespace(
        tokenizer=backbones.load_tokenizer(MINILM), p=SimpleNamespace(max_length=128), fold=lambda text: text
    )
    held, began = Held(), time.perf_counter()
    texts = load_plain(path).examples
    blocks = Blocks(cut(study, Picked(texts, range(len(texts)))))
    assert len(blocks) >= len(texts)
    return {"pieces_s": time.perf_counter() - began} | held.told("pieces")


def measure(megabytes: int, folder: Path) -> dict[str, float]:
    """The same in a fresh process over a fresh table."""
    path = folder / f"table-{megabytes}.csv"
    rows = write_table(path, megabytes)
    found: dict[str, float] = {"megabytes": megabytes, "rows": rows}
    for what in ("--look", "--pretrain"):
        line = [sys.executable, "-m", "tests.bench.large_csv", what, str(path)]
        environment = os.environ | {"WORKBENCH_HOME": str(folder / "home")}
        done = subprocess.run(line, check=True, capture_output=True, text=True, env=environment)
        found |= json.loads(done.stdout.splitlines()[-1])
    path.unlink()
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--megabytes", type=int, default=1000)
    options.add_argument("--json", action="store_true")
    options.add_argument("--look", help=argparse.SUPPRESS)
    options.add_argument("--pretrain", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.look:
        print(json.dumps(look(chosen.look)))
        return 0
    if chosen.pretrain:
        print(json.dumps(pretrain(chosen.pretrain)))
        return 0
    with tempfile.TemporaryDirectory(prefix="large-csv-") as scratch:
        tables = [measure(size, Path(scratch)) for size in (max(chosen.megabytes // 10, 1), chosen.megabytes)]
    report = {"bench": "large_csv", "cores": os.cpu_count(), "tables": tables}
    if chosen.json:
        print(json.dumps(report))
    else:
        for one in tables:
            print("  ".join(f"{name} {value:,.1f}" for name, value in one.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
