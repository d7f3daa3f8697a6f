from __future__ import annotations

from tests.report.conftest import make_run, retitle
from workbench.core import events as ev
from workbench.core.judging import better
from workbench.report.differences import figures, settings
from workbench.report.gather import gather, names_of
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, create_run


def test_that_only_what_differs_is_marked_as_differing(home: Home) -> None:
    runs = [gather(make_run(home, seed=seed)) for seed in (0, 1)]
    rows = {one.name: one for one in settings(runs)}
    assert [name for name, one in rows.items() if one.differs] == ["seed", "epochs"]
    assert rows["epochs"].values == ("3", "4")
    assert rows["data"].values[0] == "sample:libraries (SHA-256 ab12ab12ab12)"
    assert rows["learning_rate"].values == ("5e-5", "5e-5")


def test_that_runs_of_different_recipes_are_compared_by_what_they_share(home: Home) -> None:
    other = create_run(home.runs, RunConfig(recipe="another", params={"width": 4}))
    other.append(ev.Metric(1.0, "loss", 0.25, 5, "train"), ev.Metric(1.0, "gap", float("inf"), 5))
    runs = [gather(make_run(home, seed=0)), gather(other)]
    rows = {(one.metric, one.series, one.what): one for one in figures(runs)}
    best = rows["loss", "train", "best"]
    assert (best.values, best.steps, best.winners) == ((0.01, 0.25), (100, 5), (0,))
    assert rows["macro_f1", "validation", "last"].values == (0.5, None)
    assert rows["macro_f1", "validation", "last"].winners == ()
    assert {one.name for one in settings(runs) if one.differs} >= {"recipe", "width", "epochs"}


def test_that_the_better_end_follows_the_metric() -> None:
    assert [better(name) for name in ("macro_f1", "validation_loss", "learning_rate")] == ["high", "low", ""]


def test_that_equal_numbers_have_no_winner(home: Home) -> None:
    runs = [gather(make_run(home, seed=0)), gather(make_run(home, seed=0))]
    assert all(one.winners == () for one in figures(runs))


def test_that_names_tell_runs_apart(home: Home) -> None:
    first, second = make_run(home, seed=0), make_run(home, seed=1)
    assert names_of([gather(first), gather(second)]) == [f"desk {first.id[-6:]}", f"desk {second.id[-6:]}"]
    for folder in (first, second):
        retitle(folder, "same")
    assert len(set(names_of([gather(first), gather(second)]))) == 2
    retitle(second, "own")
    assert names_of([gather(first), gather(second)]) == ["same", "own"]


def test_that_torn_lines_are_counted_and_passed_over(home: Home) -> None:
    folder = make_run(home, seed=0)
    with folder.events_path.open("ab") as file:
        file.write(b'{"type":"metric","na\n\n{"type":"never heard of"}\n')
    folder.append(ev.Metric(1.0, "late", 1.0, 1))
    found = gather(folder)
    assert (found.damaged, len(found.metrics["loss"]["train"]), "late" in found.metrics) == (2, 100, True)
