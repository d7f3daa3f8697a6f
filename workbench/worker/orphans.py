"""No process of a job outlives the one that started it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

ORPHANED = 70
"""Exit status when the worker disappeared."""


def leave_with(parent: int) -> None:
    """Die with the parent process, even while stuck in C code; off Linux the order pipe of a job must do."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1: PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(ORPHANED)
