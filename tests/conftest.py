"""Fixtures that several files of tests share."""

from projects_for_tests import go

__all__ = ["go"]
