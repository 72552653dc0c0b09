"""tools/bench.py: its arithmetic on made-up numbers, and one run at the smallest size."""

from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg

TOOLS = Path(__file__).parents[1] / "tools"
sys.path.insert(0, str(TOOLS))
try:
    import bench
    from benchmarks import kernel_ops, kernels, modules, nets, plot, race, ratios, tables
    from benchmarks.libraries import LIBRARIES, Setup, absent, workers
finally:
    sys.path.remove(str(TOOLS))

OURS = ["tinygrad_cl", "tinygrad_cl-jit"]


@pytest.mark.parametrize("name", ["ratios", "tables", "kernels"])
def test_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"benchmarks.{name}"))
    assert found.attempted
    assert not found.failed


# ---- arithmetic


def test_ratios_are_of_neighboring_rounds() -> None:
    # a machine that is twice as slow in the second half: the ratios do not see it
    assert ratios.ratio([1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 6.0, 6.0]) == 3.0
    assert ratios.ratio([1.0, 2.0, 4.0], [2.0]) == 2.0  # stopped after one round


def test_the_best_peer_is_the_one_that_is_nearest() -> None:
    times = {
        "tinygrad_cl": [2.0, 2.0, 2.0],
        "tinygrad_cl-jit": [1.0, 1.0, 1.0],
        "torch": [8.0, 8.0, 8.0],
        "jax": [3.0, 3.0, 99.0],
        "absent": [],
    }
    found = ratios.summarize(times, OURS)
    assert found["ms"] == {"tinygrad_cl": 2, "tinygrad_cl-jit": 1, "torch": 8, "jax": 3}
    assert found["ratio"]["tinygrad_cl"] == {"torch": 4.0, "jax": 1.5}
    assert found["best"]["tinygrad_cl"] == {"peer": "jax", "ratio": 1.5}
    assert found["best"]["tinygrad_cl-jit"] == {"peer": "jax", "ratio": 3.0}
    rows = [{"case": "a", **found}, {"case": "b", "best": {"tinygrad_cl": {"ratio": 6.0}}}]
    over = ratios.over_best(rows, "tinygrad_cl")
    assert over == {"cases": 2, "geometric_mean": 3.0, "minimum": 1.5, "worst": "a"}
    assert ratios.over_best(rows, "numpy")["geometric_mean"] is None


def test_without_peers_there_is_no_best_one() -> None:
    found = ratios.summarize({"tinygrad_cl": [1.0]}, OURS)
    assert found == {"ms": {"tinygrad_cl": 1.0}, "ratio": {"tinygrad_cl": {}}, "best": {}}
    assert tables.summary({"steps": [{"case": "a", **found}]}, OURS) == [
        "no peer ran: there are no ratios"
    ]


@pytest.mark.parametrize(
    ("flops", "moved", "expected"),
    [(4e9, 0, 8.0), (0, 4e9, 40.0), (4e9, 4e9, 40.0)],  # 500 GFLOP/s, 100 GB/s
)
def test_the_slower_ceiling_counts(flops: float, moved: float, expected: float) -> None:
    assert ratios.ceiling_ms(flops, moved, 500, 100) == expected
    ms = {"tinygrad_cl": 2 * expected}
    row = {"flops": flops, "moved": moved, "exps": 0, "ms": ms}
    found = {"ms": 1.25 * expected, "count": 3, "gflops": 500, "stream": 100}
    judged = race.with_ceiling(row, found)
    assert judged["of_ceiling"] == {"tinygrad_cl": 0.5, "launches": 0.8}
    assert tables.share_of_ceiling(judged) == 0.8
    assert judged["launches"] == 3
    nothing = race.with_ceiling(row, {"missing": "no device"})
    assert nothing["of_ceiling"] == {}
    assert tables.share_of_ceiling(nothing) is None


def test_exponentials_take_turns_with_multiplications() -> None:
    row = {"flops": 5e8, "moved": 0, "exps": 1e6, "ms": {}}
    found = {"ms": 4.0, "count": 1, "gflops": 500, "stream": 100, "gexp": 1}
    assert race.with_ceiling(row, found)["of_ceiling"] == {"launches": 0.5}


def test_weak_kernels_are_sorted_by_how_bad_they_are() -> None:
    def row(name: str, share: float, over: float) -> dict[str, Any]:
        best = {"tinygrad_cl": {"peer": "torch", "ratio": over}}
        return {"case": name, "of_ceiling": {"launches": share}, "best": best}

    rows = [row("good", 0.9, 1.1), row("slow", 0.4, 3), row("beaten", 0.9, 0.1)]
    assert [one["case"] for one in tables.weak_kernels(rows)] == ["beaten", "slow"]


def test_a_wrong_net_is_noticed() -> None:
    right, wrong = [2.3, 2.2, 2.1], [2.3, 2.2, 2.2]
    assert race.disagreements({"a": right, "b": right}, {}, False) == []
    assert race.disagreements({"a": right, "b": wrong}, {}, False) == [
        "b: loss 2.2 instead of 2.1 at step 3"
    ]
    # with dropout, the twins without it must agree, and the losses themselves roughly
    assert race.disagreements({"a": right, "b": wrong}, {"a": right, "b": right}, True) == []
    assert race.disagreements({"a": right, "b": right}, {"a": right, "b": wrong}, True)
    assert race.disagreements({"a": [2.3], "b": [float("nan")]}, {}, True)


# ---- what is measured


@pytest.mark.parametrize("name", nets.NETS)
def test_modules_have_the_parameters_that_the_rows_say(name: str) -> None:
    net = nets.NETS[name]
    model = modules.build(net, tg.nn)
    shapes = [shape for row in net.rows for shape in nets.parameter_shapes(row)]
    assert [p.shape for p in model.parameters()] == shapes
    assert [array.shape for array in nets.initial_parameters(net)] == shapes


def test_numpy_and_we_train_the_same_net() -> None:
    losses = []
    for step in (
        modules.tinygrad_cl_step(nets.NETS["mlp"], 4, ""),
        importlib.import_module("benchmarks.numpy_steps").step(nets.NETS["mlp"], 4, ""),
    ):
        losses.append([step.loss(step.run()) for _ in range(4)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_a_convolutions_gradients_are_what_autograd_says(default_device: str) -> None:
    sizes = (2, 4, 6, 4, 3, 2, 1, 2)
    found = {}
    for which in ("input", "weight"):
        kit = kernel_ops.OurKit(tg)
        (found[which],) = kernel_ops.conv(kit, which, sizes)()
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s, np.float32) for s in ((2, 4, 6, 6), (4, 2, 3, 3))]
    x, w = (tg.tensor(array, requires_grad=True) for array in arrays)
    y = tg.nn.functional.conv2d(x, w, None, 2, 1, 1, 2)
    y.backward(tg.tensor(rng.standard_normal(y.shape, np.float32)))
    assert x.grad is not None
    assert w.grad is not None
    np.testing.assert_allclose(found["input"].numpy(), x.grad.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["weight"].numpy(), w.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_bytes_of_one_launch_are_the_least() -> None:
    from benchmarks import share

    plan = tg.explain((tg.ones(1000) + 0).relu() * tg.tensor(np.ones(1000, np.float32)))
    assert share.least_bytes(plan) == 8000  # an array is read and one is written
    assert share.moved_bytes(plan) >= share.least_bytes(plan)


def test_every_kernel_has_work_and_an_op() -> None:
    for case in kernels.CASES.values():
        assert case.op in kernel_ops.OPS, case
        assert case.moved > 0
        assert case.flops >= 0
    assert {case.op for case in kernels.chosen([], quick=True)} == set(kernel_ops.OPS)


# ---- processes


def _setup(**options: Any) -> Setup:
    return Setup({}, 1, **options)


def test_an_absent_library_is_named_with_a_way_to_get_it() -> None:
    setup = Setup({"torch": "/nowhere/python"}, 1)
    assert absent(LIBRARIES["torch"], setup) == "there is no interpreter /nowhere/python"
    found = subprocess.run([sys.executable, "-c", "import jax"], capture_output=True, check=False)
    if found.returncode:
        assert "pip install jax" in absent(LIBRARIES["jax"], setup)
    assert absent(LIBRARIES["numpy"], setup) == ""


def test_a_worker_answers_what_it_cannot_do_and_goes_on() -> None:
    with workers(["numpy"], _setup(limit=60.0)) as started:
        numpy = started["numpy"]
        assert "Unsupported" in numpy.ask("step", net="vgg", batch=2, seconds=0.01)["missing"]
        assert numpy.ask("step", net="mlp", batch=2, seconds=0.01)["ms"] > 0
        assert numpy._process is not None
        numpy._process.kill()
        numpy._process.wait()
        assert numpy.ask("version")["version"] == np.__version__  # in a new process
        numpy.setup = _setup(limit=0.0)
        assert "no answer" in numpy.ask("step", net="mlp", batch=2, seconds=1.0)["missing"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="/proc tells what stands still")
def test_a_worker_stands_still_between_questions() -> None:
    def state(pid: int) -> str:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]

    with workers(["numpy"], _setup()) as started:
        numpy = started["numpy"]
        assert numpy.ask("version")["version"] == np.__version__
        process = numpy._process
        assert process is not None
        end = time.monotonic() + 10
        while state(process.pid) != "T" and time.monotonic() < end:
            time.sleep(0.01)
        assert state(process.pid) == "T"
        assert numpy.ask("version")["version"] == np.__version__
    assert process.returncode == 0


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    words = ["--quick", "--parts", "a,b,d", "--libraries", "tinygrad_cl,numpy", "--nets", "mlp"]
    words += ["--batches", "4", "--kernels", "matmul NT 1x1024", "--rounds", "2"]
    words += ["--seconds", "0.01", "--threads", "1", "--json", str(path)]
    made = subprocess.run(
        [sys.executable, str(TOOLS / "bench.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "training steps, best peer over tinygrad_cl: geometric mean" in made.stdout
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_run_says_where_it_ran(results: dict[str, Any]) -> None:
    assert results["machine"]["threads"] == 1
    assert set(results["libraries"]) == {"tinygrad_cl", "numpy"}
    assert results["libraries"]["numpy"]["version"] == np.__version__
    assert set(results["round_trip_ns"]) == {"before", "after"}


def test_a_run_has_a_row_per_kernel(results: dict[str, Any]) -> None:
    (row,) = results["kernels"]
    assert row["case"] == "matmul NT 1x1024x1024"
    assert row["missing"] == {}
    assert {name: len(times) for name, times in row["rounds"].items()} == {
        "tinygrad_cl": 2,
        "numpy": 2,
    }
    assert row["ratio"]["tinygrad_cl"]["numpy"] == pytest.approx(
        np.median(np.divide(row["rounds"]["numpy"], row["rounds"]["tinygrad_cl"]))
    )
    if tg.get_default_device().kind != "host":
        assert results["ceilings"]["gflops_all"] > 0
        assert row["of_ceiling"]["tinygrad_cl"] > 0
        assert row["launches"] == 1
        assert 0 < row["launches_ms"] < 2 * row["ms"]["tinygrad_cl"]


def test_a_run_has_a_row_per_net_and_batch(results: dict[str, Any]) -> None:
    (row,) = results["steps"]
    assert (row["case"], row["net"], row["batch"]) == ("mlp 4", "mlp", 4)
    assert row["wrong"] == []
    assert len(row["losses"]["tinygrad_cl"]) == len(row["losses"]["numpy"]) == 5
    assert row["best"]["tinygrad_cl"]["peer"] == "numpy"


def test_a_run_counts_pythons_share(results: dict[str, Any]) -> None:
    (memory,) = results["memory"]
    assert memory["case"] == "mlp 4"
    assert results["scaling"] == []
    if tg.get_default_device().kind == "host":
        assert results["share"] == []
        return
    (row,) = results["share"]
    assert row["nodes"] > row["launches"] >= row["kernels"] > 0
    assert row["us"]["python"] > row["us"]["replay"] > 0
    assert row["bytes"]["ratio"] >= 1


class _Drifting:
    """A library that takes 10 us an image, on a machine that grows slower with every question."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def ask(self, do: str, *, batch: int, **_: object) -> dict[str, float]:
        self.asked.append(batch)
        return {"ms": 0.01 * batch * (1 + 0.01 * len(self.asked))}


def test_growth_is_measured_in_rounds_over_all_batch_sizes() -> None:
    worker = _Drifting()
    pace = race.Pace(rounds=3, seconds=0.01, budget=1.0)
    (row,) = race.scaling({"x": worker}, ["lenet5"], [64, 128], pace, lambda _: None)  # type: ignore[dict-item]
    assert worker.asked == [64, 128] * 3
    assert row["us_per_image"]["x"][64] == pytest.approx(10.3)
    assert row["flatness"]["x"] == pytest.approx(10.4 / 10.3)


def test_a_run_can_be_drawn(results: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib draws the picture; it is not installed")
    path = tmp_path / "bench.png"
    assert str(path) in plot.draw(results, path)
    assert path.stat().st_size > 10_000
    assert "nothing was measured" in plot.draw({"machine": results["machine"]}, path)


def test_numbers_of_earlier_runs_are_read_again(
    results: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(results))
    (row,) = results["steps"]
    rows = [row | {"case": "another row"}, row | {"batch": 5}]
    new.write_text(json.dumps({"libraries": {}, "machine": {}, "steps": rows}))
    found = bench.read([old, new], ["b", "c"])
    assert [(row["case"], row["batch"]) for row in found["steps"]] == [
        ("another row", 4),
        ("mlp 4", 5),  # the newer one of the same name
    ]
    assert "kernels" not in found  # part a was not asked for
    assert "startup" not in found  # part c was not measured
    assert set(found["libraries"]) == set(results["libraries"])
    assert "another row" in capsys.readouterr().out


def test_a_start_that_fails_has_no_time() -> None:
    from benchmarks import startup

    assert startup._seconds([sys.executable, "-c", "print(1)"]) > 0
    with pytest.raises(subprocess.CalledProcessError):
        startup._seconds([sys.executable, "-c", "pass"])
    with pytest.raises(subprocess.CalledProcessError):
        startup._seconds([sys.executable, "-c", "raise SystemExit(3)"])
