"""How far generation has come, where there is a terminal and where there is none."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path

import pytest

from harness import heartbeats as heartbeats_module
from harness import progress as module
from harness.heartbeats import Heartbeat, heartbeats
from harness.progress import Beats, progress, watched


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.getvalue())


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
    monkeypatch.setattr(heartbeats_module, "time", found)
    return found


# --- a log ------------------------------------------------------------------------


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end(clock: Clock) -> None:
    log = io.StringIO()
    with progress(20, stream=log) as report:
        for seconds, done in ((1, 1), (4.9, 4), (5, 5), (9, 8), (10, 12.7)):
            clock.now = 100.0 + seconds
            report(done)
        clock.now = 116.0
    assert log.getvalue().splitlines() == [
        "generating: 5 of 20 clips, 1.00 clips/s, 15 s left",
        "generating: 12 of 20 clips, 1.30 clips/s, 6 s left",
        "generated 12 of 20 clips in 16 s",
    ]


def test_loading_a_model_does_not_count_as_time_for_clips(clock: Clock) -> None:
    log = io.StringIO()
    with progress(20, stream=log) as report:
        clock.now += 60
        report(0.5)
        clock.now += 10
        report(2.5)
    assert "2 of 20 clips, 0.20 clips/s, 88 s left" in log.getvalue()


def test_a_log_says_nothing_while_nothing_is_done(clock: Clock) -> None:
    log = io.StringIO()
    with progress(20, stream=log) as report:
        for _ in range(3):
            clock.now += 60
            report(0)
        assert log.getvalue() == ""


def test_a_log_has_no_control_characters() -> None:
    log = io.StringIO()
    with progress(3, stream=log) as report:
        report(3, workers={"gw0": 1, "gw1": 2})
        report.say("memory ran out")
    assert "\x1b" not in log.getvalue()
    assert "\r" not in log.getvalue()


def test_a_log_names_each_of_several_workers_and_no_single_one(clock: Clock) -> None:
    log = io.StringIO()
    with progress(20, stream=log) as report:
        report(1, workers={"gw0": 1.0})
        clock.now += 6
        report(7, workers={"gw0": 7.0})
        clock.now += 6
        report(13, workers={"gw1": 5.5, "gw0": 7.5})
    one, two, last = log.getvalue().splitlines()
    assert one.endswith("13 s left")
    assert two.endswith("7 s left (gw0 7, gw1 5)")
    assert last == "generated 13 of 20 clips in 12 s (gw0 7, gw1 5)"


def test_a_log_says_sentences_at_once() -> None:
    log = io.StringIO()
    with progress(3, stream=log) as report:
        report.say("memory ran out")
        assert log.getvalue() == "memory ran out\n"


def test_clips_that_were_made_again_are_not_more_than_all(clock: Clock) -> None:
    log = io.StringIO()
    with progress(3, stream=log) as report:
        report(5)
    assert log.getvalue() == "generated 5 of 5 clips in 0 s\n"


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


# --- a terminal -------------------------------------------------------------------


def test_a_terminal_gets_a_bar_with_the_count_of_clips() -> None:
    terminal = Terminal()
    with progress(20, stream=terminal) as report:
        report(7.5)
        report(20)
    assert "generating" in terminal.shown()
    assert "20/20" in terminal.shown()


def test_a_terminal_gets_workers_speed_and_sentences(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    terminal = Terminal()
    with progress(20, stream=terminal) as report:
        report(2)
        clock.now += 4
        report(12, workers={"gw0": 7, "gw1": 5})
        report.say("memory ran out at [8]")
    assert "2.50 clips/s" in terminal.shown()
    assert "(gw0 7, gw1 5)" in terminal.shown()
    assert "memory ran out at [8]" in terminal.shown()


# --- others' progress -------------------------------------------------------------


def test_what_others_make_is_watched_until_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(module, "_LOG_EVERY_SECONDS", 0.0)
    asked: list[int] = []
    enough = threading.Event()

    def look() -> Beats:
        asked.append(1)
        if len(asked) == 4:
            enough.set()
        return Beats(clips={"gw0": len(asked)}, notes=("memory ran out",))

    with watched(look, 4):
        assert enough.wait(timeout=60)
    assert len(asked) == 4
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "memory ran out"
    assert lines.count("memory ran out") == 1
    assert lines[1].startswith("generating: 2 of 4 clips, ")
    assert lines[-1].startswith("generated 4 of 4 clips in ")


def test_what_others_did_not_finish_is_not_called_finished(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_POLL_SECONDS", 0.001)
    with watched(lambda: Beats(clips={"gw0": 3.0}), 10):
        pass
    assert capsys.readouterr().out.startswith("generated 3 of 10 clips in ")


def test_watching_ends_when_a_worker_finds_nothing_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_POLL_SECONDS", 0.001)
    asked: list[int] = []
    enough = threading.Event()

    def look() -> Beats:
        asked.append(1)
        if len(asked) == 3:
            enough.set()
        return Beats(clips={"gw0": 1.0}, complete=len(asked) >= 3)

    with watched(look, 10):
        assert enough.wait(timeout=60)
    assert len(asked) == 3  # some of the ten were made by another run


def test_without_a_stream_progress_goes_to_standard_output(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress(2) as report:
        report(2)
    assert capsys.readouterr().out == "generated 2 of 2 clips in 0 s\n"


# --- heartbeats -------------------------------------------------------------------


def test_heartbeats_of_all_workers_are_read_together(
    tmp_path: Path, clock: Clock
) -> None:
    first, second = Heartbeat(tmp_path, "gw0"), Heartbeat(tmp_path, "gw1")
    first(1.5)
    second(4.0)
    second.say("memory ran out")
    found = heartbeats(tmp_path)
    assert found.clips == {"gw0": 1.5, "gw1": 4.0}
    assert found.notes == ("gw1: memory ran out",)
    assert not found.complete
    first.finish()
    assert heartbeats(tmp_path).complete


def test_a_heart_does_not_beat_all_the_time(tmp_path: Path, clock: Clock) -> None:
    heart = Heartbeat(tmp_path, "gw0")
    heart(0.5)
    heart(1.5)
    assert heartbeats(tmp_path).clips == {"gw0": 0.5}
    clock.now += 1
    heart(2.5)
    assert heartbeats(tmp_path).clips == {"gw0": 2.5}
    heart(4.0)  # a whole micro-batch
    assert heartbeats(tmp_path).clips == {"gw0": 4.0}


def test_a_heartbeat_that_is_not_whole_is_left_out(tmp_path: Path) -> None:
    Heartbeat(tmp_path, "gw0")(2.0)
    (tmp_path / "gw1.json").write_text('{"clips": 1')
    assert heartbeats(tmp_path).clips == {"gw0": 2.0}


def test_without_workers_there_are_no_heartbeats(tmp_path: Path) -> None:
    assert heartbeats(tmp_path) == Beats()
