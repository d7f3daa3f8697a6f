"""A real worker for the tests that need one."""

from tests.plugins.fixtures import runner, trials

__all__ = ["runner", "trials"]
