"""The try-it box."""

from concurrent.futures import Future

import pytest
from PySide6.QtCore import Qt

from workbench.core.documents import Answer, AnswersDoc, Span, SpannedText
from workbench.core.problem import KnownTrouble
from workbench.core.settings import Settings
from workbench.gui.link import Link
from workbench.gui.tryit import TryIt, latency
from workbench.runner.scripted import ScriptedRunner
from workbench.store.runfolder import RunConfig, create_run

TEXT = "Compute the singular value decomposition."
SPANNED = SpannedText(TEXT, [Span(12, 20, score=0.8)])


def answers(inputs):
    weighed = SPANNED if inputs["attribute"] else None
    return AnswersDoc(
        [
            Answer("base", "numpy", [("numpy", 0.21), ("scipy", 0.19)], seconds=0.0094, attribution=weighed),
            Answer("tuned", "scipy", [("scipy", 0.93), ("numpy", 0.04)], seconds=0.011, attribution=weighed),
        ]
    )


@pytest.fixture
def make(qtbot, home):
    links = []

    def made(answer=answers, params=None):
        runner = ScriptedRunner(home, answers={"berturk-nlu": answer})
        link = Link(home, lambda: runner, Settings())
        links.append(link)
        box = TryIt(link)
        qtbot.addWidget(box)
        box.resize(520, 420)
        box.show()
        box.activateWindow()
        qtbot.waitUntil(box.isActiveWindow)
        box.show_model(create_run(home.runs, RunConfig("berturk-nlu", params or {})))
        box.text.setPlainText(TEXT)
        return box

    yield made
    for link in links:
        link.close()


def test_that_ctrl_enter_shows_base_and_tuned_side_by_side_with_latency(qtbot, make):
    box = make()
    box.text.setFocus()
    qtbot.keyClick(box.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not box.waiting)
    assert [panel.answer.headline for panel in box.panels] == ["numpy", "scipy"]
    assert [panel._latency.text() for panel in box.panels] == ["9 ms", "11 ms"]
    assert box.panels[1].bars.scores[0] == ("scipy", 0.93)
    assert box.panels[0].x() < box.panels[1].x()


def test_that_a_narrow_box_stacks_the_answers(qtbot, make):
    box = make()
    box.resize(300, 520)
    box.ask()
    qtbot.waitUntil(lambda: not box.waiting)
    qtbot.waitUntil(lambda: box.panels[0].y() < box.panels[1].y())


def test_that_explain_asks_again_and_shows_the_weights_of_both(qtbot, make):
    box = make()
    box.ask()
    qtbot.waitUntil(lambda: not box.waiting)
    assert not any(panel.explained for panel in box.panels)
    box.explain.setChecked(True)
    qtbot.waitUntil(lambda: not box.waiting and box.panels[0].explained)
    assert all(panel._heat.isVisible() for panel in box.panels)
    box.explain.setChecked(False)
    assert not any(panel._heat.isVisible() for panel in box.panels)


def test_that_an_empty_text_is_said_and_nothing_is_asked(qtbot, make):
    box = make()
    box.text.setPlainText("  \n ")
    box.ask()
    assert not box.waiting and "no text" in box.message.text()
    assert ("apply", "berturk-nlu") not in box.link.runner.asked


def test_that_a_question_is_asked_for_where_the_model_answers_questions(qtbot, make):
    told = []

    def remember(inputs):
        told.append(inputs)
        return AnswersDoc([Answer("tuned", "a value", spans=SPANNED)])

    box = make(remember, {"task": "questions"})
    assert box.question.isVisible()
    box.ask()
    assert "no question" in box.message.text() and not told
    box.question.setText("What is computed?")
    box.ask()
    qtbot.waitUntil(lambda: not box.waiting)
    assert told[0]["question"] == "What is computed?"
    assert box.panels[0].isHidden() and box.panels[1].isVisible()


def test_that_a_problem_is_said_in_place_and_the_box_lives_on(qtbot, make):
    box = make(lambda inputs: KnownTrouble("The model is gone.", fix="Run it again."))
    box.ask()
    qtbot.waitUntil(lambda: not box.waiting)
    assert "The model is gone." in box.message.text() and "Run it again." in box.message.text()
    assert box.run_button.isVisible() and not box.cancel_button.isVisible()


def test_that_an_answer_of_another_shape_is_said(qtbot, make):
    box = make(lambda inputs: {"nonsense": 1})
    box.ask()
    qtbot.waitUntil(lambda: not box.waiting)
    assert "cannot be shown" in box.message.text()


def test_that_waiting_shows_and_cancelling_abandons(qtbot, make, monkeypatch):
    box = make()
    pending = Future()
    monkeypatch.setattr(box.link.runner, "apply", lambda *_args, **_named: pending)
    box.ask()
    assert box.waiting and box.busy.isVisible() and box.cancel_button.isVisible()
    qtbot.keyClick(box.text, Qt.Key.Key_Escape)
    assert pending.cancelled() and not box.waiting and not box.busy.isVisible()


def test_that_a_late_answer_to_an_abandoned_question_is_dropped(qtbot, make, monkeypatch):
    box = make()
    first, second = Future(), Future()
    queue = [first, second]
    monkeypatch.setattr(box.link.runner, "apply", lambda *_args, **_named: queue.pop(0))
    first.set_running_or_notify_cancel()
    box.ask()
    box.ask()
    first.set_result(b'{"answers":[{"model":"tuned","headline":"old"}]}')
    second.set_result(b'{"answers":[{"model":"tuned","headline":"new"}]}')
    qtbot.waitUntil(lambda: not box.waiting)
    assert box.panels[1].answer.headline == "new"


def test_that_another_model_puts_old_answers_away(qtbot, make, home):
    box = make()
    box.ask()
    qtbot.waitUntil(lambda: not box.waiting)
    box.show_model(create_run(home.runs, RunConfig("berturk-nlu", {})))
    assert all(panel.isHidden() for panel in box.panels)


def test_that_latency_is_short():
    assert [latency(one) for one in (0, 0.0112, 1.44)] == ["", "11 ms", "1.4 s"]
