from __future__ import annotations

from typing import Literal

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.core.params import Params, check, knob, values_of
from workbench.core.problem import InputError, Problems
from workbench.core.settings import Settings
from workbench.gui.card import FieldLabel
from workbench.gui.fields import BackboneField, DecimalField
from workbench.gui.forms import Form
from workbench.recipes import recipes


class Sample(Params):
    adapt: Literal["full", "lora"] = knob("full", "What learns")
    rank: int = knob(8, "Rank", low=1, high=256, when={"adapt": ("lora",)})
    rate: float = knob(5e-5, "Step size", low=1e-7, high=1.0, log=True)
    share: float = knob(0.1, "A share", low=0.0, high=1.0, unit="of the time")
    batch: int = knob(32, "Batch", low=1, high=4096, unit="rows")
    name: str = knob("", "A name")
    backbone: str = knob("package:mini", "Model", widget="backbone")
    half: bool = knob(False, "Half precision", more=True)
    clip: float = knob(1.0, "Longest gradient", low=0.0, high=1000.0, more=True)


@pytest.fixture
def form(qtbot: QtBot) -> Form:
    made = Form(Sample)
    qtbot.addWidget(made)
    made.show()
    return made


def test_that_a_fresh_form_holds_the_declared_defaults(form: Form) -> None:
    assert form.values() == values_of(Sample())


@pytest.mark.parametrize("declared", [Sample, Settings])
def test_that_a_form_gives_values_that_pass_the_declarations_own_check(qtbot: QtBot, declared: type[Params]) -> None:
    made = Form(declared)
    qtbot.addWidget(made)
    assert check(declared, made.values()) == declared()


def test_that_values_put_in_come_out(form: Form) -> None:
    values = values_of(Sample(adapt="lora", rank=16, rate=2e-4, share=0.25, batch=8, name="x", half=True, clip=0.5))
    form.set_values(values)
    assert form.values() == values


def test_that_a_knob_without_effect_is_not_shown(form: Form) -> None:
    assert not form.field("rank").isVisible()
    form.set_values({"adapt": "lora"})
    assert form.field("rank").isVisible()


def test_that_rare_knobs_are_folded_until_one_of_them_is_wrong(form: Form) -> None:
    assert not form.field("clip").isVisible()
    form.show_problems([InputError("Too long.", field="clip")])
    assert form.field("clip").isVisible()


def test_that_every_problem_is_marked_on_its_field_and_strangers_are_handed_back(form: Form) -> None:
    with pytest.raises(Problems) as caught:
        check(Sample, {"batch": 0, "rate": 7, "colour": "red"})
    strangers = form.show_problems(caught.value.problems)
    assert [one.field for one in strangers] == ["colour"]
    assert form.field("batch").property("wrong") and form.field("rate").property("wrong")
    assert "Batch cannot be 0" in form.field("batch").accessibleDescription()
    form.clear_problems()
    assert not form.field("batch").property("wrong")


def test_that_a_small_number_is_shown_and_stepped_as_a_person_would(form: Form) -> None:
    rate = form.field("rate")
    assert isinstance(rate, DecimalField)
    assert rate.text() == "5e-5"
    steps = []
    for _ in range(4):
        rate.stepBy(1)
        steps.append(rate.text())
    assert steps == ["1e-4", "2e-4", "5e-4", "0.001"]
    rate.stepBy(-1)
    assert rate.value() == 5e-4


def test_that_typed_numbers_are_taken_and_nonsense_is_taken_back(form: Form, qtbot: QtBot) -> None:
    rate = form.field("rate")
    assert isinstance(rate, DecimalField)
    for typed, shown in (("3e-4", "3e-4"), ("0,002", "0.002"), ("many", "0.002"), ("9", "0.002")):
        rate.lineEdit().setText(typed)
        rate.editingFinished.emit()
        assert rate.text() == shown


def test_that_units_stand_in_the_field(form: Form) -> None:
    share = form.field("share")
    assert isinstance(share, DecimalField)
    assert share.text() == "0.1 of the time"


def test_that_the_wheel_scrolls_past_a_field_that_is_not_in_use(form: Form) -> None:
    wheel = QWheelEvent(
        QPointF(4, 4), QPointF(4, 4), QPoint(0, 0), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(form.field("batch"), wheel)
    QApplication.sendEvent(form.field("adapt"), wheel)
    assert form.values() == values_of(Sample())


def test_that_changes_can_be_taken_back_and_done_again(form: Form) -> None:
    rate = form.field("rate")
    assert isinstance(rate, DecimalField)
    rate.stepBy(1)
    rate.stepBy(1)
    form.field("half").setChecked(True)
    form.undo_stack.undo()
    assert (form.values()["half"], form.values()["rate"]) == (False, 2e-4)
    form.undo_stack.undo()
    assert form.values()["rate"] == 5e-5
    form.undo_stack.redo()
    assert form.values()["rate"] == 2e-4


def test_that_hidden_knobs_keep_the_value_they_were_given(qtbot: QtBot) -> None:
    made = Form(Sample, hide=["name"])
    qtbot.addWidget(made)
    made.set_values({"name": "kept"})
    assert made.values()["name"] == "kept"


def test_that_the_backbones_found_are_offered_and_the_choice_stays(form: Form) -> None:
    form.set_backbones([{"address": "starter:small", "title": "small", "parameters": 1_900_000}])
    chooser = form.field("backbone")
    assert isinstance(chooser, BackboneField)
    assert chooser.value() == "package:mini"
    assert chooser.findData("starter:small") >= 0
    assert chooser.itemText(chooser.count() - 1) == BackboneField.CHOOSE


def test_that_every_field_says_its_name_and_its_flag(form: Form) -> None:
    for name in values_of(Sample()):
        assert form.field(name).accessibleName()
        assert "--" + name in form.field(name).toolTip() or name == "backbone"


def test_that_the_names_of_fields_are_never_cut(qtbot: QtBot) -> None:
    for recipe in recipes().values():
        made = Form(recipe.params)
        qtbot.addWidget(made)
        made.resize(250, made.heightForWidth(250))  # as narrow as beside the views of a small screen
        made.show()
        for label in made.findChildren(FieldLabel):
            if label.isVisible():
                words = [one for word in label.text().split() for one in word.split("-")]
                assert max(map(label.fontMetrics().horizontalAdvance, words)) <= label.width(), label.text()
                assert label.height() >= label.heightForWidth(label.width()), label.text()
