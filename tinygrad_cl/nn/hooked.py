"""`Hooked`: the part of `Module` that registers hooks; hooks.py and state.py call them."""

from __future__ import annotations

from tinygrad_cl.autograd import RemovableHandle
from tinygrad_cl.nn.hooks import Hook, HookTable
from tinygrad_cl.nn.tree import Tree
from tinygrad_cl.tracing import tracing


class Hooked(Tree):
    """Registration of hooks: of calls, of the backward pass, and of states."""

    _hooks: dict[str, HookTable] | None  # around a call; None keeps calls of most modules short
    _state_hooks: dict[str, HookTable] | None

    def __init__(self) -> None:
        super().__init__()
        self.__dict__.update(_hooks=None, _state_hooks=None)

    def _table(self, kind: str, attribute: str = "_hooks") -> HookTable:
        tables: dict[str, HookTable] | None = self.__dict__.get(attribute)
        if tables is None:
            tables = self.__dict__[attribute] = {}
        return tables.setdefault(kind, HookTable())

    def _added(self, kind: str, hook: Hook, prepend: bool, *flags: str) -> RemovableHandle:
        tracing.changes += 1
        return self._table(kind).add(hook, frozenset(flags), prepend)

    def _added_to_state(self, kind: str, hook: Hook) -> RemovableHandle:
        return self._table(kind, "_state_hooks").add(hook)

    # ---------------------------------------------------------------------------------------- calls

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, args)` before `forward`.

        What it returns, if not None, replaces `args`. With `with_kwargs` the hook is called as
        `hook(module, args, kwargs)` and may return both.
        """
        return self._added("before", hook, prepend, *(["kwargs"] if with_kwargs else []))

    def register_forward_hook(
        self,
        hook: Hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Calls `hook(module, args, output)` after `forward`.

        What it returns, if not None, replaces the output. With `with_kwargs` the hook is called as
        `hook(module, args, kwargs, output)`. With `always_call` it is called, with None as output,
        even if an error is on its way.

        Example:
            >>> import tinygrad_cl as tg
            >>> from tinygrad_cl import nn
            >>> layer = nn.ReLU()
            >>> with layer.register_forward_hook(lambda module, args, output: output + 1):
            ...     layer(tg.tensor([-1.0, 1.0])).tolist()
            [1.0, 2.0]
        """
        flags = [name for name, on in (("kwargs", with_kwargs), ("always", always_call)) if on]
        return self._added("after", hook, prepend, *flags)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Calls `hook(module, grad_output)` before the module's gradients are computed.

        `grad_output` is a tuple with one entry per output; what the hook returns, if not None,
        replaces it.

        Example:
            >>> import tinygrad_cl as tg
            >>> from tinygrad_cl import nn
            >>> layer, x = nn.ReLU(), tg.ones(2, requires_grad=True)
            >>> with layer.register_full_backward_pre_hook(lambda module, grads: (grads[0] * 3,)):
            ...     layer(x).sum().backward()
            >>> x.grad.tolist()
            [3.0, 3.0]
        """
        return self._added("before backward", hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Calls `hook(module, grad_input, grad_output)` during the backward pass.

        It is called when the gradients of the module's inputs are known. Both are tuples with one
        entry per positional tensor; an input without gradient has None. What the hook returns, if
        not None, replaces `grad_input`. Inputs are the tensors among the positional arguments.
        """
        return self._added("backward", hook, prepend)

    # --------------------------------------------------------------------------------------- states

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(module, prefix, keep_vars)` before `state_dict` reads the module."""
        return self._added_to_state("before saving", hook)

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(module, state_dict, prefix, local_metadata)` once the module has been read.

        The hook may change `state_dict`, in which the module's entries start with `prefix`.

        Example:
            >>> from tinygrad_cl import nn
            >>> layer = nn.Linear(2, 3)
            >>> def without_bias(module, state_dict, prefix, local_metadata):
            ...     del state_dict[prefix + "bias"]
            >>> handle = layer.register_state_dict_post_hook(without_bias)
            >>> list(nn.Sequential(layer).state_dict())
            ['0.weight']
        """
        return self._added_to_state("after saving", hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook` before `load_state_dict` gives the module its values.

        It is called as `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` and may change `state_dict`, a copy of what was given, to
        rename old entries, say; what it adds to the three lists is reported.

        Example:
            >>> from tinygrad_cl import nn
            >>> layer = nn.Linear(2, 3, bias=False)
            >>> def renamed(module, state_dict, prefix, *rest):
            ...     state_dict[prefix + "weight"] = state_dict.pop(prefix + "W")
            >>> handle = layer.register_load_state_dict_pre_hook(renamed)
            >>> layer.load_state_dict({"W": nn.Linear(2, 3).weight})
            <All keys matched successfully>
        """
        return self._added_to_state("before loading", hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(module, incompatible_keys)` after the values have been loaded.

        The hook may take names out of the lists `missing_keys` and `unexpected_keys`: what is left
        in them is an error if `strict`, and then the module gets its old values back.
        """
        return self._added_to_state("after loading", hook)
