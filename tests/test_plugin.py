"""The pytest plugin, as a project that is not ours sees it: pytest runs in folders of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cl
from tinygrad_cl import Tensor, dtypes
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.testing import Sample, Verdict, gradcheck_cases, plugin

ROOT = Path(__file__).parents[1]
DEVICES = ["numpy", *(r.name for r in tinygrad_cl.devices() if r.usable and r.kind != "host")]

PACKAGE = """
    import tinygrad_cl as tg


    class Softplus(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x, beta):
            ctx.save_for_backward(x)
            ctx.beta = beta
            return (1 + (beta * x).exp()).log() / beta

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * GRADIENT, None


    def softplus(x, beta=1.0):
        return Softplus.apply(x, beta)


    def energy(x, w):
        scores = x @ w
        smooth = softplus(scores, beta=2.0)
        return (smooth * smooth).sum()
"""

TESTS = """
    import numpy as np
    from tinygrad_cl.testing import Sample, gradcheck_cases

    from smooth import energy, softplus


    @gradcheck_cases(
        np.array([-2.0, 0.5, 3.0]),
        Sample(np.ones((2, 3)), beta=0.5, name="matrix"),
        order=2,
    )
    def test_softplus(x, beta=1.0):
        return softplus(x, beta)


    class TestEnergy:
        @gradcheck_cases((np.array([[1.0, -0.5]]), np.array([[0.3], [0.7]])))
        def test_energy(self, x, w):
            return energy(x, w)


    def test_of_their_own():
        assert 1 + 1 == 2
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with another project, and one that makes the library look installed."""
    installed = tmp_path / "site" / "tinygrad_cl-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: tinygrad-cl\nVersion: 0\n")
    (installed / "entry_points.txt").write_text(_entry_points())
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -W error\n")
    return folder


def _entry_points() -> str:
    """The table of pyproject.toml in the form in which installers write it."""
    found = re.search(
        r"^\[project\.entry-points\.pytest11\]\n((?:\w+ = .*\n)+)",
        (ROOT / "pyproject.toml").read_text(),
        re.MULTILINE,
    )
    assert found is not None
    return "[pytest11]\n" + found[1].replace('"', "")


def run(project: Path, *options: str) -> tuple[int, str]:
    """Runs pytest in the project; returns its exit status and what it printed."""
    paths = [str(project.parent / "site"), str(ROOT), str(project)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "TINYGRAD_CL_DEV"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", *options],
        cwd=project,
        env=clean | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def write(project: Path, name: str, text: str) -> Path:
    path = project / name
    path.write_text(textwrap.dedent(text))
    return path


# --- the demonstration: a wrong gradient in somebody else's package


def test_a_wrong_gradient_of_another_package_is_caught_and_its_fix_passes(project: Path) -> None:
    sigmoid = "(1 / (1 + (-ctx.beta * x).exp()))"
    wrong = write(project, "smooth.py", PACKAGE.replace("GRADIENT", f"{sigmoid} * ctx.beta"))
    write(project, "test_smooth.py", TESTS)

    status, shown = run(project)
    assert status == pytest.ExitCode.TESTS_FAILED, shown
    name = re.escape(tinygrad_cl.get_default_device().name)
    assert re.search(rf"test_softplus\[{name}-float64-float64\[3\]\] PASSED", shown)  # beta is 1
    assert re.search(rf"test_softplus\[{name}-float64-matrix\] FAILED", shown)
    assert "test_of_their_own PASSED" in shown
    assert "gradcheck of test_energy(float64[1,2]-float64[2,1])" in shown
    assert re.search(r"wrong: input \d, float64 \(\d, \d\), first order", shown)
    assert re.search(r"worst element \(\d, \d\): analytic -?[\d.]+, numeric -?[\d.]+", shown)
    line = 1 + wrong.read_text().splitlines().index("    return Softplus.apply(x, beta)")
    assert (
        f"<Softplus.apply 1x1 float64>, the gradient of which is wrong, made at {wrong}:{line}"
        in shown
    )
    assert "in softplus: return Softplus.apply(x, beta)" in shown
    assert "gradcheck.py" not in shown, "the report stands alone, without the library's traceback"

    write(project, "smooth.py", PACKAGE.replace("GRADIENT", sigmoid))
    status, shown = run(project)
    assert status == pytest.ExitCode.OK, shown
    assert "4 passed" in shown


# --- devices and dtypes


MARKED = """
    import pytest
    import tinygrad_cl as tg


    def test_fixture(tinygrad_cl_device):
        assert tg.zeros(1).device is tinygrad_cl_device


    @pytest.mark.tinygrad_cl
    def test_marker():
        print("default", tg.get_default_device())


    @pytest.mark.tinygrad_cl(devices="numpy", dtypes=["float32", "float16"])
    def test_dtypes(tinygrad_cl_device, tinygrad_cl_dtype):
        x = tg.ones(2, dtype=tinygrad_cl_dtype)
        assert x.device is tinygrad_cl_device and x.dtype is tinygrad_cl_dtype


    @pytest.mark.tinygrad_cl(devices="numpy")
    class TestClass:
        def test_method(self, tinygrad_cl_dtype):
            assert tg.get_default_device().name == "numpy"
            assert tinygrad_cl_dtype is tg.float32


    def test_unmarked():
        pass
"""


def passed_in(shown: str) -> set[str]:
    return set(re.findall(r"::(\S+) PASSED", shown))


def test_without_an_option_the_default_device_and_the_marker_decide(project: Path) -> None:
    write(project, "test_marked.py", MARKED)
    status, shown = run(project)
    assert status == 0, shown
    default = tinygrad_cl.get_default_device().name
    assert passed_in(shown) == {
        f"test_fixture[{default}]",
        f"test_marker[{default}]",
        "test_dtypes[numpy-float32]",
        "test_dtypes[numpy-float16]",
        "TestClass::test_method[numpy-float32]",
        "test_unmarked",
    }


def test_all_devices(project: Path) -> None:
    write(project, "test_marked.py", MARKED)
    status, shown = run(
        project,
        *["--tinygrad-cl-devices", "all"],
        *["test_marked.py::test_fixture", "test_marked.py::test_dtypes"],
    )
    assert status == 0, shown
    wanted = {f"test_fixture[{name}]" for name in DEVICES}
    wanted |= {f"test_dtypes[{name}-{d}]" for name in DEVICES for d in ("float32", "float16")}
    assert passed_in(shown) == wanted


def test_devices_of_the_configuration_file(project: Path) -> None:
    write(project, "test_marked.py", MARKED)
    (project / "pytest.ini").write_text("[pytest]\ntinygrad_cl_devices = numpy\n")
    shown = run(project, "test_marked.py::test_fixture")[1]
    assert passed_in(shown) == {"test_fixture[numpy]"}


@pytest.mark.parametrize(
    ("marker", "options", "message"),
    [
        ("devices='tpu'", (), "device 'tpu' is unknown; use 'cpu', 'numpy'"),
        ("", ("--tinygrad-cl-devices=tpu",), "device 'tpu' is unknown; use 'cpu', 'numpy'"),
        ("dtypes='complex64'", (), "dtype complex64 is not supported; use one of"),
        ("device='numpy'", (), "unknown arguments ['device'] of the marker"),
    ],
)
def test_what_is_unknown_is_said(
    project: Path, marker: str, options: tuple[str, ...], message: str
) -> None:
    test = f"""
        import pytest
        @pytest.mark.tinygrad_cl({marker})
        def test_it(tinygrad_cl_device, tinygrad_cl_dtype):
            pass
    """
    write(project, "test_it.py", test)
    status, shown = run(project, *options)
    assert status == pytest.ExitCode.INTERRUPTED
    assert message in shown
    assert "Traceback" not in shown


def test_a_dtype_that_a_device_lacks_is_skipped_with_the_reason() -> None:
    device = get_device("numpy")
    assert plugin._pair(device, dtypes.float64).marks == ()
    narrow = _Narrow()
    (mark,) = plugin._pair(narrow, dtypes.float64).marks  # type: ignore[arg-type]
    assert mark.kwargs == {"reason": "narrow has no float64"}
    assert plugin._dtypes("widest", device) == [dtypes.float64]
    assert plugin._dtypes("widest", narrow) == [dtypes.float32]  # type: ignore[arg-type]


class _Narrow:
    """What the plugin asks of a device without float64."""

    name = "narrow"

    def supports(self, dtype: dtypes.DType) -> bool:
        return dtype is not dtypes.float64


# --- what others see of it


def test_projects_that_do_not_use_it_do_not_import_the_library(project: Path) -> None:
    test = """
        import sys
        def test_nothing_is_imported():
            loaded = [m for m in sys.modules if m.split(".")[0] in ("tinygrad_cl", "pyopencl")]
            assert not loaded
            assert "_tinygrad_cl_pytest" in sys.modules
            assert "numpy" not in sys.modules
    """
    write(project, "test_it.py", test)
    status, shown = run(project)
    assert status == 0, shown


def test_it_can_be_switched_off(project: Path) -> None:
    write(project, "test_it.py", "def test_it():\n    pass\n")
    status, shown = run(project, "-p", "no:_tinygrad_cl_pytest", "--tinygrad-cl-devices=numpy")
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "unrecognized arguments" in shown


# --- samples


def test_arguments_of_a_sample(device: str) -> None:
    given = Tensor([1.0], requires_grad=True)
    sample = Sample(np.ones(2), np.arange(2), given, given.detach(), 3, axis=np.float32(1))
    args, kwargs = sample.arguments(get_device(device), dtypes.float32)
    assert [a.requires_grad for a in args[:4]] == [True, False, True, False]
    assert [a.dtype for a in args[:4]] == [dtypes.float32, dtypes.int64, *[dtypes.float32] * 2]
    assert all(a.device.name == device for a in args[:4])
    assert args[4] == 3
    assert kwargs == {"axis": 1.0}
    assert repr(sample) == "float64[2]-int64[2]-float32[1]-float32[1]-3-axis=1.0"
    assert repr(Sample(name="mine")) == "mine"


def test_keyword_arguments_are_checked_too(device: str) -> None:
    def half(x: Tensor, scale: Tensor) -> Tensor:
        return x * scale.detach() * scale

    sample = Sample(np.ones(2), scale=np.array([2.0]))
    report = sample.check(half, get_device(device), dtypes.float32)
    assert report.verdict is Verdict.WRONG
    assert {finding.input for finding in report.findings} == {1}
    assert report.name == "half(float64[2]-scale=float64[1])"
    assert "measured on numpy (float64)" in report.place


def test_verdicts_can_be_accepted() -> None:
    def test(*samples: Sample, **options: object) -> object:
        @gradcheck_cases(*samples, **options)  # type: ignore[arg-type]
        def magnitude(x: Tensor) -> Tensor:
            return x.relu()

        return magnitude

    def call(function: object, sample: Sample) -> None:
        function(  # type: ignore[operator]
            tinygrad_cl_sample=sample,
            tinygrad_cl_device=get_device("numpy"),
            tinygrad_cl_dtype=dtypes.float64,
        )

    corner = Sample(np.zeros(1))
    with pytest.raises(pytest.fail.Exception, match="kink: input 0"):
        call(test(corner), corner)
    call(test(corner, accept=["kink"]), corner)
    lenient = Sample(np.zeros(1), accept=["kink"])
    call(test(lenient), lenient)


def test_samples_may_come_from_a_function_and_must_exist() -> None:
    @gradcheck_cases(lambda: [np.ones(1), np.ones(2)])
    def made(x: Tensor) -> Tensor:
        return x

    (mark,) = [m for m in made.pytestmark if m.name == "parametrize"]  # type: ignore[attr-defined]
    assert [repr(sample) for sample in mark.args[1]] == ["float64[1]", "float64[2]"]
    with pytest.raises(ArgumentError, match="at least one sample"):
        gradcheck_cases()
