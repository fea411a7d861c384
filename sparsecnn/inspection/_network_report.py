"""Report of what the layers of a network hold and cost."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import torch
from sklearn.utils import check_scalar
from torch import nn

from sparsecnn._compute import clean_torch_state, resolve_device
from sparsecnn._ensemble import MeanScores, SparseCurveEnsemble
from sparsecnn._estimator import fitted_sparse
from sparsecnn._image_shape import check_image_shape
from sparsecnn.inspection._network_bars import draw_bars
from sparsecnn.inspection._network_counts import (
    Counts,
    LayerCounts,
    NetworkCounts,
    add_networks,
    count_network,
)
from sparsecnn.inspection._network_latency import median_latency
from sparsecnn.inspection._network_table import as_html, as_text, counted, percent_zero
from sparsecnn.inspection._pyplot import one_panel


class NetworkReport:
    """Weights, zeros, living channels, multiply-adds and bytes of every layer of a network.

    Use `from_estimator` for a fitted classifier or ensemble and `from_module` for any torch network.
    ``print(report)`` shows a table, and so does a notebook; `plot` draws the multiply-adds. Of an ensemble,
    both have a row for each member, whose layers are in ``members[i]``.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    image_shape : tuple of two ints
        (height, width) of its images.
    layers : list of LayerCounts
        As in the attributes.
    totals : NetworkCounts
        As in the attributes.
    why_unknown : str, default=None
        As in the attributes.
    members : sequence of NetworkReport, default=()
        As in the attributes.
    views : sequence of int, default=()
        As in the attributes.

    Attributes
    ----------
    layers : list of LayerCounts
        For each convolution and fully connected layer: `name`, `kind`, `shape` of its weights, `n_weights`,
        `n_nonzero`, `sparsity`, the channels `n_read` and `n_written` with `n_read_living` and
        `n_written_living` of them, the multiply-adds for one image `macs` (dense), `living_macs` (between
        living channels) and `nonzero_macs` (of non-zero weights), and the `bytes` of weights and biases in
        memory with `sparse_bytes`, the least that positions and values of the non-zero weights need. Of an
        ensemble, those of all members, one after another.
    totals : NetworkCounts
        The sums of these, with `other_macs` and `other_bytes` for what no such layer computes or holds.
    why_unknown : str or None
        Why living channels are None: the network is no chain of layers.
    members : list of NetworkReport
        Of an ensemble, the report on each member; empty for one network.
    views : list of int
        The channel of the image that each member sees; empty for one network.
    latency_ : dict of int to float or None
        Median milliseconds for each batch size; None before `measure_latency`.
    latency_conditions_ : str
        What was measured, and how; defined after `measure_latency`.
    bars_ : dict of str to matplotlib BarContainer
        Bars of each kind of multiply-adds; defined after `plot`.
    ax_ : matplotlib Axes
        Axes of the plot; defined after `plot`.
    figure_ : matplotlib Figure
        Figure of the axes; defined after `plot`.

    See Also
    --------
    sparsecnn.export.compress : Removes the channels that are not living.
    WeightsDisplay : Draws the weights of a layer.

    Notes
    -----
    A channel is living if it carries something from the image to a score. Zeros that leave all channels
    living make files smaller, but no forward pass of torch faster: `nonzero_macs` is no measure of speed.

    `sparse_bytes` of k non-zero values among n are ``log2(n choose k) / 8`` bytes for the positions and, for
    float32, 4 for each value, or those of all n values if that is less.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.inspection import NetworkReport
    >>> net = torch.nn.Sequential(
    ...     torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 2)
    ... )
    >>> with torch.no_grad():
    ...     _ = net[3].weight[:, 36:].zero_()  # nothing reads the last three channels
    >>> report = NetworkReport.from_module(net, (8, 8))
    >>> report.layers[0].n_written, report.layers[0].n_written_living
    (4, 1)
    >>> report.totals.macs, report.totals.living_macs
    (1584, 396)
    """

    def __init__(
        self,
        module: nn.Module,
        image_shape: tuple[int, int],
        layers: list[LayerCounts],
        totals: NetworkCounts,
        why_unknown: str | None = None,
        members: Sequence[NetworkReport] = (),
        views: Sequence[int] = (),
    ):
        self.module = module
        self.image_shape = image_shape
        self.layers = layers
        self.totals = totals
        self.why_unknown = why_unknown
        self.members = list(members)
        self.views = list(views)
        self.latency_: dict[int, float] | None = None

    @classmethod
    def from_estimator(cls, estimator: Any, *, latency: bool = False) -> Self:
        """Report on the network of a fitted classifier, or on those of an ensemble.

        The network is ``module_``, for images of ``image_shape_``, so that nothing else need be given.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier, SparseCurveCNNRegressor, SparseCurveEnsemble, Pipeline or search
            Fitted. Of a pipeline the last step is taken; of a search, such as `SparseCurveCNNClassifierCV`,
            its ``best_estimator_``.
        latency : bool, default=False
            Whether to measure the latency too, as `measure_latency` does.

        Returns
        -------
        NetworkReport
            The report.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        TypeError
            If `estimator` is no such estimator.

        See Also
        --------
        from_module : Reports on a network of torch.

        Examples
        --------
        >>> from sparsecnn.inspection import NetworkReport
        >>> from sparsecnn.pretrained import load_reader
        >>> NetworkReport.from_estimator(load_reader("words"))
        <NetworkReport: 4 layers, 29,584 weights, 75.0% zero>
        """
        if isinstance(estimator, nn.Module):
            raise TypeError(f"{type(estimator).__name__} is a torch network: use NetworkReport.from_module.")
        fitted = fitted_sparse(estimator)
        if isinstance(fitted, SparseCurveEnsemble):
            report = cls._of_members(fitted)
        else:
            report = cls.from_module(fitted.module_, fitted.image_shape_)
        return report.measure_latency() if latency else report

    @classmethod
    def _of_members(cls, ensemble: SparseCurveEnsemble) -> Self:
        members = [cls.from_module(member.module_, member.image_shape_) for member in ensemble.members_]
        views = ensemble.views_.tolist()
        return cls(
            MeanScores((member.module for member in members), views, ensemble.in_channels_),
            ensemble.image_shape_,
            [layer for member in members for layer in member.layers],
            add_networks([member.totals for member in members]),
            next((member.why_unknown for member in members if member.why_unknown), None),
            members,
            views,
        )

    @classmethod
    def from_module(cls, module: nn.Module, image_shape: tuple[int, int]) -> Self:
        """Report on any torch network.

        Use it before training to see what a network will cost, or after it for one that was trained outside
        of a classifier.

        Parameters
        ----------
        module : torch.nn.Module
            Network from images of shape (n, channels, height, width), of as many channels as its first
            convolution reads, else one. It is applied to one image and not changed.
        image_shape : tuple of two ints
            (height, width).

        Returns
        -------
        NetworkReport
            The report.

        Raises
        ------
        TypeError
            If `module` is no torch network.
        ValueError
            If `image_shape` is not a pair of positive integers, or `module` has no convolution or fully
            connected layer or cannot be applied to such an image.

        See Also
        --------
        from_estimator : Reports on a fitted classifier.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn.inspection import NetworkReport
        >>> NetworkReport.from_module(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2)), (8, 8))
        <NetworkReport: 1 layer, 128 weights, 0.0% zero>
        """
        if not isinstance(module, nn.Module):
            raise TypeError(f"module must be a torch.nn.Module, got a {type(module).__name__}.")
        image_shape = check_image_shape(image_shape)
        with clean_torch_state():
            return cls(module, image_shape, *count_network(module, image_shape))

    def measure_latency(
        self,
        batch_sizes: Sequence[int] = (1, 256),
        *,
        n_repeats: int = 20,
        n_warmup: int = 3,
        device: str | torch.device | None = None,
    ) -> Self:
        """Measure the time that the bare network takes in evaluation mode, without checks of its input.

        Counts do not tell how fast a network is: single zeros save no time in torch. Measure before and after
        channels are removed, on an idle machine. Of an ensemble, all networks are computed one after another.

        Parameters
        ----------
        batch_sizes : sequence of ints, default=(1, 256)
            Numbers of images to compute at once.
        n_repeats : int, default=20
            Number of runs whose median is taken.
        n_warmup : int, default=3
            Number of runs before these.
        device : str or torch.device, default=None
            Device of the computation; "auto" is CUDA if available, else the CPU. None is where the network
            is: for a fitted classifier, the CPU.

        Returns
        -------
        NetworkReport
            The report itself, with `latency_` and `latency_conditions_`.

        Raises
        ------
        TypeError
            If a number is no integer.
        ValueError
            If `batch_sizes` is empty, a number is out of range, or the device is not available.

        See Also
        --------
        sparsecnn.export.compress : Makes a network faster.

        Notes
        -----
        The number of threads is left as it is: see ``torch.set_num_threads``.

        Examples
        --------
        >>> from sparsecnn.inspection import NetworkReport
        >>> from sparsecnn.pretrained import load_reader
        >>> report = NetworkReport.from_estimator(load_reader("words"))
        >>> sorted(report.measure_latency(batch_sizes=(1, 8), n_repeats=3).latency_)
        [1, 8]
        """
        if not len(batch_sizes):
            raise ValueError("batch_sizes must not be empty.")
        for n_images in batch_sizes:
            check_scalar(n_images, "Each of batch_sizes", Integral, min_val=1)
        check_scalar(n_repeats, "n_repeats", Integral, min_val=1)
        check_scalar(n_warmup, "n_warmup", Integral, min_val=0)
        with clean_torch_state():
            module = self.module
            if device is not None:
                module = copy.deepcopy(module).to(resolve_device(device))
            self.latency_, how = median_latency(module, self.image_shape, batch_sizes, n_warmup, n_repeats)
        self.latency_conditions_ = f"the bare network{'s' if self.members else ''}, {how}"
        return self

    def to_frame(self) -> Any:
        """Return the counts of the layers as a data frame.

        For tables of your own, such as one over several networks, and for files.

        Returns
        -------
        pandas DataFrame
            A row for each layer, under its name, and a column for each of its counts. Living channels and
            multiply-adds that are not known are missing. Of an ensemble, rows are under the number of the
            member and the name of its layer, and the column "view" has the channel that it sees.

        Raises
        ------
        ImportError
            If pandas is not installed.

        See Also
        --------
        plot : The multiply-adds as bars.

        Examples
        --------
        >>> from sparsecnn.inspection import NetworkReport
        >>> from sparsecnn.pretrained import load_reader
        >>> frame = NetworkReport.from_estimator(load_reader("words")).to_frame()
        >>> frame["n_nonzero"].to_dict()
        {'conv1': 130, 'conv2': 2095, 'conv3': 4154, 'fc': 1017}
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("NetworkReport.to_frame needs pandas: pip install pandas.") from error

        if self.members:
            pairs = zip(self.members, self.views, strict=True)
            frames = {i: member.to_frame().assign(view=view) for i, (member, view) in enumerate(pairs)}
            return pd.concat(frames, names=["member"])
        rows = [{**vars(layer), "sparsity": layer.sparsity} for layer in self.layers]
        frame = pd.DataFrame(rows).set_index("name")
        counts = [name for name in frame.columns if name not in ("kind", "shape", "sparsity")]
        return frame.astype(dict.fromkeys(counts, "Int64"))

    def plot(self, ax: Any = None) -> Self:
        """Plot the multiply-adds of each layer: dense, between living channels, and of non-zero weights.

        The dark bars are what a processor for sparse weights would compute, the middle ones what is left once
        dead channels are removed, and the light ones what was there. Of an ensemble, those of each member.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot in; None makes a new figure.

        Returns
        -------
        NetworkReport
            The report itself, with `bars_`, `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        See Also
        --------
        to_frame : The same counts as a table.

        Examples
        --------
        >>> from sparsecnn.inspection import NetworkReport
        >>> from sparsecnn.pretrained import load_reader
        >>> sorted(NetworkReport.from_estimator(load_reader("words")).plot().bars_)
        ['dense', 'living', 'non-zero']
        """
        parts: dict[str, Counts] = {layer.name or layer.kind: layer for layer in self.layers}
        if self.members:
            labels = [f"member {i}, channel {view}" for i, view in enumerate(self.views)]
            parts = dict(zip(labels, (member.totals for member in self.members), strict=True))
        self.ax_ = one_panel(ax, (6.4, 1.2 + 0.7 * len(parts)))
        self.figure_ = self.ax_.figure
        self.bars_ = draw_bars(self.ax_, parts, has_living=self.totals.living_macs is not None)
        return self

    def __str__(self) -> str:
        return as_text(self)

    def __repr__(self) -> str:
        counts = [counted(len(self.members), "network")] if self.members else []
        counts += [counted(len(self.layers), "layer"), f"{self.totals.n_weights:,} weights"]
        return f"<NetworkReport: {', '.join(counts)}, {percent_zero(self.totals)} zero>"

    def _repr_html_(self) -> str:
        return as_html(self)
