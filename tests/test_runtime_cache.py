"""The disk cache, and programs that come from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_cl import dtypes
from tinygrad_cl.errors import DeviceError
from tinygrad_cl.runtime.cache import DiskCache, hash_key
from tinygrad_cl.runtime.device import get_device

SOURCE = "kernel void answer(global int *a) { a[get_global_id(0)] = 42; }"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that does not exist yet."""
    return tmp_path / "cache" / "programs"


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_keys_tell_rows_of_strings_apart() -> None:
    assert hash_key("ab", "c") != hash_key("a", "bc")
    assert hash_key("a") == hash_key("a")


def test_what_was_put_is_got_by_another_cache(folder: Path) -> None:
    DiskCache(folder, 1 << 20).put("key", b"data")
    assert DiskCache(folder, 1 << 20).get("key") == b"data"
    assert DiskCache(folder, 1 << 20).get("other") is None
    assert [path.name for path in files(folder)] == ["key"]


def test_a_new_value_replaces_the_old_one(folder: Path) -> None:
    cache = DiskCache(folder, 1 << 20)
    cache.put("key", b"old")
    cache.put("key", b"new")
    assert cache.get("key") == b"new"
    cache.discard("key")
    cache.discard("key")
    assert cache.get("key") is None


def truncated(raw: bytes) -> bytes:
    return raw[:-1]


def garbled(raw: bytes) -> bytes:
    return raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:]


def emptied(raw: bytes) -> bytes:
    return b""


def replaced(raw: bytes) -> bytes:
    return b"something else altogether, " * 10


DAMAGES = [truncated, garbled, emptied, replaced]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_ignored_with_a_log_line(
    folder: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cache = DiskCache(folder, 1 << 20)
    cache.put("key", b"some data")
    path = folder / "key"
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get("key") is None
    assert f"cache entry {path} is ignored" in caplog.text
    cache.put("key", b"some data")
    assert cache.get("key") == b"some data"


def test_an_entry_that_is_a_folder_is_ignored(folder: Path) -> None:
    (folder / "key").mkdir(parents=True)
    cache = DiskCache(folder, 1 << 20)
    assert cache.get("key") is None
    cache.put("key", b"data")
    assert cache.get("key") is None
    cache.discard("key")


def test_a_folder_that_cannot_be_written_costs_one_log_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    cache = DiskCache(tmp_path / "file" / "cache", 1 << 20)
    cache.put("a", b"1")
    cache.put("b", b"2")
    assert cache.get("a") is None
    assert len(caplog.records) == 2
    assert "going on without the cache folder" in caplog.records[0].message
    assert caplog.records[1].message.startswith("cache entry")


def test_a_cache_that_is_off_holds_nothing() -> None:
    cache = DiskCache(None, 1 << 20)
    cache.put("key", b"data")
    cache.discard("key")
    assert cache.get("key") is None


def test_the_least_recently_used_entries_go_first(folder: Path) -> None:
    cache = DiskCache(folder, 10_000)
    for number in range(4):
        cache.put(f"old{number}", bytes(1000))
        os.utime(folder / f"old{number}", (1000 + number, 1000 + number))
    assert cache.get("old0") == bytes(1000)  # this use is remembered
    for number in range(6):
        cache.put(f"new{number}", bytes(1000))
    kept = [path.name for path in files(folder)]
    assert sum(path.stat().st_size for path in files(folder)) <= 10_000
    assert "old0" in kept
    assert "old1" not in kept
    assert "new5" in kept


def test_the_size_of_a_folder_found_is_counted(folder: Path) -> None:
    DiskCache(folder, 1 << 20).put("a", bytes(5000))
    os.utime(folder / "a", (1000, 1000))
    DiskCache(folder, 6000).put("b", bytes(3000))
    assert [path.name for path in files(folder)] == ["b"]


def test_what_is_no_entry_is_neither_counted_nor_removed(folder: Path) -> None:
    (folder / "datasets").mkdir(parents=True)
    (folder / "datasets" / "images").write_bytes(bytes(50_000))
    (folder / "link").symlink_to("datasets")
    os.utime(folder / "datasets", (1000, 1000))
    cache = DiskCache(folder, 6000)
    assert cache._entries() == []
    for name in "abc":
        cache.put(name, bytes(2500))
    assert (folder / "datasets" / "images").exists()
    assert (folder / "link").is_symlink()
    assert cache.get("c") == bytes(2500)
    assert cache.get("a") is None


# Programs


def opened(folder: Path | None) -> Any:
    """A fresh device whose programs are cached in `folder`."""
    try:
        device = get_device("opencl")
    except DeviceError as error:
        pytest.skip(f"no usable OpenCL device: {error}")
    from tinygrad_cl.runtime import discovery

    candidate = discovery.choose(device.name.partition(":")[2])
    return discovery._open(candidate, discovery.probe(candidate), DiskCache(folder, 1 << 24))


def answers(device: Any, source: str = SOURCE) -> bool:
    buffer = device.upload(np.zeros(3, np.int32))
    kernel = device.build(source).kernel("answer")
    kernel.set(0, buffer)
    device.run([(kernel, (3,), (1,))])
    return list(device.view(buffer, (3,), dtypes.int32)) == [42] * 3


def counts(device: Any) -> tuple[int, int, int]:
    return device.programs_built, device.kernels_compiled, device.cache_hits


def test_a_second_process_compiles_nothing(folder: Path) -> None:
    first, second = opened(folder), opened(folder)
    assert answers(first)
    assert answers(first)
    assert counts(first) == (1, 1, 0)
    assert answers(second)
    assert counts(second) == (0, 0, 1)


def test_source_and_options_are_part_of_the_key(folder: Path) -> None:
    assert answers(opened(folder))
    other = opened(folder)
    other.build(SOURCE, ("-DX=1",))
    other.build(SOURCE + "\n")
    assert counts(other) == (2, 2, 0)


def test_the_driver_is_part_of_the_key(folder: Path) -> None:
    assert answers(opened(folder))
    other = opened(folder)
    other.identity += " updated"
    assert answers(other)
    assert counts(other) == (1, 1, 0)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_program_is_compiled_again(folder: Path, damage: Any) -> None:
    assert answers(opened(folder))
    (path,) = files(folder)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    device = opened(folder)
    assert answers(device)
    assert counts(device) == (1, 1, 0)
    third = opened(folder)
    assert answers(third)
    assert counts(third) == (0, 0, 1)


def test_a_program_that_the_driver_rejects_is_compiled_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert answers(opened(folder))
    (path,) = files(folder)
    DiskCache(folder, 1 << 24).put(path.name, b"not a program of any driver")
    device = opened(folder)
    assert answers(device)
    assert counts(device) == (1, 1, 0)
    assert "rejected and compiled again" in caplog.text
    third = opened(folder)
    assert answers(third)
    assert counts(third) == (0, 0, 1)


def test_programs_work_without_a_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (None, tmp_path / "file" / "cache"):
        device = opened(folder)
        assert answers(device)
        assert counts(device) == (1, 1, 0)


def test_a_failed_build_leaves_no_entry(folder: Path) -> None:
    from tinygrad_cl.errors import BuildError

    with pytest.raises(BuildError):
        opened(folder).build("kernel void f() { nonsense; }")
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"no json", b"3", b"[1]", b"\xff", b'{"usable": 1}'])
def test_a_verdict_in_another_form_is_not_believed(
    folder: Path,
    content: bytes,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tinygrad_cl.runtime import discovery

    kept = DiskCache(folder, 1 << 20)
    monkeypatch.setattr(discovery, "disk_cache", lambda: kept)
    kept.put("verdict", b'["it works", true]')
    assert discovery._kept_verdict("verdict") == discovery.Verdict(True, "it works", True)
    kept.put("verdict", content)
    assert discovery._kept_verdict("verdict") is None
    assert "probed again" in caplog.text


# Whole processes

PROGRAM = """
import sys
import tinygrad_cl as tg

input()  # until all processes are here
x = tg.arange(6).float() * 2
print(x.sum().item(), (x @ x).item())
device = tg.get_default_device()
print(device.programs_built, device.cache_hits)
"""


def started(folder: Path) -> subprocess.Popen[str]:
    """A process with the cache `folder` that waits for a line before it computes."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=os.environ | {"TINYGRAD_CL_CACHE": str(folder), "TINYGRAD_CL_DEVICE": "opencl"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[list[int], str]:
    """The counts (built, loaded) of a process whose values are right, and what it logged."""
    try:
        out, log = process.communicate("\n", timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, log
    values, counted = out.splitlines()
    assert values == "30.0 220.0"
    return [int(word) for word in counted.split()], log


def run(folder: Path) -> tuple[list[int], str]:
    return ended(started(folder))


def test_processes_fill_and_read_one_cache_at_once(tmp_path: Path) -> None:
    opened(None)
    together = [started(tmp_path) for _ in range(3)]
    for process in together:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = [ended(process) for process in together]
    (programs,) = {sum(counted) for counted, _ in found}
    assert [log for _, log in found] == [""] * 3
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".tmp"]
    assert run(tmp_path) == ([0, programs], "")


STRESS = """
import sys
from pathlib import Path
from tinygrad_cl.runtime.cache import DiskCache

cache = DiskCache(Path(sys.argv[1]), 1_000_000)
found = 0
input()  # until all processes are here
for turn in range(100):
    for key in ("a", "b", "c"):
        cache.put(key, key.encode() * 200_000)
        cache.put(f"{key}{turn % 7}", bytes(100_000))
        data = cache.get(key)
        found += data is not None
        assert data is None or data == key.encode() * 200_000, "half a file"
print(found)
"""


def test_processes_write_read_and_remove_the_same_entries_at_once(tmp_path: Path) -> None:
    """Large ones, so that a file is seen while it is written, in a folder that is full."""
    words = [sys.executable, "-W", "error", "-c", STRESS, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    together = [subprocess.Popen(words, text=True, **pipes) for _ in range(3)]
    for process in together:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in together:
        out, log = process.communicate(timeout=120)
        assert (process.returncode, log) == (0, "")
        assert int(out) > 150, "most of what was just kept is there"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_500_000
    assert not list(tmp_path.glob("*.tmp"))


def test_a_process_mends_a_cache_in_which_every_file_is_cut_short(tmp_path: Path) -> None:
    opened(None)
    (programs, loaded), _ = run(tmp_path)
    assert programs > 0 == loaded
    paths = [path for path in (tmp_path / "programs").iterdir() if path.is_file()]
    assert len(paths) == programs + 1  # and the verdict on the device
    for path in paths:
        os.truncate(path, path.stat().st_size // 2)
    counted, log = run(tmp_path)
    assert counted == [programs, 0]
    assert log.count("checksum differs") == len(paths)
    assert run(tmp_path) == ([0, programs], "")


@pytest.mark.parametrize("place", ["a file", "/proc/nothing/can/be/made/here"])
def test_a_process_does_without_a_folder_that_cannot_be_made(tmp_path: Path, place: str) -> None:
    opened(None)
    if place.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("no /proc on this system")
    (tmp_path / "a file").write_text("")
    counted, log = run(tmp_path / place)
    assert counted[0] > 0 == counted[1]
    assert log.count("going on without the cache folder") == 1
