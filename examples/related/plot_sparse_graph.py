"""
A denoised graph
================

Half of the edges of a citation graph are noise. After PTDNet (Luo et al., WSDM 2021), each edge has a gate.
Here, gates are weights that `sparsecnn.RVSM` makes sparse while a graph convolutional network learns.
"""

# %%
# Cora: 2,708 papers of 7 fields and 5,278 citations, and as many random edges (seed ``GRAPH``). The fields of
# 1,208 papers are known and 1,000 are for testing; 500 others chose all settings, with noise of other seeds.
# Files are read from ``family`` in the folder that ``SPARSECNN_DATA`` names, or else downloaded by
# torch_geometric.
import os

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn.functional import cross_entropy, dropout, normalize
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import GCNConv

from sparsecnn import RVSM

NAME, GRAPH, SEED, FEW_KNOWN, TIE = "Cora", 0, 0, False, 0.03
if folder := os.environ.get("SPARSECNN_DATA"):
    file = np.load(f"{folder}/family/{NAME.lower()}.npz")
    x = torch.zeros(len(file["labels"]), int(file["n_features"]))
    x[np.repeat(range(len(x)), np.diff(file["indptr"])), file["indices"]] = 1
    names = ("labels", "edges", "train", "validation", "test")
    y, edges, *sets = (torch.from_numpy(file[k].astype(int)) for k in names)
else:
    data = Planetoid("planetoid", NAME)[0]
    x, y, edges = data.x, data.y, data.edge_index.T
    edges = edges[edges[:, 0] < edges[:, 1]]
    masks = data.train_mask, data.val_mask, data.test_mask
    sets = [mask.nonzero()[:, 0] for mask in masks]
few, validation, test = sets
held = torch.isin(torch.arange(len(y)), torch.cat([validation, test]))
known = few if FEW_KNOWN else (~held & (y >= 0)).nonzero()[:, 0]

rng, n_edges = np.random.default_rng(GRAPH), len(edges)
base = np.array([len(y), 1])
pairs = np.sort(rng.integers(len(y), size=(4 * n_edges, 2)))
pairs = pairs[pairs[:, 0] != pairs[:, 1]]
new = np.setdiff1d(pairs @ base, edges.numpy() @ base)
new = np.divmod(rng.choice(new, n_edges, replace=False), len(y))
edges = torch.cat([edges.T, torch.from_numpy(np.stack(new))], 1)
words = x.to_sparse()


# %%
# Two graph convolutions; gates weigh the messages in both directions of an edge. A gate may be negative, so a
# node's degree is a sum of magnitudes.
class GCN(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = GCNConv(x.shape[1], 16, normalize=False)
        self.second = GCNConv(16, int(y.max()) + 1, normalize=False)

    def forward(self, edges, gates):
        loops = torch.arange(len(y)).expand(2, -1)
        index = torch.cat([edges, edges.flip(0), loops], 1)
        weight = torch.cat([gates, gates, torch.ones(len(y))])
        degree = torch.zeros(len(y)).index_add(0, index[1], weight.abs())
        weight = weight * degree[index].rsqrt().prod(0)
        values = dropout(words.values(), 0.5, self.training)
        seen = torch.sparse_coo_tensor(
            words.indices(), values, x.shape, check_invariants=False
        )
        hidden = self.first(seen, index, weight).relu()
        return self.second(dropout(hidden, 0.5, self.training), index, weight)


# %%
# PTDNet computes its gates by a second network, which shares evidence between edges: gates that answer to the
# loss alone hardly tell noise from citations. Our stand-in is a term ``TIE·Σ(gate - agreement)²``, with the
# probability, by the network itself, that both ends are of one field. PTDNet's nuclear norm is left out.
EPOCHS = 200


def agreement(scores):
    return scores.softmax(1)[edges].prod(0).sum(1)


def learn(edges, start=None):
    """Return scores and gates; of gates that start somewhere, half become 0."""
    network = GCN()
    gates = torch.ones(edges.shape[1]) if start is None else start
    gates.requires_grad_(start is not None)
    groups = {"params": network.parameters(), "weight_decay": 0.002}
    adam = torch.optim.Adam([groups, {"params": [gates]}], lr=0.01)
    rvsm = RVSM(adam, [gates], "l0", beta=0.02, target_sparsity=0.0)
    for epoch in range(EPOCHS):
        rvsm.zero_grad()
        loss = cross_entropy(network(edges, gates)[known], y[known])
        if start is not None:
            progress = min(1, (epoch + 1) / (0.9 * EPOCHS))
            rvsm.target_sparsity = 0.5 * (1 - (1 - progress) ** 3)
            with torch.no_grad():
                agreed = agreement(network.eval()(edges, gates))
            loss = loss + TIE * (gates - agreed).square().sum()
        loss.backward()
        network.train()
        rvsm.step()
    rvsm.finalize()
    with torch.no_grad():
        return network.eval()(edges, gates), gates.detach()


# %%
# Ways to half of the edges
# -------------------------
# One-shot pruning trains once and cuts by agreement, or by its product with the similarity of words. RVSM
# starts its gates at that similarity, so the product is its closest rival. Accuracies are those of networks
# trained anew on what is kept.
def largest(values):
    return values.argsort(descending=True).argsort() < n_edges


torch.manual_seed(SEED)
similar = normalize(x)[edges].prod(0).sum(1)
agreed = agreement(learn(edges)[0])
kept = {
    "citations alone": torch.arange(2 * n_edges) < n_edges,
    "all edges": torch.ones(2 * n_edges, dtype=bool),
    "random half": largest(torch.rand(2 * n_edges)),
    "similar words": largest(similar),
    "one-shot": largest(agreed),
    "one-shot and words": largest(agreed * (similar + 0.05)),
    "RVSM": learn(edges, (similar / similar.mean()).clamp(max=2))[1] != 0,
}
names = ("accuracy", "citations kept", "noise kept", "homophily")
table = {}
for way, keep in kept.items():
    right = learn(edges[:, keep])[0].argmax(1) == y
    same = y[edges[:, keep]].diff(dim=0) == 0
    shares = right[test], *keep.view(2, -1), same
    values = [100 * share.float().mean().item() for share in shares]
    table[way] = dict(zip(names, values, strict=True))
    print(f"{way:18}", *(f"{n} {v:.1f} %  " for n, v in table[way].items()))


# %%
# The first two lines are the bounds of what can be reached.
def draw(table, spread=None):
    axes = plt.subplots(1, 3, figsize=(10, 3), sharey=True)[1]
    for name, row in table.items():
        for ax, column in zip(axes, row, strict=False):
            error = spread[name][column] if spread else 0
            colour = "#d55e00" if name == "RVSM" else "#0072b2"
            ax.errorbar(row[column], name, xerr=error, fmt="o", color=colour)
            ax.set(xlabel=f"{column} (%)")
            ax.grid(alpha=0.3)
    axes[0].invert_yaxis()
    plt.tight_layout()


draw(table)

# %%
# Five graphs
# -----------
# ``python benchmarks/related.py sparse_graph GRAPH=0,1,2,3,4 SEED=0,1,2`` prints means and standard
# deviations, in %. (Where these pages are built without the files, the code above is not run.)
#
# .. image:: /related/sparse_graph.png
#    :alt: Accuracy, citations kept and noise kept, of seven ways to choose edges
#
# ==================  ============  ==============  =============  ============
# 15 runs             accuracy      citations kept  noise kept     homophily
# ==================  ============  ==============  =============  ============
# citations alone     86.90 ± 0.08  100.00 ± 0.00   0.00 ± 0.00    81.00 ± 0.00
# all edges           78.35 ± 0.95  100.00 ± 0.00   100.00 ± 0.00  49.26 ± 0.32
# random half         68.17 ± 1.36  49.81 ± 0.34    50.19 ± 0.34   48.91 ± 0.79
# similar words       80.29 ± 0.35  73.62 ± 0.19    26.38 ± 0.19   67.62 ± 0.34
# one-shot            79.70 ± 1.06  77.05 ± 0.42    22.95 ± 0.42   84.29 ± 0.75
# one-shot and words  82.25 ± 0.76  81.39 ± 0.28    18.61 ± 0.28   82.09 ± 0.71
# RVSM                83.74 ± 0.57  80.23 ± 0.16    19.77 ± 0.16   88.22 ± 0.71
# ==================  ============  ==============  =============  ============
#
# RVSM is 4.0 points ahead of one-shot pruning, 3.5 of similar words, and 1.5 of both in one shot, although
# that keeps more citations: what RVSM keeps is more often of one field. It regains 5.4 of the 8.5 points
# that noise costs. Without the term (``TIE=0 GRAPH=0,1,2``), its accuracy is 80.0 %, no better than that of
# similar words.
#
# With 140 known papers (``FEW_KNOWN=True GRAPH=0,1,2``): all edges 65.0 %, similar words 69.5, one-shot
# 69.1, both 72.7, RVSM 77.0. On Citeseer, for which nothing was chosen (``NAME=Citeseer GRAPH=0,1,2,3,4``):
# all edges 69.1 %, similar words 74.5, one-shot 71.5, both 75.4, RVSM 76.8, citations alone 77.9.

# sphinx_gallery_thumbnail_path = "related/sparse_graph.png"
