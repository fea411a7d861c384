"""The proximal map of a penalty of single weights plus the norm of each row, by a search over the norm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.linalg import vector_norm

# The objective is found to this fraction of ‖m‖², in at most so many evaluations.
TOLERANCE = 1e-13
MAX_CUTS = 100
_FIRST_NORMS = 4.0 ** -torch.arange(21, dtype=torch.float64)
_POLISHING_ROUNDS = 5


def shrink_by_search(element: Any, magnitude: Tensor, element_step: float, norm_step: float) -> Tensor:
    """Return the minimiser of ``‖x - m‖²/2 + element_step·P(x) + norm_step·‖x‖₂`` for each row m.

    Parameters
    ----------
    element : Penalty
        The penalty P. Its ``_shrink`` must take a tensor of steps, one for each row.
    magnitude : Tensor of shape (n_rows, n_weights)
        The rows m, at least 0.
    element_step, norm_step : float
        Above 0.

    Returns
    -------
    Tensor of shape (n_rows, n_weights)
        Of an objective within `TOLERANCE` times ``‖m‖²`` of the least one.

    Notes
    -----
    ``‖x‖`` is the least ``θ‖x‖²/2 + 1/(2θ)`` over ``θ > 0``. For each θ, the best x is a map of the element,
    ``x(θ) = prox_{s·t₁·P}(s·m)``, ``s = 1/(1 + t₂·θ)``. Its objective is ``g(θ) + t₂/(2θ)`` with g concave,
    as a minimum of functions linear in θ. Between two θ, g is at least its chord, so the objective is at
    least that chord plus ``t₂/(2θ)``. Cuts at the minima of these bounds go on until no bound is lower than
    the best x found.
    """
    # Others are zero, since a survivor x gains less than ‖m‖‖x‖, and is no better without the norm.
    hopeful = element.prox(magnitude, element_step).any(1) & (vector_norm(magnitude, dim=1) > norm_step)
    shrunk = torch.zeros_like(magnitude)
    if hopeful.any():
        rows = _Rows(element, magnitude[hopeful], element_step, norm_step)
        x, _, _, objective = rows.at(_polish(rows, _search(rows)))
        shrunk[hopeful] = x * (objective < rows.square / 2)
    return shrunk


class _Rows:
    """Rows m, relative to their largest entries, and the objectives of ``x(θ)``."""

    def __init__(self, element: Any, magnitude: Tensor, element_step: float, norm_step: float):
        self.element, self.magnitude = element, magnitude
        self.element_step, self.norm_step = element_step, norm_step
        least = torch.finfo(magnitude.dtype).smallest_normal
        self.scale = magnitude.amax(1, keepdim=True).clamp(min=least)
        self.relative = magnitude / self.scale
        self.square = self.relative.square().sum(1, keepdim=True).clamp_(min=least)

    def __getitem__(self, chosen: Tensor) -> _Rows:
        return _Rows(self.element, self.magnitude[chosen], self.element_step, self.norm_step)

    def at(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return ``x(θ)``, and relative to the scale of its row, its norm, ``g(θ)`` and its objective."""
        norm_step = self.norm_step / self.scale
        shrink = 1 / (1 + norm_step * theta)
        step = (self.element_step * shrink).clamp_(min=torch.finfo(shrink.dtype).smallest_normal)
        x = self.element._shrink(self.magnitude * shrink, step).clamp_(min=0)
        relative = x / self.scale
        norm = vector_norm(relative, dim=1, keepdim=True)
        penalty = torch.func.vmap(self.element.value)(x).unsqueeze(1)
        fit = (relative - self.relative).square_().sum(1, keepdim=True) / 2
        objective = fit + penalty / self.scale * self.element_step / self.scale
        return x, norm, objective + norm_step * theta * norm.square() / 2, objective + norm_step * norm


def _search(rows: _Rows) -> Tensor:
    """Return the θ of the least objective of each row."""
    first = _FIRST_NORMS.to(rows.scale).reciprocal() / rows.square.sqrt()
    evaluated = [rows.at(theta) for theta in first.split(1, dim=1)]
    bounds = torch.cat([g for _, _, g, _ in evaluated], dim=1)
    best, place = torch.cat([f for _, _, _, f in evaluated], dim=1).min(1, keepdim=True)
    chosen, thetas = first.gather(1, place), first
    active = torch.arange(len(best), device=best.device)
    for _ in range(MAX_CUTS):
        lowest, cut = _lowest_bound(thetas, bounds, rows.norm_step / rows.scale[active])
        going_on = (lowest < torch.minimum(best, rows.square / 2)[active] - TOLERANCE * rows.square[active])[
            :, 0
        ]
        if not going_on.any():
            break
        active, cut = active[going_on], cut[going_on]
        _, _, bound, objective = rows[active].at(cut)
        better = objective < best[active]
        best[active] = torch.where(better, objective, best[active])
        chosen[active] = torch.where(better, cut, chosen[active])
        thetas, order = torch.cat([thetas[going_on], cut], dim=1).sort(dim=1)
        bounds = torch.cat([bounds[going_on], bound], dim=1).gather(1, order)
    return chosen


def _lowest_bound(thetas: Tensor, bounds: Tensor, norm_step: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lowest bound of each row between its θ, in order, and where to cut that interval."""
    left, right = thetas[:, :-1], thetas[:, 1:]
    slope = (bounds.diff(dim=1) / (right - left)).clamp_(min=0)
    at = (norm_step / (2 * slope)).sqrt_().nan_to_num_(nan=torch.inf).clamp(left, right)
    bound = bounds[:, :-1] + slope * (at - left) + norm_step / (2 * at)
    lowest, place = bound.min(1, keepdim=True)
    left, right, at = (each.gather(1, place) for each in (left, right, at))
    margin = (right - left) / 8
    return lowest, at.clamp(left + margin, right - margin)


def _polish(rows: _Rows, theta: Tensor) -> Tensor:
    """Return θ nearer to ``1/‖x(θ)‖``, where the minimum is, by Steffensen's method."""
    for _ in range(_POLISHING_ROUNDS):
        start = 1 / theta
        once = _positive(rows.at(theta)[1], start)
        twice = _positive(rows.at(1 / once)[1], once)
        leap = start - (once - start).square() / (twice - 2 * once + start)
        leap = torch.where(leap.isfinite() & (leap > 0), leap, twice)
        after = rows.at(1 / leap)[1]
        theta = 1 / torch.where((after - leap).abs() < (twice - once).abs(), leap, twice)
    return theta


def _positive(norm: Tensor, otherwise: Tensor) -> Tensor:
    return torch.where(norm > 0, norm, otherwise)
