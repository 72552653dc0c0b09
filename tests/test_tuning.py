"""Tuning: choices that compute the same, races on made-up times, winners on disk, real searches."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structures import leaf, structure
from template_harness import CPU, GPU, Array, Job, check, job

import tinygrad_cl as tg
from tinygrad_cl import dtypes, engine, graph, settings
from tinygrad_cl.cli import main
from tinygrad_cl.compiler import tuning, winners
from tinygrad_cl.compiler.choosing import Call
from tinygrad_cl.compiler.execute import DeviceExecutable, through
from tinygrad_cl.compiler.measuring import DeviceTrials
from tinygrad_cl.compiler.plan import make_plan
from tinygrad_cl.compiler.racing import SMALL, Plan, decide, disagreement, race
from tinygrad_cl.compiler.tuning import Tuner
from tinygrad_cl.compiler.winners import Winner, Winners
from tinygrad_cl.errors import BuildError, DeviceError, DeviceMemoryError
from tinygrad_cl.graph import PRIMITIVES, TensorSpec
from tinygrad_cl.lowering import DeviceTraits, Grid, Host, Pass, Template, TemplatePlan
from tinygrad_cl.primitives.wishes import HOST
from tinygrad_cl.runtime.cache import DiskCache
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.shapes import Layout

BOTH = pytest.mark.parametrize("traits", [CPU, GPU], ids=["cpu", "gpu"])

# ------------------------------------------------------------------------------ the choices


def call_of(name: str, *shapes: Sequence[int], traits: DeviceTraits = CPU, **attrs: Any) -> Call:
    specs = tuple(TensorSpec(tuple(shape), dtypes.float32) for shape in shapes)
    primitive = PRIMITIVES[name]
    signature = graph.signature(primitive, tuple(attrs[a] for a in primitive.attrs), specs)
    return Call(signature, tuple(Layout.contiguous(s.shape) for s in specs), traits)


def product(m: int, n: int, k: int, crossed: str = "", traits: DeviceTraits = CPU) -> Call:
    """A matrix product; `crossed` names the operands that lie transposed in memory."""
    found = call_of("matmul", (m, k), (k, n), traits=traits)
    a, b = found.inputs
    if "a" in crossed:
        a = Layout.contiguous((k, m)).permute((1, 0))
    if "b" in crossed:
        b = Layout.contiguous((n, k)).permute((1, 0))
    return replace(found, inputs=(a, b))


PRODUCTS = [(130, 70, 600, ""), (33, 100, 45, "b"), (5, 300, 700, "a"), (97, 65, 1025, "ab")]
CONVOLUTIONS = [
    ((3, 5, 13, 11), (7, 5, 3, 3), 1, 1),
    ((2, 16, 9, 10), (20, 16, 3, 3), 1, 1),
    ((2, 4, 12, 9), (6, 4, 2, 3), 2, 0),
]


def convolutions(
    x: tuple[int, ...], w: tuple[int, ...], stride: int, padding: int
) -> Iterator[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]]:
    """The three products of a convolution: name, shapes, attrs."""
    attrs = {"stride": (stride,) * 2, "padding": (padding,) * 2, "dilation": (1, 1), "groups": 1}
    height, width = ((n + 2 * padding - k) // stride + 1 for n, k in zip(x[2:], w[2:], strict=True))
    g = (x[0], w[0], height, width)
    yield "conv2d", x, w, attrs
    yield "conv2d_input_grad", g, w, attrs | {"input_size": x[2:]}
    yield "conv2d_weight_grad", x, g, attrs | {"kernel_size": w[2:]}


@BOTH
def test_the_first_choice_is_the_templates_own_plan(traits: DeviceTraits) -> None:
    calls = [product(*row, traits=traits) for row in PRODUCTS]
    for row in CONVOLUTIONS:
        for name, a, b, attrs in convolutions(*row):
            calls.append(call_of(name, a, b, traits=traits, **attrs))
    for call in calls:
        choices = call.choices
        assert len(choices) > 1, call
        assert choices[0] == ("own", call.default)
        assert len({label for label, _ in choices}) == len(choices)
        assert len({plan for _, plan in choices}) == len(choices)


def test_large_products_may_run_on_the_host() -> None:
    assert dict(product(512, 512, 512).choices)["host"] is HOST
    assert "host" not in dict(product(512, 512, 32).choices)
    assert "host" not in dict(product(64, 64, 64).choices)


def test_what_has_no_kernel_has_no_choice() -> None:
    traits = DeviceTraits(double=False)
    specs = (TensorSpec((64, 64), dtypes.float64),) * 2
    signature = graph.signature(PRIMITIVES["matmul"], (), specs)
    call = Call(signature, (Layout.contiguous((64, 64)),) * 2, traits)
    assert [type(plan) for _, plan in call.choices] == [Host]
    empty = product(8, 8, 0)
    assert empty.choices == (("own", empty.default),)


def test_winograd_and_the_direct_sum_are_both_offered() -> None:
    shape = (8, 32, 16, 16), (32, 32, 3, 3), 1, 1
    for name, a, b, attrs in convolutions(*shape):
        plans = [plan for _, plan in call_of(name, a, b, **attrs).choices]
        files = {
            step.file for plan in plans if isinstance(plan, TemplatePlan) for step in plan.passes
        }
        assert any(file.startswith("winograd") for file in files), name
        assert any(file.startswith("conv") for file in files), name


def variants(given: Job, layouts: Sequence[Layout], traits: DeviceTraits) -> Iterator[Job]:
    """A job once for every choice that is a kernel."""
    lowering = PRIMITIVES[given.name].lowering
    assert isinstance(lowering, Template)
    assert lowering.choices is not None
    tags = tuple(dtypes.dtype(a.dtype).storage for a in (*given.arrays, given.arrays[0]))
    for _, plan in lowering.choices(tuple(layouts), given.spec.shape, tags, given.attrs, traits):
        if isinstance(plan, TemplatePlan):
            yield replace(given, plan=plan)


def random(*shape: int, of: str = "float32") -> Array:
    return np.random.default_rng(shape).standard_normal(shape).astype(of)


@BOTH
@pytest.mark.parametrize("of", ["float32", "float16"])
def test_every_choice_of_a_product_computes_it(
    opencl_device: str, traits: DeviceTraits, of: str
) -> None:
    jobs: list[Job] = []
    for m, n, k in ((130, 70, 600), (5, 50, 301), (33, 100, 45))[: 3 if of == "float32" else 1]:
        given = job("matmul", random(m, k, of=of), random(k, n, of=of), traits=traits)
        layouts = [Layout.contiguous(a.shape) for a in given.arrays]
        jobs += variants(given, layouts, traits)
    assert len(jobs) > 5
    check(jobs, opencl_device, 1e-4, 1e-3 if of == "float32" else 0.2)


@BOTH
def test_every_choice_of_a_product_reads_transposed_operands(
    opencl_device: str, traits: DeviceTraits
) -> None:
    device: Any = get_device(opencl_device)
    for row in PRODUCTS[1:] if traits is CPU else PRODUCTS[3:]:
        call = product(*row, traits=traits)
        trials = DeviceTrials(device, call)
        plans = dict(call.choices)
        trials.build(list(plans.values()))
        expected, _ = trials.run(HOST)
        for label, plan in plans.items():
            result, seconds = trials.run(plan)
            assert disagreement(expected, result) == "", (call, label)
            assert seconds > 0


@BOTH
@pytest.mark.parametrize("row", CONVOLUTIONS, ids=["odd", "winograd", "strided"])
def test_every_choice_of_a_convolution_computes_it(
    opencl_device: str, traits: DeviceTraits, row: Any
) -> None:
    jobs: list[Job] = []
    for name, a, b, attrs in convolutions(*row):
        given = job(name, random(*a), random(*b), traits=traits, **attrs)
        layouts = [Layout.contiguous(array.shape) for array in given.arrays]
        jobs += variants(given, layouts, traits)
    check(jobs, opencl_device, 1e-4, 1e-3)


# ------------------------------------------------------------------------------ races


class Clock:
    """Time that passes only where it is spent."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def fake(name: str) -> TemplatePlan:
    return TemplatePlan((Pass(name, name, (), (), Grid((1,))),), (), (1,))


class Trials:
    """Made-up measurements.

    Args:
        seconds: of each plan, by the file of its kernel.
        building: seconds to build a plan.
        wrong: what a plan adds to the right result.
        broken: errors when a plan is built.
    """

    def __init__(
        self,
        seconds: dict[str, float],
        building: float = 0.1,
        wrong: dict[str, float] | None = None,
        broken: dict[str, Exception] | None = None,
        noise: float = 0.0,
    ) -> None:
        self.taken = seconds
        self.building = building
        self.wrong = wrong or {}
        self.broken = broken or {}
        self.noise = np.random.default_rng(0).exponential(noise, 10000) if noise else None
        self.clock = Clock()
        self.longest = 0.0
        self.ran: list[str] = []
        self.dropped: list[str] = []

    def name(self, plan: Plan) -> str:
        return plan.passes[0].file if isinstance(plan, TemplatePlan) else "host"

    def _pass(self, seconds: float) -> None:
        self.clock.now += seconds
        self.longest = max(self.longest, seconds)

    def build(self, plans: Sequence[Plan]) -> None:
        self._pass(self.building * len(plans))
        for plan in plans:
            if self.name(plan) in self.broken:
                raise self.broken[self.name(plan)]

    def run(self, plan: Plan) -> tuple[Array, float]:
        taken = self.seconds(plan, 1)
        return np.ones(4, np.float32) + np.float32(self.wrong.get(self.name(plan), 0)), taken

    def seconds(self, plan: Plan, times: int) -> float:
        self.ran.append(self.name(plan))
        taken = self.taken[self.name(plan)]
        if self.noise is not None:
            taken += self.noise[len(self.ran)]
        self._pass(taken * times)
        return taken

    def drop(self, plan: Plan) -> None:
        self.dropped.append(self.name(plan))

    def race(self, budget: float = 100.0, host: bool = False) -> Any:
        choices = tuple((name, HOST if name == "host" else fake(name)) for name in self.taken)
        return race(choices, self, budget, self.clock)


def test_the_fastest_wins() -> None:
    found = Trials({"own": 1e-3, "a": 2e-3, "b": 5e-4, "c": 7e-4}).race()
    assert found.choice == "b"
    assert found.seconds == {"own": 1e-3, "a": 2e-3, "b": 5e-4, "c": 7e-4}
    assert found.holds


def test_little_gain_is_no_reason() -> None:
    assert Trials({"own": 1e-3, "a": 0.97e-3}).race().choice == "own"
    assert Trials({"own": 1e-3, "host": 0.9e-3}).race().choice == "own"
    assert Trials({"own": 1e-3, "host": 0.5e-3}).race().choice == "host"


def test_noise_is_measured_away() -> None:
    times = {"own": 1e-3, "a": 0.9e-3, "b": 1.02e-3, "c": 1.3e-3}
    assert Trials(times, noise=1e-3).race().choice == "a"


def test_wrong_results_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    trials = Trials({"own": 1e-3, "a": 1e-4, "b": 5e-4}, wrong={"a": 0.01, "b": 1e-5})
    found = trials.race()
    assert found.choice == "b"
    assert "0.01 off" in found.refused["a"]
    assert "'a' is refused" in caplog.text
    assert trials.dropped == ["a"]
    nan = Trials({"own": 1e-3, "a": 1e-4}, wrong={"a": float("nan")}).race()
    assert nan.choice == "own"


def test_a_plan_that_does_not_build_harms_no_other() -> None:
    broken: dict[str, Exception] = {
        "a": BuildError("no", "log", "source"),
        "c": DeviceMemoryError("full"),
    }
    trials = Trials({"own": 1e-3, "a": 1e-4, "b": 5e-4, "c": 1e-4}, broken=broken)
    found = trials.race()
    assert found.choice == "b"
    assert set(found.refused) == {"a", "c"}
    with pytest.raises(DeviceError):
        Trials({"own": 1e-3, "a": 1e-4}, broken={"own": DeviceError("no")}).race()


def test_tiny_calls_are_left_alone() -> None:
    trials = Trials({"own": SMALL / 2, "a": SMALL / 9})
    found = trials.race()
    assert (found.choice, found.holds) == ("own", True)
    assert set(trials.ran) == {"own"}


@pytest.mark.parametrize("budget", [0.01, 0.3, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("each", [1e-4, 0.02, 0.4])
def test_the_budget_is_kept(budget: float, each: float) -> None:
    times = {"own": each} | {f"plan {i}": each * (0.8 + i / 40) for i in range(30)}
    trials = Trials(times)
    found = trials.race(budget)
    must = 0.1 + 2 * each  # the template's own plan
    assert trials.clock.now <= max(budget, must) + trials.longest
    if budget < 0.2:
        assert (found.choice, found.holds) == ("own", False)
    if budget == 5.0 and each < 0.1:
        assert found.choice == "plan 0"
        assert len(found.seconds) > 10


def test_deciding() -> None:
    assert decide({"own": 2.0, "a": 1.8, "b": 1.0}) == "b"
    assert decide({"own": 1.0}) == "own"
    assert disagreement(np.zeros(0, np.float32), np.zeros(0, np.float32)) == ""
    zeros = np.zeros(3, np.float32)
    assert disagreement(zeros, zeros) == ""
    assert disagreement(zeros, zeros + 1)
    half = np.full(4, 3, np.float16)
    assert disagreement(half, half + np.float16(0.01)) == ""


# ------------------------------------------------------------------------------ tuners, winners

CALL = product(512, 512, 512)


class Race:
    """Trials for a real call: the plan at one label is fast, all others slow."""

    def __init__(self, fast: str = "tile 6x4") -> None:
        self.plan = dict(CALL.choices)[fast]
        self.clock = Clock()
        self.races = 0

    def __call__(self, call: Call) -> Race:
        self.races += 1
        return self

    def build(self, plans: Sequence[Plan]) -> None:
        self.clock.now += 0.01

    def run(self, plan: Plan) -> tuple[Array, float]:
        return np.ones(2, np.float32), self.seconds(plan, 1)

    def seconds(self, plan: Plan, times: int) -> float:
        taken = 1e-4 if plan == self.plan else 1e-3
        self.clock.now += taken * times
        return taken

    def drop(self, plan: Plan) -> None:
        pass


def never(call: Call) -> Any:
    raise AssertionError("it measures")


def winners_in(folder: Path, identity: str = "a device") -> Winners:
    return Winners(DiskCache(folder / "tuning", 1 << 20), identity)


def tuner(mode: str, folder: Path, trials: Any = never, host: bool = True, **given: Any) -> Tuner:
    options = {"seconds": 10.0, "total": 100.0} | given
    clock = getattr(trials, "clock", Clock())
    return Tuner(mode, winners_in(folder), trials, host, clock=clock, **options)


@pytest.fixture
def searched(tmp_path: Path) -> Path:
    """A folder in which the winner of `CALL` is kept: the plan "tile 6x4"."""
    found = tuner("search", tmp_path, Race())
    assert found(CALL) == dict(CALL.choices)["tile 6x4"]
    assert found.measured == 1
    return tmp_path


def test_a_search_is_made_once(tmp_path: Path) -> None:
    trials = Race()
    found = tuner("search", tmp_path, trials)
    assert found(CALL) == found(CALL) == trials.plan
    assert trials.races == 1


def test_a_winner_is_used_without_measuring(searched: Path) -> None:
    wanted = dict(CALL.choices)["tile 6x4"]
    for mode in ("cached", "search"):
        assert tuner(mode, searched)(CALL) == wanted
    assert tuner("off", searched)(CALL) == CALL.default


def test_only_a_search_measures(tmp_path: Path) -> None:
    for mode in ("off", "cached"):
        assert tuner(mode, tmp_path)(CALL) == CALL.default
    assert tuner("search", tmp_path).kept(CALL) == CALL.default
    assert not list(tmp_path.iterdir())


def test_other_calls_are_not_concerned(searched: Path) -> None:
    found = tuner("cached", searched)
    for other in (product(512, 512, 513), product(512, 512, 512, "b")):
        assert found(other) == other.default
    traits = replace(CALL, traits=DeviceTraits(units=64))
    assert found(traits) == traits.default


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(os.urandom(300)),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["cut", "empty", "noise", "folder"],
)
def test_a_damaged_file_is_survived(
    searched: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (path,) = (searched / "tuning").iterdir()
    damage(path)
    assert tuner("cached", searched)(CALL) == CALL.default
    assert path.name in caplog.text
    assert list(winners_in(searched)) == []


def rewrite(folder: Path, raw: bytes) -> None:
    """Puts other bytes in the place of the only winner, with a right checksum."""
    disk = DiskCache(folder / "tuning", 1 << 20)
    (name,) = disk.names()
    disk.put(name, raw)


@pytest.mark.parametrize(
    "raw",
    [b"\xff\xfe", b"not json", b"[1, 2]", b"{}", b'{"call": 1}', b"null", b"3"],
)
def test_a_foreign_file_is_survived(
    searched: Path, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    rewrite(searched, raw)
    assert tuner("cached", searched)(CALL) == CALL.default
    assert "is ignored" in caplog.text
    assert tuner("search", searched, Race("tile 12x2"))(CALL) != CALL.default


@pytest.mark.parametrize(
    "change",
    [
        {"choice": "a plan of long ago"},
        {"choice": None},
        {"device": "another"},
        {"version": "0.0.1"},
        {"templates": {"matmul": "other text"}},
        {"templates": {"no_such_template": ""}},
        {"templates": {"no/../file": 3}},
        {"seconds": "fast"},
    ],
    ids=str,
)
def test_what_does_not_hold_any_more_is_ignored(
    searched: Path, change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    (kept,) = winners_in(searched)
    fields = {name: getattr(kept, name) for name in Winner.__slots__}
    rewrite(searched, json.dumps(fields | change).encode())
    with caplog.at_level(logging.INFO, "tinygrad_cl"):
        assert tuner("cached", searched)(CALL) == CALL.default
    assert "ignored" in caplog.text


def test_the_key_has_the_device_and_the_version(
    searched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Tuner("cached", winners_in(searched, "another device"), never, True, 1, 1)
    assert other(CALL) == CALL.default
    trials = Race("tile 12x2")
    searching = Tuner(
        "search", winners_in(searched, "another device"), trials, True, 9, 9, trials.clock
    )
    assert searching(CALL) == dict(CALL.choices)["tile 12x2"]
    assert tuner("cached", searched)(CALL) == dict(CALL.choices)["tile 6x4"], "each has its own"
    monkeypatch.setattr(winners, "version", lambda: "99")
    assert tuner("cached", searched)(CALL) == CALL.default


def test_the_total_budget(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trials = Race()
    found = tuner("search", tmp_path, trials, total=0.001)
    first = found(CALL)
    assert trials.races == 1
    assert "TINYGRAD_CL_TUNE_TOTAL" in caplog.text
    other = product(256, 256, 256)
    assert found(other) == other.default
    assert trials.races == 1
    assert found(CALL) == first
    assert found.spent <= 0.001 + 0.02


def test_a_search_that_had_no_time_is_not_kept(tmp_path: Path) -> None:
    found = tuner("search", tmp_path, Race(), seconds=0.001)
    assert found(CALL) == CALL.default
    assert list(winners_in(tmp_path)) == []


def test_the_host_is_no_choice_where_memory_is_not_shared(tmp_path: Path) -> None:
    assert tuner("search", tmp_path / "a", Race("host"))(CALL) is not CALL.default
    assert isinstance(tuner("search", tmp_path / "b", Race("host"))(CALL), Host)
    assert tuner("search", tmp_path / "c", Race("host"), host=False)(CALL) == CALL.default


def test_a_device_without_room_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def full(call: Call) -> Any:
        raise DeviceMemoryError("no memory left")

    assert tuner("search", tmp_path, full)(CALL) == CALL.default
    assert "is not tuned: no memory left" in caplog.text


def test_without_a_cache_folder_a_process_still_tunes() -> None:
    trials = Race()
    found = Tuner("search", Winners(DiskCache(None, 0), ""), trials, True, 9, 9, trials.clock)
    assert found(CALL) == found(CALL) == trials.plan
    assert trials.races == 1


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "tuning").write_text("a file in the way")
    trials = Race()
    found = tuner("search", tmp_path, trials)
    assert found(CALL) == found(CALL) == trials.plan
    assert list(found.winners) == []


def test_winners_are_listed_and_forgotten(searched: Path) -> None:
    mine, others = winners_in(searched), winners_in(searched, "another device")
    (winner,) = mine
    assert (winner.choice, winner.own) == ("tile 6x4", "own")
    assert winner.gain == pytest.approx(10)
    assert "512x512" in winner.call
    assert list(others) == []
    assert (others.clear(), mine.clear(), mine.clear()) == (0, 1, 0)
    assert tuner("cached", searched)(CALL) == CALL.default


# ------------------------------------------------------------------------------ plans


def test_a_choice_reaches_the_plan() -> None:
    matmul = PRIMITIVES["matmul"]
    given = structure([matmul(leaf(512, 512), leaf(512, 512))])

    def choose(call: Call) -> Plan:
        return dict(call.choices)["tile 6x4"]

    assert "#define ROWS 6" not in make_plan(given, CPU).source()
    assert "#define ROWS 6" in make_plan(given, CPU, choose=choose).source()


def test_a_view_through_a_layout() -> None:
    array = np.arange(24, dtype=np.float32)
    layout = Layout((2, 3), (1, 4), 5)
    assert through(array, layout).tolist() == [[5, 9, 13], [6, 10, 14]]
    assert through(array, Layout.contiguous((4, 6))).shape == (4, 6)
    assert through(np.float32(3).reshape(()), Layout.contiguous(())).item() == 3


@pytest.mark.host_fallback("the tuner may choose the host")
def test_a_host_step_reads_transposed_operands(opencl_device: str) -> None:
    """What the tuner chose is a visible, counted step without copies of its operands."""
    a = tg.tensor(random(70, 90), device=opencl_device)
    b = tg.tensor(random(50, 70), device=opencl_device)
    result = a.T @ b.T + 1
    device = get_device(opencl_device)
    captured = engine.Capture([result.node], False)
    before = tg.fallbacks().get(("matmul", HOST.reason), 0)
    executable = DeviceExecutable(captured.structure(), device, lambda call: HOST)
    assert len(executable.plan.steps) == 2, "a host call and what follows it"
    assert "host" in str(executable.plan)
    executable.expansion = captured.expanded()
    buffers = executable.run(captured.nodes, captured=True)
    value = device.view(buffers[0], (90, 50), dtypes.float32)
    np.testing.assert_allclose(value, a.numpy().T @ b.numpy().T + 1, 1e-4, 1e-4)
    assert tg.fallbacks()["matmul", HOST.reason] == before + 1


# ------------------------------------------------------------------------------ real searches

PROGRAM = """
import sys, numpy as np, tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.compiler.tuning import report, tuner_of
from tinygrad_cl.runtime.device import get_device
device = get_device(sys.argv[1])
tg.set_default_device(device)
rng = np.random.default_rng(0)
shapes = ((300, 300), (8, 16, 20, 20), (24, 16, 3, 3))
a, x, w = (rng.standard_normal(shape).astype("f4") for shape in shapes)
product = tg.tensor(a) @ tg.tensor(a)
print(len(tg.explain(product).steps))
before = tuner_of(device).measured
np.save(sys.argv[2] + "/a.npy", product.numpy())
np.save(sys.argv[2] + "/b.npy", nn.functional.conv2d(tg.tensor(x), tg.tensor(w), padding=1).numpy())
print(before, tuner_of(device).measured, len(report(device)))
"""


def run(device: str, folder: Path, mode: str) -> tuple[list[str], str, list[Array]]:
    env = os.environ | {
        "TINYGRAD_CL_TUNE": mode,
        "TINYGRAD_CL_TUNE_SECONDS": "20",
        "TINYGRAD_CL_CACHE": str(folder),
        "TINYGRAD_CL_DEBUG": "1",
    }
    words = [sys.executable, "-c", PROGRAM, device, str(folder)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = [np.load(folder / name) for name in ("a.npy", "b.npy")]
    return done.stdout.split("\n"), done.stderr, results


def test_a_second_process_uses_what_the_first_has_found(opencl_device: str, tmp_path: Path) -> None:
    out, log, first = run(opencl_device, tmp_path, "search")
    before, measured, kept = map(int, out[1].split())
    assert (before, measured) == (0, 2), "explain measures nothing, the two calls are measured"
    assert log.count("tuned <") == 2
    assert kept in (1, 2)
    files = sorted(path.name for path in (tmp_path / "tuning").iterdir())
    assert len(files) == kept
    out, log, again = run(opencl_device, tmp_path, "cached")
    assert out[1] == f"0 0 {kept}"
    assert "tuned <" not in log
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    out, log, plain = run(opencl_device, tmp_path, "off")
    assert out[1] == f"0 0 {kept}"
    for one, other in zip(first, plain, strict=True):
        np.testing.assert_allclose(one, other, 1e-4, 1e-4)
    assert sorted(path.name for path in (tmp_path / "tuning").iterdir()) == files
    out, log, _ = run(opencl_device, tmp_path, "search")
    assert log.count("tuned <") == 2 - kept, "only what is not known is measured"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Settings with a cache folder of the test's own."""
    monkeypatch.setenv("TINYGRAD_CL_CACHE", str(tmp_path))
    monkeypatch.setenv("TINYGRAD_CL_TUNE", "cached")
    settings.current.cache_clear()
    monkeypatch.setattr(tuning, "_TUNERS", type(tuning._TUNERS)())
    yield tmp_path
    monkeypatch.undo()
    settings.current.cache_clear()


def test_the_command(
    opencl_device: str, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device: Any = get_device(opencl_device)
    Tuner("search", tuning._winners(device), Race(), True, 9, 9)(CALL)
    assert main(["tune", "--device", opencl_device]) == 0
    out = capsys.readouterr().out
    assert "matmul 512x512" in out
    assert "tile 6x4: 0.1 ms, 10.00x (its own plan 1 ms" in out
    assert f"1 winners in {own_cache / 'tuning'}" in out
    assert main(["tune", "clear", "--device", opencl_device]) == 0
    assert "1 winners forgotten" in capsys.readouterr().out
    assert tuning.report(device) == []
    assert main(["tune", "--device", "numpy"]) == 0
    assert "nothing is tuned" in capsys.readouterr().out
    assert tuning.clear(get_device("numpy")) == 0


def test_a_tuner_belongs_to_a_device(opencl_device: str, own_cache: Path) -> None:
    device = get_device(opencl_device)
    found = tuning.tuner_of(device)
    assert found is tuning.tuner_of(device)
    assert found is not None
    assert found.mode == "cached"
    assert tuning.tuner_of(get_device("numpy")) is None
    tuning.clear(device)
    assert tuning.tuner_of(device) is not found
