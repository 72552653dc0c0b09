"""Sequences of different lengths as one tensor: padded, or packed step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from tinygrad_cl import dtypes
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.creation import full, tensor
from tinygrad_cl.functional.index import index_select
from tinygrad_cl.functional.movement import cat, stack
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.runtime.device import Device

Lengths = Tensor | Sequence[int]


class PackedSequence(NamedTuple):
    """Sequences of different lengths, packed: all first elements, then all second ones, ...

    Made by `pack_padded_sequence` and `pack_sequence`; every RNN takes and returns it. The
    sequences stand from the longest to the shortest.

    Attributes:
        data: (sum of lengths, *), the elements.
        batch_sizes: int64 on the host, how many sequences have an element at each step.
        sorted_indices: the order in which the sequences stand, or None if it is that of the user.
        unsorted_indices: the order that leads back, or None.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Returns it with its data in another dtype or on another device; see `Tensor.to`."""
        data = self.data.to(*args, **kwargs)
        orders = [
            None if order is None else order.to(device=data.device)
            for order in (self.sorted_indices, self.unsorted_indices)
        ]
        return PackedSequence(data, self.batch_sizes, *orders)

    def sizes(self) -> list[int]:
        """Returns `batch_sizes` as numbers."""
        return cast("list[int]", self.batch_sizes.tolist())


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Returns the permutation that undoes another one; None for None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.utils.rnn.invert_permutation(tg.tensor([2, 0, 1])).tolist()
        [1, 2, 0]
    """
    if permutation is None:
        return None
    return tensor(np.argsort(permutation.numpy(), kind="stable"), device=permutation.device)


def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Returns sequences of different lengths as one tensor, filled up to the longest.

    Shapes: each (L, *) -> (longest L, B, *), or (B, longest L, *) with `batch_first`.

    Args:
        sequences: tensors that differ in their first size only.
        batch_first: put the sequences in the first dim.
        padding_value: what stands behind their ends.
        padding_side: "right" fills up behind the ends, "left" in front of the beginnings.

    Raises:
        ShapeError: if there are none, or they differ in another size.
        ArgumentError: for another side.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.utils.rnn.pad_sequence([tg.tensor([1, 2]), tg.tensor([3])], batch_first=True)
        tensor([[1, 2],
                [3, 0]])
    """
    if padding_side not in ("left", "right"):
        raise ArgumentError(
            f'pad_sequence: padding_side must be "left" or "right", got {padding_side!r}'
        )
    listed = list(sequences)
    if not listed or any(s.ndim == 0 or s.shape[1:] != listed[0].shape[1:] for s in listed):
        raise ShapeError(
            "pad_sequence: needs at least one sequence, all of the same sizes but the first, got "
            f"{[s.shape for s in listed]}"
        )
    longest = max(s.shape[0] for s in listed)
    padded = [_padded(s, longest, padding_value, padding_side) for s in listed]
    return stack(padded, 0 if batch_first else 1)


def _padded(sequence: Tensor, length: int, value: float, side: str) -> Tensor:
    missing = length - sequence.shape[0]
    if not missing:
        return sequence
    shape = (missing, *sequence.shape[1:])
    fill = full(shape, value, dtype=sequence.dtype, device=sequence.device)
    return cat([sequence, fill] if side == "right" else [fill, sequence])


def unpad_sequence(
    padded_sequences: Tensor, lengths: Lengths, batch_first: bool = False
) -> list[Tensor]:
    """Returns the sequences that `pad_sequence` joined (on the right side).

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> [s.tolist() for s in nn.utils.rnn.unpad_sequence(tg.tensor([[1, 2], [3, 0]]), [2, 1],
        ...                                                  batch_first=True)]
        [[1, 2], [3]]
    """
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [batch[i][:length] for i, length in enumerate(_listed(lengths))]


def pack_padded_sequence(
    input: Tensor, lengths: Lengths, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Returns padded sequences packed: an RNN then computes nothing for the padding.

    Shapes: input (L, B, *), or (B, L, *) with `batch_first`.

    Args:
        input: the padded sequences.
        lengths: the length of each, from 1 to L.
        batch_first: the sequences are in the first dim.
        enforce_sorted: the lengths must fall; False sorts them here and remembers the order.

    Raises:
        ArgumentError: for lengths that do not fit or are not sorted.
        ShapeError: if the input has fewer than two dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> padded = tg.tensor([[1, 2, 3], [4, 0, 0]])
        >>> packed = nn.utils.rnn.pack_padded_sequence(padded, [3, 1], batch_first=True)
        >>> packed.data.tolist(), packed.batch_sizes.tolist()
        ([1, 4, 2, 3], [2, 1, 1])
    """
    op = "pack_padded_sequence"
    if input.ndim < 2:
        raise ShapeError(f"{op}: needs (L, B, *) or (B, L, *), got {input.shape}")
    steps = input.transpose(0, 1) if batch_first else input
    listed = _listed(lengths)
    if len(listed) != steps.shape[1] or not all(0 < n <= steps.shape[0] for n in listed):
        raise ArgumentError(
            f"{op}: needs {steps.shape[1]} lengths from 1 to {steps.shape[0]} for an input of "
            f"shape {input.shape}, got {listed}"
        )
    order = np.argsort([-n for n in listed], kind="stable")
    falling = [listed[i] for i in order]
    if enforce_sorted and falling != listed:
        raise ArgumentError(
            f"{op}: lengths must fall (or stay), got {listed}; pass enforce_sorted=False to have "
            "them sorted"
        )
    where = None if enforce_sorted else tensor(order, device=input.device)
    sizes = [sum(n > t for n in falling) for t in range(falling[0])]
    places = np.concatenate([t * len(listed) + order[:size] for t, size in enumerate(sizes)])
    rows = steps.reshape(-1, *steps.shape[2:])
    data = index_select(rows, 0, tensor(places, device=input.device))
    return PackedSequence(data, _on_host(sizes), where, invert_permutation(where))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Returns packed sequences padded, and their lengths; undoes `pack_padded_sequence`.

    Args:
        sequence: what an RNN returned, or was given.
        batch_first: return (B, L, *) instead of (L, B, *).
        padding_value: what stands behind the ends.
        total_length: L; by default that of the longest.

    Raises:
        ArgumentError: if `total_length` is shorter than the longest.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> packed = nn.utils.rnn.pack_sequence([tg.tensor([1, 2]), tg.tensor([3])])
        >>> padded, lengths = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
        >>> padded.tolist(), lengths.tolist()
        ([[1, 2], [3, 0]], [2, 1])
    """
    sizes = sequence.sizes()
    longest = len(sizes) if total_length is None else total_length
    if longest < len(sizes):
        raise ArgumentError(
            f"pad_packed_sequence: total_length must be at least {len(sizes)}, got {longest}"
        )
    data = sequence.data
    lengths = np.array([sum(size > i for size in sizes) for i in range(sizes[0])])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    nothing = data.shape[0]  # the row of padding
    places = np.full((longest, sizes[0]), nothing)
    for t, size in enumerate(sizes):
        places[t, :size] = starts[t] + np.arange(size)
    if sequence.unsorted_indices is not None:
        back = sequence.unsorted_indices.numpy()
        places, lengths = places[:, back], lengths[back]
    places = places.T if batch_first else places
    blank = full((1, *data.shape[1:]), padding_value, dtype=data.dtype, device=data.device)
    rows = cat([data, blank]) if (places == nothing).any() else data
    found = index_select(rows, 0, tensor(places.reshape(-1), device=data.device))
    return found.reshape(*places.shape, *data.shape[1:]), _on_host(lengths.tolist())


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Returns sequences of different lengths packed; see `pack_padded_sequence`.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.utils.rnn.pack_sequence([tg.tensor([1, 2]), tg.tensor([3])]).data.tolist()
        [1, 3, 2]
    """
    lengths = [sequence.shape[0] for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, False, enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Returns the sequences that `pack_sequence` packed.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> packed = nn.utils.rnn.pack_sequence([tg.tensor([1, 2]), tg.tensor([3])])
        >>> [s.tolist() for s in nn.utils.rnn.unpack_sequence(packed)]
        [[1, 2], [3]]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def _listed(lengths: Lengths) -> list[int]:
    return [int(n) for n in (lengths.tolist() if isinstance(lengths, Tensor) else lengths)]


def _on_host(numbers: list[int]) -> Tensor:
    host: Device | str = "numpy"
    return tensor(numbers, dtype=dtypes.int64, device=host)


__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]
