"""An optimizer around another one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from sparsecnn._rvsm_checks import check_checkpoint


class Wrapper(Optimizer):
    """An optimizer that shares the parameter groups of `base`, and keeps its state along with that of `base`.

    Attributes
    ----------
    base : Optimizer
    """

    base: Optimizer
    # Names of the attributes that a checkpoint holds, and of those that a pickled optimizer does.
    _checkpointed: ClassVar[tuple[str, ...]] = ()
    _pickled: ClassVar[tuple[str, ...]] = ()

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The parameter groups of the base optimizer."""
        return self.base.param_groups

    @param_groups.setter
    def param_groups(self, param_groups: list[dict[str, Any]]) -> None:
        self.base.param_groups = param_groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group to the base optimizer, with its defaults. Its weights are not split.

        Parameters
        ----------
        param_group : dict
            As torch has it: ``{"params": ...}`` and options.
        """
        self.base.add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a checkpoint needs to resume training bit for bit, besides the weights themselves.

        Returns
        -------
        dict
            Of u, λ, β, target, scope, whether the support is fixed, number of steps and base optimizer, but
            not of the penalty. ``torch.load(..., weights_only=True)`` reads it.
        """
        own = {name: getattr(self, name) for name in self._checkpointed}
        return super().state_dict() | {"base": self.base.state_dict()} | own

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, on the devices of the present weights.

        Parameters
        ----------
        state_dict : dict
            Saved with the same weights split and a base optimizer of the same class.

        Raises
        ------
        ValueError
            If `state_dict` has missing or foreign keys, or other weights were split when it was saved.
        """
        check_checkpoint(state_dict, self.state_dict())
        super().load_state_dict({key: state_dict[key] for key in ("state", "param_groups")})
        self.base.load_state_dict(state_dict["base"])
        for name in self._checkpointed:
            setattr(self, name, state_dict[name])
        self._forget()

    def _approach(self, pairs: Iterable[tuple[Tensor, Tensor]], beta: float) -> None:
        """Move each weight with a gradient by its learning rate times `beta` of the way to its target."""
        rates = {id(w): float(group["lr"]) for group in self.param_groups for w in group["params"]}
        for w, target in pairs:
            if w.grad is not None:
                w.lerp_(target, min(1.0, rates[id(w)] * beta))

    def _forget(self) -> None:
        """Forget what was computed from the state before."""

    def __getstate__(self) -> dict[str, Any]:
        # That of torch keeps only what every optimizer has.
        return super().__getstate__() | {name: getattr(self, name) for name in ("base", *self._pickled)}
