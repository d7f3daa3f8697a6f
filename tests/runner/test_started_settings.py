"""Settings that one start names (--set) while a worker runs already: they hold for what it asks, or it is told."""

from __future__ import annotations

import time

import pytest

from tests.plugins.fixtures import ended, trial
from workbench.core.settings import Settings, save
from workbench.runner.launch import _environment, unheeded
from workbench.runner.local import LocalRunner
from workbench.runner.prepare import freeze
from workbench.store.address import WorkerAddress, announce
from workbench.store.home import Home
from workbench.store.runfolder import create_run
from workbench.worker import interactive
from workbench.worker.execute import execute
from workbench.worker.lanes import ClientCame, ClientLeft, Lanes, Stop, Tick
from workbench.worker.messages import Ask

NOBODY = 2**22 - 3
"""The id of no process."""


def test_that_a_run_keeps_the_precision_that_its_start_named(
    trials: None, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = freeze(trial(steps=1))
    monkeypatch.setenv("WORKBENCH_PRECISION", "bf16")
    monkeypatch.setenv("WORKBENCH_THEME", "dark")
    config = freeze(trial(steps=1))
    assert (plain.settings, config.settings) == ({}, {"precision": "bf16"})
    assert "WORKBENCH_PRECISION" not in _environment() and "WORKBENCH_THEME" in _environment()
    monkeypatch.delenv("WORKBENCH_PRECISION")
    # The worker's own settings say otherwise: they are for runs whose start named none.
    own = Settings(precision="fp32")
    assert execute(create_run(home.runs, config), settings=own).precision == "bf16"
    assert execute(create_run(home.runs, plain), settings=own).precision == "fp32"


def test_that_a_question_takes_the_settings_of_its_start_along(
    runner: LocalRunner, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker was started before the setting was named."""
    folder = runner.submit(trial(steps=2))
    assert ended(folder).phase == "finished" and folder.config().settings == {}
    monkeypatch.setenv("WORKBENCH_CHECKPOINT_EVERY", "77")
    assert ended(again := runner.submit(trial(steps=2))).phase == "finished"
    assert again.config().settings == {"checkpoint_every": "77"}
    heard: list[tuple[str, str]] = []

    class Declared:
        @staticmethod
        def apply(context, model, inputs):
            heard.append((context.device, context.precision))
            return {}

    sent = []
    monkeypatch.setattr(runner, "_ask", lambda request, told=None: sent.append(request))
    runner.apply("trials", str(folder.path), {})
    monkeypatch.setenv("WORKBENCH_PRECISION", "bf16")
    runner.apply("trials", str(folder.path), {})
    monkeypatch.setattr(interactive, "recipe", lambda name: Declared)
    monkeypatch.delenv("WORKBENCH_PRECISION")
    for request in sent:
        assert interactive.answer(Ask(1, request), home, {}, lambda: False).problem is None
    assert heard == [("cpu", "auto"), ("cpu", "bf16")]


def test_that_what_a_running_worker_cannot_change_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unheeded(home) == ""
    monkeypatch.setattr("workbench.runner.launch.is_alive", lambda pid: pid == NOBODY)
    announce(home, WorkerAddress("nowhere", "00" * 32, pid=NOBODY, started=time.time()))
    assert unheeded(home) == ""
    monkeypatch.setenv("WORKBENCH_OFFLINE", "false")
    assert "offline is True there, False here" in unheeded(home) and "worker stop" in unheeded(home)
    save(home.settings, Settings(offline=False))
    assert unheeded(home) == ""  # the worker follows the file
    monkeypatch.delenv("WORKBENCH_OFFLINE")
    announce(home, WorkerAddress("nowhere", "00" * 32, pid=NOBODY, settings={"keep_worker": "9"}))
    assert "keep_worker is 9.0 there, 120.0 here" in unheeded(home)


def test_that_the_time_an_idle_worker_stays_follows_the_settings() -> None:
    lanes = Lanes(keep_s=100.0, now=0.0)
    lanes.handle(ClientCame(), 1.0)
    lanes.keep_for(5.0)
    lanes.handle(ClientLeft(1), 2.0)
    assert not any(isinstance(one, Stop) for one in lanes.handle(Tick(), 6.0))
    assert any(isinstance(one, Stop) for one in lanes.handle(Tick(), 8.0))
