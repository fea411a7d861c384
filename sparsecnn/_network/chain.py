"""The layers that a network applies one after another, whose channels can be counted and removed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from sparsecnn._network.batch_norm import WeightedBatchNorm2d
from sparsecnn._network.binary import BinaryActivation
from sparsecnn._network.curve_cnn import MaxPool, max_pool

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, WeightedBatchNorm2d)
POOLS = (MaxPool, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.Hardtanh),
    BinaryActivation,
)
INERT = (nn.Identity, nn.Dropout, nn.Dropout2d)
LAYERS = (nn.Conv2d, nn.Linear, *NORMS, *POOLS, *ACTIVATIONS, *INERT, nn.Flatten)
# Functions and methods, as the layer that does the same.
FUNCTIONS: dict[Any, tuple[Callable[..., nn.Module], tuple[str, ...]]] = {
    max_pool: (lambda training=False: MaxPool(), ("training",)),
    functional.max_pool2d: (nn.MaxPool2d, ("kernel_size", "stride", "padding", "dilation", "ceil_mode")),
    torch.max_pool2d: (nn.MaxPool2d, ("kernel_size", "stride", "padding", "dilation", "ceil_mode")),
    functional.avg_pool2d: (nn.AvgPool2d, ("kernel_size", "stride", "padding", "ceil_mode")),
    functional.adaptive_avg_pool2d: (nn.AdaptiveAvgPool2d, ("output_size",)),
    functional.leaky_relu: (nn.LeakyReLU, ("negative_slope", "inplace")),
    functional.gelu: (nn.GELU, ("approximate",)),
    functional.dropout: (lambda **_: nn.Identity(), ("p", "training", "inplace")),
    functional.dropout2d: (lambda **_: nn.Identity(), ("p", "training", "inplace")),
    torch.flatten: (nn.Flatten, ("start_dim", "end_dim")),
    "flatten": (nn.Flatten, ("start_dim", "end_dim")),
    "contiguous": (nn.Identity, ()),
}
for _names, _layer in (
    (("relu", "relu_"), nn.ReLU),
    (("tanh", "tanh_"), nn.Tanh),
    (("sigmoid", "sigmoid_"), nn.Sigmoid),
    (("silu",), nn.SiLU),
    (("elu",), nn.ELU),
):
    for _name in _names:
        for _key in (_name, getattr(torch, _name, None), getattr(functional, _name, None)):
            if _key is not None:
                FUNCTIONS[_key] = (lambda _layer=_layer, **_: _layer(), ("inplace",))


@dataclass(frozen=True)
class Link:
    """One layer of a chain.

    Attributes
    ----------
    name : str
        Of the layer in the network, or of a function.
    layer : nn.Module
        Shares its parameters with the network.
    shape : tuple of ints
        Of its output for one image.
    """

    name: str
    layer: nn.Module
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """A convolution or fully connected layer of a chain, with the layers between it and the next one.

    Attributes
    ----------
    name : str
        Of the layer in the network.
    layer : nn.Conv2d or nn.Linear
    shape : tuple of ints
        Of its output for one image.
    pixels : int
        Input neurons of a fully connected layer for each channel that it reads; 1 for convolutions.
    after : list of Link
        Normalisation, pooling, activation and the like, up to the next stage.
    """

    name: str
    layer: Any
    shape: tuple[int, ...]
    pixels: int = 1
    after: list[Link] = field(default_factory=list)

    @property
    def norm(self) -> Link | None:
        """The batch normalisation of the output, unless something but pooling comes before it."""
        for link in self.after:
            if isinstance(link.layer, NORMS):
                return link
            if not isinstance(link.layer, (*POOLS, *INERT)):
                return None
        return None

    @property
    def n_read(self) -> int:
        """Channels of the input."""
        return self.weight.shape[1]

    @property
    def n_written(self) -> int:
        """Channels of the output."""
        return self.weight.shape[0]

    @property
    def weight(self) -> Tensor:
        """The weights, of shape (written, read, weights of one channel pair)."""
        w = self.layer.weight
        return w.flatten(2) if w.ndim > 2 else w.unflatten(1, (-1, self.pixels))

    @property
    def macs_per_pair(self) -> int:
        """Multiply-adds for each pair of a written and a read channel."""
        return self.weight.shape[2] * math.prod(self.shape[1:])


@dataclass(frozen=True)
class Chain:
    """A network as stages one after another.

    Attributes
    ----------
    before : list of Link
        Layers before the first stage.
    stages : list of Stage
    """

    before: list[Link]
    stages: list[Stage]

    @property
    def links(self) -> Iterator[Link]:
        """All layers, in their order."""
        yield from self.before
        for stage in self.stages:
            yield Link(stage.name, stage.layer, stage.shape)
            yield from stage.after

    @property
    def widths(self) -> list[int]:
        """Channels between the stages: those that can be removed."""
        return [stage.n_written for stage in self.stages[:-1]]

    def macs(self, widths: list[int] | None = None) -> int:
        """Return the multiply-adds for one image, with all channels or only `widths` between the stages."""
        inner = self.widths if widths is None else widths
        read = [self.stages[0].n_read, *inner]
        written = [*inner, self.stages[-1].n_written]
        return sum(s.macs_per_pair * i * o for s, i, o in zip(self.stages, read, written, strict=True))

    def living(self) -> list[Tensor]:
        """Return which channels between the stages carry something from the image to a score.

        A channel is dead if nothing but zeros writes it or nothing but zeros reads it, living channels
        alone counted.

        Returns
        -------
        list of bool Tensors of shape (n_channels,)
        """
        weights = [stage.weight.detach().ne(0).any(2) for stage in self.stages]
        scaled = [_scaled(stage) for stage in self.stages[:-1]]
        living = [torch.ones_like(scale) for scale in scaled]
        while True:
            before = [alive.clone() for alive in living]
            for i, alive in enumerate(living):
                written = weights[i] if i == 0 else weights[i] & living[i - 1]
                read = weights[i + 1] if i + 1 == len(living) else weights[i + 1] & living[i + 1][:, None]
                alive &= scaled[i] & written.any(1) & read.any(0)
            if all(torch.equal(old, new) for old, new in zip(before, living, strict=True)):
                return living


def _scaled(stage: Stage) -> Tensor:
    """Return which output channels of a stage its batch normalisation does not multiply by zero."""
    scale = None if stage.norm is None else stage.norm.layer.weight
    kept = torch.ones(stage.n_written, dtype=torch.bool, device=stage.layer.weight.device)
    return kept if scale is None else scale.detach() != 0


class NoChainError(ValueError):
    """A network is not one chain of layers."""


def make_chain(module: nn.Module, image_shape: tuple[int, int]) -> Chain:
    """Return a network as a chain of layers that share its parameters.

    Parameters
    ----------
    module : nn.Module
        Maps images of shape (n, 1, height, width) to scores, by convolutions, batch normalisation, pooling,
        activations, flattening and fully connected layers, one after another.
    image_shape : tuple of two ints
        (height, width).

    Returns
    -------
    chain : Chain
        Computes in evaluation mode what `module` does.

    Raises
    ------
    NoChainError
        If `module` has branches, shared layers or layers of another kind, which is named.
    """
    try:
        layers = list(_named_layers(module))
        return _chain_of(module, layers, image_shape)
    except NoChainError as error:
        raise NoChainError(
            f"The channels of {type(module).__name__} cannot be counted or removed: {error} It must be a "
            "chain of Conv2d, batch normalisation, pooling, activation, Flatten and Linear layers. For "
            "networks with branches, see the package Torch-Pruning."
        ) from None


def _chain_of(module: nn.Module, layers: list[tuple[str, nn.Module]], image_shape: tuple[int, int]) -> Chain:
    w = next((layer.weight for _, layer in layers if isinstance(layer, (nn.Conv2d, nn.Linear))), None)
    if w is None:
        raise NoChainError("it has no convolution or fully connected layer.")
    n_read = w.shape[1] if w.ndim > 2 else 1
    images = torch.linspace(-1, 1, n_read * math.prod(image_shape)).view(1, n_read, *image_shape)
    images = images.to(w.device, w.dtype)
    before: list[Link] = []
    stages: list[Stage] = []
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            x, scores = images, module(images)
            for name, layer in layers:
                x, given = layer.eval()(x), x
                shape = tuple(x.shape[1:])
                if isinstance(layer, (nn.Conv2d, nn.Linear)):
                    stages.append(Stage(name, layer, shape, _pixels(name, layer, given, stages)))
                else:
                    (stages[-1].after if stages else before).append(Link(name, layer, shape))
    finally:
        module.train(was_training)
    if x.shape != scores.shape or not torch.allclose(x, scores, rtol=1e-3, atol=1e-5, equal_nan=True):
        raise NoChainError("its layers, applied one after another, do not give its scores; has it a hook?")
    return Chain(before, stages)


def _pixels(name: str, layer: nn.Module, x: Tensor, stages: list[Stage]) -> int:
    """Return the input neurons for each channel that a layer reads, or raise NoChainError."""
    if isinstance(layer, nn.Conv2d):
        return 1
    if x.ndim != 2:
        raise NoChainError(f"its layer {name!r} is applied along one axis of {tuple(x.shape[1:])}.")
    return x.shape[1] // stages[-1].n_written if stages else 1


def _named_layers(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the name and the layer of every step of a network's forward pass."""
    graph = _trace(module)
    counted, current, seen = set(), None, set()
    for node in graph.nodes:
        if node.op == "placeholder" and current is None:
            current = node
        elif node.op == "output":
            if node.args[0] is not current:
                raise NoChainError("it does not return the output of its last layer.")
        elif node.target in ("size", "shape", getattr) or (node.args and node.args[0] in counted):
            counted.add(node)
        elif [given for given in node.all_input_nodes if given not in counted] != [current]:
            raise NoChainError(f"its step {node.name!r} uses more than the output of the step before.")
        else:
            current, layer = node, _layer_of(module, node)
            if id(layer) in seen:
                raise NoChainError(f"its layer {node.target!r} is applied twice.")
            seen.add(id(layer))
            yield str(node.target) if node.op == "call_module" else node.name, layer


class _Tracer(fx.Tracer):
    def __init__(self) -> None:
        super().__init__(autowrap_functions=(max_pool,))

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LAYERS) or super().is_leaf_module(m, module_qualified_name)


def _trace(module: nn.Module) -> fx.Graph:
    if isinstance(module, LAYERS):
        module = nn.Sequential(module)
    try:
        return _Tracer().trace(module)
    except Exception as error:  # of the user's code, which may raise anything
        raise NoChainError(f"its forward pass cannot be followed ({error}).") from error


def _layer_of(module: nn.Module, node: fx.Node) -> nn.Module:
    """Return the layer that does what a node does, or raise NoChainError."""
    if node.op == "call_module":
        layer = module.get_submodule(str(node.target)) if not isinstance(module, LAYERS) else module
        _check_layer(str(node.target), layer)
        return layer
    if node.target in ("view", "reshape") and len(node.args) == 3:
        return nn.Flatten()
    if node.target in FUNCTIONS:
        make, names = FUNCTIONS[node.target]
        options = dict(zip(names, node.args[1:], strict=False)) | node.kwargs
        return make(**{name: value for name, value in options.items() if name in names})
    if node.op == "get_attr":
        raise NoChainError(f"its parameter {node.target!r} is used outside of a layer.")
    raise NoChainError(f"its step {node.name!r} is none that can be followed.")


def _check_layer(name: str, layer: nn.Module) -> None:
    """Raise NoChainError unless channels of a layer can be told apart."""
    kind = next((kind for kind in LAYERS if type(layer).forward is kind.forward), None)
    if kind is None:
        raise NoChainError(f"its layer {name!r} is of the kind {type(layer).__name__}.")
    if isinstance(layer, nn.Conv2d):
        if layer.groups != 1 or layer.padding_mode != "zeros":
            raise NoChainError(f"its layer {name!r} has groups or pads with something other than zeros.")
    if isinstance(layer, (nn.Conv2d, nn.Linear)) and not isinstance(layer.weight, nn.Parameter):
        raise NoChainError(f"the weight of its layer {name!r} is computed from other parameters.")
    if isinstance(layer, NORMS) and layer.running_mean is None:
        raise NoChainError(f"its layer {name!r} keeps no running statistics.")
    if isinstance(layer, nn.Flatten) and (layer.start_dim, layer.end_dim) != (1, -1):
        raise NoChainError(f"its layer {name!r} does not flatten whole images.")
