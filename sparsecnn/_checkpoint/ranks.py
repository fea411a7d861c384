"""What the processes of one fit have reached, which is nearly the same in all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparsecnn._checkpoint.identity import digest
from sparsecnn._compute import gathered_in_first, in_first, n_processes, process_rank

SHARED = "as in the first process"


def gather_ranks(tree: Any) -> list[Any]:
    """Return the trees of all processes by rank, in the first process; nothing in the others.

    Of these, arrays that are those of the first process are left out, on the way too.
    """
    if n_processes() == 1:
        return [tree]
    digests = {place: digest(array) for place, array in _arrays(tree).items()}
    first = in_first(lambda: digests)
    if process_rank() > 0:
        same = {place for place, found in digests.items() if found == first.get(place)}
        tree = _mapped(tree, lambda place, leaf: SHARED if place in same else leaf)
    return gathered_in_first(tree)


def tree_of_rank(ranks: list[Any], rank: int) -> Any:
    """Return the whole tree of one process, from what `gather_ranks` returned.

    Raises
    ------
    LookupError
        If there is none.
    """
    first = _arrays(ranks[0])

    def whole(place: tuple, leaf: Any) -> Any:
        return first[place] if isinstance(leaf, str) and leaf == SHARED else leaf

    return _mapped(ranks[rank], whole)


def _arrays(tree: Any) -> dict[tuple, np.ndarray]:
    found = {}

    def note(place: tuple, leaf: Any) -> None:
        if isinstance(leaf, np.ndarray):
            found[place] = leaf

    _mapped(tree, note)
    return found


def _mapped(tree: Any, change: Callable[[tuple, Any], Any], place: tuple = ()) -> Any:
    """Return a tree of dictionaries, lists and tuples with each leaf as `change` of place and leaf has it."""
    if isinstance(tree, dict):
        return {key: _mapped(item, change, (*place, key)) for key, item in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_mapped(item, change, (*place, i)) for i, item in enumerate(tree))
    return change(place, tree)
