"""From groups to kernels: which template runs a group, over which ND-range, filled with what.

One function per kind of group; each returns the launches of the group in order and the sizes of its
scratch buffers. Reductions have a module of their own.
"""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_cl.compiler.body import Body, homes
from tinygrad_cl.compiler.forms import (
    GPU_LANES,
    Rendered,
    chunks,
    defines,
    has_near_ends,
    stepped,
    vector_width,
)
from tinygrad_cl.compiler.groups import Group
from tinygrad_cl.compiler.reductions import render_reduction
from tinygrad_cl.compiler.render import (
    BodyWriter,
    Dims,
    Kernel,
    KernelArgument,
    body_layouts,
    label,
    merge_dims,
)
from tinygrad_cl.compiler.slicerender import render_slices
from tinygrad_cl.compiler.structure import DONOR, Structure
from tinygrad_cl.compiler.tiles import crossed_rows, tile_kernel
from tinygrad_cl.lowering import Assemble, DeviceTraits, Grid, Pass
from tinygrad_cl.shapes import Layout, numel

STREAM_FROM = 1 << 24  # bytes of results that no cache holds until they are read


def render_group(structure: Structure, group: Group, traits: DeviceTraits) -> Rendered:
    """Returns the launches of a group that is no host call."""
    renderers: dict[str, Callable[[Structure, Group, DeviceTraits], Rendered]] = {
        "elementwise": _elementwise,
        "reduce": render_reduction,
        "template": _template,
        "assemble": _assemble,
        "slice": render_slices,
    }
    return renderers[group.kind](structure, group, traits)


# ---- elementwise


def _elementwise(structure: Structure, group: Group, traits: DeviceTraits) -> Rendered:
    return Rendered((_elementwise_kernel(structure, group.body, traits),))


def _assemble(structure: Structure, group: Group, traits: DeviceTraits) -> Rendered:
    assert group.anchor is not None
    value = structure[group.anchor]
    assert isinstance(value.lowering, Assemble)
    shapes = tuple(structure[i].shape for i in value.inputs)
    places = value.lowering.parts(shapes, value.shape, value.signature.kwargs)
    kernels = []
    for inner, place in zip(group.inner, places, strict=True):
        if numel(inner.domain):
            body = Body(inner.domain, inner.items, ((group.anchor, inner.outputs[0][1]),))
            kernels.append(_elementwise_kernel(structure, body, traits, place))
    return Rendered(tuple(kernels))


def _elementwise_kernel(
    structure: Structure, body: Body, traits: DeviceTraits, place: Layout | None = None
) -> Kernel:
    made = [at for at, _ in body.outputs]
    outputs = homes(structure, made, body.domain) if place is None else [place]
    dims = merge_dims(body.domain, body_layouts(body, outputs))
    stream = _streams(structure, body, traits)
    crossed = crossed_rows(dims)
    if crossed is not None:
        return tile_kernel(structure, body, dims, crossed, traits, stream)
    outer = [f"i{d}" for d in range(len(dims.sizes) - 1)]
    writer = BodyWriter(structure, body, dims, [*outer, "j"])
    writer.stream = stream
    writer.near = bool(outer) and has_near_ends(dims.sizes[-1], traits)
    writer.draws = vector_width(traits) > 1
    writer.write()
    per_element = traits.kind == "gpu"
    runs = ("philox_run *runs, ", "runs, ") if writer.runs else ("", "")
    head = runs[0] + "".join(f"const size_t {name}, " for name in outer)
    function = writer.function(f"void NAME(body)({head}const size_t j, const int n")
    extra, unraveled, step = stepped(outer, dims.sizes[:-1]) if outer else ([], "", "")
    call = runs[1] + "".join(f"{name}, " for name in outer)
    text = function + defines(
        ("LANES", GPU_LANES if per_element else 1),
        ("PARAMS", writer.parameter_text() + "".join(f", long {name}" for name, _ in extra)),
        ("BODY_CALL(j, n)", f"NAME(body)({call}j, n{writer.argument_text()})"),
    )
    if writer.runs:
        text += defines(("RUNS", writer.runs))
    if outer:
        run = extra[-1][0] if extra else "rows"
        text += defines(("ROW", outer[-1]), ("RUN", run))
        text += defines(("UNRAVEL(row)", unraveled), ("NEXT_RUN", step))
    rows, cols = numel(dims.sizes[:-1]), dims.sizes[-1]
    chunk, groups = chunks(rows if outer else cols, cols if outer else 1, traits)
    sizes: list[KernelArgument] = [("long", rows), ("long", cols), ("long", chunk)]
    arguments = (*sizes, *writer.arguments(), *(("long", size) for _, size in extra))
    local = (GPU_LANES,) if per_element else (1,)
    grid = Grid((groups * local[0],), local)
    joinable = () if outer else tuple((ctype, name) for ctype, name, _ in writer.parameters)
    name = label(structure, body)
    return Kernel(name, "elementwise", text, vector_width(traits), arguments, grid, joinable)


def _streams(structure: Structure, body: Body, traits: DeviceTraits) -> bool:
    """Whether results go past the caches: large ones that are not read soon, nor made in place."""
    outputs = {at for at, _ in body.outputs}
    size = sum(structure[at].numel * structure[at].dtype.itemsize for at in outputs)
    if traits.kind != "cpu" or size * traits.slices < STREAM_FROM:
        return False
    if traits.slices > 1 and any(not outputs.isdisjoint(value.inputs) for value in structure):
        return False
    return all(structure[load.value].flag != DONOR for load in body.loads)


# ---- templates


def _template(structure: Structure, group: Group, traits: DeviceTraits) -> Rendered:
    assert group.template is not None
    plan = group.template
    kernels = []
    for number, step in enumerate(plan.passes):
        last = number == len(plan.passes) - 1
        kernels.append(_pass_kernel(structure, group, step, last))
    return Rendered(tuple(kernels), plan.scratch)


def _pass_kernel(structure: Structure, group: Group, step: Pass, last: bool) -> Kernel:
    assert group.anchor is not None
    name, vec = step.kernel, 1
    for key, value in step.defines:
        if key == "VEC":
            vec = int(value)
    text = defines(*(pair for pair in step.defines if pair[0] != "VEC"))
    output = group.outputs[0] if last else group.anchor
    arguments = tuple(_argument(argument, group, output) for argument in step.arguments)
    if last and _is_fused(group):
        writer = _epilogue(structure, group, ("STREAM", 1) in step.defines)
        dims = [f"i{d}" for d in range(len(group.domain) - 1)]
        head = "".join(f"const size_t {dim}, " for dim in dims)
        tag = structure[group.anchor].dtype.tag
        function = writer.function(
            f"void NAME(epilogue)(const V_{tag} value, {head}const size_t j, const int n"
        )
        indices = "".join(f"{dim}, " for dim in dims)
        text += function + defines(
            ("EPILOGUE_PARAMS", writer.parameter_text()),
            ("EPILOGUE_ARGS", writer.argument_text()),
            (
                f"EPILOGUE(value, {indices}j, n)",
                f"NAME(epilogue)(value, {indices}j, n EPILOGUE_ARGS)",
            ),
        )
        arguments += writer.arguments()
        name = label(structure, group.body, name)
    return Kernel(name, step.file, text, vec, arguments, step.grid)


def _is_fused(group: Group) -> bool:
    return group.outputs != [group.anchor] or len(group.body.items) > 1


def _argument(argument: KernelArgument, group: Group, output: int) -> KernelArgument:
    kind, number = argument
    if kind == "in":
        return "value", group.inputs[number][0]
    if argument == ("out", 1):
        assert group.twin is not None
        return "value", group.twin
    if kind == "out":
        return "value", output
    return argument


def _epilogue(structure: Structure, group: Group, stream: bool) -> BodyWriter:
    """The body of a template's epilogue; it runs over the template's own dims, unmerged."""
    layouts = tuple(body_layouts(group.body))
    dims = Dims(group.domain, (False,) * len(group.domain), layouts)
    indices = [*(f"i{d}" for d in range(len(group.domain) - 1)), "j"]
    writer = BodyWriter(structure, group.body, dims, indices)
    writer.stream = stream
    writer.write()
    return writer
