"""Sparsity penalties P and their proximal maps, on torch tensors.

A penalty has two methods: ``value(w)``, the sum of P over all weights, and ``prox(w, step)``, the
minimiser of ``(x - w)² / 2 + step * P(x)``. It does not know who uses it. `Penalty` adds the unit: what the
map sets to zero together, and by which target sparsities count.
"""

from sparsecnn.penalties import (
    _binary,
    _concave,
    _exclusive,
    _group_axis,
    _groups,
    _hoyer,
    _infinity,
    _lp,
    _names,
    _norms,
    _nuclear,
    _sparse_groups,
)
from sparsecnn.penalties._base import ClosedFormPenalty, Penalty
from sparsecnn.penalties._binary import *
from sparsecnn.penalties._checks import is_number as is_number
from sparsecnn.penalties._concave import *
from sparsecnn.penalties._exclusive import *
from sparsecnn.penalties._group_axis import *
from sparsecnn.penalties._groups import *
from sparsecnn.penalties._hoyer import *
from sparsecnn.penalties._infinity import *
from sparsecnn.penalties._lam_for_sparsity import lam_for_sparsity
from sparsecnn.penalties._lp import *
from sparsecnn.penalties._names import *
from sparsecnn.penalties._norms import *
from sparsecnn.penalties._nuclear import *
from sparsecnn.penalties._sparse_groups import *
from sparsecnn.penalties._units import check_has_target as check_has_target
from sparsecnn.penalties._units import unit_magnitudes
from sparsecnn.penalties._units import unit_name as unit_name
from sparsecnn.penalties._units import unit_of as unit_of

__all__ = ["ClosedFormPenalty", "Penalty", "lam_for_sparsity", "unit_magnitudes"]
__all__ += _binary.__all__
__all__ += _concave.__all__
__all__ += _exclusive.__all__
__all__ += _group_axis.__all__
__all__ += _groups.__all__
__all__ += _hoyer.__all__
__all__ += _infinity.__all__
__all__ += _lp.__all__
__all__ += _names.__all__
__all__ += _norms.__all__
__all__ += _nuclear.__all__
__all__ += _sparse_groups.__all__
