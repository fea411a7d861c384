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
        """The parameter groups of the base optimizer.

        The very list of the base optimizer, so that a learning rate set here, also by a scheduler, is the one
        of the next step.

        See Also
        --------
        add_param_group : Adds a group.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> net = torch.nn.Linear(4, 3)
        >>> base = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> optimizer = RVSM(base, [net.weight], "l0", lam=0.01)
        >>> optimizer.param_groups[0]["lr"] = 0.05
        >>> base.param_groups[0]["lr"]
        0.05
        """
        return self.base.param_groups

    @param_groups.setter
    def param_groups(self, param_groups: list[dict[str, Any]]) -> None:
        self.base.param_groups = param_groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group to the base optimizer, with its defaults. Its weights are not split.

        For layers that are added while training runs, such as a head that is unfrozen. To split new weights,
        make a new RVSM with them in its `params`.

        Parameters
        ----------
        param_group : dict
            As torch has it: ``{"params": ...}`` and options.

        See Also
        --------
        param_groups : All groups.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> net, head = torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)
        >>> optimizer = RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net.weight], "l0", lam=0.01)
        >>> optimizer.add_param_group({"params": head.parameters(), "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        self.base.add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a checkpoint needs to resume training bit for bit, besides the weights themselves.

        Save it beside the ``state_dict`` of the network, with ``torch.save``: the two together are a
        checkpoint.

        Returns
        -------
        dict
            Of u, λ, β, target, scope, whether the support is fixed, number of steps and base optimizer, but
            not of the penalty. ``torch.load(..., weights_only=True)`` reads it.

        See Also
        --------
        load_state_dict : Restores it.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> net = torch.nn.Linear(4, 3)
        >>> optimizer = RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net.weight], "l0", lam=0.01)
        >>> state = optimizer.state_dict()
        >>> state["lam"], state["beta"], state["support_fixed"]
        (0.01, 1.0, False)
        """
        own = {name: getattr(self, name) for name in self._checkpointed}
        return super().state_dict() | {"base": self.base.state_dict()} | own

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, on the devices of the present weights.

        Make the optimizer with the same penalty and the network with its saved weights first; then training
        goes on as if it had never stopped.

        Parameters
        ----------
        state_dict : dict
            Saved with the same weights split and a base optimizer of the same class.

        Raises
        ------
        ValueError
            If `state_dict` has missing or foreign keys, or other weights were split when it was saved.

        See Also
        --------
        state_dict : Returns what to save.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> net = torch.nn.Linear(4, 3)
        >>> first = RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net.weight], "l0", lam=0.01)
        >>> resumed = RVSM(torch.optim.SGD(net.parameters(), lr=0.5), [net.weight], "l0", lam=0.0)
        >>> resumed.load_state_dict(first.state_dict())
        >>> resumed.lam, resumed.param_groups[0]["lr"]
        (0.01, 0.1)
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
