"""One run: what is under test, with which design, and where its clips are.

`open_run` refuses a bad request before anything is spent. It imports neither audiocraft
nor, once a model has been seen, torch.
"""

from harness.run.opening import RunError, open_run
from harness.run.run import Run

__all__ = ["Run", "RunError", "open_run"]
