"""From one safe file to the fitted estimator."""

from __future__ import annotations

import os
from typing import Any

from sparsecnn._compute import clean_torch_state
from sparsecnn.exceptions import FileFormatError
from sparsecnn.export._rebuild import rebuild
from sparsecnn.inference import read_saved


def load(path: str | os.PathLike[str], *, module: Any = None) -> Any:
    """Return the fitted estimator of a file, of which nothing is executed.

    The estimator can predict, be exported and be trained further. The file describes the network and,
    unlike a pickle, holds no code.

    Parameters
    ----------
    path : path-like
        File that `save` has written.
    module : torch.nn.Module or callable returning one, default=None
        For a network of your own that the file does not describe: a network with the same layers, whose
        numbers are replaced in a copy. It becomes the parameter `module`.

    Returns
    -------
    classifier, regressor, SparseCurveEnsemble, VotingClassifier, ScreeningClassifier or Pipeline
        Fitted, of the kind that was saved: of a search its best estimator, and of a `BaggingClassifier` or a
        list a `VotingClassifier`, which averages probabilities likewise. With ``dtype="float32"`` it predicts
        the same bit for bit. It has no training curves, and `partial_fit` goes on from the sparse network,
        with the schedule of λ from its start.

    Raises
    ------
    FileFormatError
        If the file is none of this kind, damaged, or newer; the message names it and what is wrong.
    ValueError
        If `module` is missing, has other layers, or is not needed.
    OSError
        If the file cannot be read.

    See Also
    --------
    save : Writes the file.
    sparsecnn.inference.load : Reads it without torch, to predict.

    Examples
    --------
    >>> import os, tempfile
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.export import load, save
    >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(quick.fit(X, y), os.path.join(folder, "spirals.safetensors"))
    ...     load(os.path.join(folder, "spirals.safetensors")).classes_.tolist()
    [0, 1]
    """
    saved = read_saved(path)
    try:
        with clean_torch_state():
            return rebuild(saved, module)
    except FileFormatError as error:
        raise FileFormatError(f"{os.fspath(path)}: {error}.") from None
    except RecursionError:
        raise FileFormatError(f"{os.fspath(path)}: its parameters are nested too deeply.") from None
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None
