"""PyTorch's public names: each is here, or stands below with the reason why it is not."""

from __future__ import annotations

import importlib
import inspect
import types
from typing import Any

import pytest

from tinygrad_cl import nn

torch = pytest.importorskip("torch", reason='PyTorch is missing: pip install -e ".[compare]"')

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's

_LAYOUT = "arrays have one layout here; the compiler chooses that of kernels"
_DEPRECATED = "deprecated there"
_ONE_DEVICE = "one process uses one device; `tinygrad_cl.distributed` joins several"
_SPARSE = "there are no sparse tensors"
_TYPING = "a helper of PyTorch's own source, not documented"
_PIPES = "data pipes, deprecated there"
_LOW = "kernels for 8-bit floats of one vendor's cards"
_OTHER_DEVICES = "backends that OpenCL takes the place of"

_OLD_INIT = (
    *("constant", "dirac", "eye", "kaiming_normal", "kaiming_uniform", "normal"),
    *("orthogonal", "sparse", "uniform", "xavier_normal", "xavier_uniform"),
)
# Name of the module -> names that are missing here -> the reason.
MISSING: dict[str, dict[str, str]] = {
    "nn": {
        "Container": _DEPRECATED,
        "DataParallel": _ONE_DEVICE,
        "LinearCrossEntropyOptions": "the plan decides what is kept in memory",
        "NLLLoss2d": _DEPRECATED,
        "SyncBatchNorm": _ONE_DEVICE,
        "factory_kwargs": _TYPING,
    },
    "nn.functional": {
        "assert_int_or_pair": _TYPING,
        "conv_tbc": "conv1d of a transposed input; kept there for one old translation model",
        "ScalingType": _LOW,
        "SwizzleType": _LOW,
        "grouped_mm": _LOW,
        "native_channel_shuffle": "channel_shuffle; kept there for mobile phones",
        "scaled_grouped_mm": _LOW,
        "scaled_mm": _LOW,
    },
    "nn.init": dict.fromkeys(_OLD_INIT, _DEPRECATED),
    "nn.utils": {
        "clip_grad_norm": _DEPRECATED,
        "convert_conv2d_weight_memory_format": _LAYOUT,
        "convert_conv3d_weight_memory_format": _LAYOUT,
    },
    "nn.utils.rnn": {"PackedSequence_": _TYPING, "bind": _TYPING},
    "nn.utils.parametrize": {},
    "nn.utils.parametrizations": {},
    "optim": {
        "Adafactor": "a step is one launch for all parameters; this needs sums over rows of each",
        "Muon": "a step is one launch for all parameters; this needs matrix products of each",
        "SparseAdam": _SPARSE,
        "swap_in_optimizer_params_and_state": _TYPING,
    },
    "optim.lr_scheduler": {},
    "utils.data": {
        "DFIterDataPipe": _PIPES,
        "DataChunk": _PIPES,
        "IterDataPipe": _PIPES,
        "MapDataPipe": _PIPES,
        "argument_validation": _PIPES,
        "functional_datapipe": _PIPES,
        "guaranteed_datapipes_determinism": _PIPES,
        "non_deterministic": _PIPES,
        "runtime_validation": _PIPES,
        "runtime_validation_disabled": _PIPES,
    },
}
OURS = {"utils.data": "data"}

# Methods and class attributes that are missing, and why.
MEMBERS: dict[str, dict[str, str]] = {
    "nn.Module": {
        "T_destination": _TYPING,
        "call_super_init": "a switch for classes with two bases, which Python's super() serves",
        "compile": "`tg.jit` captures a whole step, with its backward pass and its update",
        "cuda": _OTHER_DEVICES,
        "dump_patches": _DEPRECATED,
        "ipu": _OTHER_DEVICES,
        "mtia": _OTHER_DEVICES,
        "register_backward_hook": _DEPRECATED,
        "share_memory": _ONE_DEVICE,
        "xpu": _OTHER_DEVICES,
    },
    "nn.ParameterDict": {},
    "nn.Sequential": {},
    "nn.ModuleList": {},
    "nn.ModuleDict": {},
    "nn.ParameterList": {},
    "nn.MultiheadAttention": {"merge_masks": _TYPING},
    "optim.Optimizer": {
        "OptimizerPostHook": _TYPING,
        "OptimizerPreHook": _TYPING,
        "profile_hook_step": _TYPING,
    },
    "optim.lr_scheduler.LRScheduler": {},
    "optim.lr_scheduler.SequentialLR": {"recursive_undo": _TYPING},
    "utils.data.DataLoader": {
        "check_worker_number_rationality": _TYPING,
        "multiprocessing_context": "an argument; how workers start does not change afterwards",
    },
    "utils.data.ConcatDataset": {"cummulative_sizes": _DEPRECATED, "cumsum": _TYPING},
}


def at(root: Any, path: str) -> Any:
    for name in path.split("."):
        root = getattr(root, name)
    return root


def is_its_own(module: types.ModuleType, name: str) -> bool:
    """Whether a public name is a function or class of a module, and not one that it imports."""
    value = getattr(module, name)
    home = getattr(value, "__module__", None) or ""
    if name.startswith("_") or not callable(value) or "torch_function" in name:
        return False
    builtin = inspect.isbuiltin(value) and not home
    return builtin or home.startswith((module.__name__, "torch._C"))


@pytest.mark.parametrize("path", MISSING)
def test_each_name_is_here_or_has_a_reason(path: str) -> None:
    theirs = importlib.import_module(f"torch.{path}")
    ours = importlib.import_module(f"tinygrad_cl.{OURS.get(path, path)}")
    public = {n for n in dir(theirs) if is_its_own(theirs, n)}
    assert len(public) > 2
    missing = {name for name in public if not hasattr(ours, name)}
    assert missing <= MISSING[path].keys()
    assert not [name for name in MISSING[path] if hasattr(ours, name)], "a reason is out of date"


@pytest.mark.parametrize("path", MEMBERS)
def test_each_method_is_here_or_has_a_reason(path: str) -> None:
    room, _, name = path.rpartition(".")
    theirs = getattr(importlib.import_module(f"torch.{room}"), name)
    ours = getattr(importlib.import_module(f"tinygrad_cl.{OURS.get(room, room)}"), name)
    known = MEMBERS[path].keys() | (set(MEMBERS["nn.Module"]) if room == "nn" else set())
    missing = {n for n in dir(theirs) if not n.startswith("_")} - set(dir(ours))
    assert missing <= known


def layers() -> list[str]:
    found = [n for n in dir(torch.nn) if hasattr(nn, n) and inspect.isclass(getattr(torch.nn, n))]
    return [n for n in found if issubclass(getattr(torch.nn, n), torch.nn.Module)]


@pytest.mark.parametrize("name", layers())
def test_layers_take_the_same_arguments(name: str) -> None:
    """By the same names, and the positional ones in the same order."""
    classes = getattr(torch.nn, name), getattr(nn, name)
    wanted, have = (list(inspect.signature(c).parameters.values()) for c in classes)
    keys = {p.name for p in have}
    loose = any(p.kind is p.VAR_KEYWORD for p in have)
    dropped = {"size_average", "reduce", "args", "kwargs", "min_value", "max_value"}  # deprecated
    names = {p.name for p in wanted} - dropped
    assert loose or names - keys <= {"parameters"}  # ParameterDict's first
    places = [p.name for p in wanted if p.kind is p.POSITIONAL_OR_KEYWORD and p.name in keys]
    assert [p.name for p in have if p.name in places] == places
