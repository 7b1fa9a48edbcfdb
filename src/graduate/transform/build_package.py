"""Builds the modules of the package from the drafts of all programs and the local modules."""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from graduate.model.facts import Facts, Hazard, Option, Role
from graduate.model.plan import ROLE_HOMES, Plan, ProgramPlan
from graduate.model.project import GeneratedModule, Row, Segment, Step
from graduate.model.source import Sources
from graduate.syntax.code import Code
from graduate.syntax.nodes import parse
from graduate.syntax.spine import SpineStatement
from graduate.transform.assemble import ModuleDraft, Piece, import_lines, write_module
from graduate.transform.draft import Blocked, ProgramDraft, SegmentDraft, StepDraft
from graduate.transform.find_alone import find_alone
from graduate.transform.find_kept import find_kept
from graduate.transform.find_module_state import find_module_state
from graduate.transform.homes import CANONICAL, keep_together, order_homes
from graduate.transform.local_modules import LocalModules, dotted_home, relative_module
from graduate.transform.move_modules import move_module
from graduate.transform.render_settings import choose_settings_file, name_of_module_option, render_settings
from graduate.transform.write_pipeline import (
    StepText,
    called,
    docstring,
    render_command_line,
    render_pipeline,
    render_restore,
    render_setup,
    render_step,
    render_wrapped,
    step_flow,
)
from graduate.transform.write_units import UnitWriter


class PackageBuilder:
    """Collects pieces of code per module, then writes the modules."""

    def __init__(
        self,
        sources: Sources,
        facts: Facts,
        plan: Plan,
        local: LocalModules,
        code: Code,
        drafts: dict[str, ProgramDraft],
    ) -> None:
        self.sources = sources
        self.facts = facts
        self.plan = plan
        self.local = local
        self.code = code
        self.hazards: list[Hazard] = []
        self.drafts = drafts
        self.modules: dict[str, ModuleDraft] = {h: ModuleDraft(h, d) for h, d in CANONICAL.items()}
        self.homes: dict[tuple[int, str], str] = {}
        self.steps: list[Step] = []
        self.texts: list[StepText] = []
        self.functions: list[str] = []
        self.setups: dict[str, str] = {}
        self.others: list[GeneratedModule] = []
        self.other_rows: list[Row] = []
        self.local_pieces: dict[str, list[str]] = {}
        self.roles: dict[str, Role] = {d.name: d.role for d in facts.local_modules}
        self.wrapped: dict[str, int] = {}
        self.wrapped_homes: set[str] = set()
        self.settings_file = choose_settings_file(
            (local.path_in_project(file.path) for file in facts.data_files), plan.name
        )

    # What is added.

    def add_program(self, program: ProgramPlan, draft: ProgramDraft) -> None:
        """Add the definitions and segments of a program, and its steps."""
        homes = self._choose_homes(program, draft)
        clashing = self._clashing(draft, homes)
        own = {home: self._own_home(home, program) for home in clashing}
        homes = {name: own.get(home, home) for name, home in homes.items()}
        for name in draft.syntax.definitions:
            self.homes[id(draft), name] = homes[name]
        writer = UnitWriter(draft)
        for name, definition in draft.syntax.definitions.items():
            text = writer.definition(definition, homes[name])
            piece = Piece(name, text, draft, rows=[(definition.statement, 0, text.count("\n") + 1)])
            self._module(homes[name]).pieces.append(piece)
        for segment in draft.segments:
            segment.home = homes[segment.name]
            self._module(segment.home).pieces.append(self._segment_piece(draft, writer, segment))
        self._add_steps(program, draft)

    def add_wrapped(self, program: ProgramPlan, arguments: str, flags: Mapping[str, str]) -> None:
        """Add a program that runs as it stands, as one step."""
        module = self.sources.module(program.path)
        stem = "".join(c if c.isalnum() else "_" for c in program.path.rpartition("/")[2].rpartition(".")[0])
        home = self._free_home(f"training/{stem}_program.py")
        generated, rows, _, _ = move_module(
            module, home, self.local, self.code, roles={}, name="__main__", with_loops=False
        )
        self.others.append(generated)
        self.other_rows += rows
        self.wrapped[program.name] = len(rows)
        self.wrapped_homes.add(home)
        name = self._unique_step(program.steps[0].name if len(program.steps) == 1 else "train", program)
        function = name.replace("-", "_")
        self.functions.append(render_wrapped(function, home, program.path, self._called(program)))
        self.texts.append(
            StepText(
                name,
                function,
                "train",
                program.name,
                (),
                (),
                self.functions[-1],
                folder=self._folder(program),
                alone=find_alone(self.sources, program.path),
            )
        )
        alone = self.texts[-1].alone
        self.steps.append(Step(name, "train", program.name, function, (), (), (), alone=alone))
        if arguments:
            setup = self._setup_name(program)
            lines = [
                f"def {setup}() -> None:",
                docstring(f"Give {program.path} its command line."),
                "    import shlex",
                "    import sys",
                "",
                *render_command_line(self._called(program), arguments, flags),
            ]
            self.functions.insert(0, "\n".join(lines))
            self.setups[program.name] = setup

    def _choose_homes(self, program: ProgramPlan, draft: ProgramDraft) -> dict[str, str]:
        planned = {d.name: d.home for d in program.definitions}
        homes = {name: planned.get(name, "training/trainer.py") for name in draft.syntax.definitions}
        uses: dict[str, set[str]] = {}
        for name, definition in draft.syntax.definitions.items():
            uses[name] = self._used(draft, definition.statement) - {name}
        for segment in draft.segments:
            step = next(s for s in draft.steps if segment in s.segments)
            role = segment.role if segment.role not in ("other", "settings") else step.role
            homes[segment.name] = ROLE_HOMES.get(role, "data/preprocessing.py")
            uses[segment.name] = {n for s in segment.statements for n in self._used(draft, s)}
        kept = find_kept(draft, self.sources)
        return keep_together(order_homes(homes, uses), uses, kept.values())

    def _used(self, draft: ProgramDraft, statement: SpineStatement) -> set[str]:
        inside = draft.syntax.names.within(statement.start, statement.end)
        return {
            o.name
            for o in inside
            if draft.syntax.is_spine_scope(o.scope) and o.name in draft.syntax.definitions
        }

    def _own_home(self, home: str, program: ProgramPlan) -> str:
        """A module like `home` that is this program's alone."""
        folder, _, file = home.rpartition("/")
        return self._free_home(f"{folder}/{program.name}_{file}")

    def _free_home(self, home: str) -> str:
        """A path like `home` that no module has, also where the file system takes capitals for small letters."""
        stem, dot, suffix = home.rpartition(".")
        taken = {
            path.lower() for path in (*(m.path for m in self.others), *(m.home for m in self.plan.modules))
        }
        candidates = itertools.chain([home], (f"{stem}_{n}{dot}{suffix}" for n in itertools.count(2)))
        return next(candidate for candidate in candidates if candidate.lower() not in taken)

    def _clashing(self, draft: ProgramDraft, homes: dict[str, str]) -> set[str]:
        """Modules in which a name of this program already means something else."""
        found = set()
        for name, home in homes.items():
            module = self.modules.get(home)
            if module is None or not module.pieces:
                continue
            others = {p.draft for p in module.pieces} if module.pieces else set()
            names = {p.name for p in module.pieces}
            if name in names or any(self._imports_differ(draft, other) for other in others):
                found.add(home)
        return found

    def _imports_differ(self, one: ProgramDraft, other: ProgramDraft) -> bool:
        shared = one.syntax.import_names.keys() & other.syntax.import_names.keys()
        if any(one.syntax.qualified.get(n) != other.syntax.qualified.get(n) for n in shared):
            return True
        bound = set(one.syntax.definitions) | set(one.syntax.import_names)
        theirs = set(other.syntax.definitions) | set(other.syntax.import_names)
        return bool((bound & theirs) - shared)

    def _module(self, home: str) -> ModuleDraft:
        if home not in self.modules:
            stem = home.rpartition("/")[2]
            docs = [d for h, d in CANONICAL.items() if stem.endswith("_" + h.rpartition("/")[2])]
            base = docs[0] if docs else "Functions used by several steps."
            self.modules[home] = ModuleDraft(home, base)
        return self.modules[home]

    def _segment_piece(self, draft: ProgramDraft, writer: UnitWriter, segment: SegmentDraft) -> Piece:
        parameters = ", ".join(f"{a}: Any" for a in segment.arguments)
        head = f"def {segment.name}({parameters}) -> {'Any' if segment.returns else 'None'}:"
        if len(head) > 110:
            inner = "".join(f"\n    {a}: Any," for a in segment.arguments)
            head = f"def {segment.name}({inner}\n) -> {'Any' if segment.returns else 'None'}:"
        lines = [head]
        first_text = draft.syntax.source.slice(segment.statements[0].start, segment.statements[0].end)
        if segment.doc.strip() and f"# {segment.doc.strip()}" not in " ".join(first_text.split()):
            lines.append(docstring(segment.doc))
        rows = []
        previous_end = None
        at = sum(li.count("\n") + 1 for li in lines)
        for statement, text in writer.segment(segment, segment.home):
            first = draft.syntax.source.line(statement.start)
            if previous_end is not None and first > previous_end + 1:
                lines.append("")
                at += 1
            lines.append(text)
            rows.append((statement, at, text.count("\n") + 1))
            at += text.count("\n") + 1
            previous_end = draft.syntax.source.line(max(statement.end - 1, 0))
        if segment.returns:
            lines.append(f"    return {', '.join(segment.returns)}")
        return Piece(segment.name, "\n".join(lines), draft, True, rows)

    def _add_steps(self, program: ProgramPlan, draft: ProgramDraft) -> None:
        setup = self._setup_name(program)
        text = render_setup(draft, setup, self._imports_for_effect(draft), self._called(program))
        if text:
            self.functions.append(text)
            self.setups[program.name] = setup
        for step, (takes, gives) in zip(draft.steps, step_flow(draft.steps, draft.models), strict=True):
            name = self._unique_step(step.name, program)
            function = name.replace("-", "_")
            self.functions.append(render_step(draft, step, function, takes, gives))
            restore = ""
            if step.restore:
                restore = f"restore_{function}"
                homes = {name: home for (of, name), home in self.homes.items() if of == id(draft)}
                self.functions.append(render_restore(draft, step, restore, homes))
            folder = self._folder(program)
            alone = find_alone(self.sources, program.path) if step.role == "train" else ()
            self.texts.append(
                StepText(name, function, step.role, program.name, takes, gives, "", restore, folder, alone)
            )
            made = self._step(name, function, program, draft, step, takes, gives)
            self.steps.append(replace(made, alone=alone))

    def _called(self, program: ProgramPlan) -> str:
        return called(next(each for each in self.sources.programs if each.path == program.path))

    def _folder(self, program: ProgramPlan) -> str:
        folder = next(each.folder for each in self.sources.programs if each.path == program.path)
        return self.local.path_in_project(folder).removeprefix(".")

    def _in_project(self, option: Option) -> Option:
        """An option that is a value of a file, with the place of that file in the project."""
        if option.kind != "file":
            return option
        return replace(
            option, place=replace(option.place, path=self.local.path_in_project(option.place.path))
        )

    def _step(
        self,
        name: str,
        function: str,
        program: ProgramPlan,
        draft: ProgramDraft,
        step: StepDraft,
        takes: tuple[str, ...],
        gives: tuple[str, ...],
    ) -> Step:
        segments = tuple(
            Segment(
                dotted_home(s.home),
                s.name,
                s.role,
                s.arguments,
                s.returns,
                draft.module.place(
                    draft.syntax.source.line(draft.syntax.source.start(s.statements[0].node)),
                    draft.syntax.source.line(draft.syntax.source.end(s.statements[-1].node)),
                ),
                s.doc,
            )
            for s in step.segments
        )
        doc = next((s.doc.strip().split("\n")[0] for s in step.segments if s.doc.strip()), "")
        return Step(name, step.role, program.name, function, takes, gives, segments, doc)

    def _setup_name(self, program: ProgramPlan) -> str:
        return "setup" if len(self.plan.programs) == 1 else f"setup_{program.name}"

    def _unique_step(self, name: str, program: ProgramPlan) -> str:
        taken = {t.name for t in self.texts}
        if name not in taken:
            return name
        qualified = f"{name}-{program.name.replace('_', '-')}"
        number = 2
        while qualified in taken:
            qualified = f"{name}-{program.name.replace('_', '-')}-{number}"
            number += 1
        return qualified

    def _imports_for_effect(self, draft: ProgramDraft) -> list[str]:
        """Imports of third-party and local modules whose name nothing uses, since they may be there for what they do,
        and of definitions that something may have kept."""
        import sys

        used = {o.name for o in draft.syntax.spine_occurrences if o.use == "load"}
        lines: dict[str, None] = {}
        for name, statements in draft.syntax.import_names.items():
            if name in used:
                continue
            for statement in statements:
                if not isinstance(statement.node, ast.Import | ast.ImportFrom):
                    continue
                top = draft.syntax.qualified.get(name, name).partition(".")[0]
                if top in sys.stdlib_module_names or top == "IPython":
                    continue
                for line in import_lines(statement, name, draft, "pipeline.py", self.local):
                    lines[f"{line}  # noqa: F401"] = None
        for name in (each for group in find_kept(draft, self.sources).values() for each in group):
            home = relative_module(self.homes[id(draft), name], "pipeline.py")
            lines[f"from {home} import {name}  # noqa: F401"] = None
        return list(lines)

    # What is written.

    def write(self, options: tuple[Option, ...], fields: dict[tuple[str, str], str]) -> None:
        """Write the text of every module. Raises Blocked, with the program, when a name has no origin."""
        entries = {p.path for p in self.plan.programs}
        for module_plan in self.plan.modules:
            if module_plan.path in entries:
                continue
            source = self.sources.module(module_plan.path)
            with_loops = any(d.level == "steps+loops" for d in self.drafts.values())
            named = {name: ("", name_of_module_option(source.path, name)) for name in module_plan.settings}
            generated, rows, _, hazards = move_module(
                source,
                module_plan.home,
                self.local,
                self.code,
                roles=self.roles,
                with_loops=with_loops,
                libraries=next((d.libraries for d in self.drafts.values()), frozenset()),
                settings={name: fields[key] for name, key in named.items() if key in fields},
                options=options,
            )
            self.others.append(generated)
            self.other_rows += rows
            self.hazards += hazards
        self._re_export()
        for module in self.modules.values():
            write_module(module, self.homes, self.local, _unresolved)
        placed = [(fields[o.program, o.name], self._in_project(o)) for o in options]
        self.settings = render_settings(self.plan.name, placed, self.settings_file)
        context = any(d.context for d in self.drafts.values())
        self.pipeline = render_pipeline(
            self.plan.name, self.functions, self.texts, self.setups, context, self._find_state(), self.models
        )

    @property
    def models(self) -> tuple[str, ...]:
        """The names that hold a model in any program, once each."""
        given = {name for step in self.steps for name in step.gives}
        names = dict.fromkeys(name for draft in self.drafts.values() for name in draft.models)
        return tuple(name for name in names if name in given)

    def _find_state(self) -> tuple[str, ...]:
        """The state that modules hold and a later process needs: none when programs start from their beginning."""
        steps = Counter(step.program for step in self.texts)
        texts = {m.home: m.text for m in self.modules.values() if m.pieces}
        texts |= {m.path: m.text for m in self.others if m.path not in self.wrapped_homes}
        goes_on = max(steps.values(), default=0) > 1 or any(
            "LoopState(" in text or "parallel(" in text for text in texts.values()
        )
        return find_module_state(texts) if goes_on else ()

    def _re_export(self) -> None:
        """A canonical module that is empty shows the public names of the local modules of its role; a name that
        several of them have is not shown, since it could only mean one of them."""
        found: dict[str, list[tuple[str, str]]] = {}
        for module_plan in self.plan.modules:
            home = ROLE_HOMES.get(module_plan.role)
            if home is None or module_plan.home == home or self.modules[home].pieces:
                continue
            tree = parse(self.sources.module(module_plan.path).text)
            source = relative_module(module_plan.home, home)
            for name in sorted({n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}):
                if name[0] != "_":
                    found.setdefault(home, []).append((name, source))
        for home, names in found.items():
            counts = Counter(name for name, _ in names)
            self.local_pieces[home] = [
                f"from {source} import {name} as {name}" for name, source in names if counts[name] == 1
            ]

    def generated(self) -> Iterator[GeneratedModule]:
        """All modules of the package."""
        taken = {m.path for m in self.others}
        for module in self.modules.values():
            text = module.text
            if not module.pieces:
                lines = self.local_pieces.get(module.home, [])
                if lines:
                    text = f'"""{module.docstring}"""\n\n' + "\n".join(dict.fromkeys(lines)) + "\n"
                else:
                    text = f'"""{module.docstring} The research code has none of its own."""\n'
            if module.pieces or module.home not in taken:
                yield GeneratedModule(module.home, text, "moved" if module.pieces else "generated")
        yield from self.others
        yield GeneratedModule("config/settings.py", self.settings, "generated")
        yield GeneratedModule("pipeline.py", self.pipeline, "generated")

    # What is reported.

    def rows(self) -> Iterator[Row]:
        """A row for every statement of every source module."""
        for draft in self.drafts.values():
            yield from sorted(self._program_rows(draft), key=lambda r: r.place)
        yield from self.other_rows
        for module in self.sources.modules:
            for omission in module.omissions:
                yield Row(omission.place, omission.source.split("\n")[0], "", omission.reason)

    @cached_property
    def _places(self) -> dict[int, str]:
        """id(statement) → where it stands, once the modules are written."""
        where: dict[int, str] = {}
        for module in self.modules.values():
            home = dotted_home(module.home)
            for piece in module.pieces:
                for statement, line, count in piece.rows:
                    first = module.lines[id(piece)] + line
                    where[id(statement)] = f"{home}:{piece.name}:{first}-{first + count - 1}"
        return where

    def _program_rows(self, draft: ProgramDraft) -> Iterator[Row]:
        source = draft.syntax.source
        where = self._places
        for statement in draft.syntax.spine.statements:
            first_line = source.source(statement.node).split("\n", 1)[0]
            line = source.line(source.start(statement.node))
            place = draft.module.place(line, source.line(source.end(statement.node)))
            there = where.get(id(statement), "")
            reason = ""
            if not there:
                left = draft.left_out.get(id(statement), "")
                if left and ":" in left:
                    there = left
                elif left:
                    reason = left
                elif any(statement is s for s in draft.syntax.imports):
                    there = "imports of the modules that use it"
                else:
                    reason = (
                        "the docstring of the file"
                        if statement.node is draft.syntax.docstring
                        else "nothing to move"
                    )
            yield Row(place, first_line, there, reason)
        if draft.syntax.spine.main is not None:
            main = draft.syntax.spine.main
            yield Row(draft.module.place(main.lineno), f"def {main.name}(…):", "pipeline:PIPELINE")
        if draft.syntax.spine.guard is not None:
            line = draft.syntax.spine.guard.lineno
            yield Row(draft.module.place(line), 'if __name__ == "__main__":', "pipeline:PIPELINE")

    def counts(self, program: ProgramPlan) -> tuple[int, int]:
        """(statements, statements that were refactored) of a program."""
        draft = self.drafts.get(program.name)
        if draft is None:
            return self.wrapped.get(program.name, 0), 0
        rows = list(self._program_rows(draft))
        return len(rows), len(rows)


def _unresolved(name: str, piece: Piece) -> None:
    """A name that the spine assigns must have reached the piece; any other was undefined in the original too.

    So was one that is only assigned below the statements that read it: they fail as they did.
    """
    syntax = piece.draft.syntax
    end = piece.rows[-1][0].end if piece.is_segment else len(syntax.source.data)
    stored = (o.start for o in syntax.spine_occurrences if o.name == name and o.use == "store")
    if name in syntax.variables and any(start < end for start in stored):
        blocked = Blocked(f"{name} does not reach {piece.name}()")
        blocked.program = piece.draft.plan.name
        raise blocked
