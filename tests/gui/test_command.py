from __future__ import annotations

import shlex

from workbench.core.params import check, values_of
from workbench.gui.command import command_line
from workbench.recipes import recipe


def test_that_only_what_differs_from_the_preset_is_written() -> None:
    declared = recipe("berturk-nlu")
    params = values_of(declared.preset("desk")) | {"learning_rate": 3e-5, "half": True}
    line = command_line(declared, preset="desk", params=params, inputs={"data": declared.reads["data"].default})
    assert line == "workbench run berturk-nlu --preset desk --learning-rate 3e-05 --half true"


def test_that_a_line_read_back_gives_the_same_parameters() -> None:
    declared = recipe("berturk-nlu")
    params = values_of(declared.preset("paper")) | {"explain": 'it\'s a "test" & more', "warmup": 0.125, "batch": 7}
    line = command_line(
        declared, preset="paper", params=params, inputs={"data": "/tmp/my data.csv"}, seed=3, device="cpu"
    )
    words = shlex.split(line)[5:]
    given = {flag[2:].replace("-", "_"): value for flag, value in zip(words[::2], words[1::2], strict=True)}
    assert given.pop("input") == "data=/tmp/my data.csv"
    assert (given.pop("seed"), given.pop("device")) == ("3", "cpu")
    assert values_of(check(declared.params, given, base=declared.preset("paper"))) == params
