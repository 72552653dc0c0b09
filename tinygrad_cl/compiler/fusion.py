"""Fusion: which values share a kernel, and why the others do not.

Three passes over a structure, each a pure function of it:

1. *Realize*: which values get a buffer; see realizing.py.
2. *Merge*: a kernel joins the one whose result it reads, if both run over the same elements in the
   same order and no third kernel lies between them. So chains grow, and expressions become
   epilogues of reductions and templates.
3. *Drop*: results that only their own kernel reads stay in registers. In slices, whose kernels cost
   no launch, reductions then store what they fold; see absorbing.py.

What may join what is the table `JOINS` in groups.py. Every "no" is a `Border` with a reason that
`print(plan)` shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from tinygrad_cl.compiler.absorbing import absorb
from tinygrad_cl.compiler.body import Body, Refusal, Resolver
from tinygrad_cl.compiler.choosing import Call, Choose, own_choice
from tinygrad_cl.compiler.groups import (
    JOINS,
    Border,
    Fusion,
    Group,
    alias_of,
    in_order,
    reaches,
)
from tinygrad_cl.compiler.realizing import Realizing, peel
from tinygrad_cl.compiler.rowing import find_rows
from tinygrad_cl.compiler.simplify import find_twins
from tinygrad_cl.compiler.sliceplan import Planner, Unsliced
from tinygrad_cl.compiler.slicer import Slicer
from tinygrad_cl.compiler.slicing import bare, find_region
from tinygrad_cl.compiler.structure import WANTED, Structure
from tinygrad_cl.lowering import (
    Assemble,
    DeviceTraits,
    Host,
    Reduction,
    Template,
    View,
)
from tinygrad_cl.shapes import Layout, Shape, numel

MAX_ITEMS = 48  # of one body: longer ones compile slowly and spill registers


def fuse(
    structure: Structure,
    traits: DeviceTraits,
    planner: Planner | None = None,
    choose: Choose = own_choice,
) -> Fusion:
    """Returns the groups of a structure.

    Args:
        structure: the graph.
        traits: of the device.
        planner: makes the plan of a slice; without it nothing is sliced.
        choose: chooses the plan of each template call.
    """
    slicers: list[Slicer] = []
    if planner is not None and traits.kind == "cpu":
        slicers = _slicers(structure, traits, planner, True)
    while True:
        try:
            return _Fuser(structure, traits, choose, slicers).run()
        except Unsliced as refused:
            assert planner is not None
            if refused.slicer is not None and refused.slicer.region.rows:
                slicers = [slicer for slicer in slicers if slicer is not refused.slicer]
            else:  # what was the batch's may be rows
                slicers = _slicers(structure, traits, planner, False)


def _slicers(
    structure: Structure, traits: DeviceTraits, planner: Planner, batch: bool
) -> list[Slicer]:
    """Returns a slicer per region: of the batch, if it may have one, and of rows."""
    found: list[Slicer] = []
    taken: frozenset[int] = frozenset()
    alone = bare(structure)
    region = find_region(alone) if batch else None
    if region is not None:
        with suppress(Unsliced):
            found.append(Slicer(structure, alone, region, traits, planner))
            taken = region.values | region.sums
    for region in find_rows(alone, taken):
        with suppress(Unsliced):
            found.append(Slicer(structure, alone, region, traits, planner))
    return found


class _Fuser:
    def __init__(
        self,
        structure: Structure,
        traits: DeviceTraits,
        choose: Choose,
        slicers: Sequence[Slicer] = (),
    ) -> None:
        self.structure = structure
        self.traits = traits
        self.choose = choose
        self.slicers = {at: slicer for slicer in slicers for at in slicer.members}
        chosen = Realizing(structure, traits, self.slicers)
        self.users, self.realized, self.borders = chosen.users, chosen.realized, chosen.borders
        self.twins = find_twins(structure, chosen.living - self.slicers.keys())
        self.firsts = {twin: first for first, twin in self.twins.items()}
        self.producer: dict[int, Group] = {}

    def run(self) -> Fusion:
        groups = self._make_groups()
        groups = self._merge(groups)
        self._drop(groups)
        if self.traits.slices > 1:
            groups = absorb(self.structure, groups, self.realized, MAX_ITEMS)
        borders = tuple(Border(v, r) for v, r in sorted(self.borders.items()) if v in self.producer)
        return Fusion(tuple(in_order(groups)), borders)

    # ---- groups

    def _make_groups(self) -> list[Group]:
        """One group per realized value; realizes more where a body refuses."""
        refused = True
        while refused:
            refused = False
            self.producer = {}
            for at in sorted(self.realized):
                if self.structure[at].is_data:
                    continue
                try:
                    self.producer[at] = self._group(at)
                except Refusal as refusal:
                    if refusal.value in self.realized:
                        raise AssertionError(f"fusion cannot resolve {refusal}") from refusal
                    self.realized.add(refusal.value)
                    self.borders[refusal.value] = refusal.reason
                    refused = True
        return list({id(group): group for group in self.producer.values()}.values())

    def _group(self, at: int) -> Group:
        value = self.structure[at]
        lowering = value.lowering
        slicer = self.slicers.get(at)
        if slicer is not None:
            made = [self.producer[i] for i in slicer.outputs if i in self.producer]
            return made[0] if made else slicer.group(self.realized)
        if value.numel == 0:
            return Group("elementwise", None, [at], value.shape, Body(value.shape, (), ()))
        if isinstance(lowering, Reduction):
            return self._reduction(at)
        if at in self.firsts:
            first = self.producer.get(self.firsts[at]) or self._group(self.firsts[at])
            if first.twin == at:
                return first
        if isinstance(lowering, Template):
            found = self.producer.get(self.twins.get(at, at))
            return self._template(at, lowering) if found is None or found.twin is None else found
        if isinstance(lowering, Assemble):
            body = Body(value.shape, (), ())
            inner = [self._part(i) for i in value.inputs]
            return Group("assemble", at, [at], value.shape, body, inner)
        if isinstance(lowering, Host):
            return self._host(at, lowering.reason)
        body = self._body([at], value.shape, None, frozenset([at]))
        return Group("elementwise", None, [at], value.shape, body)

    def _part(self, at: int) -> Body:
        return Resolver(self.structure, self.realized, self.structure[at].shape).body([at])

    def _reduction(self, at: int) -> Group:
        value = self.structure[at]
        inner = self._part(value.inputs[0])
        domain = (value.numel,)
        body = self._body([at], domain, at, frozenset([at]))
        return Group("reduce", at, [at], domain, body, [inner])

    def _template(self, at: int, template: Template) -> Group:
        value = self.structure[at]
        peeled = [peel(self.structure, self.realized, at, p) for p in range(len(value.inputs))]
        for base, _ in peeled:
            if base not in self.realized:
                raise Refusal(base, f"INPUT: {value.signature.primitive.name} reads a buffer")
        layouts = tuple(layout for _, layout in peeled)
        call = Call(value.signature, layouts, self.traits)
        both = call.with_twin if at in self.twins else None
        plan = both or self.choose(call)
        if isinstance(plan, Host):
            body = Body(value.shape, (), ())
            return Group("host", at, [at], value.shape, body, inputs=peeled, reason=plan.reason)
        domain = plan.domain or (value.numel,)
        body = self._body([at], domain, at, frozenset([at]))
        twin = None if both is None else self.twins[at]
        return Group("template", at, [at], domain, body, template=plan, inputs=peeled, twin=twin)

    def _host(self, at: int, reason: str) -> Group:
        value = self.structure[at]
        for i in value.inputs:
            if i not in self.realized and not self.structure[i].is_scalar:
                raise Refusal(i, f"HOST: {value.signature.primitive.name} runs on the host")
        inputs = [(i, Layout.contiguous(self.structure[i].shape)) for i in value.inputs]
        body = Body(value.shape, (), ())
        return Group("host", at, [at], value.shape, body, inputs=inputs, reason=reason)

    def _body(
        self, outputs: list[int], domain: Shape, anchor: int | None, inside: frozenset[int]
    ) -> Body:
        return Resolver(self.structure, self.realized, domain, inside, anchor).body(outputs)

    # ---- merge

    def _merge(self, groups: list[Group]) -> list[Group]:
        alive = list(groups)
        owner = dict(self.producer)
        for group in groups:
            current: Group | None = group
            while current is not None and current.kind == "elementwise":
                current = self._merge_once(current, owner, alive)
        return alive

    def _merge_once(
        self, group: Group, owner: dict[int, Group], alive: list[Group]
    ) -> Group | None:
        """Merges a group into one whose result it reads; returns the merged group, or None."""
        for at in sorted(group.reads, reverse=True):
            producer = owner.get(at)
            if producer is None or producer is group:
                continue
            merged = self._joined(producer, group, owner, at)
            if merged is None:
                continue
            alive[:] = [g for g in alive if g is not group and g is not producer] + [merged]
            for output in merged.writes:
                owner[output] = merged
            return merged
        return None

    def _joined(
        self, producer: Group, group: Group, owner: dict[int, Group], at: int
    ) -> Group | None:
        reason = self._refusal(producer, group, owner)
        if reason is None:
            outputs = producer.outputs + group.outputs
            domains = [producer.domain]
            if producer.kind == "elementwise" and group.domain != producer.domain:
                domains.append(group.domain)
            for domain in domains:
                try:
                    body = self._body(outputs, domain, producer.anchor, frozenset(outputs))
                except Refusal as refusal:
                    reason = refusal.reason
                    continue
                if len(body.items) > MAX_ITEMS:
                    reason = "SIZE: one kernel would be too long"
                    continue
                return replace(producer, outputs=outputs, domain=domain, body=body)
        if self.borders.get(at, "KERNEL").split(":")[0] in ("KERNEL", "WANTED"):
            self.borders[at] = reason or ""  # says more than that the value has a buffer
        return None

    def _refusal(self, producer: Group, group: Group, owner: dict[int, Group]) -> str | None:
        if not JOINS[producer.kind]:
            return f"KIND: an {producer.kind} step takes no epilogue"
        if producer.template is not None and not producer.template.passes[-1].epilogue:
            return "EPILOGUE: its template has no epilogue"
        if producer.twin is not None and producer.twin in group.reads:
            return "TWIN: an epilogue follows the first result alone"
        if alias_of(self.structure, producer) is not None:
            return "ALIAS: the value between them has a buffer already"
        if producer.anchor is not None and self._is_update(producer.anchor, group):
            return "UPDATE: equal updates of leaves share one launch"
        if numel(producer.domain) != numel(group.domain):
            return "DOMAIN: the two run over different numbers of elements"
        if reaches(group, producer, owner):
            return "BETWEEN: another kernel lies between the two"
        return None

    def _is_update(self, anchor: int, group: Group) -> bool:
        """Whether a group renews leaves from a value that is stored anyway, as optimizers do.

        Joined with its like over all parameters it is one launch; in many epilogues it would be
        many kernels.
        """
        structure = self.structure
        leaves = [
            load
            for load in group.body.loads
            if structure[load.value].is_data and load.layout.is_contiguous
        ]
        return (
            self._is_shown(anchor)
            and bool(leaves)
            and all(structure[at].flag == WANTED for at in group.outputs)
        )

    def _is_shown(self, at: int) -> bool:
        """Whether a value, or a view of it, is asked for."""
        if self.structure[at].flag == WANTED:
            return True
        views = [u for u in self.users[at] if isinstance(self.structure[u].lowering, View)]
        return any(self._is_shown(u) for u in views)

    # ---- drop

    def _drop(self, groups: list[Group]) -> None:
        """Leaves in registers what only its own group reads."""
        read: dict[int, int] = {}
        for group in groups:
            for at in group.reads:
                read[at] = read.get(at, 0) + 1
        for group in groups:
            if group.slices is not None:
                continue
            needed = [
                at for at in group.outputs if self.structure[at].flag == WANTED or read.get(at)
            ]
            if needed and len(needed) < len(group.outputs):
                inside = frozenset(group.outputs)
                group.body = self._body(needed, group.domain, group.anchor, inside)
                group.outputs = needed
