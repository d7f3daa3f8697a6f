"""Runs with everything that a report can show, and names that try to break out of it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from tests.gui.runs import demo_recipe, pictures
from workbench.core import documents as doc
from workbench.core import events as ev
from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder, create_run

EVIL = "<script>alert('x')</script> $x_1^2$ & \"quoted\" {{ 7777*7777 }}"


@pytest.fixture
def known() -> dict[str, Recipe]:
    return {"demo-nlu": demo_recipe()}


@pytest.fixture
def run(home: Home) -> RunFolder:
    """A finished run with two metrics, tables, a confusion matrix, a map, marked texts and a log."""
    return make_run(home, seed=0)


@pytest.fixture
def evil(home: Home) -> RunFolder:
    """A run in which every word that a person or a data set may choose is markup."""
    folder = create_run(
        home.runs,
        RunConfig(
            recipe=EVIL, params={EVIL: EVIL, "rank": 8}, inputs={EVIL: EVIL}, digests={EVIL: EVIL}, title=EVIL,
            tags=(EVIL,), preset=EVIL, packages={EVIL: EVIL}, arm=EVIL,
        ),
    )  # fmt: skip
    doc.write(folder.artifacts / "t.json", doc.TableDoc([doc.Column(EVIL, "text", unit=EVIL)], [[EVIL], [None]]))
    doc.write(folder.artifacts / "c.json", doc.ConfusionDoc([EVIL, "b"], [[1, 2], [3, 4]]))
    spanned = doc.SpannedText(EVIL, [doc.Span(0, 8, EVIL)], title=EVIL, note=EVIL)
    doc.write(folder.artifacts / "s.json", doc.SpansDoc([spanned]))
    doc.write(folder.artifacts / "x.json", doc.TextDoc(EVIL, EVIL))
    np.save(folder.artifacts / "e.npy", np.eye(2, dtype=np.float32), allow_pickle=False)
    doc.write(folder.artifacts / "i.json", doc.ItemsDoc([doc.Item("a", EVIL), doc.Item("b", "_b")]))
    folder.append(
        ev.Started(1.0, device=EVIL),
        ev.Metric(2.0, EVIL, 0.5, 1, EVIL),
        ev.Metric(3.0, EVIL, None, 2, EVIL),
        *(
            ev.Artifact(3.0, EVIL + kind, kind, f"artifacts/{letter}.json", 2, title=EVIL)
            for letter, kind in (("t", "table"), ("c", "confusion"), ("s", "spans"), ("x", "text"), ("x", EVIL))
        ),
        ev.Artifact(
            3.0,
            "map",
            "embedding",
            "artifacts/e.npy",
            2,
            parts={"items": "artifacts/i.json"},
            meta={"axes": {"x": EVIL, "y": EVIL, "log_x": True}},
        ),
        ev.Log(3.0, EVIL, EVIL),
        ev.Failed(4.0, ProblemRecord(EVIL, received=EVIL, fix=EVIL)),
    )
    return folder


def make_run(home: Home, *, seed: int, title: str = "") -> RunFolder:
    """A finished run; other seeds end at other numbers."""
    folder = create_run(
        home.runs,
        RunConfig(
            recipe="demo-nlu", params={"adapt": "lora", "task": "topic", "epochs": 3 + seed, "learning_rate": 5e-5},
            seed=seed, preset="desk", title=title, inputs={"data": "sample:libraries"}, digests={"data": "ab12" * 16},
            packages={"torch": "2.13.0"},
        ),
    )  # fmt: skip
    random = np.random.default_rng(seed)
    folder.append(
        ev.Started(10.0, device="cpu"),
        *(ev.Metric(10.0 + step, "loss", 1 / step + seed, step, "train") for step in range(1, 101)),
        *(ev.Metric(10.0 + step, "macro_f1", step / 200 + seed / 100, step, "validation") for step in (50, 100)),
        *pictures(folder, 100, 110.0, random),
        ev.Log(110.0, "Forecast: 2 min."),
        ev.Progress(110.0, 100, 100),
        ev.Finished(110.0, results={"macro_f1": 0.512345 + seed}, seconds=100.0),
    )
    return folder


def retitle(folder: RunFolder, title: str) -> RunFolder:
    """Give a run another title."""
    folder.write_config(msgspec.structs.replace(folder.config(), title=title))
    return folder
