"""Compares the files and the figures of runs: by their bytes, else by what is in them."""

from __future__ import annotations

import filecmp
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graduate.errors import VerifyError
from graduate.model.verdict import Finding
from graduate.verify import processes
from graduate.verify.compare import Result, compare_trees
from graduate.verify.observe import Observation, clean_tree
from graduate.verify.observer.trees import Tree
from graduate.verify.run import OBSERVER, Bench, environment, figure_name

Read = Mapping[Path, Tree]

_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Pair:
    """One file: what it is called, its versions in the runs of the reference, and the one that is compared."""

    name: str
    references: tuple[Path | None, ...]
    candidate: Path | None

    def is_identical(self) -> bool:
        paths = [*self.references, self.candidate]
        if any(path is None for path in paths):
            return all(path is None for path in paths)
        first = paths[0]
        assert first is not None
        return all(filecmp.cmp(first, path, shallow=False) for path in paths[1:] if path is not None)


def find_varying(runs: Sequence[Observation]) -> frozenset[str]:
    """The names, with `#` for numbers, of files that have another name in each run: by the time, or the process."""
    common = set.intersection(*(set(run.files) for run in runs))
    return frozenset(_template(name) for run in runs for name in run.files if name not in common)


def _template(name: str) -> str:
    return _NUMBERS.sub("#", name)


def compare_files(
    bench: Bench,
    references: Sequence[Observation],
    candidate: Observation,
    varying: Collection[str],
    side: str = "converted",
) -> tuple[Finding, ...]:
    """A finding for each file that one of the runs has written or deleted; `varying` are those of `find_varying`."""
    names = sorted({name for each in (*references, candidate) for name in each.files})
    written: list[Pair] = []
    findings: dict[str, Finding] = {}
    for name in names:
        if _template(name) in varying and not all(name in each.files for each in (*references, candidate)):
            reason = "it has another name in each run"
            findings[name] = Finding("file", name, "not comparable", reason)
            continue
        present = [name in each.files for each in references]
        if not any(present):
            findings[name] = Finding("file", name, "different", f"only the {side} run wrote it")
        elif name not in candidate.files:
            findings[name] = _not_written(name, all(present), side)
        else:
            versions = tuple(each.files[name] for each in references if name in each.files)
            written.append(Pair(name, versions, candidate.files[name]))
    links = {**candidate.links, **{k: v for each in references for k, v in each.links.items()}}
    roots = [each.root for each in (*references, candidate)]
    for pair, result in zip(written, compare_pairs(bench, written, roots, links), strict=True):
        findings[pair.name] = Finding("file", pair.name, result.outcome, result.detail)
    return tuple(findings[name] for name in names)


def _not_written(name: str, always: bool, side: str) -> Finding:
    if always:
        return Finding("file", name, "different", f"the {side} run did not write it")
    return Finding("file", name, "same within noise", "not every run of the original writes it")


def compare_figures(
    bench: Bench, references: Sequence[Observation], candidate: Observation, side: str = "converted"
) -> tuple[Finding, ...]:
    """The figures that were shown, in order, by their pixels."""
    counts = {len(each.figures) for each in references}
    if len(counts) == 1 and counts == {0}:
        if not candidate.figures:
            return ()
        reason = (
            "the original chose a drawing backend that shows nothing, so there is nothing to compare with"
        )
        return (Finding("file", "shown figures", "not comparable", reason),)
    if counts != {len(candidate.figures)}:
        what = "original" if side == "converted" else "straight run"
        detail = f"the {what} shows {min(counts)}, the {side} run {len(candidate.figures)}"
        return (Finding("file", "shown figures", "different", detail),)
    pairs = [
        Pair(figure_name(n), tuple(each.figures[n] for each in references), figure)
        for n, figure in enumerate(candidate.figures)
    ]
    results = compare_pairs(bench, pairs, [each.root for each in (*references, candidate)], {})
    return tuple(
        Finding("file", pair.name, result.outcome, result.detail)
        for pair, result in zip(pairs, results, strict=True)
    )


def compare_pairs(
    bench: Bench, pairs: Sequence[Pair], roots: Sequence[Path], links: Mapping[str, str]
) -> tuple[Result, ...]:
    """The results for files, in order. Only those whose bytes differ are read."""
    unequal = [pair for pair in pairs if not pair.is_identical()]
    readable = [p for p in unequal if p.candidate is not None and None not in p.references]
    paths = [path for p in readable for path in (*p.references, p.candidate) if path is not None]
    trees = read_trees(bench, paths, roots) if paths else {}
    return tuple(_compare_pair(pair, trees, links) if pair in unequal else Result("same") for pair in pairs)


def _compare_pair(pair: Pair, trees: Read, links: Mapping[str, str]) -> Result:
    if pair.candidate is None:
        return Result("different", "the converted run deleted it")
    if None in pair.references:
        return Result("different", "the original deleted it")
    references = [clean_tree(trees[path], links) for path in pair.references if path is not None]
    candidate = clean_tree(trees[pair.candidate], links)
    result = compare_trees(references, candidate)
    if result.outcome == "same" and not result.detail:
        return Result("same", "the same content, in other bytes")
    if candidate.get("note") and result.outcome == "different":
        return Result(result.outcome, f"{result.detail} ({candidate['note']})")
    return result


def read_trees(bench: Bench, paths: Sequence[Path], roots: Sequence[Path]) -> dict[Path, Tree]:
    """What is in files, read by the interpreter that the programs ran in."""
    number = len(list(bench.folder.glob("files-*")))
    own = bench.folder / f"files-{number}"
    own.mkdir()
    wanted = [[str(next((r for r in roots if path.is_relative_to(r)), "")), str(path)] for path in paths]
    request, answer = own / "request.json", own / "answer.json"
    request.write_text(json.dumps(wanted), encoding="utf-8")
    command = [str(bench.python), "-m", f"{OBSERVER}.files", str(request), str(answer)]
    values = environment(bench, [bench.path], own)
    task = processes.Task("Reading the files that were written", command, own, values, own)
    finished = processes.run(task, bench.timeout)
    if finished.code:
        raise VerifyError(
            "The files that the runs wrote could not be read.", why=finished.stderr.strip()[-500:]
        )
    found = json.loads(answer.read_text(encoding="utf-8", errors="surrogatepass"))
    return dict(zip(paths, found, strict=True))
