"""What the plans of matmul and conv share: register types, sums over slices, the GPU kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinygrad_cl.dtypes import HALVES
from tinygrad_cl.lowering import DeviceTraits, Grid, Pass, TemplatePlan
from tinygrad_cl.shapes import Shape, numel

Argument = tuple[str, int]
Defines = tuple[tuple[str, str | int], ...]

GPU_SIDE = 16  # work-items along each side of a work-group
GPU_DEPTH = 256  # of a slice of K, at least
SUM_CHUNK = 4096  # elements that a work-item sums, at least


@dataclass(frozen=True, slots=True)
class Types:
    """How one dtype is stored, computed and vectorized."""

    storage: str
    tag: str
    acc: str
    size: int  # bytes of an accumulator
    vec: int

    def defines(self, out: str | None = None) -> Defines:
        """The type macros of a pass that stores `out`, by default the inputs' type."""
        return (
            ("VEC", self.vec),
            ("TAG", self.tag),
            ("ACC", self.acc),
            ("IN_T", self.storage),
            ("OUT_T", out or self.storage),
        )


def register_types(storage: str, traits: DeviceTraits) -> Types | None:
    """Returns the types of a float storage type; None if the device has no kernel for it."""
    wide = storage == "double"
    if storage not in (*HALVES, "float", "double") or (wide and not traits.double):
        return None
    vec = 1 if traits.kind == "gpu" else max(4, traits.vector // (2 if wide else 1))
    if wide:
        return Types(storage, "f64", "double", 8, vec)
    return Types(storage, "f32", "float", 4, vec)


def sum_slices(
    first: Pass,
    domain: Shape,
    slices: int,
    types: Types,
    traits: DeviceTraits,
    always: bool = False,
) -> TemplatePlan:
    """Returns the plan of `first` and, if there are several slices (or `always`), of their sum."""
    if slices == 1 and not always:
        return TemplatePlan((first,), (), domain)
    rows, columns = numel(domain[:-1]), domain[-1]
    lanes = 64 if traits.kind == "gpu" else 1
    blocks = -(-columns // types.vec) if lanes == 1 else -(-columns // lanes)
    chunk = 1
    if lanes == 1:
        chunk = max(SUM_CHUNK // types.vec, -(-rows * blocks // (8 * traits.units)))
    groups = max(1, -(-rows * blocks // chunk))
    second = Pass(
        "sum_slices",
        f"{first.kernel}_sum",
        (*replace(types, storage=types.acc).defines(types.storage), ("LANES", lanes)),
        (
            ("out", 0),
            ("scratch", 0),
            ("int", domain[1]),
            *(("long", size) for size in (rows, columns, slices, chunk)),
        ),
        Grid((groups * lanes,), (lanes,)),
        True,
    )
    if slices == 0:
        return TemplatePlan((second,), (64,), domain)
    return TemplatePlan((first, second), (slices * numel(domain) * types.size,), domain)


def gpu_slices(batches: int, m: int, n: int, k: int, traits: DeviceTraits) -> int:
    """Slices of a long sum on a GPU: enough work-groups for all units."""
    groups = batches * -(-m // 64) * -(-n // 64)
    if k < 2 * GPU_DEPTH or groups >= traits.units:
        return 1
    return max(1, min(-(-2 * traits.units // max(groups, 1)), k // GPU_DEPTH))


def gpu_pass(
    loader: str,
    kernel: str,
    types: Types,
    sizes: tuple[int, int, int, int],
    slices: int,
    pointers: tuple[Argument, ...],
    arguments: tuple[Argument, ...],
    along_k: tuple[bool, bool],
    items: int = 0,
) -> Pass:
    """Returns the product of (batches, M, N, K) of ops/dense_gpu.cl; `loader` reads the operands.

    `along_k` tells for either operand whether its neighbors in memory are neighbors along K.
    """
    batches, m, n, k = sizes
    items = items or (2 if min(m, n) <= 32 else 4)
    tile = GPU_SIDE * items
    split = -(-k // max(slices, 1))
    defines = (
        *types.defines(types.acc if slices > 1 else None),
        ("LOADER", loader),
        ("A_ALONG_K", int(along_k[0])),
        ("B_ALONG_K", int(along_k[1])),
        ("ITEMS", items),
    )
    own = (("int", v) for v in (batches, m, n, k, slices, split))
    across, down = max(1, -(-n // tile)), max(1, -(-m // tile))
    size = (across * GPU_SIDE, down * GPU_SIDE, max(1, batches * slices))
    grid = Grid(size, (GPU_SIDE, GPU_SIDE, 1))
    return Pass("dense_gpu", kernel, defines, (*pointers, *own, *arguments), grid, slices == 1)
