"""What leaves the package, in one run: saved files, ONNX, the page, and the ready readers.

Each part is a script of its own, which says what it measures; ``--parts`` chooses among them.
"""

import argparse
import subprocess
import sys
from pathlib import Path

PARTS = {
    "files": "export_files.py",
    "onnx": "export_onnx.py",
    "page": "page.py",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    failed = []
    for part in parser.parse_args().parts:
        print(f"\n## {PARTS[part]}\n", flush=True)
        command = [sys.executable, str(Path(__file__).parent / PARTS[part])]
        if subprocess.run(command, check=False).returncode:
            failed.append(part)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
