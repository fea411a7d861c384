"""What a screening says of persons, whatever predicts their images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsecnn._naming import name_some
from sparsecnn._warn import warn_user
from sparsecnn.inference._groups import mean_by_group
from sparsecnn.inference._rule import ScreeningRule
from sparsecnn.inference._shift import PersonImages, compare_persons, pick_images, warn_of_shift

# Returns the rows of an array, or of what stands for one, as numbers.
Take = Callable[[np.ndarray], Any]


class Screen(NamedTuple):
    """What was found on persons held back, applied to others.

    `record` makes an object with attributes of what is found.
    """

    rule: ScreeningRule
    middle: float  # median probability of the second class of the persons held back
    known: PersonImages | None
    record: Callable[..., Any]

    def judge(
        self,
        proba: np.ndarray,
        groups: ArrayLike,
        take: Take,
        shift_level: float | None,
        blank: np.ndarray | None,
    ) -> Any:
        """Return what `predict_persons` does.

        Parameters
        ----------
        proba : ndarray of shape (n,)
            Of the sought class for each image, not calibrated.
        groups : array-like of shape (n,)
        take : callable
        shift_level : float or None
        blank : ndarray of bool of shape (n,) or None
            Which images show nothing; None if that is unknown.
        """
        people = self._people(proba, groups)
        people.prediction = self.rule.decide(people.proba)
        people.prediction_set = self.rule.possible(people.proba)
        if blank is not None and blank.any():
            _leave_open(people, mean_by_group(blank, groups).means == 1)
        people.shift = None
        if shift_level is not None:
            people.shift = self._shift(people, groups, take)
            warn_of_shift(people.shift.p_value, shift_level, len(people.groups))
        return people

    def check_shift(self, proba: np.ndarray, groups: ArrayLike, take: Take) -> Any:
        """Return what `check_shift` does; arguments as of `judge`."""
        return self._shift(self._people(proba, groups), groups, take)

    def is_upper(self, proba: np.ndarray) -> np.ndarray:
        """Return whose calibrated probability is at least the median of the persons held back."""
        return proba[:, 1] >= self.middle

    def _people(self, proba: np.ndarray, groups: ArrayLike) -> Any:
        found = mean_by_group(proba, groups)
        return self.record(
            groups=found.groups, proba=self.rule.calibrated(found.means), n_images=found.n_images
        )

    def _shift(self, people: Any, groups: ArrayLike, take: Take) -> Any:
        if self.known is None:
            raise AttributeError("This screening was fitted with shift_level=None and knows no images.")
        numbers, images = pick_images(np.asarray(groups))
        new = PersonImages.of(take(images.ravel()), images, self.is_upper(people.proba)[numbers])
        return self.record(**compare_persons(self.known, new))


def _leave_open(people: Any, unseen: np.ndarray) -> None:
    """Warn of persons of whom no image shows anything, and make both classes possible for them."""
    if not unseen.any():
        return
    answer = "their answer is that to an empty page"
    if people.prediction_set is not None:
        people.prediction_set[unseen] = True
        answer += ", and both classes are possible"
    warn_user(
        f"All images of {unseen.sum()} of the {len(unseen)} persons are blank "
        f"({name_some(people.groups[unseen].tolist())}), so nothing is known of them: {answer}."
    )
