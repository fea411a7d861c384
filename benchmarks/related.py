"""An example of related systems, repeated with other seeds, graphs or speakers: means of its table.

``python benchmarks/related.py sparse_graph GRAPH=0,1,2,3,4 SEED=0,1,2`` runs ``plot_sparse_graph.py`` with
all combinations of these values in place of its own, and prints means and standard deviations over runs.
Runs whose tables are in the file ``--results`` are not repeated. ``--figure`` is a drawing of the first three
columns.
Data: the folder that SPARSECNN_DATA names must hold ``family/cora.npz`` and the like.
"""

import argparse
import itertools
import json
import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from real_data import data_path

OURS = ("RVSM", "half of the channels")  # lines in another colour
N_DRAWN = 3
EXAMPLES = Path(__file__).parent.parent / "examples" / "related"


def parse_values(text):
    """Return the name and the values of ``NAME=value,value``, as Python writes them."""
    name, values = text.split("=")
    return name, [
        value if re.fullmatch(r"[\d.]+|True|False", value) else repr(value) for value in values.split(",")
    ]


def with_values(source, values):
    """Return the source of an example with other values in the line that assigns its upper-case names."""
    found = re.search(r"^([A-Z_]+(?:, [A-Z_]+)+) = (.+)$", source, re.MULTILINE)
    if not found:
        sys.exit("The example has no line that assigns upper-case names, such as GRAPH, SEED = 0, 0.")
    names, own = found.groups()
    chosen = dict(zip(names.split(", "), own.split(", "), strict=True))
    if unknown := set(values) - set(chosen):
        sys.exit(f"The example has {', '.join(chosen)}, not {', '.join(unknown)}.")
    return source.replace(f"{names} = {own}", f"{names} = {', '.join((chosen | values).values())}")


def run(source, values):
    """Return what the example leaves behind if it runs with these values."""
    namespace = {"__name__": "__main__"}
    exec(compile(with_values(source, values), "example", "exec"), namespace)
    plt.close("all")
    return namespace


def collect(source, names, choices, file):
    """Return the table of each run, in order; those in `file` are not run again."""
    kept = dict(map(json.loads, file.read_text().splitlines())) if file and file.exists() else {}
    tables = []
    for values in itertools.product(*choices):
        key = " ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
        if key not in kept:
            print(f"\n{key}", flush=True)
            kept[key] = run(source, dict(zip(names, values, strict=True)))["table"]
            if file:
                with file.open("a") as results:
                    print(json.dumps([key, kept[key]]), file=results)
        tables.append(kept[key])
    return tables


def summarise(tables, function):
    """Return a table of `function` of the runs, line by line and column by column."""
    return {
        line: {column: float(function([table[line][column] for table in tables])) for column in columns}
        for line, columns in tables[0].items()
    }


def print_table(n_runs, means, spreads):
    """Print means ± standard deviations as a table of a page."""
    columns = list(next(iter(means.values())))
    lines = [[f"{n_runs} runs", *columns]]
    for line, row in means.items():
        cells = (f"{row[c]:.2f} ± {spreads[line][c]:.2f}" if c in row else "" for c in columns)
        lines.append([line, *cells])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["=" * width for width in widths]
    for cells in (rule, lines[0], rule, *lines[1:], rule):
        print("  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip())


def draw(tables, path):
    """Draw means and standard deviations of the first columns."""
    means, spreads = (summarise(tables, function) for function in (np.mean, np.std))
    columns = list(next(iter(means.values())))[:N_DRAWN]
    size = (2 + 2.7 * len(columns), 3)
    axes = plt.subplots(1, len(columns), figsize=size, sharey=True, squeeze=False, layout="constrained")[1][0]
    for ax, column in zip(axes, columns, strict=True):
        for line, row in means.items():
            if column in row:
                style = {"color": "#d55e00" if line in OURS else "#0072b2", "fmt": "o"}
                ax.errorbar(row[column], line, xerr=spreads[line][column], **style)
        ax.set(xlabel=column)
        ax.grid(alpha=0.3)
    axes[0].invert_yaxis()
    plt.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "example", choices=[path.stem.removeprefix("plot_") for path in EXAMPLES.glob("plot_*.py")]
    )
    parser.add_argument("values", nargs="*", type=parse_values, help="NAME=value,value")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    data_path("family")  # which the examples read
    torch.set_num_threads(1)
    source = EXAMPLES.joinpath(f"plot_{arguments.example}.py").read_text(encoding="utf-8")
    names, choices = zip(*arguments.values, strict=True) if arguments.values else ((), ())
    tables = collect(source, names, choices, arguments.results)
    print("\nMeans ± standard deviations\n")
    print_table(len(tables), summarise(tables, np.mean), summarise(tables, np.std))
    if arguments.figure:
        draw(tables, arguments.figure)


if __name__ == "__main__":
    main()
