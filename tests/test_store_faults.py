"""Whatever happens to a store, no wrong number is read and what was paid for is kept.

Each fault is injected for real, is followed by a run that makes the plan's clips again
where they are missing, and ends by comparing the store byte for byte with one that
nothing happened to.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from clips_for_tests import (
    CARD,
    GENERATION,
    PROVENANCE,
    make_audio,
    make_capture,
    make_resolved,
    make_tokens,
    plan_of,
    put_clip,
    resolved_tensors,
    tree,
)
from samplers_for_tests import FakeSample, made, without_waiting

from harness.captures import STATISTICS, WINDOWED
from harness.files import FileError
from harness.plan import ENGINE, ClipSpec, Plan
from harness.sampling.workers import collect
from harness.store import Store, StoreError
from harness.store.formats import DIRECTORY

PLAN = plan_of(4)  # 8 prompts, 16 clips, micro-batches of 2
LONG = plan_of(60)  # 130 clips, for being killed often
SMALL = replace(PLAN, clips=PLAN.clips[:3])
FIRST = PLAN.clips[0]
KILLS = 24
FOLDER = f"{CARD.fingerprint}/engine-{ENGINE}"
KINDS = {
    "audio": "audio/{}.wav",
    "captures": "captures/{}.parquet",
    "resolved": "captures/{}.safetensors",
    "tokens": "tokens/{}.safetensors",
    "records": "records/{}.json",
}

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


class FakeSampler:
    """Makes clips from their seeds, and writes down in a file which it made."""

    generation = GENERATION

    def __init__(self, log: Path, aside: Path) -> None:
        self.log = log
        self.aside = aside

    def generate(
        self,
        clips: Sequence[ClipSpec],
        *,
        on_progress: Callable[[float], None] = lambda clips_done: None,
    ) -> Iterator[list[FakeSample]]:
        for start in range(0, len(clips), GENERATION.batch_size):
            batch = clips[start : start + GENERATION.batch_size]
            with self.log.open("a", encoding="utf-8") as log:
                log.writelines(f"{clip.key}\n" for clip in batch)
            try:
                yield [self._sample(clip) for clip in batch]
            finally:  # as the sampler does: what nobody has taken goes
                for clip in batch:
                    for file in self.aside.glob(f".{clip.key}.*"):
                        file.unlink()

    def _sample(self, clip: ClipSpec) -> FakeSample:
        file = make_resolved(clip.seed, self.aside, key=clip.key)
        capture = replace(make_capture(clip.seed), resolved=file)
        return FakeSample(clip=clip, audio=make_audio(clip.seed), capture=capture)

    def provenance(self) -> dict[str, Any]:
        return PROVENANCE


def fill(root: str | Path, plan: Plan, log: Path) -> None:
    """Drain a plan as a worker does, with a sampler that needs no model."""
    store = Store(root, CARD)
    sampler = FakeSampler(log, store.aside)
    collect(plan, store, lambda: cast(Any, sampler))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Plan], Path]:
    """A function that gives a store with a plan that nothing happened to."""
    stores: dict[int, Path] = {}

    def give(plan: Plan) -> Path:
        if len(plan.clips) not in stores:
            folder = tmp_path_factory.mktemp("whole")
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(os, "fsync", without_waiting)
                fill(folder / "store", plan, folder / "log")
            stores[len(plan.clips)] = folder / "store"
        return stores[len(plan.clips)]

    return give


Whole = Callable[[Plan], Path]


@pytest.fixture
def root(tmp_path: Path, whole: Whole) -> Path:
    """A copy of the small store, to be damaged."""
    return Path(shutil.copytree(whole(SMALL), tmp_path / "store"))


def after_repair(root: Path) -> dict[str, bytes]:
    """The files of a store but what it says of the damage that was found."""
    files = tree(root)
    files.pop(f"{FOLDER}/damage.txt", None)
    return files


def wrong_numbers(store: Store, clip: ClipSpec) -> list[str]:
    """What reads as something else than was written; what cannot be read is not."""
    capture, tensors = make_capture(clip.seed), resolved_tensors(clip.seed)
    key = clip.key
    expected: dict[str, tuple[Callable[[], Any], Any]] = {
        name: (partial(store.captures, [key], name), getattr(capture, name))
        for name in (*STATISTICS, *WINDOWED)
    }
    for name, values in tensors.items():
        expected[name] = (partial(store.resolved, key, name), values)
    audio = make_audio(clip.seed)  # comes back to 16 bits
    expected["audio"] = (
        lambda: np.round(store.audio(clip.key)[0] - audio, 3),
        np.zeros_like(audio),
    )
    tokens = make_tokens(clip.seed)
    expected["codes"] = (lambda: store.tokens(key).codes, tokens.codes)
    expected["text"] = (lambda: store.text_embeddings([key])[0], tokens.text)
    expected["seed"] = (lambda: store.record(clip.key)["seed"], clip.seed)
    wrong = []
    for name, (read, values) in expected.items():
        try:
            found = read()
        except StoreError:
            continue
        if not np.array_equal(found, values):
            wrong.append(name)
    return wrong


def test_a_store_that_nothing_happened_to_is_read_right(root: Path) -> None:
    store = Store(root, CARD)
    for clip in SMALL.clips:
        assert wrong_numbers(store, clip) == []
        assert len(store.resolved_names(clip.key)) == 2
        assert store.captures([clip.key], "mean").any()
    assert store.verify(SMALL.keys) == []


def test_a_wrong_number_would_be_noticed(root: Path) -> None:
    # What the tests below rely on.
    other = SMALL.clips[1]
    lying = replace(other, seed=other.seed + 1)
    names = set(wrong_numbers(Store(root, CARD), lying))
    tokens = {"codes", "text"}
    resolved = resolved_tensors(0)
    assert names == {"audio", "seed", *tokens, *STATISTICS, *WINDOWED, *resolved}


# --- a process that is killed -----------------------------------------------------


def in_a_process(
    call: str, *arguments: object, prefix: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Run a function of this file in a new interpreter, where nothing has threads."""
    folder = Path(__file__).parent
    given = ", ".join(repr(str(argument)) for argument in arguments)
    program = f"import test_store_faults as t; t.{call}({given})"
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{folder.parent}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> Any:
    said, _ = process.communicate(timeout=250)
    assert process.returncode == 0
    return json.loads(said)


def kill_often(folder: str) -> None:
    """Fill stores with forked workers that are killed at random; print what was seen.

    As many stores as it takes, for how far a worker comes depends on the machine. The
    first fill is for the imports, which the workers then have from the start.
    """
    os.fsync = without_waiting
    with tempfile.TemporaryDirectory() as other:
        fill(Path(other, "store"), SMALL, Path(other, "log"))
    rng, kills = random.Random(3), 0
    seen: list[list[tuple[int, list[str]]]] = []
    while kills < KILLS:
        root, log = Path(folder, f"store-{len(seen)}"), Path(folder, f"log-{len(seen)}")
        seen.append([])
        while _killed(root, log, seconds=rng.uniform(0, 0.08)):
            kills += 1
            records = (root / FOLDER / "records").glob("*.json")
            seen[-1].append((len(made(log)), [path.stem for path in records]))
    print(json.dumps(seen))


def _killed(root: Path, log: Path, *, seconds: float) -> bool:
    """Was a worker killed after some time? Else it was done before."""
    pid = os.fork()
    if pid == 0:
        fill(root, LONG, log)
        os._exit(0)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_after_many_kills_the_store_is_the_same_and_nothing_was_made_twice(
    tmp_path: Path, whole: Whole
) -> None:
    stores = answer(in_a_process("kill_often", tmp_path))
    assert sum(map(len, stores)) >= KILLS
    for number, kills in enumerate(stores):
        generated = made(tmp_path / f"log-{number}")
        for so_far, there in kills:
            assert not set(there) & set(generated[so_far:])  # what was paid for is kept
        again = len(generated) - len(LONG.clips)
        assert 0 <= again <= len(kills) * GENERATION.batch_size
        assert after_repair(tmp_path / f"store-{number}") == tree(whole(LONG))
        assert Store(tmp_path / f"store-{number}", CARD).damage_reports() == []


def kill_at_once(root: str, log: str) -> None:
    """Kill one worker as soon as it has written something; print nothing of it."""
    os.fsync = without_waiting
    pid = os.fork()
    if pid == 0:
        fill(root, LONG, Path(log))
        os._exit(0)
    while not list(Path(root).glob(f"{FOLDER}/records/*.json")):
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print("{}")


def test_what_is_there_after_a_kill_is_right(tmp_path: Path) -> None:
    answer(in_a_process("kill_at_once", tmp_path / "store", tmp_path / "log"))
    store = Store(tmp_path / "store", CARD)
    there = [clip for clip in LONG.clips if store.has(clip.key)]
    assert there
    for clip in there:
        assert wrong_numbers(store, clip) == []
        assert store.problem(clip.key) is None


# --- two processes at once --------------------------------------------------------


def fill_beside_others(root: str, log: str, workers: str) -> None:
    """Fill a store once as many workers are ready as there should be."""
    os.fsync = without_waiting
    ready = Path(log).with_name("ready")
    with ready.open("a") as stream:
        stream.write("x")
    patience = time.monotonic() + 200
    while ready.stat().st_size < int(workers):
        assert time.monotonic() < patience
        time.sleep(0.005)
    fill(root, LONG, Path(log))
    print("{}")


@pytest.mark.parametrize("kind", ["a directory", "an URL"])
def test_two_processes_at_once_fill_a_store_as_one_does(
    tmp_path: Path, whole: Whole, kind: str
) -> None:
    place = tmp_path / "store"
    root = place if kind == "a directory" else f"dir://store::file://{tmp_path}"
    log = tmp_path / "log"
    processes = [in_a_process("fill_beside_others", root, log, 2) for _ in range(2)]
    for process in processes:
        answer(process)
    generated = made(log)
    assert set(generated) == set(LONG.keys)
    if kind == "a directory":
        assert len(generated) == len(LONG.clips)
    else:  # where creating is not exclusive two may hold a lease for a moment
        assert len(generated) < 1.2 * len(LONG.clips)
    assert after_repair(place) == tree(whole(LONG))


# --- a full disk ------------------------------------------------------------------

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def fill_a_small_disk(root: str, log: str, kind: str) -> None:
    """Fill a disk that is too small, then make room and go on; print what was seen."""
    os.fsync = without_waiting
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder, "store"), SMALL, Path(folder, "log"))
    Path(root).mkdir()
    _make_small(root, kind)
    try:
        fill(root, PLAN, Path(log))
        message = ""
    except FileError as error:
        message = str(error)
    store = Store(root, CARD)
    there = [clip for clip in PLAN.clips if store.has(clip.key)]
    seen = {
        "message": message,
        "there": [clip.key for clip in there],
        "made": len(made(Path(log))),
        "wrong": [name for clip in there for name in wrong_numbers(store, clip)],
        "damaged": store.verify(PLAN.keys),
        "partial": [str(path) for path in Path(root).rglob("*.partial")],
    }
    _make_room(root, kind)
    fill(root, PLAN, Path(log))
    shutil.copytree(root, f"{root}-copy")
    print(json.dumps(seen))


def _mount(root: str, *options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", root], check=True)


def _limit_files(size: int) -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))


def _make_small(root: str, kind: str) -> None:
    if kind == "tmpfs":
        _mount(root, "-o", "size=120k")
    else:  # Parquet is larger than this, audio and time-resolved tensors are not
        _limit_files(4000)


def _make_room(root: str, kind: str) -> None:
    if kind == "tmpfs":
        _mount(root, "-o", "remount,size=50m")
    else:
        _limit_files(10**9)


def has_namespaces() -> bool:
    try:
        return subprocess.run([*NAMESPACE, "true"], check=False).returncode == 0
    except FileNotFoundError:
        return False


def test_on_a_full_disk_what_is_there_stays_and_the_rest_comes_when_there_is_room(
    tmp_path: Path, whole: Whole
) -> None:
    # A disk of its own where that may be had; else a limit on the size of a file,
    # which makes writing fail just as much, though the system calls it another name.
    kind = "tmpfs" if has_namespaces() else "limit"
    root, log = tmp_path / "store", tmp_path / "log"
    prefix = NAMESPACE if kind == "tmpfs" else []
    seen = answer(in_a_process("fill_a_small_disk", root, log, kind, prefix=prefix))
    expected = "the disk is full. Nothing that" if kind == "tmpfs" else "cannot be writ"
    assert expected in seen["message"]
    assert "\n" not in seen["message"]
    assert seen["wrong"] == seen["damaged"] == seen["partial"] == []
    if kind == "tmpfs":
        assert 0 < len(seen["there"]) < len(PLAN.clips)
    later = made(log)[seen["made"] :]
    assert sorted(later) == sorted(set(PLAN.keys) - set(seen["there"]))
    assert after_repair(Path(f"{root}-copy")) == tree(whole(PLAN))


# --- files that changed -----------------------------------------------------------


def repaired(root: Path, log: Path) -> list[str]:
    """Go on with the plan, and tell which clips were generated for that."""
    before = len(made(log))
    fill(root, SMALL, log)
    return made(log)[before:]


def flipped(content: bytes, place: int, rng: random.Random) -> bytes:
    """The same bytes, but for one, which is any other."""
    changed = bytearray(content)
    changed[place] ^= rng.randrange(1, 256)
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte_is_never_read_and_costs_one_clip(
    root: Path, tmp_path: Path, whole: Whole, kind: str
) -> None:
    path = root / FOLDER / KINDS[kind].format(FIRST.key)
    content, rng = path.read_bytes(), random.Random(kind)
    ends = [0, 1, 7, 8, len(content) - 9, len(content) - 5, len(content) - 1]
    for place in [*ends, *rng.sample(range(len(content)), 40)]:
        path.write_bytes(flipped(content, place, rng))
        store = Store(root, CARD)
        assert wrong_numbers(store, FIRST) == [], place
        # JSON that says the same in other characters is not damaged.
        assert store.problem(FIRST.key) or json.loads(path.read_bytes()) == json.loads(
            content
        )
    path.write_bytes(flipped(content, len(content) // 2, rng))
    assert repaired(root, tmp_path / "log") == [FIRST.key]
    assert after_repair(root) == tree(whole(SMALL))
    assert len(Store(root, CARD).damage_reports()) == 1


@pytest.mark.parametrize("kind", ["captures", "resolved"])
def test_each_byte_that_says_where_the_numbers_are_is_checked(
    root: Path, kind: str
) -> None:
    name = KINDS[kind].format(FIRST.key)
    path, rng = root / FOLDER / name, random.Random(7)
    content = path.read_bytes()
    store = Store(root, CARD)
    start, length, _ = store.record(FIRST.key)["parts"][name][DIRECTORY]
    tensor = store.resolved_names(FIRST.key)[0]
    read: Callable[[], object] = partial(store.captures, [FIRST.key], "mean")
    if kind == "resolved":
        read = partial(store.resolved, FIRST.key, tensor)
    for place in range(start, start + length):
        path.write_bytes(flipped(content, place, rng))
        with pytest.raises(StoreError, match="does not match its checksum"):
            read()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99, "deleted", "longer", "a directory"])
def test_a_file_cut_short_or_gone_is_never_read_and_costs_one_clip(
    root: Path, tmp_path: Path, whole: Whole, kind: str, share: float | str
) -> None:
    path = root / FOLDER / KINDS[kind].format(FIRST.key)
    content = path.read_bytes()
    path.unlink()
    if isinstance(share, float):
        path.write_bytes(content[: int(share * len(content))])
    elif share == "longer":
        path.write_bytes(content + b"{")
    elif share == "a directory":
        path.mkdir()
    store = Store(root, CARD)
    assert wrong_numbers(store, FIRST) == []
    if share == "a directory":
        assert store.verify([FIRST.key]) or not store.has(FIRST.key)
        with pytest.raises(FileError, match="there is a directory where a file should"):
            put_clip(store, FIRST, scratch=tmp_path)
        path.rmdir()
    assert repaired(root, tmp_path / "log") == [FIRST.key]
    assert after_repair(root) == tree(whole(SMALL))


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_two_clips_that_were_swapped_cost_two_clips(
    root: Path, tmp_path: Path, whole: Whole, kind: str
) -> None:
    two = SMALL.clips[:2]
    paths = [root / FOLDER / KINDS[kind].format(clip.key) for clip in two]
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, contents[::-1], strict=True):
        path.write_bytes(content)
    store = Store(root, CARD)
    for clip in two:
        assert wrong_numbers(store, clip) == []
    assert set(repaired(root, tmp_path / "log")) == {clip.key for clip in two}
    assert after_repair(root) == tree(whole(SMALL))


@pytest.mark.parametrize(
    "name",
    [
        "layout.json",
        f"{CARD.fingerprint}/card.json",
        f"{FOLDER}/audio/metadata.csv",
        f"{FOLDER}/checks/metadata.json",
    ],
)
def test_what_is_not_of_a_clip_is_written_again_and_costs_none(
    root: Path, tmp_path: Path, whole: Whole, name: str
) -> None:
    (root / name).unlink()
    assert repaired(root, tmp_path / "log") == []
    Store(root, CARD).write_metadata()
    assert after_repair(root) == tree(whole(SMALL))


def test_damage_that_comes_after_the_check_is_not_read_either(root: Path) -> None:
    store = Store(root, CARD)
    assert store.verify(SMALL.keys) == []
    for kind in ("audio", "captures", "resolved"):
        path = root / FOLDER / KINDS[kind].format(FIRST.key)
        path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    assert wrong_numbers(store, FIRST) == []


def test_a_time_resolved_file_that_is_not_whole_is_not_taken(
    root: Path, tmp_path: Path, whole: Whole
) -> None:
    file = make_resolved(FIRST.seed, tmp_path)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StoreError, match="bytes long: it is not whole"):
        Store(root, CARD).put(
            FIRST,
            make_audio(FIRST.seed),
            replace(make_capture(FIRST.seed), resolved=file),
            generation=GENERATION,
            provenance=PROVENANCE,
        )
    assert repaired(root, tmp_path / "log") == []
    assert after_repair(root) == tree(whole(SMALL))


# --- a clock that jumps -----------------------------------------------------------


@pytest.mark.parametrize("when", [0, 4_000_000_000], ids=["past", "future"])
def test_the_times_of_files_mean_nothing(
    root: Path, tmp_path: Path, whole: Whole, when: int
) -> None:
    for path in root.rglob("*"):
        os.utime(path, (when, when))
    store = Store(root, CARD)
    assert store.verify(SMALL.keys) == []
    assert [n for clip in SMALL.clips for n in wrong_numbers(store, clip)] == []
    assert repaired(root, tmp_path / "log") == []
    assert after_repair(root) == tree(whole(SMALL))


def fill_with_a_wild_clock(root: str, log: str) -> None:
    """Fill a store in a process whose clock says anything at all."""
    rng = random.Random(1)
    time.time = lambda: rng.uniform(0, 4e9)
    time.time_ns = lambda: int(time.time() * 1e9)
    os.fsync = without_waiting
    fill(root, PLAN, Path(log))
    print("{}")


@pytest.mark.parametrize("kind", ["a directory", "an URL"])
def test_a_clock_that_jumps_changes_nothing(
    tmp_path: Path, whole: Whole, kind: str
) -> None:
    place = tmp_path / "store"
    root = place if kind == "a directory" else f"dir://store::file://{tmp_path}"
    for _ in range(2):  # the second finds everything there
        answer(in_a_process("fill_with_a_wild_clock", root, tmp_path / "log"))
    assert made(tmp_path / "log") == list(PLAN.keys)
    assert after_repair(place) == tree(whole(PLAN))


# --- no permission ----------------------------------------------------------------


def use_without_permission(root: str) -> None:
    """Open, read and write a store that this process may read only; print how."""
    wrong_numbers(Store(root, CARD), FIRST)  # nobody may not import
    for path in [Path(root), *Path(root).rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    if os.geteuid() == 0:
        os.setuid(65534)  # nobody, for root may do everything
    seen: dict[str, Any] = {}
    store = Store(root, CARD)
    seen["wrong"] = [n for clip in SMALL.clips for n in wrong_numbers(store, clip)]
    seen["damaged"] = store.verify(SMALL.keys)
    other = PLAN.clips[-1]
    attempts: dict[str, Callable[[], object]] = {
        "put": lambda: put_clip(store, other),
        "lease": lambda: store.try_lease("x"),
        "check": lambda: store.write_check("x", 1),
        "other": lambda: Store(root, replace(CARD, fingerprint="f" * 32)),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
        except (StoreError, FileError) as error:
            seen[name] = str(error)
    print(json.dumps(seen))


def test_without_permission_to_write_it_is_read_and_refused_in_one_line(
    whole: Whole,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # unlike pytest's own: others must come in
        root = shutil.copytree(whole(SMALL), Path(folder) / "store")
        before = tree(root)
        seen = answer(in_a_process("use_without_permission", root))
        assert tree(root) == before
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755)
    assert seen.pop("wrong") == seen.pop("damaged") == []
    assert set(seen) == {"put", "lease", "check", "other"}
    for message in seen.values():
        assert "cannot be written (Permission denied). Give a directory" in message
        assert "\n" not in message
