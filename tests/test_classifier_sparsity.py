"""The sparse network that a fit leaves behind."""

import numpy as np
import pytest
import torch
from classifiers import small, state

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.exceptions import DeadLayerWarning
from sparsecnn.penalties import Binary, Penalty


@pytest.mark.parametrize(("penalty", "lam"), [("l0", 1e-3), ("l1", 0.03), ("tl1", 1e-3)])
def test_sparsity_counts_exact_zeros_of_the_fitted_network(stripes, penalty, lam):
    classifier = small(penalty=penalty, lam=lam).fit(*stripes)
    weight = classifier.module_.fc.weight
    assert 0.1 < classifier.sparsity_ < 1
    assert classifier.sparsity_ == float((weight == 0).double().mean())
    assert classifier.n_nonzero_ == int((weight != 0).sum())
    assert classifier.layer_sparsity_["fc"] == classifier.sparsity_
    assert classifier.layer_sparsity_["conv2"] == 0


def test_penalized_all_makes_every_layer_sparse(stripes):
    classifier = small(penalized="all", lam=2e-3).fit(*stripes)
    assert list(classifier.layer_sparsity_) == ["conv1", "conv2", "conv3", "fc"]
    assert all(sparsity > 0 for sparsity in classifier.layer_sparsity_.values())


def test_larger_lam_gives_more_zeros(stripes):
    sparsity = [small(lam=lam).fit(*stripes).sparsity_ for lam in (0.0, 1e-4, 1e-3)]
    assert sparsity[0] == 0
    assert sparsity[0] < sparsity[1] < sparsity[2]


def test_no_penalty_equals_lam_zero_without_finetuning(stripes):
    dense = small(penalty=None).fit(*stripes)
    unpenalized = small(lam=0.0).fit(*stripes)
    torch.testing.assert_close(state(dense), state(unpenalized))
    assert dense.sparsity_ == 0


def test_finetuning_keeps_the_support_and_lowers_the_loss(stripes):
    refined = small(lam=1e-3, finetune_iter=4, max_iter=8).fit(*stripes)
    assert refined.n_iter_ == 12
    assert refined.history_["sparsity"][7:] == [refined.sparsity_] * 5
    assert refined.history_["distance"][8:] == [0.0] * 4
    assert refined.loss_curve_[-1] < refined.loss_curve_[7]


def test_one_epoch_reaches_the_full_lam(stripes):
    classifier = small(max_iter=1, finetune_iter=1, lam=0.01).fit(*stripes)
    assert classifier.lam_ == 0.01
    assert classifier.sparsity_ > 0.3


def test_penalty_that_makes_no_zeros_trains_all_the_same(stripes):
    class Ridge:
        def value(self, w):
            return w.square().sum() / 2

        def prox(self, w, step):
            return w / (1 + step)

    assert small(penalty=Ridge()).fit(*stripes).sparsity_ == 0
    with pytest.raises(ValueError, match="does not set weights to zero"):
        small(penalty=Ridge(), lam="auto").fit(*stripes)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few steps
@pytest.mark.parametrize("penalty", ["l0", "l1", "tl1"])
@pytest.mark.parametrize("penalized", ["fc", "all"])
def test_auto_lam_ends_at_nine_zeros_in_ten(stripes, penalty, penalized):
    classifier = small(penalty=penalty, penalized=penalized, lam="auto", channels=(8, 8, 16)).fit(*stripes)
    assert classifier.sparsity_ == pytest.approx(0.9, abs=0.005)
    assert classifier.lam_ == classifier.history_["lam"][-1] > 0


def test_auto_lam_never_kills_a_network_of_few_steps(stripes):
    X, y = stripes
    classifier = SparseCurveCNNClassifier(random_state=0, max_iter=4, finetune_iter=1).fit(X[:10], y[:10])
    assert classifier.n_nonzero_ > 0


def test_history_has_one_value_an_epoch(stripes):
    classifier = small(early_stopping=True).fit(*stripes)
    assert set(classifier.history_) == {
        "loss",
        "sparse_loss",
        "validation_score",
        "sparsity",
        "lagrangian",
        "distance",
        "lam",
        "finetuning",
    }
    assert {len(values) for values in classifier.history_.values()} == {classifier.n_iter_}
    assert classifier.loss_curve_ == classifier.history_["loss"]
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0]


def test_history_has_nan_for_what_was_not_measured(stripes):
    classifier = small(max_iter=2).fit(*stripes)
    assert np.isnan(classifier.history_["validation_score"]).all()
    assert classifier.validation_scores_ is classifier.best_validation_score_ is None


def test_history_follows_the_loss_of_the_sparse_network_over_the_cut(stripes):
    classifier = small(lam="auto", target_sparsity=0.9, finetune_iter=3).fit(*stripes)
    loss, sparse_loss = (np.array(classifier.history_[name]) for name in ("loss", "sparse_loss"))
    assert (sparse_loss[8:] == loss[8:]).all()
    assert abs(sparse_loss[8] - sparse_loss[7]) < abs(loss[8] - loss[7]) / 4


def test_sparsity_follows_the_network(stripes):
    classifier = small(max_iter=1).fit(*stripes)
    with torch.no_grad():
        classifier.module_.fc.weight.zero_()
    assert (classifier.sparsity_, classifier.n_nonzero_, classifier.layer_sparsity_["fc"]) == (1.0, 0, 1.0)
    assert not hasattr(small(), "sparsity_")


def test_layer_lam_has_the_lam_of_every_penalised_layer(stripes):
    layered = {"penalized": "all", "sparsity_scope": "layer", "lam": "auto", "target_sparsity": 0.5}
    classifier = small(max_iter=2, **layered).fit(*stripes)
    assert list(classifier.layer_lam_) == ["conv1", "conv2", "conv3", "fc"]
    assert classifier.lam_ == max(classifier.layer_lam_.values())
    assert small(max_iter=1, lam=1e-3).fit(*stripes).layer_lam_ == {"fc": 1e-3}


def test_pooling_depends_on_training_and_not_on_gradients(stripes):
    module = small(max_iter=1).fit(*stripes).module_
    x = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        without = [node.target for node in torch.export.export(module, (x,)).graph.nodes]
    assert without == [node.target for node in torch.export.export(module, (x,)).graph.nodes]


def test_lam_is_brought_in_by_continuation(stripes):
    lam = small(lam=1e-3).fit(*stripes).history_["lam"]
    assert lam == sorted(lam)
    assert lam[0] < 1e-4
    assert lam[-1] == 1e-3


def test_dead_layer_warns_with_a_lam_that_keeps_it_alive(stripes):
    with pytest.warns(DeadLayerWarning, match=r"layer 'fc' are zero at lam=1\.0.* try lam=") as record:
        dead = small(lam=1.0).fit(*stripes)
    assert dead.sparsity_ == 1
    assert record[0].filename == __file__
    advised = float(str(record[0].message).split("try lam=")[1].split()[0])
    alive = small(lam=advised).fit(*stripes)
    assert alive.sparsity_ < 1


class RowPenalty:
    """Sets whole rows of a layer to zero, so it has to see their shape."""

    def value(self, w):
        return w.norm(dim=1).sum()

    def prox(self, w, step):
        norm = w.norm(dim=1, keepdim=True)
        return w * (1 - step / norm.clamp(min=step)).add(0.0)


def test_penalty_of_whole_rows_trains_and_warns_of_dead_layers(stripes):
    alive = small(penalty=RowPenalty(), lam=1e-2).fit(*stripes)
    assert alive.score(*stripes) > 0.9
    with pytest.warns(DeadLayerWarning, match="try a smaller lam"):
        dead = small(penalty=RowPenalty(), lam=1e3).fit(*stripes)
    assert dead.sparsity_ == 1


def test_penalty_of_whole_rows_needs_a_lam(stripes):
    with pytest.raises(ValueError, match=r"needs to see whole layers.*give lam"):
        small(penalty=RowPenalty(), lam="auto").fit(*stripes)


class ColumnPenalty(Penalty):
    """Number of inputs that are read: whole columns of a layer become zero together."""

    unit = "group"

    def value(self, w):
        return self.magnitudes(w).count_nonzero()

    def magnitudes(self, w):
        return w.flatten(1).square().mean(0).sqrt()

    def critical_step(self, magnitude):
        return magnitude**2 / 2

    def prox(self, w, step):
        kept = self.magnitudes(w) > (2 * step) ** 0.5
        return (w.flatten(1) * kept).reshape(w.shape) + 0.0


def test_target_sparsity_with_a_penalty_of_groups_goes_by_groups(stripes):
    classifier = small(penalty=ColumnPenalty(), lam="auto", target_sparsity=0.75).fit(*stripes)
    dead = (classifier.module_.fc.weight == 0).all(0)
    assert dead.double().mean() == 0.75 == classifier.sparsity_
    with pytest.raises(ValueError, match=r"fewer than 2 of the 32 groups of layer 'fc'"):
        small(penalty=ColumnPenalty(), lam="auto", target_sparsity=0.99).fit(*stripes)


@pytest.mark.parametrize("penalty", ["l0", Binary()])
def test_history_says_which_epochs_are_of_fine_tuning(stripes, penalty):
    classifier = small(penalty=penalty, max_iter=3, finetune_iter=2).fit(*stripes)
    assert classifier.history_["finetuning"] == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert classifier.partial_fit(*stripes).history_["finetuning"] == [0.0]
