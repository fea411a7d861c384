"""The arguments of the command line, and what ``--help`` says of them."""

from __future__ import annotations

import argparse

import sparsecnn
from sparsecnn.pretrained import list_readers

DEFAULT_READER = "words"  # no default of the option, or argparse would let it pass beside --model

_ABOUT = "Read whether the lines of writing and drawings are shaky or regular, from image files."
_READ = """\
Read images of words or drawings: photographs, scans or screenshots, of ink on
paper of any shade. For each file, print the answer and its probability.
The answers are about lines in a picture. They are not a diagnosis."""
_EXAMPLES = """\
examples:
  sparsecnn read word.png               one photograph of one word
  sparsecnn read --reader drawings scans/
                                        all images in a folder and its subfolders
  sparsecnn read --json scans/ > answers.jsonl
                                        for programs: one line of JSON for each file
  sparsecnn read --model screening.safetensors --group-pattern 'V\\d+' scans/
                                        one answer for each person, by the files
                                        whose names have V and the same number
  sparsecnn read --html page.html       a page to draw on, for a browser

exit status:
  0  all files were read
  1  some could not be read; the reasons are in the error output
  2  wrong usage, or the model, the page or the output is at fault"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all arguments."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("sparsecnn", description=_ABOUT)
    parser.add_argument("--version", action="version", version=f"sparsecnn {sparsecnn.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    read = commands.add_parser(
        "read", help="read image files", description=_READ, epilog=_EXAMPLES, formatter_class=raw
    )
    read.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="an image (PNG, JPEG, TIFF, WebP, ...), or a folder of images; "
        "put -- before names that begin with a dash",
    )
    which = read.add_mutually_exclusive_group()
    which.add_argument(
        "--reader",
        choices=list_readers(),
        help="what the images show: one word each (the default), or drawings such as spirals and waves",
    )
    which.add_argument(
        "--model", metavar="MODEL", help="a reader of your own: a file that sparsecnn.export.save has written"
    )
    read.add_argument(
        "--group-pattern",
        metavar="PATTERN",
        help="regular expression of the person in the name of each file, or its first group: print an answer "
        "for each person, by the mean probability of their images",
    )
    read.add_argument(
        "--json", action="store_true", help="print a line of JSON for each file or person, not a table"
    )
    read.add_argument(
        "--html",
        metavar="PAGE",
        help="write a page for a browser on which one can draw and be answered; replaces an old PAGE",
    )
    return parser
