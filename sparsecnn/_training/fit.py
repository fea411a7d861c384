"""Training of one fit: splitting, then fine-tuning on the fixed support."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparsecnn._checkpoint import Saver
from sparsecnn._training.best import Best
from sparsecnn._training.epoch_end import FINETUNING, SPLITTING, Hook, Tasks
from sparsecnn._training.images import Images
from sparsecnn._training.plan import Plan
from sparsecnn._training.trainer import Trainer


@dataclass
class FitTraining:
    """The two phases of a fit.

    Attributes
    ----------
    trainer : Trainer
        Its network is where the fit starts, and in the end the sparse one.
    images : Images
    plan : Plan
    validation : Images, default=None
        For early stopping: the network that is best on these is restored.
    """

    trainer: Trainer
    images: Images
    plan: Plan
    validation: Images | None = None

    def train(
        self,
        hooks: Sequence[Hook] = (),
        tasks: Tasks | None = None,
        saver: Saver | None = None,
        keep_interrupted: bool = False,
    ) -> bool:
        """Run the plan from where the trainer is to its end, and leave the sparse network in its `module`.

        Parameters
        ----------
        hooks : sequence of callables, default=()
            Each is called with an `EpochEnd` after every epoch.
        tasks : Tasks, default=None
            Is told of phases and epochs, and may end them.
        saver : Saver, default=None
            Saves the state after epochs and within them.
        keep_interrupted : bool, default=False
            Whether an interrupt from the keyboard ends training with the network of a finished epoch, if
            there is one, instead of being raised.

        Returns
        -------
        interrupted : bool
        """
        trainer, plan = self.trainer, self.plan
        best = trainer.best = trainer.best or Best(plan.n_iter_no_change, plan.tol)
        interrupted = False
        try:
            self._run_phases(hooks, tasks or Tasks(), saver)
        except KeyboardInterrupt:
            if best.weights is None or not keep_interrupted:
                raise
            interrupted = True
            for values in trainer.history.values():
                del values[best.n_epochs :]  # of an unfinished epoch
        trainer.finish(self.images, plan)
        return interrupted

    def _run_phases(self, hooks: Sequence[Hook], tasks: Tasks, saver: Saver | None) -> None:
        trainer, plan = self.trainer, self.plan
        assert trainer.best is not None
        ended = self._run_phase(SPLITTING, plan.max_iter, hooks, tasks, saver)
        if not trainer.optimizer.support_fixed:
            if not trainer.best.settled:
                trainer.best.offer(trainer.cut_short(self.images, plan, self.validation))
            trainer.begin_finetuning(plan)
        if ended:
            trainer.epoch = plan.n_epochs
        else:
            self._run_phase(FINETUNING, plan.n_epochs, hooks, tasks, saver)
        if saver is not None:
            saver.finish(changed=ended)

    def _run_phase(
        self, name: str, last_epoch: int, hooks: Sequence[Hook], tasks: Tasks, saver: Saver | None
    ) -> bool:
        """Run the epochs of a phase that are left, and return whether training is to end with it."""
        trainer, best = self.trainer, self.trainer.best
        assert best is not None
        n_epochs = self.plan.max_iter if name == SPLITTING else self.plan.finetune_iter
        n_done = n_epochs - max(0, last_epoch - int(trainer.epoch))
        tasks.begin_phase(name, n_epochs, n_done)
        while trainer.epoch < last_epoch and not best.is_stale:
            tasks.begin_epoch()
            end = trainer.train_epoch(self.images, self.plan, self.validation, saver=saver)
            for hook in (best.offer, *hooks):
                hook(end)
            if tasks.end_epoch():
                trainer.epoch = last_epoch
            if saver is not None:
                saver.offer(1.0)
        return tasks.end_phase()
