"""`doctor`: what this machine offers and lacks, each lack with its fix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workbench.cli.output import json_line, say
from workbench.cli.parser import Namespace, stop_at
from workbench.cli.running import runner_of
from workbench.runner import doctor as look
from workbench.runner.doctor import Finding
from workbench.store.home import Home


def doctor(asked: Namespace) -> int:
    """Print every finding; exit status 1 when something that everything needs is broken."""
    stop_at(asked.problems)
    broken = 0
    for finding in examine(asked.home, worker=not asked.no_worker):
        broken += finding.state == "broken"
        if asked.json:
            json_line(finding)
        else:
            mark = {"ok": "ok     ", "missing": "missing", "broken": "BROKEN "}[finding.state]
            say(f"{mark}  {finding.name:<16}  {finding.detail}")
            if finding.fix:
                say(f"{'':27}Fix: {finding.fix}")
    return 1 if broken else 0


def examine(root: Path | None, *, worker: bool) -> Iterator[Finding]:
    """Every finding; `worker` starts one and asks it."""
    return look.examine(root, worker=_worker if worker else None)


def _worker(home: Home) -> Finding:
    with runner_of(home) as runner:
        return look.look_at_worker(runner.attach)
