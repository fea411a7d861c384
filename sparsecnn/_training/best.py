"""The network that training keeps."""

import math


class Best:
    """The network to keep: the last one, or with validation scores the best since λ was final."""

    def __init__(self, plan):
        self.plan = plan
        self.state = None
        self.score = -math.inf
        self.n_offered = 0
        self.begin_phase()

    def begin_phase(self):
        self.n_no_change = 0

    @property
    def stale(self):
        return self.n_no_change >= self.plan.n_iter_no_change

    def offer(self, state, score, settled, epoch, lam):
        """Keep the state of a finished epoch if it is due, and count the epochs without a better score."""
        # Of equal networks the later is the sparser, or the better refined.
        kept = score is None or not settled or score >= self.score
        if score is not None and settled:
            improved = score > self.score + self.plan.tol
            self.n_no_change = 0 if improved else self.n_no_change + 1
            self.score = max(self.score, score)
        if kept:
            self.state, self.epoch, self.lam = state, epoch, lam
        self.n_offered += 1
