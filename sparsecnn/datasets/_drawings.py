"""Load a folder of drawings, one sub-folder a class."""

import os
import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile
from sklearn.utils import Bunch


def load_drawings(folder: str | os.PathLike, *, group_pattern: str | re.Pattern | None = None) -> Bunch:
    r"""List the images of a folder with one sub-folder a class, with the person who drew each.

    The class of an image is the name of the folder in which the file itself lies. Folders above that one do
    not matter: the images of ``training/healthy`` and ``testing/healthy`` are one class, ``healthy``, and a
    split made in folders has to be made anew, by `groups`. Files that are no images (by their extension)
    and everything whose name begins with a dot are left aside.

    Parameters
    ----------
    folder : str or path-like
        The folder. It holds the class folders, directly or further down.
    group_pattern : str or re.Pattern, default=None
        Regular expression, searched in the name of every file; its first group, or the whole match where it
        has none, is the person. ``r"^(V\d+)"`` finds the person V01 in ``V01HE02.png``. Persons of the same
        name in two classes are taken for different ones: the groups are named ``class/person``.

    Returns
    -------
    drawings : :class:`~sklearn.utils.Bunch`
        With the attributes

        filenames : ndarray of str, shape (n_samples,)
            Paths of the files, sorted by their path below `folder`.
        target : ndarray of int, shape (n_samples,)
            Index of the class into `target_names`.
        target_names : ndarray of str, shape (n_classes,)
            Names of the class folders, sorted.
        groups : ndarray of str, shape (n_samples,), or None
            ``class/person`` of each image; None without `group_pattern`.
        DESCR : str
            Description of the data; it tells how many files were left aside.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no such folder.
    ValueError
        If there are no images, less than two classes, a folder with no images anywhere below it, or images
        outside any class folder; if `group_pattern` is no regular expression or is not found in a file's
        name.

    See Also
    --------
    make_shaky_spirals : Generated drawings of the same kind.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from sparsecnn.datasets import load_drawings
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("healthy/V01-1.png", "healthy/V02-1.png", "shaky/V01-1.png"):
    ...         (Path(folder) / name).parent.mkdir(exist_ok=True)
    ...         Image.new("L", (8, 8)).save(Path(folder) / name)
    ...     drawings = load_drawings(folder, group_pattern=r"V\d+")
    >>> drawings.target, drawings.target_names.tolist()
    (array([0, 0, 1]), ['healthy', 'shaky'])
    >>> drawings.groups.tolist()
    ['healthy/V01', 'healthy/V02', 'shaky/V01']
    """
    root = Path(folder)
    if not root.exists():
        raise FileNotFoundError(f"folder {str(folder)!r} does not exist.")
    if not root.is_dir():
        raise NotADirectoryError(
            f"folder {str(folder)!r} is a file; expected a folder with one folder a class."
        )
    pattern = _compile(group_pattern)
    paths, n_others = _list_images(root)
    classes = np.array([path.parent.name for path in paths])
    names, target = np.unique(classes, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"folder {str(folder)!r} holds one class only, '{names[0]}'; expected at least two.")
    groups = None
    if pattern is not None:
        groups = np.array([f"{path.parent.name}/{_person(path, pattern)}" for path in paths])
    return Bunch(
        filenames=np.array([str(path) for path in paths]),
        target=target,
        target_names=names,
        groups=groups,
        DESCR=_describe(root, names, target, groups, n_others),
    )


def _compile(pattern):
    try:
        return None if pattern is None else re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ValueError(f"group_pattern must be a regular expression, got {pattern!r} ({error}).") from error


def _list_images(root: Path) -> tuple[list[Path], int]:
    """Return the images below the folder, sorted, and how many other files there are."""
    extensions = _readable_extensions()
    visible = [path for path in root.rglob("*") if not _hidden(path.relative_to(root))]
    paths = [path for path in visible if path.is_file() and path.suffix.lower() in extensions]
    paths.sort(key=lambda path: path.relative_to(root).as_posix())
    if not paths:
        raise ValueError(f"folder {str(root)!r} holds no images.")
    stray = [path.name for path in paths if path.parent == root]
    if stray:
        raise ValueError(
            f"{stray[0]!r} lies directly in {str(root)!r}; expected every image in a class folder."
        )
    filled = {parent for path in paths for parent in path.parents}
    empty = sorted(str(path.relative_to(root)) for path in visible if path.is_dir() and path not in filled)
    if empty:
        raise ValueError(f"folder {str(root)!r}: the class folder {empty[0]!r} holds no images.")
    return paths, sum(path.is_file() for path in visible) - len(paths)


def _readable_extensions():
    """Return the extensions of the formats that Pillow reads; some it only writes or recognises."""
    extensions = Image.registered_extensions()  # loads the formats
    stubs = {name for name, (reader, _) in Image.OPEN.items() if _is_stub(reader)} | {"MPEG"}
    return {extension for extension, name in extensions.items() if name in Image.OPEN and name not in stubs}


def _is_stub(reader):
    return isinstance(reader, type) and issubclass(reader, ImageFile.StubImageFile)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _person(path: Path, pattern: re.Pattern) -> str:
    match = pattern.search(path.name)
    person = match and match[1 if pattern.groups else 0]
    if not person:
        raise ValueError(f"group_pattern {pattern.pattern!r} finds no person in the file name {path.name!r}.")
    return person


def _describe(root, names, target, groups, n_others) -> str:
    counts = ", ".join(f"{n} {name}" for name, n in zip(names, np.bincount(target), strict=True))
    persons = "" if groups is None else f", by {len(set(groups))} persons"
    others = f" Left aside: {n_others} files that are no images." if n_others else ""
    return f"Drawings of the folder {root.name}: {counts}{persons}.{others}\n"
