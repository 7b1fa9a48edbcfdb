"""The files of the source folder that the programs need at run time.

A file counts when the code or a configuration file names it, or a folder or pattern that it lies in; in
doubt, when it looks like data. A file that the code writes and never reads is an output, and is left where it is.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename, dirname

from graduate.analyse.listed_files import find_listed
from graduate.analyse.listings import Listing, find_listings
from graduate.model.facts import DataFile
from graduate.model.source import MODULES, OtherFile, Place, Sources
from graduate.syntax.file_uses import FileUse, find_file_uses
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.nodes import parse

LIMIT_BYTES = 200 * 1024 * 1024
_UNNAMED_LIMIT_BYTES = 20 * 1024 * 1024
# Beside one file that was named, more than this is a folder of other work, not the data of this file.
_FEW_FILES = 50
_DATA = re.compile(
    r"\.(csv|tsv|txt|dat|data|json|jsonl|ndjson|ya?ml|toml|ini|cfg|xml|parquet|feather|arrow|orc|avro|npy|npz|mat|h5|hdf5?|"
    r"nc|zarr|pkl|pickle|joblib|pt|pth|ckpt|safetensors|onnx|bin|model|sav|xlsx?|ods|db|sqlite3?|png|jpe?g|gif|bmp|"
    r"tiff?|webp|svg|wav|mp3|flac|ogg|mp4|avi|zip|gz|bz2|xz|tar|tgz|arff|libsvm|svm|fasta|fa|fastq|vcf|pdb|sdf|smi|mol|"
    r"geojson|shp|shx|dbf|prj|tif|nii|dcm|edf|bib|vocab|tok|words|sql)$",
    re.IGNORECASE,
)
_NOT_DATA = re.compile(
    r"(^|/)(docs?|\.github|tests?|examples?_output|figures?|images?_out|logs?|wandb|mlruns|runs|lightning_logs)/"
    r"|(^|/)(readme|license|licence|copying|authors|contributing|changelog|changes|citation|notice|todo|history)[^/]*$"
    r"|(^|/)(requirements|constraints)[^/]*\.(txt|in)$|(^|/)(pyproject\.toml|poetry\.lock|pdm\.lock|uv\.lock|pipfile"
    r"(\.lock)?|setup\.cfg|tox\.ini|pytest\.ini|mypy\.ini|\.?ruff\.toml|environment[^/]*\.ya?ml|runtime\.txt|apt\.txt|packages\.txt|manifest\.in|makefile|"
    r"docker-compose[^/]*|compose\.ya?ml|dockerfile|mkdocs\.ya?ml|package(-lock)?\.json|[^/]*\.code-workspace|"
    r"codecov\.ya?ml|\.?pre-commit[^/]*|meta\.ya?ml|_config\.yml|conversion\.json)$",
    re.IGNORECASE,
)
_CONFIGURATION = re.compile(r"\.(ya?ml|toml|ini|cfg|json|sh|bash)$|(^|/)Makefile$", re.IGNORECASE)
_WORD = re.compile(r"[\w./\\*~@%+\-]+")


@dataclass(frozen=True, slots=True)
class _Named:
    """A pattern relative to the source root, how it is used, and where."""

    pattern: str
    mode: str
    place: Place


def find_data_files(sources: Sources, *, limit_bytes: int = LIMIT_BYTES) -> tuple[DataFile, ...]:
    """The data files of a project with their checksums; those above the limit are not `copied`."""
    named = [*_named_by_code(sources), *_named_by_texts(sources)]
    named += [
        _Named(word, "named", Place(p.path))
        for p in sources.programs
        for a in p.arguments
        for word in _values(a)
    ]
    exact, patterns = _index(named)
    in_doubt = sources.whole_folder or len(sources.files) <= _FEW_FILES
    texts = dict(sources.texts)
    found: list[DataFile] = []
    others: list[OtherFile] = []
    listings = find_listings(sources)
    opened = _find_opened_modules(sources, exact, listings)
    for file in sorted([*sources.files, *opened], key=lambda each: each.path):
        listed = next((each.place for each in listings if each.has(file.path)), None)
        if listed is not None and (in_doubt or dirname(file.path) in {each.folder for each in listings}):
            found.append(_describe(Path(sources.root), file, limit_bytes, listed))
            continue
        uses = _uses_of(file.path, exact, patterns)
        modes = {use.mode for use in uses}
        if "write" in modes and "read" not in modes:
            continue
        if file.path.endswith(MODULES):
            # Python that was left out (tests): what a service or a README says of it does not make it data.
            uses = [use for use in uses if use.place.path.endswith(MODULES)]
            if file in opened and not uses:
                uses = [_Named(file.path, "read", Place(file.path))]
        if not uses and not (in_doubt and _looks_like_data(file)):
            if not file.path.endswith(MODULES) and not _NOT_DATA.search(file.path):
                others.append(file)
            continue
        if file.path in texts and _NOT_DATA.search(file.path) and not modes & {"read"}:
            continue
        place = min((use.place for use in uses), default=None)
        found.append(_describe(Path(sources.root), file, limit_bytes, place))
    found += [
        _describe(Path(sources.root), file, limit_bytes, place)
        for file, place in find_listed(sources, found, others)
    ]
    return tuple(sorted(found, key=lambda file: file.path))


_LOADS_BY_PATH = re.compile(r"\b(spec_from_file_location|SourceFileLoader|run_path)\b|[\"']\*?\.py[\"']")
"""Code that loads Python files by their paths, or looks for them."""
_FETCHED = re.compile(r"https?://[^\s\"']+/([\w.-]+\.py)[\"']")
"""Python that is downloaded, which programs do unless it is there."""


def _find_opened_modules(
    sources: Sources, exact: dict[str, list[_Named]], listings: Sequence[Listing]
) -> list[OtherFile]:
    """Python that is opened as a file, like one that is run by `exec` or by a command: it is data besides what it is as
    a module, with the modules that it imports. So is code of which the names are listed.

    So is Python that the code would download if it were not there.

    Where the command line names one in a folder, those beside it can be named too. Where code lists Python files or
    loads them by their paths, those of each folder that it names are read.
    """
    given = {
        _inside(posixpath.join(base, word))
        for program in sources.programs
        for argument in program.arguments
        for word in _values(argument)
        for base in ("", program.folder)
    }
    by_path = {module.path: module for module in sources.modules if module.kind == "script"}
    local = LocalModules(tuple(by_path))
    read = [path for path in by_path if any(use.mode == "read" for use in exact.get(path, ()))]
    if any(_LOADS_BY_PATH.search(module.text) for module in sources.modules):
        read += [path for path in by_path if dirname(path) and dirname(path) in exact and path not in read]
    for module in sources.modules:
        fetched = {posixpath.join(dirname(module.path), name) for name in _FETCHED.findall(module.text)}
        read += [path for path in by_path if path in fetched and path not in read]
    for path in read:
        text = by_path[path].text
        read += [each for each in local.find_imports(path, text, parse(text))[0] if each not in read]
    entries = {program.path for program in sources.programs}
    folders = {dirname(path) for path in given if path.endswith(".py")} - {""}
    return [
        OtherFile(module.path, (Path(sources.root) / module.path).stat().st_size)
        for module in sources.modules
        if any(listing.has(module.path) for listing in listings)
        or (
            module.kind == "script"
            and (
                module.path in read
                or module.path in given
                or (dirname(module.path) in folders and module.path not in entries)
            )
        )
    ]


def find_output_folders(sources: Sources) -> tuple[str, ...]:
    """The folders of the source that the programs write files into: the project needs them too."""
    found = set()
    for use in _named_by_code(sources):
        fixed = use.pattern.partition("*")[0]
        inside = {dirname(fixed)} if use.mode != "read" else set()
        if use.mode == "write":
            inside.add(fixed.rstrip("/"))
        found |= {folder for folder in inside if folder and (Path(sources.root) / folder).is_dir()}
    return tuple(sorted(found))


def _values(argument: str) -> list[str]:
    """The file name in `data.csv` or `--data=data.csv`."""
    return [argument.partition("=")[2] if argument.startswith("-") else argument]


def _looks_like_data(file: OtherFile) -> bool:
    if file.path.endswith(MODULES) or file.size >= _UNNAMED_LIMIT_BYTES:
        return False
    return _DATA.search(file.path) is not None and _NOT_DATA.search(file.path) is None


def _describe(root: Path, file: OtherFile, limit_bytes: int, place: Place | None) -> DataFile:
    digest = hashlib.sha256()
    with (root / file.path).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return DataFile(file.path, file.size, digest.hexdigest(), file.size <= limit_bytes, place)


def _named_by_code(sources: Sources) -> Iterator[_Named]:
    for module in sources.modules:
        folder = dirname(module.path)
        for use in find_file_uses(parse(module.text)):
            place = module.place(use.line)
            for pattern in _resolve(use, folder):
                yield _Named(pattern, use.mode, place)


def _resolve(use: FileUse, folder: str) -> Iterable[str]:
    """A name is relative to where the program runs: the root or the module's own folder."""
    if use.here:
        return [_inside(posixpath.join(folder, use.pattern))]
    if use.pattern.startswith(("/", "~")):
        return [basename(use.pattern)] if "." in basename(use.pattern) else []
    return {_inside(use.pattern), _inside(posixpath.join(folder, use.pattern))}


def _inside(path: str) -> str:
    """A path relative to the root; what leads out of it is taken from its first known part."""
    path = posixpath.normpath(path)
    while path.startswith("../"):
        path = path[3:]
    return path


def _named_by_texts(sources: Sources) -> Iterator[_Named]:
    for path, text in sources.texts:
        if not _CONFIGURATION.search(path) or _NOT_DATA.search(path):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            for word in _WORD.findall(line):
                if "." in word or "/" in word:
                    for base in {"", dirname(path)}:
                        yield _Named(
                            _inside(posixpath.join(base, word)), "named", Place(path, number, number)
                        )


def _index(named: Sequence[_Named]) -> tuple[dict[str, list[_Named]], list[tuple[re.Pattern[str], _Named]]]:
    """The uses by exact name, and those whose name is a pattern."""
    exact: dict[str, list[_Named]] = {}
    patterns: dict[_Named, re.Pattern[str]] = {}
    for use in named:
        if not use.pattern or use.pattern == ".":
            continue
        if any(c in use.pattern for c in "*?"):
            # `*.csv` may be any file: as a name it says no more than that the file looks like data.
            if use.mode == "write" or "/" in use.pattern or not use.pattern.startswith("*."):
                patterns.setdefault(use, _translate(use.pattern))
        else:
            exact.setdefault(use.pattern, []).append(use)
    return exact, [(pattern, use) for use, pattern in patterns.items()]


def _translate(pattern: str) -> re.Pattern[str]:
    """A glob pattern as a regular expression: `*` stays within a folder, `**` does not.

    What follows a `*` is looked for once: a line of stars with some text, as people print it, takes no time.
    """
    parts = re.split(r"(\*+/?)", re.sub(r"\*{3,}", "**", pattern))
    found = _literal(parts[0])
    for stars, text, after in zip(parts[1::2], parts[2::2], [*parts[3::2], ""], strict=False):
        if stars.startswith("**"):
            found += ("(?:.*/)?" if stars == "**/" else ".*") + _literal(text)
        elif after in ("*", "*/"):
            found += f"(?>[^/]*?{_literal(stars[1:] + text)})"
        else:
            found += "[^/]*" + _literal(stars[1:] + text)
    return re.compile(found + r"\Z")


def _literal(text: str) -> str:
    return "[^/]".join(re.escape(part) for part in text.split("?"))


def _uses_of(
    path: str, exact: dict[str, list[_Named]], patterns: Sequence[tuple[re.Pattern[str], _Named]]
) -> list[_Named]:
    """The uses that mean this file: its path, its base name, a folder around it, or a pattern."""
    uses = list(exact.get(path, ()))
    if "/" in path and "." in basename(path):
        uses += exact.get(basename(path), ())
    folder = dirname(path)
    while folder:
        # To write into a folder, or to make it, says nothing about the files that are already there.
        uses += [use for use in exact.get(folder, ()) if use.mode != "write"]
        folder = dirname(folder)
    uses += [use for pattern, use in patterns if pattern.match(path)]
    return uses
