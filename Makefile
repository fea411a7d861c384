# Both main targets set everything up in .venv first, on a fresh machine too.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint benchmarks clean

help:
	@echo "make demo        train sparse networks on generated words: a table and a picture in a few minutes"
	@echo "make test        run all tests"
	@echo "make lint        check the style and the types"
	@echo "make benchmarks  run every benchmark as it stands (some need SPARSECNN_DATA; hours)"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: .venv/installed
	$(BIN)/python examples/demo.py

test: .venv/installed
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/benchmarks: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[benchmarks]"
	@touch $@

# One after the other, each to its end: those that need data say so and stop.
benchmarks: .venv/benchmarks
	-$(BIN)/python benchmarks/words.py
	-$(BIN)/python benchmarks/other_curves.py
	-$(BIN)/python benchmarks/frontier.py
	-$(BIN)/python benchmarks/lenet_mnist.py
	-$(BIN)/python benchmarks/ablation.py
	-$(BIN)/python benchmarks/drawing_scales.py
	-$(BIN)/python benchmarks/real_drawings.py
	-$(BIN)/python benchmarks/speed.py
	-$(BIN)/python benchmarks/scale.py

clean:
	rm -rf .venv build dist *.egg-info
