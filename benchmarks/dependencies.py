"""Finds the distributions of small projects with graduate and with four other tools, and says how many are right.

    python benchmarks/dependencies.py            measures, prints what each got wrong, and writes the table of README.md
    python benchmarks/dependencies.py --print    only prints
    python benchmarks/dependencies.py --corpus FOLDER [FILE]    repos in FOLDER: those of dependency_repos.txt, or FILE

The others live in build/dependency-tools, an environment of their own. What the cases import is not installed in it
(but for what the tools need themselves), and graduate is told that nothing is installed: all answers come from the
code, the files beside it, and what a tool knows.
No index is asked: pipreqs is taken at what its own table answers, pigar chooses by itself (--auto-select).
fawltydeps and deptry compare imports with what is declared, and name modules: their answer is what is declared and
used, and the names of the modules that they find missing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "benchmarks" / "dependency_cases.txt"
REPOS = ROOT / "benchmarks" / "dependency_repos.txt"
README = ROOT / "benchmarks" / "README.md"
TOOLS = ROOT / "build" / "dependency-tools"
OTHERS = {"pipreqs": "0.5.0", "pigar": "2.2.0", "fawltydeps": "0.20.0", "deptry": "0.25.1"}
ROWS = {
    "graduate": "graduate",
    "pipreqs": "pipreqs 0.5.0",
    "pigar": "pigar 2.2.0, choosing by itself",
    "pigar_and_choose": "pigar 2.2.0, with a person who always chooses right",
    "fawltydeps": "fawltydeps 0.20.0",
    "deptry": "deptry 0.25.1",
}
MARK = "answers: "
Named = str | list[str]
"""A distribution, or those of which a person is to choose one."""

_TABLE = re.compile(r"<!-- dependencies -->.*?<!-- end of dependencies -->", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """A small project. Each of `needed` is a set of names of which one is right; `allowed` ones are never wrong."""

    name: str
    files: dict[str, str]
    needed: tuple[frozenset[str], ...]
    allowed: frozenset[str]
    source: Path = Path()


@dataclass
class Score:
    """Counts over all cases: right, wrong and missing distributions, and cases without a mistake."""

    right: int = 0
    wrong: int = 0
    missing: int = 0
    whole: int = 0

    @property
    def precision(self) -> float:
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        return self.right / max(self.right + self.missing, 1)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_cases(text: str) -> Iterator[Case]:
    for part in text.split("\n== ")[1:]:
        head, _, answer = part.partition("\n=>")
        name, *files = head.split("\n@@ ")
        words = [word.strip() for word in answer.split(",")]
        needed = [frozenset(map(canonical, word.split("|"))) for word in words if word and word[0] != "?"]
        allowed = frozenset(canonical(word[1:]) for word in words if word[:1] == "?")
        texts = {
            path: f"{body}\n" if body else "" for path, _, body in (file.partition("\n") for file in files)
        }
        yield Case(name.strip(), texts, tuple(needed), allowed)


def write_case(case: Case, folder: Path) -> None:
    if not case.files:
        shutil.copytree(case.source, folder, dirs_exist_ok=True, ignore=_ignore_big)
    for path, text in case.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(_notebook(text) if path.endswith(".ipynb") else text, encoding="utf-8")


def _ignore_big(folder: str, names: list[str]) -> list[str]:
    paths = [Path(folder, name) for name in names]
    return [
        path.name
        for path in paths
        if path.is_symlink() or (path.is_file() and path.stat().st_size > 5_000_000)
    ]


def _notebook(text: str) -> str:
    cells = [
        {
            "cell_type": "code",
            "metadata": {},
            "outputs": [],
            "execution_count": n,
            "id": f"c{n}",
            "source": cell.strip().splitlines(True),
        }
        for n, cell in enumerate(text.split("\n----\n"), 1)
    ]
    kernel = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python", "file_extension": ".py"},
    }
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells})


def choose(case: Case, names: Named) -> str:
    """What a person would take who knows the answer."""
    if isinstance(names, str):
        return canonical(names)
    right = [canonical(name) for name in names if any(canonical(name) in needed for needed in case.needed)]
    return right[0] if right else canonical(names[0])


def compare(case: Case, answer: Sequence[Named], score: Score) -> str:
    """Count an answer; what is wrong about it in a line, "" when nothing is."""
    given = {choose(case, name) for name in answer}
    right = {name for names in case.needed for name in names & given}
    missing = [names for names in case.needed if not names & given]
    wrong = given - right - case.allowed
    score.right += len(case.needed) - len(missing)
    score.missing += len(missing)
    score.wrong += len(wrong)
    score.whole += not missing and not wrong
    parts = ["|".join(sorted(names)) for names in missing]
    return "; ".join(
        text
        for text in (
            "missing " + ", ".join(parts) if parts else "",
            "wrong " + ", ".join(sorted(wrong)) if wrong else "",
        )
        if text
    )


def ask_graduate(folder: Path) -> list[str]:
    from graduate.analyse.dependencies import find_dependencies
    from graduate.read.project import read_project

    found = find_dependencies(read_project(folder), installed={})
    return [each.distribution for each in found if not each.optional]


def ask_pipreqs(folder: Path) -> list[str]:
    from pipreqs import pipreqs

    pipreqs.scan_noteboooks = True
    pipreqs.handle_scan_noteboooks()
    return pipreqs.get_pkg_names(pipreqs.get_all_imports(str(folder)))


def ask_pigar(folder: Path, *, person: bool = False) -> list[Named]:
    """As with --auto-select. With a `person` it asks about every module that several distributions provide."""
    from pigar import core

    async def latest(self: object, name: str, **options: object) -> str:
        return "0"

    core.PyPIDistributions.get_latest_distribution_version = latest

    def choose(module: str, places: object, distributions: list, best: object) -> list:
        return [best] if best and not person else distributions

    analyzer = core.RequirementsAnalyzer(str(folder))
    analyzer.analyze_requirements(dists_filter=choose)
    analyzer.search_unknown_imports_from_index(dists_filter=choose)
    uncertain = [sorted(found) for found in analyzer._uncertain_requirements.values()]
    return [
        *analyzer._requirements,
        *(uncertain if person else [name for names in uncertain for name in names]),
    ]


def ask_pigar_and_choose(folder: Path) -> list[Named]:
    return ask_pigar(folder, person=True)


def ask_fawltydeps(folder: Path) -> list[str]:
    command = [str(TOOLS / "bin" / "fawltydeps"), "--json", str(folder)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    declared = {each["name"] for each in found["declared_deps"]}
    unused = {each["name"] for each in found["unused_deps"]}
    # Tools, which it takes to be used without an import.
    ignored = found["settings"]["ignore_unused"]
    unused |= {name for name in declared if any(fnmatch(name, pattern) for pattern in ignored)}
    return [*(declared - unused), *(each["name"] for each in found["undeclared_deps"])]


def ask_deptry(folder: Path) -> list[str]:
    from deptry.dependency_getter.builder import DependencyGetterBuilder

    manifests = [folder / name for name in ("pyproject.toml", "requirements.txt")]
    if not any(path.exists() for path in manifests):
        manifests[1].touch()  # it refuses a project that declares nothing
    report = folder / "deptry.json"
    command = [str(TOOLS / "bin" / "deptry"), ".", "-o", str(report)]
    subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    issues = json.loads(report.read_text())
    getter = DependencyGetterBuilder(manifests[0], requirements_files=("requirements.txt",))
    here = Path.cwd()
    try:
        os.chdir(folder)
        declared = {each.name for each in getter.build().get().dependencies}
    finally:
        os.chdir(here)
    unused = {each["module"] for each in issues if each["error"]["code"] == "DEP002"}
    missing = [each["module"] for each in issues if each["error"]["code"] in {"DEP001", "DEP003"}]
    return [*(declared - unused), *missing]


def answer(tool: str, folders: Sequence[Path]) -> list[list[Named] | str]:
    """The answers of a tool; a text for a project that it fails on."""
    found: list[list[Named] | str] = []
    for folder in folders:
        try:
            found.append(sorted(globals()[f"ask_{tool}"](folder), key=str))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def make_environment() -> Path:
    """The Python of the other tools' environment, made when it is missing."""
    python = TOOLS / "bin" / "python"
    if not python.exists():
        from uv import find_uv_bin

        subprocess.run([find_uv_bin(), "venv", "-q", "-p", sys.executable, str(TOOLS)], check=True)
        wanted = [f"{name}=={version}" for name, version in OTHERS.items()]
        subprocess.run([find_uv_bin(), "pip", "install", "-q", "--python", str(python), *wanted], check=True)
    return python


def measure(cases: Sequence[Case]) -> dict[str, Score]:
    scores = {}
    for tool in ROWS:
        with tempfile.TemporaryDirectory() as scratch:
            folders = []
            for number, case in enumerate(cases):
                folders.append(Path(scratch) / f"p{number}")
                folders[-1].mkdir()
                write_case(case, folders[-1])
            if tool == "graduate":
                answers = answer(tool, folders)
            else:
                command = [str(make_environment()), __file__, "--answer", tool, *map(str, folders)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                answers = json.loads(done.stdout.rpartition(MARK)[2].partition("\n")[0])
        scores[tool] = Score()
        for case, given in zip(cases, answers, strict=True):
            fault = compare(case, given if isinstance(given, list) else [], scores[tool])
            failed = f"fails ({given.splitlines()[0][:80]}); " if isinstance(given, str) else ""
            if fault or failed:
                print(f"{tool}: {case.name}: {failed}{fault}")
    return scores


def render(scores: dict[str, Score], cases: Sequence[Case]) -> str:
    count = sum(len(case.needed) for case in cases)
    lines = [
        f"{len(cases)} cases with {count} distributions.",
        "",
        "| | precision | recall | cases without a mistake |",
        "| --- | --- | --- | --- |",
    ]
    for tool, score in scores.items():
        lines.append(
            f"| {ROWS[tool]} | {score.precision:.0%} ({score.wrong} wrong) "
            f"| {score.recall:.0%} ({score.missing} missing) | {score.whole} of {len(cases)} |"
        )
    return "\n".join(lines)


def main() -> int:
    if sys.argv[1:2] == ["--answer"]:
        # On a line of its own: tools print, too.
        print(f"\n{MARK}{json.dumps(answer(sys.argv[2], [Path(each) for each in sys.argv[3:]]))}")
        return 0
    if sys.argv[1:2] == ["--corpus"]:
        file = Path(sys.argv[3]) if sys.argv[3:] else REPOS
        repos = list(read_cases(file.read_text(encoding="utf-8")))
        repos = [replace(case, source=Path(sys.argv[2]) / case.name) for case in repos]
        print(render(measure(repos), repos))
        return 0
    cases = list(read_cases(CASES.read_text(encoding="utf-8")))
    table = render(measure(cases), cases)
    print(table)
    if sys.argv[1:] != ["--print"]:
        text = README.read_text(encoding="utf-8")
        block = f"<!-- dependencies -->\n{table}\n<!-- end of dependencies -->"
        README.write_text(_TABLE.sub(lambda _: block, text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
