"""Search hyperparameters on a Dask cluster, through joblib.

Needs ``pip install "sparsecnn[scale]"``. Without an address, the cluster is two workers on this machine::

    python examples/dask_search.py
    python examples/dask_search.py --scheduler tcp://10.0.0.1:8786
"""

import argparse
import itertools

from distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.utils import Bunch

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_words
from sparsecnn.model_selection import sparsest_within_one_se, sparsity_scorer


def search_on(client: Client, words: Bunch, epochs: int) -> GridSearchCV:
    """Return a search fitted by the workers of `client`."""
    folds = list(
        StratifiedGroupKFold(3).split(words.data, words.target, words.groups)
    )
    search = GridSearchCV(
        SparseCurveCNNClassifier(
            max_iter=epochs, finetune_iter=2, random_state=0
        ),
        {"penalty": ["l0", "tl1"], "target_sparsity": [0.9, 0.98]},
        scoring={"accuracy": "accuracy", "sparsity": sparsity_scorer},
        refit=sparsest_within_one_se,
        cv=folds,
    )
    # Images, labels and folds go to every worker once, not with every fit. joblib and Dask's memory manager
    # would keep a single copy: if its worker were lost, the search would fail.
    client.amm.stop()
    shared = [words.data, words.target, *itertools.chain(*folds)]
    with client, parallel_config(backend="dask", scatter=shared):
        return search.fit(words.data, words.target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    # Each fit is one task and uses the threads of its worker.
    cluster = arguments.scheduler or LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    )
    search = search_on(
        Client(cluster),
        make_shaky_words(arguments.images, random_state=0),
        arguments.epochs,
    )
    for params, score in zip(
        search.cv_results_["params"],
        search.cv_results_["mean_test_accuracy"],
        strict=True,
    ):
        print(f"{score:.1%} {params}")
    print(
        f"best: {search.best_params_}, {search.best_estimator_.sparsity_:.1%} zeros"
    )
    if arguments.scheduler is None:
        cluster.close()


if __name__ == "__main__":
    main()
