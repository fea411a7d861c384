"""Checks of what RVSM is given."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from sparsecnn.penalties import get_penalty, is_number


def check_base(base: Any) -> Optimizer:
    """Return `base`, or raise ValueError unless it is a torch optimizer."""
    if not isinstance(base, Optimizer):
        raise ValueError(
            "base must be a torch.optim.Optimizer, such as torch.optim.Adam(net.parameters()), "
            f"got {_described(base)}."
        )
    return base


def check_split(params: Any, base: Optimizer, penalty: Any) -> tuple[list[Tensor], list[Any]]:
    """Return `params` and the penalty object of each, or raise ValueError."""
    weights = _check_params(params, base, penalty)
    return weights, _check_penalties(penalty, len(weights))


def _check_params(params: Any, base: Optimizer, penalty: Any) -> list[Tensor]:
    """Return `params` as a list, or raise ValueError unless it holds weights that `base` optimizes."""
    try:
        if isinstance(params, Tensor | nn.Module | str):
            raise TypeError
        weights = list(params)
    except TypeError:
        raise ValueError(
            "params must be an iterable of tensors, such as [net[0].weight] or net.parameters(), "
            f"got {_described(params)}."
        ) from None
    optimized = {id(w) for group in base.param_groups for w in group["params"]}
    for i, w in enumerate(weights):
        fault = _fault_of_weight(w, optimized)
        if fault:
            raise ValueError(f"params[{i}] must be {fault}, got {_described(w)}.")
    if len({id(w) for w in weights}) < len(weights):
        raise ValueError("params must hold different tensors, got the same tensor twice.")
    if not weights and penalty is not None:
        raise ValueError(
            f"params must hold at least one tensor, got none with penalty={penalty!r}: "
            "nothing would become sparse. Give penalty=None if that is meant."
        )
    return weights


def _check_penalties(penalty: Any, n_tensors: int) -> list[Any]:
    """Return the penalty object of each of `n_tensors`, None where there is none, or raise ValueError."""
    if not isinstance(penalty, Sequence) or isinstance(penalty, str):
        return [get_penalty(penalty)] * n_tensors if n_tensors else []
    if len(penalty) != n_tensors or all(one is None for one in penalty):
        raise ValueError(
            f"penalty must be one, or a list of one for each of the {n_tensors} tensors, not all None, got "
            f"{penalty!r}."
        )
    return [None if one is None else get_penalty(one) for one in penalty]


def check_one_goal(lam: Any, target: Any, scope: Any) -> None:
    """Raise ValueError unless exactly one of λ and a target sparsity is given, and `scope` exists."""
    if (lam is None) == (target is None):
        raise ValueError(f"Give either lam or target_sparsity, got lam={lam!r}, target_sparsity={target!r}.")
    if scope not in ("global", "layer"):
        raise ValueError(f"sparsity_scope must be 'global' or 'layer', got {scope!r}.")


def check_target(target: Any, n_tensors: int) -> float | tuple[float, ...] | None:
    """Return the target sparsity, None, one or one for each of `n_tensors`, or raise ValueError."""
    if target is None:
        return None
    several = isinstance(target, Sequence) and not isinstance(target, str)
    values = tuple(target) if several else (target,)
    if not all(is_number(value) and 0 <= value < 1 for value in values):
        raise ValueError(f"target_sparsity must be from 0 to below 1, got {target!r}.")
    if several and len(values) != n_tensors:
        raise ValueError(
            f"target_sparsity must be one number, or one for each of the {n_tensors} tensors, got {target!r}."
        )
    return tuple(float(value) for value in values) if several else float(target)


def check_lam(lam: Any, n_tensors: int) -> float | tuple[float, ...]:
    """Return λ, one or one for each of `n_tensors`, or raise ValueError unless finite and at least 0."""
    several = isinstance(lam, Sequence) and not isinstance(lam, str)
    values = tuple(lam) if several else (lam,)
    if not all(is_number(value) and value >= 0 for value in values):
        raise ValueError(
            f"lam must be a finite number of at least 0, or a list of one for each tensor, got {lam!r}."
        )
    if several and len(values) != n_tensors:
        raise ValueError(f"lam must be one number, or one for each of the {n_tensors} tensors, got {lam!r}.")
    return tuple(float(value) for value in values) if several else float(lam)


def check_checkpoint(given: Any, own: dict[str, Any]) -> None:
    """Raise ValueError unless the checkpoint `given` has the keys and split tensors of `own`."""
    if not isinstance(given, dict):
        raise ValueError(f"state_dict must be a dict that RVSM.state_dict returned, got {_described(given)}.")
    missing, foreign = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys(), key=str)
    if missing or foreign:
        raise ValueError(
            "state_dict must be one that RVSM.state_dict returned, got one "
            f"with the missing keys {missing} and the foreign keys {foreign}."
        )
    shapes = [
        {key: tuple(state["u"].shape) for key, state in checkpoint["state"].items()}
        for checkpoint in (given, own)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "state_dict was saved with other weights split than the present params: their positions and "
            f"shapes must be {shapes[1]}, got {shapes[0]}."
        )


def _fault_of_weight(w: Any, optimized: set[int]) -> str | None:
    """Return what a weight to split must be and `w` is not, or None."""
    if not isinstance(w, Tensor):
        return "a tensor"
    if not w.is_floating_point():
        return "of a real floating dtype"
    if w.numel() == 0:
        return "a tensor with at least one element"
    if not w.is_leaf:
        return "a leaf, that is a parameter itself rather than a result computed from it"
    return None if id(w) in optimized else "among the parameters of the base optimizer"


def _described(value: Any) -> str:
    """Return a short description of what was given."""
    if isinstance(value, Tensor):
        kind = "" if value.is_leaf else "computed "
        return f"a {kind}tensor of {value.dtype} and shape {tuple(value.shape)}"
    return repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
