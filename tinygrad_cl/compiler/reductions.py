"""Reductions: the launches of a fold, with the expressions before and after it.

The dims of the domain are merged among the kept and among the folded ones. If the innermost dim is
folded, lanes run along it (INNER), else lanes are neighboring results (OUTER). With few results and
much to fold, the folds (of INNER, where there is but one, the columns) are cut into slices whose
partial results a second launch folds in order. Sums of floats are compensated, block by block.
"""

from __future__ import annotations

from tinygrad_cl.compiler.body import homes
from tinygrad_cl.compiler.forms import (
    GPU_LANES,
    MIN_CHUNK,
    TASKS,
    Rendered,
    defines,
    has_near_ends,
    unravel,
    vector_width,
)
from tinygrad_cl.compiler.groups import Group
from tinygrad_cl.compiler.render import (
    BodyWriter,
    Dims,
    Kernel,
    KernelArgument,
    body_layouts,
    label,
    merge_dims,
)
from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import DeviceTraits, Grid, Reduction
from tinygrad_cl.shapes import Layout, numel

SPLIT_FROM = 65536  # elements folded into few results before a reduction is split
SPAN = 64  # registers of results side by side (OUTER), at most; as in reduce.cl
BLOCK = 16  # registers added up before they join a compensated sum; as in reduce.cl
UNROLL = 4  # registers in flight (INNER), where a row has that many


def render_reduction(structure: Structure, group: Group, traits: DeviceTraits) -> Rendered:
    """Returns the launches of a reduction."""
    assert group.anchor is not None
    value = structure[group.anchor]
    lowering, inner = value.lowering, group.inner[0]
    assert isinstance(lowering, Reduction)
    folded = value.signature.kwargs["dim"]
    marks = [d in folded for d in range(len(inner.domain))]
    stored = homes(structure, group.stored, inner.domain)
    dims = merge_dims(inner.domain, body_layouts(inner, stored), marks)
    if len(dims.sizes) == 1 and not any(dims.marks):  # every folded dim has size 1
        dims = _with_unit_fold(dims)
    slices = _slices(dims, lowering.kind, traits)
    if slices == 1:
        return Rendered((_fold_kernel(structure, group, dims, traits, 1, lowering.kind),))
    first = _fold_kernel(structure, group, dims, traits, slices, lowering.kind)
    second = _gather_slices(structure, group, traits, slices, lowering.kind)
    itemsize = structure[value.inputs[0]].dtype.itemsize
    return Rendered((first, second), (slices * value.numel * max(itemsize, 4),))


def _with_unit_fold(dims: Dims) -> Dims:
    """Adds a folded dim of size 1 in front, so that every reduction has one."""
    layouts = tuple(
        Layout((1, *x.shape), (0, *x.strides), x.offset, x.bounds and ((0, 1), *x.bounds))
        for x in dims.layouts
    )
    return Dims((1, *dims.sizes), (True, *dims.marks), layouts)


def _split_sizes(dims: Dims) -> tuple[int, int, int, bool]:
    """Returns kept, folds, cols and whether the innermost dim is folded."""
    inner = dims.marks[-1]
    kept = numel(s for s, m in zip(dims.sizes[:-1], dims.marks[:-1], strict=True) if not m)
    folds = numel(s for s, m in zip(dims.sizes[:-1], dims.marks[:-1], strict=True) if m)
    return kept, folds, dims.sizes[-1], inner


def _slices(dims: Dims, kind: str, traits: DeviceTraits) -> int:
    """Into how many slices the folds are cut when too few results would keep units idle."""
    kept, folds, cols, inner = _split_sizes(dims)
    total = kept * folds * cols
    tasks = kept if inner else kept * _spans(cols, traits)
    wanted = traits.units * (4 if traits.kind == "cpu" else 16)
    if kind.startswith("arg") or total < SPLIT_FROM or tasks >= wanted or traits.slices > 1:
        return 1
    most = cols // vector_width(traits) if inner and folds == 1 else folds
    slices = min(max(1, most), -(-wanted // max(tasks, 1)), max(1, total // (SPLIT_FROM // 4)))
    return -(-folds // -(-folds // slices)) if folds > 1 else slices


def _span(cols: int, traits: DeviceTraits) -> int:
    """Registers of results that a work-item makes side by side (OUTER)."""
    registers = max(1, -(-cols // vector_width(traits)))
    return 1 if traits.kind == "gpu" else -(-registers // -(-registers // SPAN))


def _spans(cols: int, traits: DeviceTraits) -> int:
    return -(-cols // (_span(cols, traits) * vector_width(traits)))


def _part(folds: int, cols: int, inner: bool, slices: int, traits: DeviceTraits) -> int:
    """Folds of a slice; columns, in whole registers, where there is one fold of them."""
    if not inner or folds != 1:
        return -(-folds // slices)
    vector = vector_width(traits)
    return max(1, -(-cols // (slices * vector))) * vector


def _fold_kernel(
    structure: Structure,
    group: Group,
    dims: Dims,
    traits: DeviceTraits,
    slices: int,
    kind: str,
) -> Kernel:
    assert group.anchor is not None
    kept, folds, cols, inner = _split_sizes(dims)
    anchor = structure[group.anchor]
    source = structure[anchor.inputs[0]].dtype.tag
    indices, kept_names, fold_names = _reduce_indices(dims)
    load = BodyWriter(
        structure, group.inner[0], Dims(dims.sizes, dims.marks, dims.layouts), indices, "x"
    )
    load.near = has_near_ends(cols, traits)
    load.write_return()
    head = "".join(f"const size_t {name}, " for name in indices[:-1])
    text = load.function(f"V_{source} NAME(element)({head}const size_t j, const int n")
    kept_extra, unravel_kept = unravel("KEPT", kept_names, _sizes_of(dims, False), "k")
    fold_extra, unravel_fold = unravel("FOLD", fold_names, _sizes_of(dims, True), "f")
    extra = kept_extra + fold_extra
    call = "".join(f"{name}, " for name in indices[:-1])
    text += defines(
        ("ELEMENT(j, n)", f"NAME(element)({call}j, n{load.argument_text()})"),
        ("UNRAVEL_KEPT(k)", unravel_kept),
        ("UNRAVEL_FOLD(f)", unravel_fold),
    )
    if inner:
        text += defines(("INNER", "")) + _watched(kind, source, traits)
    text += _kind_defines(kind, source, anchor.dtype.tag)
    row = -(-cols // vector_width(traits)) if inner else 1
    if folds * row > BLOCK:
        text += _compensation(kind, source)
    finish, epilogue_text = _finish(structure, group, slices, anchor.dtype.tag)
    text += epilogue_text
    parameters = load.parameter_text() + finish.parameter_text()
    parameters += "".join(f", long {name}" for name, _ in extra)
    gpu_inner = traits.kind == "gpu" and inner
    text += defines(
        ("PARAMS", _without_repeats(parameters)),
        ("LANES", GPU_LANES if gpu_inner else 1),
        ("UNROLL", 1 if traits.kind == "gpu" or kind.startswith("arg") or row < UNROLL else UNROLL),
    )
    if gpu_inner and traits.shuffles:
        text += defines(("SHUFFLES", 1))
    results = numel(s for s, m in zip(dims.sizes, dims.marks, strict=True) if not m)
    chunk, groups = _reduce_chunks(kept, folds, cols, inner, slices, traits)
    part, span = _part(folds, cols, inner, slices, traits), _span(cols, traits)
    numbers = (kept, folds, cols, chunk, part, results, span)
    sizes: list[KernelArgument] = [("long", s) for s in numbers]
    arguments = (*sizes, *_merged_arguments(load, finish), *(("long", size) for _, size in extra))
    grid = _grid(groups, slices, inner, traits)
    name = label(structure, group.inner[0], "") if group.inner[0].outputs else ""
    name = "_".join(part for part in (name if name != "copy" else "", kind) if part)
    if slices == 1:
        name = label(structure, group.body, name)
    return Kernel(name, "reduce", text, vector_width(traits), arguments, grid)


def _reduce_indices(dims: Dims) -> tuple[list[str], list[str], list[str]]:
    """Names of all indices in order, of the outer kept ones, and of the outer folded ones."""
    indices = []
    for d, folded in enumerate(dims.marks[:-1]):
        indices.append(f"f_{d}" if folded else f"k_{d}")
    kept = [name for name in indices if name.startswith("k_")]
    folds = [name for name in indices if name.startswith("f_")]
    return [*indices, "j"], kept, folds


def _sizes_of(dims: Dims, folded: bool) -> tuple[int, ...]:
    pairs = zip(dims.sizes[:-1], dims.marks[:-1], strict=True)
    return tuple(size for size, mark in pairs if mark == folded)


def _kind_defines(kind: str, tag: str, result: str) -> str:
    ctypes = {
        "f32": "float",
        "f64": "double",
        "i32": "int",
        "i64": "long",
        "u8": "uchar",
        "b": "int",
    }
    fold = {"argmax": "max", "argmin": "min"}.get(kind, kind)
    text = defines(
        ("KIND_T", ctypes[tag]),
        ("KIND_V", f"V_{tag}"),
        ("KIND_MASK", f"MASK_{tag}"),
        ("KIND_SELECT", f"SELECT_{tag}"),
        ("KIND_IDENTITY", f"SPLAT_{tag}(IDENTITY_{fold}_{tag})"),
        ("KIND_FOLD(acc, x)", f"FOLD_{fold}_{tag}(acc, x)"),
        ("KIND_ACROSS(acc)", f"HFOLD_{fold}_{tag}(acc)"),
        ("RESULT_T", ctypes[result]),
        ("RESULT_V", f"V_{result}"),
    )
    if kind != fold:
        text += defines(("ARG_OVER(a, b)", "((a) > (b))" if fold == "max" else "((a) < (b))"))
    return text


def _watched(kind: str, tag: str, traits: DeviceTraits) -> str:
    """Makes the fold of a maximum or minimum of floats that of numbers, with an eye on NaNs."""
    if traits.kind == "gpu" or tag != "f32" or kind not in ("max", "min"):
        return ""
    sign = ">" if kind == "max" else "<"
    return defines(("OVER(acc, x)", f"((x) {sign} (acc) ? (x) : (acc))"))


def _compensation(kind: str, tag: str) -> str:
    """Makes a fold of more than one block a compensated sum."""
    return defines(("COMPENSATED", "")) if kind == "sum" and tag == "f32" else ""


def _finish(structure: Structure, group: Group, slices: int, tag: str) -> tuple[BodyWriter, str]:
    """The epilogue of a reduction, or the store of its partial results."""
    assert group.anchor is not None
    layouts = tuple(body_layouts(group.body))
    writer = BodyWriter(structure, group.body, Dims(group.domain, (False,), layouts), ["j"])
    if slices > 1:
        storage = _partial_storage(tag)
        writer.parameters.append((f"__global {storage} *", "partial", ("scratch", 0)))
        access = storage
        writer.lines.append(f"STOREP_{access}(value, partial, j, n);")
    else:
        writer.write()
    function = writer.function(
        f"void NAME(finish)(const V_{tag} value, const size_t j, const int n"
    )
    call = f"NAME(finish)(value, at, n{writer.argument_text()})"
    return writer, function + defines(("EPILOGUE(value, at, n)", call))


def _partial_storage(tag: str) -> str:
    return {
        "f32": "float",
        "f64": "double",
        "i32": "int",
        "i64": "long",
        "u8": "uchar",
        "b": "int",
    }[tag]


def _gather_slices(
    structure: Structure, group: Group, traits: DeviceTraits, slices: int, kind: str
) -> Kernel:
    """The second launch of a split reduction: folds the slices, in order, and runs the epilogue."""
    assert group.anchor is not None
    anchor = structure[group.anchor]
    tag = anchor.dtype.tag
    results = anchor.numel
    storage = _partial_storage(tag)
    text = (
        f"static inline V_{tag} NAME(element)(const size_t f_0, const size_t j, const int n, "
        f"const long results, __global const {storage} *partial)\n"
        f"{{\n    return LOADP_{storage}(partial, f_0 * results + j, n);\n}}\n"
    )
    text += defines(
        ("ELEMENT(j, n)", "NAME(element)(f, j, n, results, partial)"),
        ("UNRAVEL_KEPT(k)", ""),
        ("UNRAVEL_FOLD(f)", ""),
    )
    text += _kind_defines(kind, tag, tag)
    if slices > BLOCK:
        text += _compensation(kind, tag)
    finish, epilogue_text = _finish(structure, group, 1, tag)
    parameters = (
        f", const long results, __global const {storage} *partial" + finish.parameter_text()
    )
    text += epilogue_text + defines(("PARAMS", parameters), ("LANES", 1), ("UNROLL", 1))
    chunk, groups = _reduce_chunks(1, slices, results, False, 1, traits)
    numbers = (1, slices, results, chunk, slices, results, _span(results, traits))
    sizes: list[KernelArgument] = [("long", s) for s in numbers]
    arguments = (*sizes, ("long", results), ("scratch", 0), *finish.arguments())
    name = label(structure, group.body, f"{kind}_slices")
    grid = _grid(groups, 1, False, traits)
    return Kernel(name, "reduce", text, vector_width(traits), arguments, grid)


def _grid(groups: int, slices: int, inner: bool, traits: DeviceTraits) -> Grid:
    """The ND-range: on a GPU the items of a group share a result (INNER), or stand side by side."""
    if traits.kind == "cpu":
        return Grid((groups, slices), (1, 1))
    size = groups if inner else -(-groups // GPU_LANES)
    return Grid((size * GPU_LANES, slices), (GPU_LANES, 1))


def _reduce_chunks(
    kept: int, folds: int, cols: int, inner: bool, slices: int, traits: DeviceTraits
) -> tuple[int, int]:
    """Results (INNER) or spans of them (OUTER) of a work-group, and the work-groups."""
    units = kept if inner else kept * _spans(cols, traits)
    weight = folds * cols // slices // (1 if inner else _spans(cols, traits))
    if traits.kind == "gpu":
        return 1, max(units, 1)
    chunk = max(1, MIN_CHUNK // max(weight, 1), -(-units // (traits.units * TASKS)))
    return chunk, max(1, -(-units // chunk))


def _merged_arguments(first: BodyWriter, second: BodyWriter) -> tuple[KernelArgument, ...]:
    """Arguments of two writers; what both call by one name is passed once."""
    seen: dict[str, KernelArgument] = {}
    for _, name, argument in (*first.parameters, *second.parameters):
        seen.setdefault(name, argument)
    return tuple(seen.values())


def _without_repeats(parameters: str) -> str:
    return "".join(f",{p}" for p in dict.fromkeys(parameters.split(",")[1:]))
