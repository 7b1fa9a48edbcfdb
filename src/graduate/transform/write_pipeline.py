"""Writes `pipeline.py`: the steps in order, each a function that calls its segments."""

from __future__ import annotations

import itertools
import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from graduate.model.facts import Role
from graduate.model.source import Program
from graduate.syntax.spine import SpineStatement
from graduate.syntax.text import reindent
from graduate.transform.assemble import free_names, import_lines, import_of_own, sorted_imports
from graduate.transform.beside_files import uses_hydra
from graduate.transform.draft import ProgramDraft, StepDraft
from graduate.transform.local_modules import dotted_home, relative_module
from graduate.transform.write_units import UnitWriter

_RETRIES = 4
"""How often a step that downloads is tried again when the network fails."""

HOME = "pipeline.py"


@dataclass(frozen=True, slots=True)
class StepText:
    """A step as pipeline.py shows it."""

    name: str
    function: str
    role: Role
    program: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    text: str
    restore: str = ""
    folder: str = ""
    alone: tuple[str, ...] = ()
    """What keeps it to one process, as "file:line: why"."""


def docstring(text: str, indent: str = "    ") -> str:
    """A docstring of the author's words."""
    lines = [re.sub(r"^#+\s*", "", line) for line in text.strip().split("\n")]
    words = "\n".join([lines[0].strip(), *(indent + li.strip() if li.strip() else "" for li in lines[1:])])
    escaped = words.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped += " "
    closing = f"\n{indent}" if "\n" in escaped else ""
    return f'{indent}"""{escaped}{closing}"""'


def step_flow(
    steps: Sequence[StepDraft], models: Sequence[str] = ()
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(takes, gives) of every step: what it reads and does not make; what it makes that later ones take, and models."""
    takes: list[list[str]] = []
    made: list[list[str]] = []
    for step in steps:
        given: dict[str, None] = {}
        needed: dict[str, None] = {}
        for segment in step.segments:
            for name in segment.arguments:
                if name not in given:
                    needed[name] = None
            given.update(dict.fromkeys(segment.returns))
        takes.append(list(needed))
        made.append(list(given))
    result: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    live = set(models)
    for needed_list, given_list in zip(reversed(takes), reversed(made), strict=True):
        gives = tuple(n for n in given_list if n in live)
        result.append((tuple(needed_list), gives))
        live = (live - set(gives)) | set(needed_list)
    return result[::-1]


def render_step(
    draft: ProgramDraft, step: StepDraft, function: str, takes: Sequence[str], gives: Sequence[str]
) -> str:
    """The function of a step."""
    parameters = ", ".join(f"{n}: Any" for n in takes)
    lines = [f"def {function}({parameters}) -> {'Any' if gives else 'None'}:"]
    lines.append(docstring(_step_doc(step)))
    imports = [f"from {relative_module(s.home, HOME)} import {s.name}" for s in step.segments]
    lines += [f"    {line}" for block in sorted_imports(imports) for line in block.split("\n")]
    lines.append("")
    for segment in step.segments:
        call = f"{segment.name}({', '.join(segment.arguments)})"
        lines.append(f"    {', '.join(segment.returns)} = {call}" if segment.returns else f"    {call}")
    if gives:
        lines.append(f"    return {', '.join(gives)}")
    return "\n".join(lines)


def _step_doc(step: StepDraft) -> str:
    """The author's headings when every segment has one, else the names of the segments."""
    docs = [s.doc.strip().split("\n")[0] for s in step.segments]
    if all(docs):
        return "\n".join(dict.fromkeys(docs))
    return ", ".join(s.name.replace("_", " ") for s in step.segments).capitalize() + "."


def render_setup(draft: ProgramDraft, name: str, extra: Sequence[str], path: str) -> str:
    """The function that sets the process-wide state of a program, which is called `path`; "" when there is nothing to
    set."""
    early = _before_imports(draft)
    first = [line for s in draft.setup[:early] for line in _statement(draft, s).split("\n")]
    body = [line for s in draft.setup[early:] for line in _statement(draft, s).split("\n")]
    unchecked = _leave_unchecked([*first, *body])
    if draft.arguments:
        body = [*render_command_line(path, draft.arguments, draft.flags), *body]
    hydra = uses_hydra(draft.syntax.source, draft.syntax.qualified)
    if hydra:
        # What hydra calls the run, as it took it from the file.
        body = [
            f'    os.environ["HYDRA_MAIN_MODULE"] = "{PurePosixPath(draft.syntax.source.path).stem}"',
            *body,
        ]
    if not first and not body and not extra:
        return ""
    head = [
        *unchecked,
        f"def {name}() -> None:",
        docstring("Set the process-wide state that every process needs before its first step."),
    ]
    imports = _imports(draft, "\n".join(body))
    if draft.arguments:
        imports = ["import shlex", "import sys", *imports]
    if hydra and "import os" not in imports:
        imports = ["import os", *imports]
    ordered = sorted_imports([*imports, *(line.partition("  #")[0] for line in extra)])
    unused = {line.partition("  #")[0] for line in extra}
    marked = [f"{line}  # noqa: F401" if not unused.isdisjoint(_single(line)) else line for line in ordered]
    if first:
        known = sorted_imports(_imports(draft, "\n".join(first)))
        head += [*(f"    {line}" for line in known), "", *first, ""]
        marked = [line for line in marked if line not in known]
    return "\n".join([*head, *(f"    {line}" for line in marked), *([""] if marked else []), *body]).rstrip()


def _single(line: str) -> list[str]:
    """The import statements of one name each that a line stands for."""
    start, word, names = line.partition(" import ")
    return [f"{start}{word}{name}" for name in names.split(", ")] if word else [line]


def _before_imports(draft: ProgramDraft) -> int:
    """How many statements of the setup set the environment for what is imported below them (`KERAS_BACKEND`)."""
    last = max((s.start for s in draft.syntax.imports), default=0)
    early = (s.start < last and "environ" in draft.syntax.source.slice(s.start, s.end) for s in draft.setup)
    return sum(1 for _ in itertools.takewhile(bool, early))


def called(program: Program) -> str:
    """What a program is called on its command line, in the folder in which it runs."""
    return posixpath.relpath(program.path, program.folder or ".")


def render_command_line(path: str, arguments: str, flags: Mapping[str, str]) -> list[str]:
    """The statement that gives a program its command line: what it is called, the text, and the options that are
    settings."""
    line = f'    sys.argv = ["{path}", *shlex.split(settings.{arguments})'
    if not flags:
        return [f"{line}]"]
    entries = [f'            "{flag}": "{name}",' for flag, name in flags.items()]
    return [f"{line}]", "    sys.argv += settings.given(", "        {", *entries, "        }", "    )"]


def render_restore(draft: ProgramDraft, step: StepDraft, name: str, homes: Mapping[str, str]) -> str:
    """The function that repeats the process-wide settings of a step that is skipped. `homes` are the modules of the
    program's definitions."""
    body = [line for s in step.restore for line in _statement(draft, s).split("\n")]
    doc = f"Set again what {step.name} sets for the whole process."
    text = "\n".join(body)
    imports = _imports(draft, text)
    used = sorted(free_names(reindent(text, "    ", "")) & homes.keys())
    imports += [f"from {relative_module(homes[each], HOME)} import {each}" for each in used]
    head = [*_leave_unchecked(body), f"def {name}() -> None:", docstring(doc)]
    return "\n".join([*head, *(f"    {i}" for i in imports), "", *body])


def _leave_unchecked(body: Sequence[str]) -> list[str]:
    """The decorator of a function whose statements, the author's, hand a setting to a library: its type is wide, where
    the library wants one of a few literals."""
    return ["@no_type_check"] if any(re.search(r"\bsettings\.", line) for line in body) else []


def _statement(draft: ProgramDraft, statement: SpineStatement) -> str:
    return UnitWriter(draft).statement(statement, (), {}, HOME)


def _imports(draft: ProgramDraft, body: str) -> list[str]:
    lines: dict[str, None] = {}
    text = reindent(body, "    ", "")
    for name in sorted(free_names(text)):
        for statement in draft.syntax.import_names.get(name, ()):
            for block in import_lines(statement, name, draft, HOME, draft.local):
                for line in block.split("\n"):
                    lines[line] = None
        own = import_of_own(name, draft, HOME)
        if own and name != "settings" and name not in draft.syntax.import_names:
            lines[own] = None
        elif draft.syntax.is_from_star(name):
            # What sets process-wide state was recognised by the library's own name.
            lines[f"import {name}"] = None
    return list(lines)


def render_wrapped(function: str, home: str, path: str, name: str) -> str:
    """The step that runs a program as it stands."""
    return "\n".join(
        [
            f"def {function}() -> None:",
            docstring(f"Run {path} as it stands."),
            "    from .utils.as_program import run_as_program",
            "",
            f'    run_as_program(".{dotted_home(home)}", "{name}")',
        ]
    )


def render_pipeline(
    title: str,
    functions: Sequence[str],
    steps: Sequence[StepText],
    setups: dict[str, str],
    context: bool,
    module_state: Sequence[str],
    models: Sequence[str] = (),
) -> str:
    """The text of pipeline.py."""
    body = "\n\n\n".join(f for f in functions if f)
    head = f'"""The pipeline of {title}: its steps, in the order in which they run."""'
    lines = [head, "", "from __future__ import annotations", ""]
    typing = [name for name in ("Any", "no_type_check") if name in body]
    if typing:
        lines += [f"from typing import {', '.join(typing)}", ""]
    if re.search(r"\bsettings\.", body):
        lines.append("from .config.settings import settings")
    if context:
        lines.append("from .utils.context import context")
    if module_state:
        lines.append("from .utils.module_state import ModuleState")
    lines += ["from .utils.resume import Pipeline, Step", "", "", body, "", "", "PIPELINE = Pipeline("]
    for step in steps:
        lines += _render_step_entry(step)
    if len(set(setups.values())) == 1 and len({s.program for s in steps}) == 1:
        lines.append(f"    setup={next(iter(setups.values()))},")
    elif setups:
        lines.append("    setup={" + ", ".join(f'"{p}": {f}' for p, f in setups.items()) + "},")
    if context:
        lines.append("    context=context,")
    if module_state:
        places = (f'        "{place}",' for place in module_state)
        lines += ["    module_state=ModuleState(", "        __package__,", *places, "    ),"]
    if models:
        lines.append(
            "    models=("
            + "".join(f'"{name}", ' for name in models).rstrip(" " if len(models) == 1 else ", ")
            + "),"
        )
    lines += ["    package=__package__,", ")", ""]
    return "\n".join(lines)


def _render_step_entry(step: StepText) -> list[str]:
    parts = [f'"{step.name}"', step.function, f'role="{step.role}"', f'program="{step.program}"']
    for label, names in (("takes", step.takes), ("gives", step.gives)):
        if names:
            inner = ", ".join(f'"{n}"' for n in names) + ("," if len(names) == 1 else "")
            parts.append(f"{label}=({inner})")
    if step.restore:
        parts.append(f"restore={step.restore}")
    if step.role == "download":
        parts.append(f"retries={_RETRIES}")
    if step.folder:
        parts.append(f'folder="{step.folder}"')
    if step.alone:
        inner = "".join(f"\n            {json.dumps(each, ensure_ascii=False)}," for each in step.alone)
        parts.append(f"alone=({inner}\n        )")
    line = f"    Step({', '.join(parts)}),"
    if len(line) <= 110 and not step.alone:
        return [line]
    return ["    Step(", *(f"        {p}," for p in parts), "    ),"]
