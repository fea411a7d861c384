"""Which tensors of a network RVSM splits, each with its penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sparsecnn._network import NoChainError, layer_weights, make_chain, penalized_weights
from sparsecnn._training.structure import Structure, make_structure, with_pixels
from sparsecnn.penalties import get_penalty, unit_magnitudes


@dataclass
class Split:
    """The tensors that RVSM splits.

    Attributes
    ----------
    tensors : dict of str to Tensor
        By layer name, or for other parameters than weights, by parameter name.
    penalties : list of objects
        Of each tensor; None for tensors that only `structure` sets to zero.
    structure : Structure or None
        Of a target for channels.
    """

    tensors: dict[str, Tensor]
    penalties: list[Any]
    structure: Structure | None = None

    def penalized(self) -> list[tuple[str, Tensor, Any]]:
        """Return name, tensor and penalty of every tensor that has one."""
        triples = zip(self.tensors.items(), self.penalties, strict=True)
        return [(name, tensor, penalty) for (name, tensor), penalty in triples if penalty is not None]

    def count_units(self) -> dict[str, int]:
        """Return the number of units of every penalised tensor: what its penalty zeroes together."""
        return {name: len(unit_magnitudes(penalty, w)) for name, w, penalty in self.penalized()}

    def count_kept(self) -> dict[str, int]:
        """Return the number of units of every penalised tensor that no λ zeroes."""
        triples = self.penalized()
        return {name: int(unit_magnitudes(penalty, w).isinf().sum()) for name, w, penalty in triples}


def make_split(params: Any, module: nn.Module, image_shape: tuple[int, int]) -> Split:
    """Return what the parameters of a classifier split in `module`.

    Raises
    ------
    ValueError
        If the network has no such weights, or a target for channels meets a network that is no chain, or a
        penalty that is none of groups.
    """
    if params.penalty is None:
        return Split({}, [])
    penalty = get_penalty(params.penalty)
    weights = penalized_weights(module, params.penalized)
    if not removes_channels(penalty):
        _check_no_macs(params, "a penalty of groups, such as 'group_l0'")
        return Split(weights, [penalty] * len(weights))
    if params.penalized == "fc":
        _check_no_macs(params, "penalized='all'")
        return Split(weights, [_by_channel(penalty, w, module, image_shape) for w in weights.values()])
    structure = make_structure(module, image_shape, penalty)
    if params.lam == "auto":
        return _by_target(penalty, module, structure)
    _check_no_macs(params, "lam='auto'")
    return _by_lam(penalty, weights, structure)


def removes_channels(penalty: Any) -> bool:
    """Return whether a penalty has groups that are the channels of a network."""
    return hasattr(penalty, "pixels") and penalty.axis is None


def _check_no_macs(params: Any, needed: str) -> None:
    if params.target_macs is not None:
        raise ValueError(
            f"target_macs={params.target_macs!r} needs {needed}, got penalty={params.penalty!r}, "
            f"penalized={params.penalized!r}, lam={params.lam!r}."
        )


def _by_channel(penalty: Any, w: Tensor, module: nn.Module, image_shape: tuple[int, int]) -> Any:
    """Return `penalty` for a fully connected layer, all pixels of a channel in one group."""
    try:
        stages = make_chain(module, image_shape).stages
    except NoChainError:
        return penalty  # each input neuron by itself
    return with_pixels(penalty, next((s.pixels for s in stages if s.layer.weight is w), penalty.pixels))


def _by_target(penalty: Any, module: nn.Module, structure: Structure) -> Split:
    """Split all parameters of the chain, so that whatever belongs to a dead channel becomes zero."""
    names = {id(p): name.removesuffix(".weight") for name, p in module.named_parameters()}
    tensors = {names[id(p)]: p for p in structure.tensors}
    layers = {id(w) for w in layer_weights(module).values()}
    if hasattr(penalty, "gains"):
        element = get_penalty(penalty.element)
        return Split(tensors, [element if id(p) in layers else None for p in tensors.values()], structure)
    ranking = {id(cut.parameter): one for cut, one in zip(structure.cuts, structure.ranking, strict=True)}
    return Split(tensors, [ranking.get(id(p)) for p in tensors.values()], structure)


def _by_lam(penalty: Any, weights: dict[str, Tensor], structure: Structure) -> Split:
    """Split the parameters that rank channels; with a penalty of single weights besides, all weights too."""
    cuts = {cut.name: cut.parameter for cut in structure.cuts}
    if not hasattr(penalty, "gains"):
        return Split(cuts, structure.ranking)
    tensors = weights | cuts
    # Batch normalisation undoes any scaling of the filters before it.
    normed = {id(s.layer.weight) for s in structure.chain.stages if s.norm is not None}
    normed -= {id(p) for p in cuts.values()}
    pixels = {id(s.layer.weight): s.pixels for s in structure.chain.stages}
    element = get_penalty(penalty.element)
    penalties = [
        element if id(p) in normed else with_pixels(penalty, pixels.get(id(p), 1)) for p in tensors.values()
    ]
    return Split(tensors, penalties)
