"""What a trainer and a network are built from."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

from sparsecnn._network import make_activation
from sparsecnn.penalties import get_penalty


@dataclass(frozen=True)
class TrainerSpec:
    """The parameters that an optimizer is built from: when one changes, a new optimizer is needed."""

    penalty: Any
    penalty_params: tuple[tuple[str, Any], ...]
    beta: float
    sparsity_scope: str
    penalized: str
    solver: str
    weight_decay: float
    device: str
    precision: str
    by_target: bool

    @classmethod
    def of(cls, params: Any) -> Self:
        """Return the spec of a classifier's parameters."""
        penalty, penalty_params = params.penalty, ()
        groups = penalty is not None and hasattr(get_penalty(penalty), "pixels")
        if hasattr(penalty, "get_params"):
            penalty, penalty_params = type(penalty), tuple(sorted(penalty.get_params().items()))
        return cls(
            penalty=penalty,
            penalty_params=penalty_params,
            beta=params.beta,
            sparsity_scope=params.sparsity_scope,
            penalized=params.penalized,
            solver=params.solver,
            weight_decay=params.weight_decay,
            device=str(params.device),
            precision=params.precision,
            by_target=groups and params.lam == "auto",
        )

    def __deepcopy__(self, memo: dict) -> Self:
        return self  # a copied penalty would look like a changed one


@dataclass(frozen=True)
class NetworkSpec:
    """The parameters that a network is built from: a fitted network cannot follow a change of one."""

    channels: tuple[int, ...] = ()
    kernel_size: int = 0
    batch_norm: bool = False
    activation: Any = None
    module: Any = None

    @classmethod
    def of(cls, params: Any) -> Self:
        """Return the spec of a classifier's parameters, or raise ValueError."""
        if params.module is not None:
            return cls(module=params.module)
        if params.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {params.kernel_size}.")
        activation = make_activation(params.activation)
        return cls(check_channels(params.channels), params.kernel_size, params.batch_norm, activation)

    def changed(self, other: NetworkSpec) -> list[str]:
        """Return the names of the parameters in which `other` differs."""
        if self.module is not other.module:
            return ["module"]
        names = ("channels", "kernel_size", "batch_norm", "activation")
        # As text, since activations are modules, each of which equals itself alone.
        return [name for name in names if str(getattr(self, name)) != str(getattr(other, name))]


def check_channels(channels: Any) -> tuple[int, ...]:
    """Return `channels` as a tuple of three ints, or raise ValueError."""
    if len(channels) != 3 or not all(isinstance(n, Integral) and int(n) > 0 for n in channels):
        raise ValueError(
            f"channels must be three positive integers, one for each convolution, got {channels!r}."
        )
    return tuple(int(n) for n in channels)
