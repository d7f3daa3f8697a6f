"""What every recipe's declaration promises, checked without running anything."""

from __future__ import annotations

import json

import pytest

from workbench.cli.listing import describe, document
from workbench.cli.main import build
from workbench.core.kinds import KINDS, Curve
from workbench.core.params import check, knobs, parse, values_of
from workbench.core.recipe import TABS, Recipe
from workbench.recipes import recipes
from workbench.runner.claims import plan
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig

EVERY = pytest.mark.parametrize("recipe", list(recipes().values()), ids=list(recipes()))


@EVERY
def test_that_it_has_a_tab_a_paper_and_a_help_page(recipe: Recipe) -> None:
    assert recipe.tab in TABS
    assert recipe.title
    assert recipe.paper.title
    assert recipe.paper.year > 1950
    assert len(recipe.help) > 40
    assert recipe.paper.title in describe(recipe)
    assert recipes()[recipe.id] is recipe


@EVERY
def test_that_every_knob_has_help_and_accepts_its_own_default(recipe: Recipe) -> None:
    for one in knobs(recipe.params):
        assert one.help, one.name
        assert parse(one, one.default) == one.default, one.name
        assert parse(one, str(one.default)) == one.default, one.name
        assert one.low is None or one.high is None or one.low < one.high, one.name
        assert not one.log or (one.low or 0) > 0, f"{one.name}: steps by factors need a lower end above zero"


@EVERY
def test_that_conditions_and_slots_of_knobs_name_what_exists(recipe: Recipe) -> None:
    known = {one.name: one for one in knobs(recipe.params)}
    for one in known.values():
        for name, allowed in one.when.items():
            assert all(parse(known[name], value) == value for value in allowed), one.name
        assert not one.slot or one.slot in recipe.reads, one.name
    for slot in recipe.reads.values():
        assert set(slot.columns) <= set(known)


@EVERY
def test_that_no_more_than_twelve_knobs_stand_open(recipe: Recipe) -> None:
    desk = values_of(recipe.preset("desk"))
    shown = [one.name for one in knobs(recipe.params) if not one.more and one.applies(desk)]
    assert len(shown) <= 12, shown


@EVERY
def test_that_every_preset_and_arm_passes_its_own_checks(recipe: Recipe) -> None:
    arms = recipe.claim.arms if recipe.claim else {}
    for name, params in {**recipe.presets, **arms}.items():
        assert type(params) is recipe.params, name
        assert check(recipe.params, values_of(params)) == params, name


@EVERY
def test_that_the_command_line_takes_every_knob_beside_its_own_flags(recipe: Recipe) -> None:
    assert build(["run", recipe.id])
    assert build(["claim", recipe.id])


@EVERY
def test_that_outputs_are_known_kinds_and_the_layout_places_them(recipe: Recipe) -> None:
    assert recipe.writes
    assert all(kind in KINDS.values() for kind in recipe.writes.values())
    placed = [slot for row in recipe.layout for slot in row]
    assert set(placed) <= set(recipe.writes)
    assert len(placed) == len(set(placed))
    assert Curve in recipe.writes.values()


@EVERY
def test_that_what_can_be_started_without_a_file_starts_from_a_sample(recipe: Recipe) -> None:
    for preset in recipe.presets:
        frozen = freeze(RunConfig(recipe=recipe.id, params={}, preset=preset))
        assert set(frozen.params) == {one.name for one in knobs(recipe.params)}
    for slot, declared in recipe.reads.items():
        for sample in declared.samples:
            frozen = freeze(RunConfig(recipe=recipe.id, params={}, inputs={slot: sample.address}))
            assert sample.sets.items() <= frozen.params.items(), sample.name
            assert sample.title
            assert sample.help


@EVERY
def test_that_a_claim_speaks_of_its_own_arms_and_can_be_planned(recipe: Recipe) -> None:
    if recipe.claim is None:
        return
    claim = recipe.claim
    assert any(one.asserted for one in claim.statements)
    for statement in claim.statements:
        assert statement.text
        assert statement.metric
        assert {statement.better, statement.than} <= set(claim.arms)
        assert statement.better != statement.than
        assert statement.by >= 0
    assert all(gate.arm in claim.arms for gate in claim.gates)
    assert set(claim.inputs) <= set(recipe.reads)
    runs = plan(recipe, range(claim.seeds))
    assert len(runs) == claim.seeds * len(claim.arms)
    for config in runs[: len(claim.arms)]:
        freeze(config)


@EVERY
def test_that_its_declaration_can_be_told_as_json(recipe: Recipe) -> None:
    told = json.loads(json.dumps(document(recipe)))
    assert told["recipe"] == recipe.id
    assert set(told["presets"]) >= {"smoke", "desk", "paper"}
