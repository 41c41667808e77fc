"""How far generation has come, where there is a terminal and where there is none."""

from __future__ import annotations

import io
import re
import threading

import pytest

from harness import progress as module
from harness.progress import progress, watched


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end(clock: Clock) -> None:
    log = io.StringIO()
    with progress(20, stream=log) as report:
        for seconds, done in ((1, 1), (4.9, 4), (5, 5), (9, 8), (10, 12.6)):
            clock.now = 100.0 + seconds
            report(done)
        clock.now = 116.0
    assert log.getvalue().splitlines() == [
        "generating: 5 of 20 clips, 1.00 clips/s, 15 s left",
        "generating: 12 of 20 clips, 1.26 clips/s, 6 s left",
        "generated 12 of 20 clips in 16 s",
    ]


def test_a_log_says_nothing_while_nothing_is_done(clock: Clock) -> None:
    log = io.StringIO()
    with progress(20, stream=log) as report:
        clock.now += 60
        report(0)
        assert log.getvalue() == ""


def test_a_log_has_no_control_characters() -> None:
    log = io.StringIO()
    with progress(3, stream=log) as report:
        report(3)
    assert "\x1b" not in log.getvalue()
    assert "\r" not in log.getvalue()


def fail_after_one_clip(log: io.StringIO) -> None:
    with progress(3, stream=log) as report:
        report(1)
        msg = "out of memory"
        raise MemoryError(msg)


def test_a_log_of_clips_that_failed_does_not_say_that_they_were_made() -> None:
    log = io.StringIO()
    with pytest.raises(MemoryError, match="out of memory"):
        fail_after_one_clip(log)
    assert "generated" not in log.getvalue()


def test_a_terminal_gets_a_bar_with_the_count_of_clips() -> None:
    terminal = Terminal()
    with progress(20, stream=terminal) as report:
        report(7.5)
        report(20)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert "generating" in shown
    assert "20/20" in shown


def test_what_others_make_is_watched_until_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(module, "_LOG_EVERY_SECONDS", 0.0)
    asked: list[int] = []
    enough = threading.Event()

    def count() -> int:
        asked.append(1)
        if len(asked) == 4:
            enough.set()
        return len(asked)

    with watched(count, 4):
        assert enough.wait(timeout=60)
    assert len(asked) == 4
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("generating: 1 of 4 clips, ")
    assert lines[-1].startswith("generated 4 of 4 clips in ")


def test_without_a_stream_progress_goes_to_standard_output(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress(2) as report:
        report(2)
    assert capsys.readouterr().out == "generated 2 of 2 clips in 0 s\n"
