# Every target sets itself up in .venv first, on a new machine too.

PYTHON ?= python3
BIN := .venv/bin
# One thread of computation in each of two test processes: small networks gain nothing from more.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2

.PHONY: help demo test coverage test-quick test-oldest fuzz lint docs benchmarks audit wheel clean

help:
	@echo "make demo         train sparse networks on generated words: a table and a picture in a few minutes"
	@echo "make test         run all tests"
	@echo "make coverage     run all tests and print which lines they reach"
	@echo "make test-quick   run the quick tests, in about a minute"
	@echo "make test-oldest  run the quick tests with the oldest versions of all packages (gigabytes to install)"
	@echo "make fuzz         try hostile files, arguments and faults by the ten thousand: a table in a few minutes"
	@echo "make docs         build the documentation into docs/_build/html, and check every page of it"
	@echo "make lint         check the style and the types"
	@echo "make benchmarks   run every benchmark as it stands (some need SPARSECNN_DATA; hours)"
	@echo "make audit        ask for known vulnerabilities of the packages in .venv (needs a network)"
	@echo "make wheel        build the last commit into dist, twice, with the same bytes"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: .venv/installed
	$(BIN)/python examples/demo.py

test: .venv/installed
	$(PYTEST)

coverage: .venv/installed
	$(PYTEST) --cov --cov-report=term

test-quick: .venv/installed
	$(PYTEST) -m "not slow"

.venv-oldest/installed: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --constraint constraints-oldest.txt --editable ".[test]"
	@touch $@

test-oldest: .venv-oldest/installed
	OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest --numprocesses 2 -m "not slow"

# In two processes; tests/test_fuzz.py is a short form of it.
fuzz: .venv/installed
	PYTHONPATH=tests $(BIN)/python -m fuzz

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Examples and notebooks run here. Warnings are errors, and no page may need a network.
docs: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -W --keep-going -b html -d docs/_build/doctrees docs docs/_build/html
	$(PYTEST) -m site tests/test_docs_site.py

.venv/benchmarks: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[benchmarks]"
	@touch $@

# One after the other, each to its end: those that need data say so and stop.
benchmarks: .venv/benchmarks
	-$(BIN)/python benchmarks/words.py
	-$(BIN)/python benchmarks/other_curves.py
	-$(BIN)/python benchmarks/other_curves.py --fonts 20 --words 28 --seeds 1 2 3 4 5
	-$(BIN)/python benchmarks/time_to_accuracy.py
	-$(BIN)/python benchmarks/fewer_epochs.py
	-$(BIN)/python benchmarks/compression.py
	-$(BIN)/python benchmarks/compression.py --slimming
	-$(BIN)/python benchmarks/group_penalties.py
	-$(BIN)/python benchmarks/binary_words.py
	-$(BIN)/python benchmarks/export.py
	-$(BIN)/python benchmarks/frontier.py
	-$(BIN)/python benchmarks/lenet_mnist.py
	-$(BIN)/python benchmarks/ablation.py
	-$(BIN)/python benchmarks/baselines.py
	-$(BIN)/python benchmarks/drawing_scales.py
	-$(BIN)/python benchmarks/real_drawings.py
	-$(BIN)/python benchmarks/strangers.py
	-$(BIN)/python benchmarks/confounders.py
	-$(BIN)/python benchmarks/forms.py
	-$(BIN)/python benchmarks/generated_only.py
	-$(BIN)/python benchmarks/children.py
	-$(BIN)/python benchmarks/screening.py
	-$(BIN)/python benchmarks/shift.py
	-$(BIN)/python benchmarks/tablet.py
	-$(BIN)/python benchmarks/related.py sparse_graph GRAPH=0,1,2,3,4 SEED=0,1,2
	-$(BIN)/python benchmarks/related.py spoken_digits SPEAKER=george,jackson,lucas,nicolas,theo,yweweler
	-$(BIN)/python benchmarks/speed.py
	-$(BIN)/python benchmarks/scale.py
	-$(BIN)/python benchmarks/kills.py
	-$(BIN)/python benchmarks/service.py

# Without the part of a version that says where a package was built, such as +cpu, which no report names.
audit: .venv/installed
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet pip-audit
	$(BIN)/python -m pip list --format freeze --exclude-editable | sed 's/+.*//' > .venv-audit/packages.txt
	.venv-audit/bin/pip-audit --strict --disable-pip --no-deps --requirement .venv-audit/packages.txt

wheel: .venv/installed
	$(BIN)/python .ci/build_wheel.py dist

clean:
	rm -rf .venv .venv-oldest .venv-audit build dist *.egg-info .coverage* docs/_build docs/auto_examples docs/generated
