"""Entry point: `python -m workbench.worker --home FOLDER` serves a home until it is idle for long enough."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from workbench.core.problem import Problem
from workbench.core.settings import load
from workbench.store.home import open_home
from workbench.worker.server import Supervisor

ALREADY_THERE = 75
"""Exit status when another worker holds the home."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker of a home; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m workbench.worker", description=__doc__)
    parser.add_argument("--home", type=Path, default=None, help="data folder (WORKBENCH_HOME)")
    parser.add_argument("--foreground", action="store_true", help="stay in this terminal; Ctrl+C ends it")
    asked = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if asked.foreground else logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    if not asked.foreground and hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        home = open_home(asked.home)
        with FileLock(home.worker_lock, timeout=0):
            Supervisor(home, load(home.settings).settings).run()
    except Timeout:
        logging.warning("Another worker already serves this home.")
        return ALREADY_THERE
    except Problem as problem:
        logging.error("%s", problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
