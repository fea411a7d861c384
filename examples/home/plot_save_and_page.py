"""
A file to keep, a page to draw on
=================================

A trained reader leaves Python in two ways: as one small file without code, which predicts with numpy alone,
and as one page that answers in a browser while one draws.
"""

# %%
# A reader of 400 generated spirals by 40 persons (seed 0), with 95 % of all weights zero; 200 spirals by
# other persons (seed 1) are for testing.
import html
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from IPython.display import HTML

from sparsecnn import SparseCurveCNNClassifier, inference
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.export import compress, load, save, to_html

train = make_shaky_spirals(400, image_shape=(32, 32), random_state=0)
test = make_shaky_spirals(
    200, image_shape=(32, 32), persons=range(40, 80), random_state=1
)
reader = SparseCurveCNNClassifier(
    channels=(8, 16, 32),
    penalized="all",
    target_sparsity=0.95,
    max_iter=24,
    finetune_iter=18,
    random_state=0,
).fit(train.data, train.target_names[train.target])
print(
    f"accuracy on unseen persons: {reader.score(test.data, test.target_names[test.target]):.1%}"
)

# %%
# One file
# --------
#
# The file stores the weights that are not zero. ``load`` returns the estimator, ``inference.load`` a reader
# that needs neither torch nor scikit-learn.
folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "reader.safetensors")
save(reader, path)
again, without_torch = load(path), inference.load(path)
print(
    f"same answers: {(again.predict(test.data) == reader.predict(test.data)).all()}"
)
print(
    f"same answers without torch: {(without_torch.predict(test.data) == reader.predict(test.data)).all()}"
)

# %%
# How many bytes each way of saving takes:
bytes_of = {
    "torch.save of the network": Path(folder.name, "network.pt"),
    "save": path,
}
torch.save(reader.module_.state_dict(), bytes_of["torch.save of the network"])
for name, estimator, options in (
    ("save in half precision", reader, {"dtype": "float16"}),
    (
        "compress, then save in half precision",
        compress(reader),
        {"dtype": "float16"},
    ),
):
    bytes_of[name] = Path(folder.name, f"{len(bytes_of)}.safetensors")
    save(estimator, bytes_of[name], **options)

sizes = [written.stat().st_size for written in bytes_of.values()]
figure, ax = plt.subplots(figsize=(8, 2.8), layout="constrained")
bars = ax.barh(
    list(bytes_of), sizes, color=["#b8b8b8", "#0072b2", "#0072b2", "#0072b2"]
)
ax.bar_label(bars, fmt="{:,.0f}", padding=3)
ax.margins(x=0.15)
ax.set(xlabel="bytes of the file")
ax.xaxis.set_major_formatter("{x:,.0f}")
ax.locator_params(axis="x", nbins=5)
ax.invert_yaxis()

# %%
# The page
# --------
#
# The page is one file, which works without a server and sends nothing. A pipeline that ends in a
# :class:`~sparsecnn.SparseCurveEnsemble`, whose members see several views of a drawing, becomes one in the
# same way. Here it is, live: draw a spiral, with a steady hand and with a shaky one.
page = Path(folder.name, "reader.html")
to_html(
    reader, page, title="Is this spiral shaky?", note="This is not a diagnosis."
)
print(f"the page has {page.stat().st_size:,} bytes")
code = html.escape(page.read_text(encoding="utf-8"))
folder.cleanup()
HTML(
    f'<div><iframe srcdoc="{code}" title="live reader" width="100%" height="960"></iframe></div>'
)
