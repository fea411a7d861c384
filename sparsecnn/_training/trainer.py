"""Training a network by RVSM: epochs, schedules, early stopping and history."""

import copy
import math
import warnings
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import update_bn

from sparsecnn._compute import (
    average_norms,
    gathered,
    keep_freed_memory,
    n_processes,
    parallel,
    take_share,
    totals,
)
from sparsecnn._network import set_image_weight, zero_fraction
from sparsecnn._training.augment import augment
from sparsecnn._training.best import Best
from sparsecnn._training.images import best_class, naming_batch_size, predict, shuffled_batches
from sparsecnn.exceptions import TrainingInterruptedWarning

# Batches between two looks at whether training diverged.
CHECK_INTERVAL = 16
# Enough for the mean and variance of a filter.
NORM_IMAGES = 4096


@dataclass
class Trainer:
    """A network in training, with everything that goes on from one epoch to the next.

    Attributes
    ----------
    module : nn.Module
        Holds the weights w while it trains, and the sparse u after `train`.
    optimizer : RVSM
    first_median : dict of str to Tensor
        For each penalised layer, the median magnitude of its non-zero weights before training, if any.
    autocast : callable
        Returns the context in which the network computes.
    rng : RandomState
        Shuffles the batches.
    lam_start, sparsity_start : float
        λ and the fraction of zeros before the first epoch.
    epoch : int
        Epochs of the plan that are done.
    history : dict of str to list
        One value an epoch.
    """

    module: torch.nn.Module
    optimizer: object
    first_median: dict
    autocast: object
    rng: np.random.RandomState
    lam_start: float = 0.0
    sparsity_start: float = 0.0
    epoch: int = 0
    history: dict = field(default_factory=dict)

    def train(self, images, plan, validation=None, progress=None):
        """Run the whole plan and leave the sparse network in `module`.

        Parameters
        ----------
        images : Images
        plan : Plan
        validation : Images, default=None
            For early stopping: the best network of these is restored.
        progress : tqdm, default=None
        """
        kept = Best(plan)
        try:
            self._run_phase(images, plan, plan.max_iter, validation, kept, progress)
            self.module.load_state_dict(kept.state)
            self.optimizer.fix_support()
            kept.begin_phase()
            self.epoch = plan.max_iter
            self._run_phase(images, plan, plan.n_epochs, validation, kept, progress)
        except KeyboardInterrupt:
            if kept.state is None:
                raise
            for values in self.history.values():
                del values[kept.n_offered :]  # of an epoch that was not finished
            warnings.warn(
                f"Training was interrupted; the network of epoch {kept.epoch} is kept.",
                TrainingInterruptedWarning,
                stacklevel=4,
            )
        self.module.load_state_dict(kept.state)
        self.optimizer.lam = kept.lam
        self.update_norms(images, plan)

    def train_epoch(self, images, plan, validation=None, kept=None):
        """Run one epoch of the plan, offer the sparse network to `kept`, and write the history."""
        loss = self._train_batches(images, plan)
        score = None
        self.optimizer.update_u()
        if kept is not None:
            with self.optimizer.sparse_weights():
                score = None if validation is None else self._score(images, plan, validation)
                state = copy.deepcopy(self.module.state_dict())
        self._record(loss, score)
        if kept is not None:
            settled = self.optimizer.support_fixed or plan.lam_is_final(self.epoch)
            kept.offer(state, score, settled, self.epoch, self.optimizer.lam)

    def _run_phase(self, images, plan, last_epoch, validation, kept, progress):
        while self.epoch < last_epoch and not kept.stale:
            self.train_epoch(images, plan, validation, kept)
            show_progress(progress, self.history)

    def _train_batches(self, images, plan):
        """Return the mean loss of one epoch."""
        keep_freed_memory()
        network = parallel(self.module.train())
        n_batches = max(gathered(-(-len(images) // plan.batch_size)))  # gradients wait for each other
        batches = shuffled_batches(len(images), plan.batch_size, self.rng, n_batches)
        (n_images,) = totals(len(images), device=images.device)
        share = len(images) * n_processes() / n_images
        total = torch.zeros((), device=images.device)
        for i, indices in enumerate(batches):
            if i % CHECK_INTERVAL == 0:
                self._check_convergence(float(total), plan)
            self._follow(plan, self.epoch + i / len(batches))
            take_share()
            with naming_batch_size(len(batches[0]), images):
                x, y, weight = images.batch(indices)
                total += self._train_batch(network, x, y, weight, plan.augment, share) * len(indices)
        set_image_weight(self.module, None)
        self.epoch += 1
        (total,) = totals(total, device=images.device)
        self._check_convergence(total, plan)
        self._follow(plan, self.epoch)
        return total / n_images

    def _train_batch(self, network, x, y, weight, augmented, share):
        if augmented:
            x = augment(x, flip=True) if augmented == "flip" else augment(x, strength=float(augmented))
        set_image_weight(self.module, weight)
        self.optimizer.zero_grad()
        with self.autocast():
            scores = network(x)
        losses = cross_entropy(scores.to(x.dtype), y, reduction="none")
        loss = losses.mean() if weight is None else (losses * weight).mean()
        (loss if share == 1 else loss * share).backward()
        self.optimizer.step()
        return loss.detach()

    def _check_convergence(self, loss, plan):
        # Their sum tells in one pass.
        weights_are_finite = all(w.sum().isfinite() for w in self.optimizer.split)
        if not (math.isfinite(loss) and weights_are_finite):
            raise ValueError(
                f"The loss became {loss}, or the weights infinite, after {len(self.history.get('loss', []))} "
                f"epochs: training diverged. Lower learning_rate_init={plan.learning_rate_init} or scale X."
            )

    def _follow(self, plan, epoch):
        """Set learning rate and λ, or target sparsity, to what the plan has after `epoch` epochs."""
        for group in self.optimizer.param_groups:
            group["lr"] = plan.learning_rate(epoch)
        if self.optimizer.support_fixed:
            return
        if plan.target_sparsity is None:
            self.optimizer.target_sparsity = None
            self.optimizer.lam = plan.lam_at(epoch, self.lam_start)
        else:
            self.optimizer.target_sparsity = plan.sparsity_at(epoch, self.sparsity_start)

    def _record(self, loss, score):
        epoch = {
            "loss": loss,
            "validation_score": score,
            "sparsity": zero_fraction(self.optimizer.u),
            "lagrangian": self.optimizer.lagrangian(loss),
            "distance": self.optimizer.distance(),
            "lam": self.optimizer.lam,
        }
        for name, value in epoch.items():
            self.history.setdefault(name, []).append(value)

    def _score(self, images, plan, validation):
        self.update_norms(images, plan)
        correct = predict(self.module, validation, self.autocast, finish=best_class) == validation.y
        weight = np.ones(len(correct)) if validation.weight is None else validation.weight
        right, all_weight = totals(weight @ correct, weight.sum(), device=images.device)
        return right / all_weight

    def update_norms(self, images, plan):
        """Take the statistics of batch normalisation anew: from the sparse weights, on images as they are."""
        batches = shuffled_batches(len(images), plan.batch_size, self.rng)

        def inputs():
            for indices in batches[: -(-NORM_IMAGES // plan.batch_size)]:
                x, _, weight = images.batch(indices)
                set_image_weight(self.module, weight)
                yield x

        with self.autocast():
            update_bn(inputs(), self.module)
        set_image_weight(self.module, None)
        average_norms(self.module)


def show_progress(progress, history):
    """Show loss, zeros and validation score of the last epoch on a bar, if there is one."""
    if progress is None:
        return
    shown = {"loss": f"{history['loss'][-1]:.4f}", "zeros": f"{history['sparsity'][-1]:.1%}"}
    if history["validation_score"][-1] is not None:
        shown["validation"] = f"{history['validation_score'][-1]:.4f}"
    progress.set_postfix(shown, refresh=False)
    progress.update()
