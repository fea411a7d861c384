"""Run the whole campaign in two processes, and print its table.

PYTHONPATH=tests python -m fuzz [--seed 0] [--share 1.0] [--subjects files stored ...]
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from fuzz.tally import Tally

ALL = 100_000  # cases, or as many as there are
# What runs, and how many cases.
SUBJECTS = {
    "image files, mutated": ("files", "run_mutated", 10_000),
    "image files, cut off": ("files", "run_cut", 10_000),
    "image files, bombs": ("files", "run_bombs", ALL),
    "recordings of pens": ("tablets", "run", 5_000),
    "arrays": ("arrays", "run", 5_000),
    "arguments of estimators": ("arguments", "run_estimators", 3_000),
    "arguments of the rest": ("arguments", "run_rest", 3_000),
    "proximal maps": ("maps", "run", 10_000),
    "saved models": ("stored", "run_models", ALL),
    "checkpoints": ("stored", "run_checkpoints", ALL),
    "interrupts": ("faults", "run_interrupts", 500),
    "other faults": ("faults", "run_others", 20),
}


def run_part(subject: str, seed: int, share: float) -> None:
    """Run one subject in this process, within a folder of its own, and print its tally as JSON."""
    module, function, n_cases = SUBJECTS[subject]
    run = getattr(__import__(f"fuzz.{module}", fromlist=[function]), function)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "files").mkdir()
        os.chdir(folder)
        tally = Tally(subject, watch=os.environ["FUZZ_WATCH"])
        n_cases = max(1, int(n_cases * share))
        run(tally, Path(folder, "files"), n_cases, seed)
        os.chdir("/")
    print(json.dumps(asdict(tally)))


def run_apart(subject: str, seed: int, share: float) -> Tally:
    """Run one subject in another process, whose end is a fault of its last case."""
    with tempfile.NamedTemporaryFile("r") as watch:
        options = ["--part", subject, "--seed", str(seed), "--share", str(share)]
        environment = os.environ | {"FUZZ_WATCH": watch.name, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "fuzz", *options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode == 0:
            return Tally(**json.loads(done.stdout.splitlines()[-1]))
        ended = signal.Signals(-done.returncode).name if done.returncode < 0 else f"code {done.returncode}"
        fault = f"{subject}: {watch.read()}: the process ends with {ended}: {done.stderr[-2000:]}"
        return Tally(subject, tried=1, faults=[fault])


def print_table(tallies) -> None:
    print("| subject | cases | refused | answered | at fault | slowest | largest |")
    print("|---|---|---|---|---|---|---|")
    for one in tallies:
        print(
            f"| {one.subject} | {one.tried:,} | {one.refused:,} | {one.answered:,} | {len(one.faults)} "
            f"| {one.slowest:.2f} s | {one.largest / 1e6:.0f} MB |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the whole campaign, and print its table.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases")
    parser.add_argument("--subjects", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--part", choices=list(SUBJECTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        run_part(args.part, args.seed, args.share)
        return
    with ThreadPoolExecutor(2) as pool:
        tallies = list(pool.map(lambda subject: run_apart(subject, args.seed, args.share), args.subjects))
    print_table(tallies)
    faults = [fault for tally in tallies for fault in tally.faults]
    print("".join(f"\n{fault}\n" for fault in faults[:50]))
    sys.exit(f"{len(faults)} faults" if faults else 0)


if __name__ == "__main__":
    main()
