"""Load a folder of drawings with one sub-folder per class."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sparsecnn._image_shape import image_extensions


def load_drawings(folder: str | os.PathLike, *, group_pattern: str | re.Pattern | None = None) -> Bunch:
    r"""List the images in a folder with one sub-folder per class, and the person who drew each.

    The class of an image is the name of the folder that contains the file. Folders above have no meaning: the
    images of ``training/healthy`` and ``testing/healthy`` are one class, ``healthy``; split them again by
    `groups`. Files without the extension of an image format that `CurveImageTransformer` reads are skipped,
    as are files and folders whose name begins with a dot.

    Parameters
    ----------
    folder : str or path-like
        Folder that holds the class folders, at any depth.
    group_pattern : str or re.Pattern, default=None
        Regular expression, searched in the name of each file. Its first group, or the whole match if it has
        no group, is the person: ``r"^(V\d+)"`` finds the person V01 in ``V01HE02.png``. Persons of the same
        name in two classes are different persons: the groups are named ``class/person``.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With the attributes

        filenames : ndarray of str, shape (n_samples,)
            Paths of the files, sorted by their path below `folder`.
        target : ndarray of int, shape (n_samples,)
            Index of the class into `target_names`.
        target_names : ndarray of str, shape (n_classes,)
            Names of the class folders, sorted.
        groups : ndarray of str, shape (n_samples,), or None
            ``class/person`` of each image, for a splitter such as
            :class:`~sklearn.model_selection.StratifiedGroupKFold`, which keeps a person in one fold and
            balances the classes of the folds; None without `group_pattern`.
        DESCR : str
            Description of the data, with the number of skipped files.

    Raises
    ------
    TypeError
        If `folder` is not a path.
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If there are no images, fewer than two classes, a folder without images below it, an image that cannot
        be read (such as a dangling link), or an image outside the class folders; if `group_pattern` is not a
        regular expression for str, or does not match a file name.

    See Also
    --------
    make_shaky_drawings : Generate drawings.
    sparsecnn.CurveImageTransformer : Convert the files to arrays of pixels.

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
    root = _check_folder(folder)
    pattern = compile_pattern(group_pattern)
    paths, n_others = _list_images(root)
    classes = np.array([path.parent.name for path in paths])
    names, target = np.unique(classes, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"folder {str(folder)!r} holds one class only, '{names[0]}'; expected at least two.")
    groups = None
    if pattern is not None:
        groups = np.array([f"{path.parent.name}/{person_in_name(path, pattern)}" for path in paths])
    return Bunch(
        filenames=np.array([str(path) for path in paths]),
        target=target,
        target_names=names,
        groups=groups,
        DESCR=_describe(root, names, target, groups, n_others),
    )


def _check_folder(folder: Any) -> Path:
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"folder must be a str or path-like, got {folder!r}.")
    root = Path(folder)
    if not root.exists():
        raise FileNotFoundError(f"folder {str(folder)!r} does not exist.")
    if not root.is_dir():
        raise NotADirectoryError(f"folder {str(folder)!r} is a file; expected one with a folder per class.")
    return root


def compile_pattern(pattern: Any) -> re.Pattern[str] | None:
    """Return a regular expression for the names of files, or raise ValueError.

    Parameters
    ----------
    pattern : str, re.Pattern or None
    """
    if pattern is None:
        return None
    if not isinstance(getattr(pattern, "pattern", pattern), str):
        raise ValueError(f"group_pattern must be a regular expression for str, got {pattern!r}.")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"group_pattern must be a regular expression, got {pattern!r} ({error}).") from error


def _list_images(root: Path) -> tuple[list[Path], int]:
    """Return the images below the folder, sorted, and the number of other files."""
    extensions = image_extensions()
    visible = [path for path in root.rglob("*") if not _hidden(path.relative_to(root))]
    files = [path for path in visible if not path.is_dir()]
    paths = [path for path in files if path.suffix.lower() in extensions]
    paths.sort(key=lambda path: path.relative_to(root).as_posix())
    if not paths:
        raise ValueError(f"folder {str(root)!r} holds no images.")
    _check_images(root, paths)
    _check_folders(root, [path for path in visible if path.is_dir()], paths)
    return paths, len(files) - len(paths)


def _check_images(root: Path, paths: list[Path]) -> None:
    """Raise if an image cannot be read, or is in no class folder."""
    unreadable = [str(path) for path in paths if not (path.is_file() and os.access(path, os.R_OK))]
    if unreadable:
        raise ValueError(
            f"folder {str(root)!r}: {unreadable[0]!r} cannot be read (dangling link or no permission)."
        )
    stray = [path.name for path in paths if path.parent == root]
    if stray:
        raise ValueError(
            f"folder {str(root)!r}: {stray[0]!r} lies directly in it; expected every image in a class folder."
        )


def _check_folders(root: Path, folders: list[Path], paths: list[Path]) -> None:
    """Raise if one of `folders` has no images below it."""
    filled = {parent for path in paths for parent in path.parents}
    empty = sorted(folder for folder in folders if folder not in filled)
    if empty:
        name = str(empty[0].relative_to(root))
        link = " (links to folders are not followed)" if empty[0].is_symlink() else ""
        raise ValueError(f"folder {str(root)!r}: the class folder {name!r} holds no images{link}.")


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def person_in_name(path: Path, pattern: re.Pattern) -> str:
    """Return the person that a pattern finds in the name of a file, or raise ValueError.

    Parameters
    ----------
    path : Path
    pattern : re.Pattern
        Its first group is the person, or the whole match if it has no group.
    """
    match = pattern.search(path.name)
    person = match and match[1 if pattern.groups else 0]
    if not person:
        raise ValueError(f"group_pattern {pattern.pattern!r} finds no person in the file name {path.name!r}.")
    return person


def _describe(
    root: Path, names: np.ndarray, target: np.ndarray, groups: np.ndarray | None, n_others: int
) -> str:
    counts = ", ".join(f"{n} {name}" for name, n in zip(names, np.bincount(target), strict=True))
    persons = "" if groups is None else f", by {len(set(groups))} persons"
    others = f" Skipped: {n_others} files that are not images." if n_others else ""
    return f"Drawings in the folder {root.name}: {counts}{persons}.{others}\n"
