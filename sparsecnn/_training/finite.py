"""Networks whose numbers are all finite."""

from __future__ import annotations

from torch import nn

from sparsecnn._training.plan import Plan


def check_finite(module: nn.Module, plan: Plan) -> None:
    """Raise ValueError if any weight or statistic of a trained network is NaN or infinite."""
    broken = names_not_finite(module)
    if broken:
        raise ValueError(
            f"{', '.join(broken)} of the network became NaN or infinite: training diverged. Lower "
            f"learning_rate_init={plan.learning_rate_init} or scale X."
        )


def names_not_finite(module: nn.Module) -> list[str]:
    """Return the names of the network's parameters and buffers that hold a NaN or infinite number."""
    return [name for name, value in module.state_dict().items() if not value.isfinite().all()]
