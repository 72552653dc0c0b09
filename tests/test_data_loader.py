"""The loader: samplers, threads and processes, errors, positions that are saved and loaded."""

from __future__ import annotations

import gc
import json
import os
import pickle
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import data_workers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cl as tg
from tinygrad_cl.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    IterableDataset,
    Prefetch,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
    processes,
)
from tinygrad_cl.errors import DataError, StateError

NUMBERS = TensorDataset(np.arange(23))


def loader(dataset: Any = NUMBERS, **options: Any) -> DataLoader:
    return DataLoader(dataset, **({"device": "numpy"} | options))


def lists(batches: Any) -> list[list[int]]:
    return [(b[0] if isinstance(b, tuple) else b).tolist() for b in batches]


# --- samplers ---


def test_random_sampler() -> None:
    plain = RandomSampler(range(50), generator=np.random.default_rng(0))
    first, second = list(plain), list(plain)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    more = list(RandomSampler(range(5), num_samples=12))
    assert [sorted(more[:5]), sorted(more[5:10])] == [list(range(5))] * 2
    assert len(more) == 12
    again = list(RandomSampler(range(5), replacement=True, num_samples=200))
    assert len(again) == 200
    assert set(again) == set(range(5))
    assert list(RandomSampler([])) == []
    assert list(RandomSampler([], replacement=True)) == []


def test_samplers_draw_from_manual_seed_or_their_own_generator() -> None:
    for make in (
        lambda g: RandomSampler(range(30), generator=g),
        lambda g: SubsetRandomSampler(range(30), generator=g),
        lambda g: WeightedRandomSampler(np.arange(1, 31), 30, generator=g),
        lambda g: WeightedRandomSampler(np.arange(1, 31), 30, replacement=False, generator=g),
    ):
        drawn = []
        for _ in range(2):
            tg.manual_seed(1)
            drawn.append(list(make(None)))
            drawn.append(list(make(None)))
        assert drawn[:2] == drawn[2:]
        assert drawn[0] != drawn[1]
        assert list(make(tg.Generator(4))) == list(make(tg.Generator(4)))
        assert list(make(np.random.default_rng(4))) == list(make(np.random.default_rng(4)))


@pytest.mark.parametrize("replacement", [True, False])
def test_weighted_sampler_has_the_right_frequencies(replacement: bool) -> None:
    weights = [1.0, 0.0, 2.0, 5.0]
    sampler = WeightedRandomSampler(weights, 1, replacement, np.random.default_rng(0))
    counts = Counter(next(iter(sampler)) for _ in range(8000))
    assert counts[1] == 0
    for at in (0, 2, 3):
        assert counts[at] / 8000 == pytest.approx(weights[at] / 8, abs=0.02)
    many = list(WeightedRandomSampler(tg.tensor(weights), 8000, True, np.random.default_rng(1)))
    assert many.count(3) / 8000 == pytest.approx(5 / 8, abs=0.02)
    assert 1 not in many
    assert sorted(WeightedRandomSampler(weights, 3, replacement=False)) == [0, 2, 3]


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomSampler(range(3), num_samples=0),
        lambda: RandomSampler(range(3), generator=5),  # type: ignore[arg-type]
        lambda: list(RandomSampler([], num_samples=2)),
        lambda: WeightedRandomSampler([1.0, -1.0], 1),
        lambda: WeightedRandomSampler([1.0, np.nan], 1),
        lambda: WeightedRandomSampler([0.0, 0.0], 1),
        lambda: WeightedRandomSampler([], 1),
        lambda: WeightedRandomSampler([[1.0]], 1),
        lambda: WeightedRandomSampler([1.0, 0.0], 2, replacement=False),
        lambda: BatchSampler(range(3), 0),
        lambda: Prefetch([], 0),
    ],
)
def test_samplers_refuse(make: Any) -> None:
    with pytest.raises(DataError):
        make()


@given(st.integers(0, 20), st.integers(1, 7), st.booleans())
def test_batch_sampler_cuts_any_sampler(size: int, batch: int, drop: bool) -> None:
    wanted = [list(range(at, min(at + batch, size))) for at in range(0, size, batch)]
    wanted = [part for part in wanted if len(part) == batch or not drop]
    for sampler in (SequentialSampler(range(size)), range(size)):
        made = BatchSampler(sampler, batch, drop)
        assert list(made) == wanted
        assert len(made) == len(wanted)


def test_sampler_arguments_of_the_loader() -> None:
    assert lists(loader(sampler=[3, 1, 2], batch_size=2)) == [[3, 1], [2]]
    batches = [[3, 1], [2, 4, 5]]
    assert lists(loader(batch_sampler=batches)) == batches
    assert len(loader(batch_sampler=batches)) == 2
    own = BatchSampler(SequentialSampler(range(4)), 3)
    made = loader(batch_sampler=own)
    assert lists(made) == [[0, 1, 2], [3]]
    assert made.batch_size == 3
    assert [int(sample) for (sample,) in loader(batch_size=None)] == list(range(23))
    assert len(loader(batch_size=None)) == 23
    assert isinstance(loader(shuffle=True).sampler, RandomSampler)


# --- data sets made of others ---


def test_concat_fetches_whole_batches() -> None:
    parts = [TensorDataset(np.arange(n) + 100 * n, np.ones((n, 2)) * n) for n in (3, 0, 5, 2)]
    both = ConcatDataset(parts)
    order = np.random.default_rng(0).permutation(10)
    whole = both.get_batch(order)
    for at, column in enumerate(whole):
        np.testing.assert_array_equal(column, np.array([both[int(i)][at] for i in order]))
    mixed = ConcatDataset([["a", "b"], ["c"]])
    assert mixed.get_batch(np.array([2, 0])) == ["c", "a"]
    tensors = ConcatDataset([[tg.tensor([1.0])], [tg.tensor([2.0])]])
    assert tensors.get_batch(np.array([1, 0])).tolist() == [[2.0], [1.0]]
    named = ConcatDataset([[{"x": 1}], [{"x": 2}]])
    assert named.get_batch(np.array([1, 0]))["x"].tolist() == [2, 1]
    with pytest.raises(DataError, match="different shapes"):
        ConcatDataset([[np.zeros(2)], [np.zeros(3)]]).get_batch(np.array([0, 1]))
    with pytest.raises(DataError, match="different types"):
        ConcatDataset([[np.zeros(2)], ["x"]]).get_batch(np.array([0, 1]))


def test_stack_and_chain() -> None:
    stacked = StackDataset(NUMBERS, [str(i) for i in range(23)])
    (numbers,), texts = next(iter(loader(stacked, batch_size=3)))
    assert (numbers.tolist(), texts) == ([0, 1, 2], ["0", "1", "2"])
    named = StackDataset(x=NUMBERS, y=range(23))
    assert named[4]["y"] == 4
    assert next(iter(loader(named, batch_size=2)))["y"].tolist() == [0, 1]
    for wrong in ((), ([1], [1, 2])):
        with pytest.raises(DataError, match="StackDataset"):
            StackDataset(*wrong)
    chain = data_workers.Stream(3) + data_workers.Stream(2)
    assert isinstance(chain, ChainDataset)
    assert lists(loader(chain, batch_size=2)) == [[0, 1], [2, 0], [1]]


def test_pytorchs_getitems() -> None:
    class Fast:
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> int:
            raise AssertionError

        def __getitems__(self, indices: list[int]) -> list[int]:
            return [index * 10 for index in indices][: 3 if indices[0] else None]

    batches = iter(loader(Fast(), batch_size=2, sampler=[0, 1, 3, 2, 1, 1]))
    assert next(batches).tolist() == [0, 10]
    with pytest.raises(DataError, match="a sample for each of 4 positions, got 3"):
        list(loader(Fast(), batch_size=4, sampler=[3, 2, 1, 0]))


# --- streams ---


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_streams(workers: int) -> None:
    made = loader(data_workers.Stream(11), batch_size=2, num_workers=workers)
    for _ in range(2):
        seen = [n for batch in lists(made) for n in batch]
        assert sorted(seen) == list(range(11))
    dropping = loader(data_workers.Stream(5), batch_size=2, drop_last=True)
    assert lists(dropping) == [[0, 1], [2, 3]]
    with pytest.raises(TypeError):
        len(made)
    assert list(loader(data_workers.Stream(3), batch_size=None)) == [0, 1, 2]
    assert lists(loader((i for i in range(3)), batch_size=2)) == [[0, 1], [2]]
    with pytest.raises(DataError, match="own order"):
        loader(data_workers.Stream(3), shuffle=True)


def test_a_stream_with_a_length() -> None:
    class Sized(data_workers.Stream):
        def __len__(self) -> int:
            return self.size

    assert len(loader(Sized(5), batch_size=2)) == 3
    assert len(loader(Sized(5), batch_size=2, drop_last=True)) == 2


# --- random numbers ---


@pytest.mark.parametrize("seed", [None, 7])
def test_random_samples_do_not_depend_on_the_workers(seed: int | None) -> None:
    seen = []
    for workers in (0, 1, 3):
        tg.manual_seed(11)
        made = loader(
            data_workers.Random(20),
            batch_size=4,
            shuffle=True,
            seed=seed,
            num_workers=workers,
            transform=data_workers.noisy,
        )
        seen.append([[a.tolist(), b.tolist()] for _ in range(2) for a, b in made])
    assert seen[0] == seen[1] == seen[2]
    assert len({str(batch) for batch in seen[0]}) == 10


def test_loaders_take_the_librarys_generator() -> None:
    first = loader(shuffle=True, batch_size=23, generator=tg.Generator(5))
    second = loader(shuffle=True, batch_size=23, generator=tg.Generator(5))
    assert lists(first) == lists(second)
    assert lists(first) != lists(loader(shuffle=True, batch_size=23, generator=tg.Generator(6)))


def test_walking_in_order_draws_nothing() -> None:
    """So evaluating in between does not change the training that follows."""
    state = tg.functional.random.default_generator.get_state
    before = state()
    list(loader())
    list(loader(data_workers.Stream(3), num_workers=1))
    assert state() == before
    list(loader(shuffle=True, seed=1))
    assert state() == before
    noises = [lists(loader(transform=data_workers.noisy)) for _ in range(2)]
    assert noises[0] != noises[1]


# --- threads ---


def test_threads_know_who_they_are() -> None:
    data_workers.marks.clear()
    assert get_worker_info() is None
    seen = []

    def collate(samples: list[Any]) -> Any:
        info = get_worker_info()
        assert info is not None
        seen.append((info.id, info.num_workers, info.seed, len(info.dataset)))
        return samples

    options = {"num_workers": 2, "collate_fn": collate, "worker_init_fn": data_workers.init}
    for _ in loader(batch_size=4, seed=1, **options):
        pass
    assert {at[0] for at in seen} == {0, 1}
    assert {(at[1], at[3]) for at in seen} == {(2, 23)}
    assert len({at[2] for at in seen}) == 2
    assert sorted(data_workers.marks) == [100, 101]
    data_workers.marks.clear()


def test_persistent_threads_stay() -> None:
    seen = set()

    def collate(samples: list[Any]) -> Any:
        seen.add(threading.current_thread())
        return samples

    made = loader(num_workers=2, persistent_workers=True, batch_size=3, collate_fn=collate)
    for _ in range(3):
        list(made)
        next(iter(made))
        gc.collect()
    assert len(seen) == 2
    assert all(thread.is_alive() for thread in seen)
    made.close()
    for thread in seen:
        thread.join(5)
    assert not any(thread.is_alive() for thread in seen)
    assert len(list(made)) == 8


def test_a_slow_sample_times_out() -> None:
    release = threading.Event()

    class Slow(data_workers.Numbers):
        def __getitem__(self, index: int) -> tuple[Any, ...]:
            release.wait(5)
            return (index,)

    batches = iter(loader(Slow(4), num_workers=1, timeout=0.05))
    with pytest.raises(DataError, match=r"worker 0 gave no batch within 0\.05 s"):
        next(batches)
    release.set()


def test_a_workers_own_timeout_error_is_its_own() -> None:
    def collate(samples: list[Any]) -> Any:
        raise TimeoutError("the disk is slow")

    with pytest.raises(TimeoutError, match="the disk is slow"):
        next(iter(loader(num_workers=1, timeout=5, collate_fn=collate)))


def test_errors_of_init_functions_and_transforms() -> None:
    def wrong(_: Any) -> None:
        raise RuntimeError("no such disk")

    for options in ({"worker_init_fn": wrong, "num_workers": 1}, {"transform": wrong}):
        with pytest.raises(RuntimeError, match="no such disk"):
            list(loader(**options))


def test_prefetch_walks_ahead_and_stops() -> None:
    made: list[int] = []

    def numbers() -> Any:
        for number in range(1000):
            made.append(number)
            yield number

    walk = iter(Prefetch(numbers(), size=3))
    assert next(walk) == 0
    deadline = time.monotonic() + 5
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 4  # the one handed out, and three ahead
    del walk

    def broken() -> Any:
        yield 1
        raise KeyError("broken file")

    walk = iter(Prefetch(broken()))
    assert next(walk) == 1
    with pytest.raises(KeyError, match="broken file") as caught:
        next(walk)
    assert "in broken" in "".join(traceback.format_exception(caught.value))
    assert len(Prefetch([1, 2])) == 2
    assert list(Prefetch([], 4)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_uploads_to_the_device(device: str, workers: int) -> None:
    x = np.random.default_rng(0).random((40, 3)).astype(np.float32)
    made = loader(TensorDataset(x), batch_size=8, num_workers=workers, device=device)
    total = tg.zeros(3, device=device)
    for (batch,) in made:
        assert str(batch.device) == device
        total = total + batch.sum(0)
    np.testing.assert_allclose(total.numpy(), x.sum(0), rtol=1e-5)


# --- processes ---


def test_processes_do_all_that_threads_do() -> None:
    """Order, functions, tensors, no OpenCL, persistence, leaving early; a few spawns for all."""
    tg.tensor([1.0]).numpy()  # the parent has its device open
    made = loader(
        data_workers.Numbers(13),
        batch_size=3,
        num_workers=2,
        worker_type="process",
        worker_init_fn=data_workers.init,
        transform=data_workers.scaled,
        persistent_workers=True,
    )
    processes: set[int] = set()
    for epoch in range(3):
        batches = list(made)
        assert [b[0].tolist() for b in batches] == [
            [10 * i for i in range(at, min(at + 3, 13))] for at in range(0, 13, 3)
        ]
        assert [b[4].tolist()[0] for b in batches] == [0, 1, 0, 1, 0]
        for _, marks, ids, opencl, worker in batches:
            assert not opencl.numpy().any(), "pyopencl was imported in a worker"
            assert [column.tolist()[0] for column in marks] == [worker.tolist()[0] + 100]
            processes.update(ids.tolist())
        if epoch == 1:
            leaving = iter(made)
            next(leaving)
            del leaving
    assert len(processes) == 2
    assert os.getpid() not in processes
    made.close()


def test_processes_draw_what_threads_draw() -> None:
    seen = []
    for options in ({}, {"num_workers": 1, "worker_type": "process"}):
        made = loader(
            data_workers.Random(9),
            batch_size=4,
            shuffle=True,
            seed=3,
            transform=data_workers.noisy,
            **options,
        )
        seen.append([[a.tolist(), b.tolist()] for a, b in made])
    assert seen[0] == seen[1]


def test_processes_seed_the_global_generators_and_resume() -> None:
    def make() -> DataLoader:
        return loader(
            data_workers.GlobalRandom(8),
            batch_size=2,
            shuffle=True,
            seed=5,
            num_workers=2,
            worker_type="process",
            persistent_workers=True,
        )

    first, second = make(), make()
    batches = [[m.tolist() for m in batch] for batch in first]
    assert len({str(batch) for batch in batches}) == 4
    walk = iter(second)
    assert [m.tolist() for m in next(walk)] == batches[0]
    state = second.state_dict()
    del walk
    second.load_state_dict(state)
    assert [[m.tolist() for m in batch] for batch in second] == batches[1:]
    first.close()
    second.close()


def test_errors_of_processes_are_shown_in_full() -> None:
    options = {"num_workers": 1, "worker_type": "process", "persistent_workers": True}
    made = loader(data_workers.Broken(10), batch_size=2, **options)
    batches = iter(made)
    assert [next(batches)[0].tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(KeyError, match="sample five is missing") as caught:
        next(batches)
    text = "".join(traceback.format_exception(caught.value))
    assert 'raise KeyError("sample five is missing")' in text
    assert "in __getitem__" in text
    odd = loader(data_workers.Broken(10), sampler=[6], **options)
    with pytest.raises(DataError, match=r"worker 0: .*OddError: sample six is odd") as caught:
        list(odd)
    assert "in __getitem__" in "".join(traceback.format_exception(caught.value))
    with pytest.raises(DataError, match="worker process 0 ended with exit code 3"):
        list(loader(data_workers.Broken(10), sampler=[7], **options))
    with pytest.raises(DataError, match="gave no batch within"):
        list(loader(data_workers.Broken(10), sampler=[8], timeout=0.2, **options))


def test_a_stuck_process_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PATIENCE", 0.2)
    options = {"num_workers": 1, "worker_type": "process", "persistent_workers": True}
    made = loader(data_workers.Broken(10), sampler=[1, 8], **options)
    walk = iter(made)
    next(walk)
    before = time.monotonic()
    del walk
    assert time.monotonic() - before < 5
    made.sampler[:] = [2]  # a new process does its work
    assert lists(made) == [[2]]
    made.close()


def test_what_cannot_be_sent_or_started() -> None:
    options = {"num_workers": 1, "worker_type": "process"}
    with pytest.raises(DataError, match="can be pickled, no lambdas"):
        list(loader(transform=lambda batch: batch, **options))
    with pytest.raises(DataError, match="can be pickled, no lambdas"):
        list(loader(data_workers.Broken(10), sampler=[9], collate_fn=list, **options))
    with pytest.raises(RuntimeError, match="not in this process"):
        list(loader(data_workers.BrokenOnTheWay(3), **options))


def test_processes_refuse_opencl_and_return_tensors() -> None:
    made = loader(data_workers.Device(5), num_workers=1, worker_type="process", batch_size=3)
    batches = iter(made)
    assert next(batches).tolist() == [[0], [1], [2]]
    with pytest.raises(tg.errors.DeviceError, match="compute with NumPy alone"):
        next(batches)


def test_streams_in_processes() -> None:
    made = loader(data_workers.Stream(7), batch_size=2, num_workers=2, worker_type="process")
    assert lists(made) == [[0, 2], [1, 3], [4, 6], [5]]


# --- arguments ---


@pytest.mark.parametrize(
    "options",
    [
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_sampler": [[0]], "shuffle": True},
        {"batch_sampler": [[0]], "sampler": [0]},
        {"batch_sampler": [[0]], "drop_last": True},
        {"batch_size": None, "drop_last": True},
        {"worker_type": "fork"},
        {"multiprocessing_context": "fork"},
        {"persistent_workers": True},
        {"prefetch_factor": 2},
        {"num_workers": 1, "prefetch_factor": 0},
        {"timeout": -1},
        {"timeout": "1"},
        {"seed": -1},
        {"seed": 1.5},
        {"generator": np.random.RandomState(0)},
    ],
)
def test_wrong_arguments(options: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        loader(**options)


# --- positions ---


class Drawing(Sampler):
    """A sampler with a generator of its own, as a user would write it."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def __iter__(self) -> Any:
        return iter(self.generator.permutation(23).tolist())

    def __len__(self) -> int:
        return 23


LOADERS: dict[str, Any] = {
    "sequential": lambda: loader(batch_size=4),
    "seeded": lambda: loader(batch_size=4, shuffle=True, seed=2),
    "unseeded": lambda: loader(batch_size=4, shuffle=True),
    "librarys generator": lambda: loader(batch_size=4, shuffle=True, generator=tg.Generator(3)),
    "Mersenne": lambda: loader(
        batch_size=4, shuffle=True, generator=np.random.Generator(np.random.MT19937(1))
    ),
    "noise": lambda: loader(batch_size=4, shuffle=True, seed=2, transform=data_workers.noisy),
    "threads": lambda: loader(batch_size=4, shuffle=True, seed=2, num_workers=2),
    "weighted": lambda: loader(
        batch_size=4, sampler=WeightedRandomSampler(np.ones(23), 23, True, np.random.default_rng(1))
    ),
    "own sampler": lambda: loader(batch_size=4, sampler=Drawing(5)),
    "batch sampler": lambda: loader(batch_sampler=BatchSampler(Drawing(5), 4)),
    "single": lambda: loader(TensorDataset(np.arange(6)), batch_size=None, shuffle=True, seed=1),
    "stream": lambda: loader(data_workers.Stream(23), batch_size=4),
    "stream in threads": lambda: loader(data_workers.Stream(23), batch_size=4, num_workers=2),
}


def values(batches: Any) -> list[Any]:
    return [np.asarray(b[0] if isinstance(b, tuple) else b).tolist() for b in batches]


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("stop", [0, 1, 3, 6])
def test_a_resumed_loader_gives_the_remaining_batches(kind: str, stop: int, tmp_path: Path) -> None:
    """Interrupted in the second epoch; the state goes through a file, as in a checkpoint."""
    tg.manual_seed(3)
    made = LOADERS[kind]()
    list(made)
    walk = iter(made)
    for _ in range(stop):
        next(walk)
    random = tg.functional.random.default_generator.get_state()
    tg.io.save({"loader": made.state_dict()}, tmp_path / "state.npz")
    rest = values(walk)
    later = [values(made) for _ in range(2)]
    tg.manual_seed(99)
    resumed = LOADERS[kind]()
    tg.functional.random.default_generator.set_state(random)
    resumed.load_state_dict(tg.io.load(tmp_path / "state.npz", device="numpy")["loader"])
    assert values(resumed) == rest
    assert [values(resumed) for _ in range(2)] == later


def test_states_between_epochs_and_after_the_last_batch() -> None:
    made, resumed = (loader(batch_size=8, shuffle=True, seed=4) for _ in range(2))
    list(made)
    assert made.state_dict()["epoch"] == 1
    resumed.load_state_dict(json.loads(json.dumps(made.state_dict())))
    assert lists(resumed) == lists(made)
    for _ in made:
        state = made.state_dict()  # in the end: after the last batch, within the loop
    following = lists(made)
    resumed.load_state_dict(state)
    assert lists(resumed) == []
    assert lists(resumed) == following
    untouched = loader(batch_size=8, shuffle=True, seed=4)
    again = loader(batch_size=8, shuffle=True, seed=4)
    again.load_state_dict(untouched.state_dict())
    assert lists(again) == lists(untouched)


def test_workers_may_differ_when_resuming() -> None:
    options = {"batch_size": 4, "shuffle": True, "seed": 9, "transform": data_workers.noisy}
    made = loader(num_workers=3, **options)
    walk = iter(made)
    next(walk)
    state = made.state_dict()
    rest = lists(walk)
    resumed = loader(**options)
    resumed.load_state_dict(state)
    assert lists(resumed) == rest


def good_state() -> dict[str, Any]:
    made = loader(batch_size=4, shuffle=True, seed=2)
    next(iter(made))
    return made.state_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"samples": 22},
        {"batch_size": 5},
        {"epoch": -1},
        {"epoch": 1.0},
        {"batch": "1"},
        {"key": 3},
        {"key": []},
        {"key": [-1]},
        {"key": [1 << 64]},
        {"key": [0] * 1000},
        {"key": [True]},
        {"generator": None},
        {"generator": [1, 2]},
        {"generator": {"bit_generator": "PCG64"}},
        {"generator": {"bit_generator": "MT19937", "state": {}}},
    ],
)
def test_malformed_states(change: dict[str, Any]) -> None:
    with pytest.raises(StateError):
        loader(batch_size=4, shuffle=True, seed=2).load_state_dict(good_state() | change)
    with pytest.raises(StateError):
        loader(batch_size=4).load_state_dict({"epoch": 1})
    with pytest.raises(StateError):
        loader(batch_size=4).load_state_dict(None)  # type: ignore[arg-type]


def test_data_sets_travel_to_processes() -> None:
    for dataset in (NUMBERS, StackDataset(NUMBERS), ConcatDataset([NUMBERS, NUMBERS])):
        assert len(pickle.loads(pickle.dumps(dataset))) == len(dataset)


def test_subclasses_must_say_what_they_hold() -> None:
    with pytest.raises(NotImplementedError, match="IterableDataset must define __iter__"):
        iter(IterableDataset())
    with pytest.raises(NotImplementedError, match="Sampler must define __iter__"):
        iter(Sampler())
