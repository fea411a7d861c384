"""Checkpoints that are damaged, foreign, newer, of other runs, in use, or cannot be written."""

import errno
import io
import json
import os
import pickle
import warnings

import numpy as np
import pytest
import torch
from classifiers import OwnNetwork, quick, small
from conftest import make_stripes
from interruptions import Killed, assert_same_fit, killed_after
from safetensors.numpy import load as load_tensors
from saved import join, split
from sklearn.base import clone

from sparsecnn import SparseCurveCNNClassifierCV
from sparsecnn._checkpoint import run as run_module
from sparsecnn._checkpoint.lock import locked
from sparsecnn.exceptions import FileFormatError
from sparsecnn.export import load, save
from sparsecnn.inference import unpack
from sparsecnn.model_selection import sparsity_path

X, Y = make_stripes(40, random_state=0)


def tiny(**params):
    start = {"channels": (1, 1, 1), "max_iter": 2, "finetune_iter": 0, "batch_size": 20}
    return quick(**start | {"target_sparsity": 0.5} | params)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.safetensors"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The bytes of the checkpoint of half a fit."""
    path = tmp_path_factory.mktemp("checkpoint") / "fit.safetensors"
    with killed_after(2), pytest.raises(Killed):
        tiny(checkpoint=path).fit(X, Y)
    return path.read_bytes()


def refused(path, data, reason, **params):
    """Check that a file is refused with an error that names it, and is left as it is."""
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=reason) as caught:
        tiny(checkpoint=path, **params).fit(X, Y)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == data
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.slow
def test_every_cut_and_every_changed_byte_is_refused(data):
    def read(changed):
        with pytest.raises(FileFormatError):
            unpack(io.BytesIO(changed), len(changed), "", run_module.CHECKPOINT)

    for length in range(len(data)):
        read(data[:length])
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        read(changed)
    read(data + b"\0")


def test_damaged_files_are_refused_and_replaced_only_on_request(data, path):
    refused(path, data[:-1], "cut off.* Begin anew with resume=False")
    refused(path, data[:-1] + b"\xff", "SHA-256 is not that of its bytes")
    refused(path, b"", "no checkpoint of sparsecnn", resume=True)
    for damaged in (data[:-1], data[:300], b""):
        path.write_bytes(damaged)
        assert_same_fit(tiny(checkpoint=path, resume=False).fit(X, Y), tiny().fit(X, Y))


def test_foreign_files_are_never_replaced(path, tmp_path):
    for resume in ("auto", True, False):
        refused(path, b"the only copy of a novel", "no checkpoint of sparsecnn", resume=resume)
        refused(path, pickle.dumps(tiny()), "no checkpoint of sparsecnn", resume=resume)
        save(tiny(max_iter=1).fit(X, Y), path)
        refused(path, path.read_bytes(), "no checkpoint of sparsecnn", resume=resume)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="checkpoint must name a regular file"):
        tiny(checkpoint=tmp_path / "pipe").fit(X, Y)


def test_checkpoints_are_no_saved_estimators(data, path):
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=r"sparsecnn\.export\.save has not written"):
        load(path)


def test_checkpoints_are_safetensors_without_code(data):
    assert set(load_tensors(data)) >= {"float32", "uint8"}
    metadata = split(data)[0]["__metadata__"]
    assert (metadata["format"], metadata["version"]) == ("sparsecnn-checkpoint", "1")
    assert "pickle" not in metadata["run"]


def test_newer_versions_say_so(data, path):
    header, tensors = split(data)
    header["__metadata__"] |= {"version": "2", "package": "9.0"}
    refused(path, join(header, tensors), "version 2, but this sparsecnn reads up to 1: .* by sparsecnn 9.0")


def test_states_that_do_not_fit_are_refused(data, path):
    header, tensors = split(data)
    entry = header["__metadata__"]["run"]
    swaps = [("'fc.weight'", "'fx.weight'"), ("'n_batches'", "'n'"), ("'floats'", "'flats'")]
    assert "['epoch',1.0]" in entry
    for old, new in [*swaps, ("['epoch',1.0]", "['epoch',-1]")]:
        changed = json.loads(json.dumps(header))
        changed["__metadata__"]["run"] = entry.replace(old, new)
        if entry != changed["__metadata__"]["run"]:
            refused(path, join(changed, tensors), "does not fit the network|description is none of a run")


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"max_iter": 3}, "max_iter was 2, is 3"),
        ({"lam": 1e-3}, "lam was 'auto', is 0.001"),
        ({"channels": (1, 1, 2)}, r"channels was \[1, 1, 1\], is \[1, 1, 2\]"),
        ({"random_state": 1}, "random_state was 0, is 1"),
        ({"module": OwnNetwork}, r"module was None, is classifiers\.OwnNetwork"),
        ({"penalty": "l1", "beta": 2.0}, "beta was 1, is 2; penalty was 'l0', is 'l1'"),
    ],
    ids=str,
)
def test_checkpoint_of_other_parameters_is_refused_by_name(params, reason, data, path):
    path.write_bytes(data)
    for resume in ("auto", True):
        with pytest.raises(ValueError, match=f"fit.safetensors' is of another run: {reason}"):
            tiny(checkpoint=path, resume=resume, **params).fit(X, Y)
    assert path.read_bytes() == data
    anew = tiny(checkpoint=path, resume=False, **params).fit(X, Y)
    assert_same_fit(anew, tiny(**params).fit(X, Y))


def test_checkpoint_of_other_data_is_refused_by_name(data, path):
    path.write_bytes(data)
    changed = X.copy()
    changed[0, 0, 0] ^= 1
    weight, groups = np.ones(40), np.arange(40)
    for given, reason in [
        ({"X": changed}, "X differs"),
        ({"X": X.astype(np.float32)}, "X differs"),
        ({"y": Y[::-1]}, "y differs"),
        ({"sample_weight": weight}, "sample_weight differs"),
        ({"groups": groups, "y": Y[::-1]}, "y differs; groups differs"),
    ]:
        with pytest.raises(ValueError, match=f"of another run: {reason}"):
            tiny(checkpoint=path).fit(**{"X": X, "y": Y} | given)
    with pytest.raises(ValueError, match="of another run: it is 'fit', not 'path'"):
        sparsity_path(X, Y, estimator=tiny(), sparsities=[0.5], checkpoint=path)


def test_parameters_that_change_no_result_may_change(data, path, capsys):
    path.write_bytes(data)
    resumed = tiny(checkpoint=path, checkpoint_every="1h", resume=True, verbose=2).fit(X, Y)
    assert capsys.readouterr().out.startswith("Epoch 2/2")
    assert_same_fit(resumed, tiny().fit(X, Y))


def test_search_refuses_the_folder_of_another_one(tmp_path):
    search = SparseCurveCNNClassifierCV(tiny(max_iter=1), sparsities=[0.5], cv=2, checkpoint=tmp_path / "cv")
    first = clone(search).fit(X, Y)
    with pytest.raises(ValueError, match=r"path.safetensors' is of another run: points was .*0\.5.*0\.6"):
        clone(search).set_params(sparsities=[0.6]).fit(X, Y)
    with pytest.raises(ValueError, match="of another run: scoring was None, is 'f1_macro'"):
        clone(search).set_params(scoring="f1_macro").fit(X, Y)
    with pytest.raises(ValueError, match="of another run: cv differs"):
        clone(search).set_params(cv=3).fit(X, Y)
    anew = clone(search).set_params(resume=False).fit(X, Y)
    assert_same_fit(anew.best_estimator_, first.best_estimator_)
    with pytest.raises(ValueError, match=r"resume=True, but '.*none' holds no checkpoint"):
        clone(search).set_params(resume=True, checkpoint=tmp_path / "none").fit(X, Y)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"checkpoint": 3}, "'checkpoint' parameter"),
        ({"checkpoint_every": 0}, "'checkpoint_every' parameter"),
        ({"checkpoint_every": "soon"}, "checkpoint_every must be a number of epochs above 0, .* got 'soon'"),
        ({"checkpoint_every": "0s"}, "checkpoint_every must be .* got '0s'"),
        ({"checkpoint_every": "30"}, "checkpoint_every must be .* got '30'"),
        ({"resume": "maybe"}, "'resume' parameter"),
    ],
    ids=str,
)
def test_bad_parameters_are_refused_by_name(params, reason, path):
    with pytest.raises(ValueError, match=reason):
        tiny(**{"checkpoint": path} | params).fit(X, Y)
    assert not path.exists()


def test_path_checks_its_own_parameters(path):
    for given, error in [
        ({"resume": "maybe"}, "resume must be 'auto', True or False, got 'maybe'"),
        ({"checkpoint_every": -1}, "checkpoint_every must be .* got -1"),
        ({"checkpoint": 3}, "checkpoint must be a str or path-like object, got 3"),
    ]:
        with pytest.raises((TypeError, ValueError), match=error):
            sparsity_path(X, Y, estimator=tiny(), sparsities=[0.5], **given)
    with pytest.raises(ValueError, match="give the checkpoint to the path or to the search instead"):
        sparsity_path(X, Y, estimator=tiny(checkpoint=path), sparsities=[0.5])


def test_resume_true_needs_a_checkpoint(path):
    with pytest.raises(ValueError, match=r"resume=True, but there is no checkpoint '.*fit\.safetensors'"):
        tiny(checkpoint=path, resume=True).fit(X, Y)


def test_partial_fit_has_no_checkpoint(path):
    with pytest.raises(ValueError, match="set checkpoint=None"):
        tiny(checkpoint=path).partial_fit(X, Y)


def test_saved_files_do_not_carry_the_checkpoint(path, tmp_path):
    classifier = tiny(checkpoint=path, resume=False, checkpoint_every="30s").fit(X, Y)
    save(classifier, tmp_path / "saved.safetensors")
    assert load(tmp_path / "saved.safetensors").checkpoint is None


def untrained(**params):
    """Return a classifier that must not train."""

    class Untrained(OwnNetwork):
        def forward(self, x):
            assert not (self.training and torch.is_grad_enabled())
            return super().forward(x)

    return small(module=Untrained, **params)


@pytest.mark.parametrize(
    ("checkpoint", "reason"),
    [
        ("none/fit.safetensors", "checkpoint '.*' is in a folder that does not exist"),
        ("/proc/fit.safetensors", "checkpoint '/proc/fit.safetensors' cannot be written"),
    ],
)
def test_folders_that_cannot_be_written_are_told_before_training(checkpoint, reason, tmp_path):
    with pytest.raises(OSError, match=reason):
        untrained(checkpoint=tmp_path / checkpoint).fit(X, Y)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"checkpoint '.*file' must be a folder"):
        SparseCurveCNNClassifierCV(tiny(), checkpoint=tmp_path / "file").fit(X, Y)


def failing_write(monkeypatch, first):
    """Have the disk full from the write number `first` on."""
    original, n_writes = run_module.write_whole, iter(range(1, 1000))

    def write(path, data):
        if next(n_writes) >= first:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(path, data)

    monkeypatch.setattr(run_module, "write_whole", write)


def test_full_disk_is_told_before_training(path, monkeypatch):
    failing_write(monkeypatch, 1)
    with pytest.raises(OSError, match=r"checkpoint '.*' cannot be written: No space left on device"):
        untrained(checkpoint=path).fit(X, Y)


def test_disk_full_in_the_middle_warns_once_and_training_goes_on(path, monkeypatch):
    classifier = tiny(max_iter=6, checkpoint=path)
    with monkeypatch.context() as patched:
        failing_write(patched, 4)
        with pytest.warns(UserWarning, match="written .No space left on device.: training goes on") as w:
            full = clone(classifier).fit(X, Y)
    assert len(w) == 1
    assert w[0].filename == __file__
    undisturbed = tiny(max_iter=6).fit(X, Y)
    assert_same_fit(full, undisturbed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same_fit(classifier.set_params(resume=True).fit(X, Y), undisturbed)


def test_second_run_on_one_path_refuses(path):
    with locked(path), pytest.raises(BlockingIOError, match=rf"in use: process {os.getpid()} trains with it"):
        tiny(checkpoint=path).fit(X, Y)
    (path.parent / f".{path.name}.lock").write_text("1")  # of a process that was killed
    tiny(checkpoint=path).fit(X, Y)
    assert os.listdir(path.parent) == [path.name]


def test_what_killed_processes_had_begun_to_write_is_removed(path):
    (path.parent / f".{path.name}.0123.tmp").write_bytes(b"half")
    (path.parent / ".other.safetensors.0123.tmp").write_bytes(b"of another run")
    tiny(checkpoint=path).fit(X, Y)
    assert sorted(os.listdir(path.parent)) == [".other.safetensors.0123.tmp", path.name]
