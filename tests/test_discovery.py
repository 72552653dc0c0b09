"""Which devices are found and trusted. Most scenarios need a process of their own."""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tinygrad_cl import settings
from tinygrad_cl.errors import BuildError, DeviceError
from tinygrad_cl.runtime import icd, sources
from tinygrad_cl.runtime.device import (
    devices,
    get_default_device,
    get_device,
    set_default_device,
)

ROOT = Path(__file__).resolve().parent.parent
ADD = "kernel void add(global int *a) { a[get_global_id(0)] += 1; }"
WORK = f"""
import numpy as np
from tinygrad_cl import dtypes
from tinygrad_cl.runtime.device import get_device

def work(device):
    buffer = device.upload(np.arange(3, dtype=np.int32))
    if device.kind != "host":
        kernel = device.build("{ADD}").kernel("add")
        kernel.set(0, buffer)
        device.run([(kernel, (3,), (1,))])
    return device.view(buffer, (3,), dtypes.int32).tolist()
"""


def python(code: str, prelude: str = WORK, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a fresh process."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TINYGRAD_CL_", "OCL_ICD"))}
    return subprocess.run(
        [sys.executable, "-c", prelude + code],
        env=kept | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def output(code: str, prelude: str = WORK, **environment: str) -> str:
    """Runs code in a fresh process that must succeed and say nothing on standard error."""
    done = python(code, prelude, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.fixture
def opencl() -> Any:
    """The best OpenCL device."""
    try:
        return get_device("opencl")
    except DeviceError as error:
        pytest.skip(f"no usable OpenCL device: {error}")


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """An environment in which the loader finds no platform."""
    return {"OCL_ICD_VENDORS": str(tmp_path / "nowhere")}


# Names


def test_one_device_has_many_names(opencl: Any) -> None:
    number = opencl.name.partition(":")[2]
    platform = opencl.description.rpartition(", ")[2]
    names = ["opencl", f"opencl:{number}", f"opencl:{platform}", f"opencl:{opencl.kind}"]
    assert [get_device(name) for name in names] == [opencl] * 4
    assert get_device(opencl) is opencl
    assert str(opencl) == opencl.name
    assert repr(opencl).startswith(f"<device {opencl.name}: ")


def test_numpy_is_always_there() -> None:
    device = get_device("numpy")
    assert device is get_device("numpy")
    assert (device.name, device.kind, device.zero_copy) == ("numpy", "host", True)


@pytest.mark.parametrize("name", ["cpu:0", "", "numpy:0", "mps", "cuda:x"])
def test_an_unknown_name_lists_what_can_be_asked_for(name: str) -> None:
    with pytest.raises(DeviceError, match="is unknown; use 'cpu', 'numpy', 'opencl'"):
        get_device(name)


def test_gpus_are_ranked_and_only_usable_ones_count(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_cl.runtime import discovery

    def candidate(number: int, kind: str, shared: bool) -> Any:
        handle = SimpleNamespace(
            host_unified_memory=shared, max_compute_units=8, max_clock_frequency=1000
        )
        return SimpleNamespace(name=f"opencl:{number}", kind=kind, platform="a", handle=handle)

    found = (candidate(0, "cpu", True), candidate(1, "gpu", True), candidate(2, "gpu", False))
    broken = candidate(3, "gpu", False)
    monkeypatch.setattr(discovery, "candidates", lambda: (*found, broken))
    monkeypatch.setattr(discovery, "probe", lambda c: discovery.Verdict(c is not broken, ""))
    assert discovery.gpus() == ["opencl:2", "opencl:1"]


def test_cpu_is_the_default_device_if_that_is_the_processor(opencl: Any) -> None:
    before = get_default_device()
    try:
        for device in (get_device("numpy"), opencl):
            set_default_device(device)
            expected = device if device.kind in ("host", "cpu") else get_device("numpy")
            assert get_device("cpu") is expected
            assert get_device("cpu").type == "cpu"
    finally:
        set_default_device(before)


@pytest.mark.parametrize("name", ["opencl:99", "opencl:nobody"])
def test_a_name_that_fits_no_device_lists_those_found(opencl: Any, name: str) -> None:
    with pytest.raises(DeviceError, match=f"no OpenCL device fits '{name}'; found: .*opencl:0"):
        get_device(name)


def test_the_default_can_be_set() -> None:
    before = get_default_device()
    try:
        set_default_device("numpy")
        assert get_device() is get_default_device() is get_device("numpy")
        with pytest.raises(DeviceError):
            set_default_device("nonsense")
        assert get_device().name == "numpy"
        set_default_device(None)
        assert get_device() is before
    finally:
        set_default_device(before)


# Finding


def test_importing_touches_no_opencl() -> None:
    code = "import sys, tinygrad_cl; print('pyopencl' in sys.modules)"
    assert output(code, prelude="") == "False"


def test_intels_runtime_is_found_by_itself(tmp_path: Path) -> None:
    if icd.find_intel() is None:
        pytest.skip("Intel's OpenCL runtime is not installed")
    code = """
import os
device = get_device("opencl:intel")
print(device.traits.kind, device.zero_copy, work(device), "OCL_ICD_VENDORS" in os.environ)
"""
    wanted = "cpu True [1, 2, 3] False"
    assert output(code, TINYGRAD_CL_CACHE=str(tmp_path)) == wanted
    (tmp_path / "file").write_text("")
    unwritable = python(code, TINYGRAD_CL_CACHE=str(tmp_path / "file" / "cache"))
    assert unwritable.stdout.strip() == wanted
    assert "using a temporary folder" in unwritable.stderr
    assert "going on without the cache folder" in unwritable.stderr
    assert output(code, TINYGRAD_CL_CACHE="off", TMPDIR=str(tmp_path)) == wanted
    left = sorted(p.name.partition("-")[0] for p in tmp_path.iterdir())
    assert left == ["file", "programs", "vendors"]


def test_a_damaged_cache_folder_is_repaired(opencl: Any, tmp_path: Path) -> None:
    code = "print(work(get_device('opencl')), get_device('opencl').cache_hits)"
    environment = {"TINYGRAD_CL_CACHE": str(tmp_path)}
    assert output(code, **environment) == "[1, 2, 3] 0"
    assert output(code, **environment) == "[1, 2, 3] 1"
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.write_bytes(b"rubbish" * 100)
    done = python(code, **environment)
    assert done.stdout.strip() == "[1, 2, 3] 0"
    assert "is ignored: checksum differs" in done.stderr
    assert output(code, **environment) == "[1, 2, 3] 1"


def test_a_folder_of_vendors_that_the_user_names_is_respected(tmp_path: Path) -> None:
    intel = icd.find_intel()
    if intel is None:
        pytest.skip("Intel's OpenCL runtime is not installed")
    (tmp_path / "mine.icd").write_text(str(intel))
    code = "import os; print(work(get_device('opencl:intel')), os.environ['OCL_ICD_VENDORS'])"
    environment = {"OCL_ICD_VENDORS": str(tmp_path), "TINYGRAD_CL_CACHE": "off"}
    assert output(code, **environment) == f"[1, 2, 3] {tmp_path}"


def test_without_opencl_the_default_is_numpy_with_one_warning(nowhere: dict[str, str]) -> None:
    code = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(get_device().name, get_device().name, work(get_device()), len(caught))
    print(caught[0].category.__name__, caught[0].message)
try:
    get_device("opencl")
except Exception as error:
    print(type(error).__name__, error)
"""
    lines = output(code, **nowhere).splitlines()
    assert lines[0] == "numpy numpy [0, 1, 2] 1"
    assert lines[1].startswith("RuntimeWarning no usable OpenCL device was found")
    assert "pip install 'tinygrad-cl[cpu]'" in lines[1]
    assert lines[2].startswith("DeviceError no OpenCL device fits 'opencl'; found: none")


def test_the_environment_chooses_the_default() -> None:
    code = "print(get_device().name)"
    assert output(code, TINYGRAD_CL_DEVICE="numpy") == "numpy"
    done = python(code, TINYGRAD_CL_DEVICE="opencl:77")
    assert "no OpenCL device fits 'opencl:77'" in done.stderr


def test_the_memory_limit_comes_from_the_environment() -> None:
    code = "print(get_device('numpy').memory_stats().limit)"
    assert output(code, TINYGRAD_CL_MEMORY_MB="3") == str(3 << 20)


# The folder of vendors


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the system's vendors."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setattr(icd, "_SYSTEM_FOLDER", folder)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    return folder


def test_the_systems_vendors_are_kept_and_emulators_are_not(system: Path, tmp_path: Path) -> None:
    intel, driver = tmp_path / "libintelocl.so", tmp_path / "libdriver.so"
    for library in (intel, driver):
        library.write_bytes(b"")
    texts = {
        "bare.icd": "libnvidia-opencl.so.1",
        "absolute.icd": f"{driver}\n",
        "gone.icd": "/nowhere/libgone.so",
        "relative.icd": "lib/librelative.so",
        "intel-fpga_emu.icd": f"{driver}",
        "emulator.icd": "libintelocl_emu.so",
        "again.icd": f"{intel}",
        "empty.icd": "",
        "driver.txt": f"{driver}",
    }
    for name, text in texts.items():
        (system / name).write_text(text)
    (system / "binary.icd").write_bytes(b"\xff\xfe\xff")
    assert icd.vendor_files(intel) == {
        "00-intel-cpu.icd": f"{intel}\n",
        "01-absolute.icd": f"{driver}\n",
        "01-bare.icd": "libnvidia-opencl.so.1\n",
    }


def test_the_folder_of_vendors_is_repaired(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intel = tmp_path / "libintelocl.so"
    intel.write_bytes(b"")
    monkeypatch.setattr(icd, "find_intel", lambda: intel)
    monkeypatch.delenv("OCL_ICD_VENDORS", raising=False)
    cache = tmp_path / "cache"
    for _ in range(2):
        with icd.vendors("", cache):
            folder = Path(os.environ["OCL_ICD_VENDORS"])
            assert {p.name: p.read_text() for p in folder.iterdir()} == {
                "00-intel-cpu.icd": f"{intel}\n"
            }
        assert "OCL_ICD_VENDORS" not in os.environ
        assert folder.parent == cache
        (folder / "00-intel-cpu.icd").write_text("rubbish")
        (folder / "stray.icd").write_text("stray")


def test_intels_library_is_found_in_the_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    library = tmp_path / "lib" / "libintelocl.so"
    library.parent.mkdir()
    library.write_bytes(b"")
    assert icd.find_intel() == library


def test_intels_library_is_found_by_its_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `pip install --target` lays it out."""
    for name in ("prefix", "base_prefix"):
        monkeypatch.setattr(sys, name, str(tmp_path / "elsewhere"))
    monkeypatch.setattr(site, "USER_BASE", None)
    info = tmp_path / "intel_opencl_rt-1.dist-info"
    library = tmp_path / "lib" / "libintelocl.so"
    for folder in (info, library.parent):
        folder.mkdir()
    library.write_bytes(b"")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: intel-opencl-rt\nVersion: 1\n")
    (info / "RECORD").write_text("lib/libintelocl.so,,\nintel_opencl_rt-1.dist-info/RECORD,,\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert icd.find_intel() == library
    library.unlink()
    assert icd.find_intel() is None
    monkeypatch.setattr(sys, "path", [])
    assert icd.find_intel() is None


# Verdicts


def test_every_device_has_a_record(opencl: Any) -> None:
    found = {record.name: record for record in devices()}
    record = found[opencl.name]
    assert record.usable
    assert record.reason == "built and ran a kernel"
    assert record.traits == opencl.traits
    assert record.zero_copy == opencl.zero_copy
    assert ("fp64" in record.features) == opencl.traits.double
    assert record.memory >= record.largest > 0
    assert found["numpy"].usable
    assert [r.name for r in found.values() if r.default] == [get_default_device().name]


@pytest.fixture
def candidate(opencl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The best device, with a cache of verdicts that is empty."""
    from tinygrad_cl.runtime import discovery
    from tinygrad_cl.runtime.cache import DiskCache

    cache = DiskCache(tmp_path, 1 << 20)
    monkeypatch.setattr(discovery, "disk_cache", lambda: cache)
    return discovery.choose(opencl.name.partition(":")[2])


def probe(candidate: Any) -> Any:
    from tinygrad_cl.runtime import discovery

    return discovery.probe.__wrapped__(candidate)


def test_a_good_verdict_is_kept(candidate: Any, tmp_path: Path) -> None:
    first = probe(candidate)
    assert first.usable
    assert len(list(tmp_path.iterdir())) == 1
    assert probe(candidate) == first


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("vload16(0, a + first)", "nonsense"), "nonsense"),
        (("* (float)scale + lanes", "* (float)scale - lanes"), "gave wrong numbers"),
        (("shared[j] * 2.0f", "shared[j] * 3.0f"), "half or double elements gave wrong numbers"),
        (("1.0 / (double)(i + 1)", "2.0 / (double)(i + 1)"), "half or double"),
    ],
    ids=["no build", "wrong", "wrong halves", "wrong doubles"],
)
def test_a_device_that_fails_the_probe_is_not_usable(
    candidate: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    reason: str,
) -> None:
    from tinygrad_cl.runtime import discovery

    text = sources.template_source("probe")
    assert change[0] in text
    monkeypatch.setattr(discovery, "template_source", lambda name: text.replace(*change))
    verdict = probe(candidate)
    assert not verdict.usable
    assert reason in verdict.reason
    assert list(tmp_path.iterdir()) == [], "a bad verdict may be cured"


def test_an_unusable_device_is_passed_over_with_its_reason(
    candidate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinygrad_cl.runtime import discovery

    monkeypatch.setattr(discovery, "probe", lambda c: discovery.Verdict(False, "no target CPU"))
    with pytest.raises(DeviceError, match=r"'opencl' is not usable: opencl:.*no target CPU"):
        discovery.choose("")
    assert not discovery.records()[0].usable


def test_intels_runtime_that_cannot_be_loaded_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinygrad_cl.runtime import discovery

    library = tmp_path / "libintelocl.so"
    library.write_bytes(b"no library")
    monkeypatch.setattr(icd, "find_intel", lambda: library)
    monkeypatch.setattr(discovery, "candidates", tuple)
    monkeypatch.setattr(settings, "current", lambda: settings.Settings.read({}))
    (record,) = discovery.records()
    assert not record.usable
    assert "cannot be loaded" in record.reason
    assert "pip install intel-cmplr-lib-rt" in record.reason


# Processes


def test_a_forked_child_gets_a_clear_error(opencl: Any) -> None:
    code = """
import os
device = get_device("opencl")
print(work(device), flush=True)
if os.fork() == 0:
    try:
        work(device)
    except Exception as error:
        print(type(error).__name__, error)
    print(work(get_device("numpy")), flush=True)
    os._exit(0)
os.wait()
print(work(device))
"""
    first, refused, host, last = output(code).splitlines()
    assert first == last == "[1, 2, 3]"
    assert refused.startswith(f"DeviceError {opencl.name} was opened in process")
    assert "'spawn'" in refused
    assert host == "[0, 1, 2]"


def test_a_fork_before_the_first_use_is_harmless(opencl: Any) -> None:
    code = """
import os
if os.fork() == 0:
    print(work(get_device("opencl")), flush=True)
    os._exit(0)
os.wait()
print(work(get_device("opencl")))
"""
    assert output(code) == "[1, 2, 3]\n[1, 2, 3]"


def test_a_process_ends_cleanly_in_the_middle_of_work(opencl: Any) -> None:
    code = f"""
device = get_device("opencl")
source = "{ADD}".replace("+= 1", "+= (int)exp2((float)a[0])")
buffer = device.wrap(np.zeros(1 << 20, np.int32))
kernel = device.build(source).kernel("add")
kernel.set(0, buffer)
device.run([(kernel, (1 << 20,), (64,))] * 20)
view = device.view(device.upload(np.zeros(3)), (3,), dtypes.float64)
device.run([(kernel, (1 << 20,), (64,))] * 20)
del buffer
print("done")
"""
    assert output(code) == "done"


# The command line


def test_the_command_lists_devices(opencl: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_cl", "devices"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    blocks = done.stdout.strip().split("\n\n")
    assert blocks[-1].startswith("numpy: usable")
    (default,) = [block for block in blocks if ", the default" in block]
    for word in ("device", "platform", "reason", "version", "memory", "can do", "compute units"):
        assert word in default


def test_the_command_needs_no_opencl(nowhere: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tinygrad_cl", "devices"],
        cwd=ROOT,
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("numpy: usable, the default")
    assert done.stderr == ""


def test_the_command_says_what_it_takes() -> None:
    command = [sys.executable, "-m", "tinygrad_cl"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "COMMAND" in done.stderr
    assert "--help" in done.stderr


# Templates


def test_templates_are_found() -> None:
    assert "probe" in sources.template_names()
    for name in sources.template_names():
        assert sources.template_source(name).strip()


def test_a_missing_template_says_where_it_was_looked_for() -> None:
    with pytest.raises(BuildError, match=r"absent.cl is not in .*ops or .*ops; reinstall"):
        sources.template_source("absent")
