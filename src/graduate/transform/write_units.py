"""Pass: the text of every definition and segment, with the names, calls and loops decided on before."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from graduate.syntax.fstrings import requoted
from graduate.syntax.long_loops import FunctionNode, functions_of
from graduate.syntax.loops import LoopPlan
from graduate.syntax.movable import Definition
from graduate.syntax.nodes import list_nodes
from graduate.syntax.scopes import Occurrence, walk_same_scope
from graduate.syntax.spine import SpineStatement
from graduate.syntax.text import Edit, as_python_reads, reindent
from graduate.transform.beside_files import beside_edits
from graduate.transform.draft import ProgramDraft, SegmentDraft
from graduate.transform.former_names import identity_uses
from graduate.transform.rewrite_imports import import_edits

INDENT = "    "


class UnitWriter:
    """Renders spans of one program's source, for one home."""

    def __init__(self, draft: ProgramDraft, module_name: str = "__main__") -> None:
        self.draft = draft
        self.module_name = module_name
        self.source = draft.syntax.source
        self.identities = {self.source.start(node) for node in identity_uses(self.source.tree)}
        """Where `__name__` is to find the module, not to be shown."""
        self.names = draft.syntax.names
        used = {o.name for o in self.names.occurrences}
        self.state = _free("state", ("loop_state", "train_state", "carried_state"), used)
        self.checkpoint = _free("checkpoint", ("loop_checkpoint", "open_checkpoint"), used)
        self.context = draft.own_names["context"]
        self.replaced = {**draft.settings, **{name: f"{self.context}.{name}" for name in draft.context}}

    def definition(self, definition: Definition, home: str) -> str:
        """The text of a function or class at the top level of its new module."""
        statement = definition.statement
        plans = [p for _, f in functions_of(definition.node) for p in self._resumable(id(f))]
        names = {id(p.node): n for _, f in functions_of(definition.node) for p, n in self._named(id(f))}
        text = self.span(statement.start, statement.end, plans, names, home)
        return reindent(text, self.source.indentation(self.source.start(definition.node)), "").rstrip()

    def segment(self, segment: SegmentDraft, home: str) -> list[tuple[SpineStatement, str]]:
        """The texts of a segment's statements, indented as the body of a function."""
        plans = self._resumable(id(segment))
        names = {id(p.node): n for p, n in self._named(id(segment))}
        return [(s, self.statement(s, plans, names, home)) for s in segment.statements]

    def statement(
        self, statement: SpineStatement, plans: Sequence[LoopPlan], names: dict[int, str], home: str
    ) -> str:
        """The text of one spine statement with one level of indentation."""
        if statement.synthetic:
            text = self.span(statement.start, statement.end, (), {}, home)
            if isinstance(statement.node, ast.Assign):
                targets = [
                    self.span(self.source.start(t), self.source.end(t), (), {}, home)
                    for t in statement.node.targets
                ]
                return INDENT + " = ".join([*targets, text])
            return INDENT + text
        text = self.span(statement.start, statement.end, plans, names, home)
        own = self.source.indentation(self.source.start(statement.node))
        if not self.source.starts_line(statement.start):
            return INDENT + text.lstrip()
        return reindent(text, own, INDENT).rstrip()

    def span(self, start: int, end: int, plans: Sequence[LoopPlan], names: dict[int, str], home: str) -> str:
        """The edited text of a span, with its resumable loops wrapped."""
        edits = self._edits(start, end, plans, home)
        for plan in plans:
            loop_start, loop_end = self.source.start(plan.node), self.source.end(plan.node)
            if start <= loop_start and loop_end <= end:
                inside = [e for e in edits if loop_start <= e.start and e.end <= loop_end]
                edits = [e for e in edits if not (loop_start <= e.start and e.end <= loop_end)]
                edits.append(Edit(loop_start, loop_end, self._loop(plan, names[id(plan.node)], inside)))
        return self.source.edited(start, end, edits)

    def _resumable(self, key: int) -> list[LoopPlan]:
        return [p for p in self.draft.loops.get(key, ()) if not p.why_not]

    def _named(self, key: int) -> Iterable[tuple[LoopPlan, str]]:
        name = self.draft.loop_names.get(key, "")
        for number, plan in enumerate(self._resumable(key), start=1):
            yield plan, name if number == 1 else f"{name}-{number}"

    def _loop(self, plan: LoopPlan, name: str, inside: list[Edit]) -> str:
        start, end = self.source.start(plan.node), self.source.end(plan.node)
        own = self.source.indentation(start)
        inside = self._guarded_else(plan.node, inside)
        loop = reindent(own + self.source.edited(start, end, inside), own, own + INDENT)
        state, checkpoint = self.state, self.checkpoint
        held = [*plan.initial, *plan.objects]
        if self.draft.context and self.context not in held:
            held.append(self.context)
        arguments = ", ".join(f"{n}={n}" for n in held)
        opened, stored = self.draft.own_names["Checkpoint"], self.draft.own_names["LoopState"]
        head = [f"{n} = {self.draft.own_names['replayable']}({n})" for n in plan.iterators if n in held]
        made = f"{state} = {stored}({arguments})"
        if len(made) + len(own) > 100:
            items = "".join(f"\n{own}{INDENT}{n}={n}," for n in held)
            made = f"{state} = {stored}({items}\n{own})"
        head.append(made)
        if plan.perhaps:
            names = ", ".join(f'"{each}"' for each in plan.perhaps)
            head.append(f"{stored}.take({state}, locals(), {names})")
        head.append(f'with {opened}("{name}", {state}) as {checkpoint}:')
        lines = [f"\n{own}".join(head)]
        lines.append(loop)
        for after in plan.after:
            if after in plan.guarded:
                lines.append(f'{own}if "{after}" in vars({state}):')
                lines.append(f"{own}{INDENT}{after} = {state}.{after}")
            else:
                lines.append(f"{own}{after} = {state}.{after}")
        return "\n".join(lines)

    def _guarded_else(self, loop: ast.For | ast.While, edits: list[Edit]) -> list[Edit]:
        """The `else` of a loop does not run once more where the program goes on from the end of the loop."""
        if not loop.orelse or any(isinstance(n, ast.Return) for s in loop.orelse for n in walk_same_scope(s)):
            return edits
        start, end = self.source.start(loop.orelse[0]), self.source.end(loop.orelse[-1])
        if not self.source.starts_line(start):
            return edits
        own = self.source.indentation(start)
        within = [e for e in edits if start <= e.start and e.end <= end]
        body = reindent(own + self.source.edited(start, end, within), own, own + INDENT)
        guard = Edit(start, end, f"if not {self.checkpoint}.is_done:\n{body}")
        return [*(e for e in edits if e not in within), guard]

    def _edits(self, start: int, end: int, plans: Sequence[LoopPlan], home: str) -> list[Edit]:
        edits = [e for e in self.draft.edits if start <= e.start and e.end <= end]
        taken = [(e.start, e.end) for e in edits]
        for o in self.names.within(start, end):
            if any(a <= o.start and o.end <= b for a, b in taken):
                continue
            text = self.name_at(o.name, o, plans)
            if o.use == "load" and o.name in self.draft.lifted and self.draft.syntax.is_spine_scope(o.scope):
                edits.extend(self._passed(o, plans))
            if o.form == "def" and o.name in self.draft.lifted and self.draft.syntax.is_spine_scope(o.scope):
                edits.extend(self._parameters(o))
            if o.form == "item" or (o.form in ("name", "walrus") and text != o.name):
                edits.append(Edit(o.start, o.end, text))
        edits.extend(self._loop_heads(start, end, plans))
        edits.extend(self._iterators(start, end, plans))
        edits.extend(self._parallel_heads(start, end, plans))
        edits.extend(self._debug_fields(start, end, edits))
        edits.extend(self._globals(start, end))
        edits.extend(self._shared(start, end))
        edits.extend(import_edits(self.source, start, end, self.draft.local, home))
        find = self.draft.own_names["source_path"]
        edits.extend(
            beside_edits(self.source, start, end, self.draft.syntax.qualified, find, self.draft.local)
        )
        return [self._requoted(each) for each in edits]

    def _requoted(self, edit: Edit) -> Edit:
        """The edit, with other quotes where it is inside of an f-string."""
        if not ('"' in edit.text or "'" in edit.text):
            return edit
        around = [q for a, b, q in self.names.quoted if a <= edit.start and edit.end <= b]
        return replace(edit, text=requoted(edit.text, around)) if around else edit

    def _shared(self, start: int, end: int) -> Iterable[Edit]:
        """After a definition or an import that binds a name of the context: the name gets its value there."""
        for o in self.names.within(start, end):
            is_bound = o.use == "store" and o.form in ("def", "class", "import")
            if is_bound and o.name in self.draft.context and self.draft.syntax.is_spine_scope(o.scope):
                node = self.source.statement_at(o.start)
                at = self.source.end(node)
                before = self.source.start(node)
                own = self.source.indentation(before)
                separator = f"\n{own}" if self.source.starts_line(before) else "; "
                yield Edit(at, at, f"{separator}{self.context}.{o.name} = {o.name}")

    def _is_own_file(self, o: Occurrence) -> bool:
        """Whether `__file__` is what the program has assigned to it; `__file__ = __file__` at its top is not."""
        if "__file__" not in self.draft.syntax.variables:
            return False
        statement = self.source.statement_at(o.start)
        copies = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name)
        return o.use != "load" or not copies or self.source.source(statement) != "__file__ = __file__"

    def name_at(self, name: str, o: Occurrence, plans: Sequence[LoopPlan]) -> str:
        """What stands for `name` at the place of `o`."""
        spine = self.draft.syntax.is_spine_scope(o.at.resolve(name) if name != o.name else o.scope)
        if spine and name == "__file__" and not self._is_own_file(o):
            if not self.draft.module.has_file:
                return f"{self.draft.own_names['no_file']}()"
            path = self.draft.local.path_in_project(self.source.path)
            return f'{self.draft.own_names["source_path"]}("{path}")'
        if spine and name == "__doc__" and name not in self.draft.syntax.variables:
            return repr(ast.get_docstring(self.source.tree, clean=False))
        if spine and name == "__name__" and not self._tests_for_main(o) and o.start not in self.identities:
            return f'"{self.module_name}"'
        if spine and name == "__package__" and self.module_name != "__main__":
            is_package = self.source.path.endswith("/__init__.py")
            return f'"{self.module_name if is_package else self.module_name.rpartition(".")[0]}"'
        for plan in plans:
            if name not in plan.state or not self._inside_loop(o, plan):
                continue
            scope = o.scope if name == o.name else o.at.resolve(name)
            if any(scope is s for s in plan.scopes):
                return f"{self.state}.{name}"
        if spine and name in self.replaced:
            return self.replaced[name]
        return name

    def _tests_for_main(self, o: Occurrence) -> bool:
        """Whether `__name__` stands in an `if` that asks whether the module is the program: that stays true."""
        line = self.source.line(o.start)
        return "__main__" in self.source.slice(self.source.line_start(line), self.source.line_end(line))

    def _inside_loop(self, o: Occurrence, plan: LoopPlan) -> bool:
        if not self.source.start(plan.node) <= o.start < self.source.end(plan.node):
            return False
        if isinstance(plan.node, ast.For):
            # The iterable is evaluated before the first iteration.
            return not self.source.start(plan.node.iter) <= o.start < self.source.end(plan.node.iter)
        return True

    def _passed(self, o: Occurrence, plans: Sequence[LoopPlan]) -> list[Edit]:
        """The further arguments of a call of a lifted function."""
        opening = self.source.data.index(b"(", o.end)
        closing = closing_bracket(self.source.data, opening)
        inner = self.source.slice(opening + 1, closing)
        given = ", ".join(f"{n}={self.name_at(n, o, plans)}" for n in self.draft.lifted[o.name])
        bare = re.sub(r"#[^\n]*|\\\n", "", inner).rstrip()
        separator = "" if not bare.strip() else (" " if bare.endswith(",") else ", ")
        edits = [Edit(closing, closing, separator + given)]
        if bare.strip():
            call = ast.parse(f"f({inner}\n)", mode="eval").body
            assert isinstance(call, ast.Call)
            if len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.GeneratorExp):
                edits = [Edit(opening + 1, opening + 1, "("), Edit(closing, closing, ")" + separator + given)]
        return edits

    def _parameters(self, o: Occurrence) -> list[Edit]:
        """The further parameters of a lifted function."""
        definition = self.draft.syntax.definitions[o.name]
        node = definition.node
        assert isinstance(node, FunctionNode)
        opening = self.source.data.index(b"(", o.end)
        closing = closing_bracket(self.source.data, opening)
        names = ", ".join(self.draft.lifted[o.name])
        arguments = node.args
        if arguments.kwarg is not None:
            at = self.source.data.rindex(b"**", 0, self.source.start(arguments.kwarg))
            star = "" if arguments.vararg or arguments.kwonlyargs else "*, "
            return [Edit(at, at, f"{star}{names}, ")]
        bare = re.sub(r"#[^\n]*|\\\n", "", self.source.slice(opening + 1, closing)).rstrip()
        separator = "" if not bare.strip() else (" " if bare.endswith(",") else ", ")
        star = "" if arguments.vararg or arguments.kwonlyargs or not arguments.defaults else "*, "
        return [Edit(closing, closing, f"{separator}{star}{names}")]

    def _loop_heads(self, start: int, end: int, plans: Sequence[LoopPlan]) -> Iterable[Edit]:
        for plan in plans:
            for loop in (plan.node, *plan.inner):
                node = loop.iter if isinstance(loop, ast.For) else loop.test
                if start <= self.source.start(loop) and self.source.end(loop) <= end:
                    method = "loop" if isinstance(loop, ast.For) else "proceed"
                    begin, stop = self._bracketed(loop, node)
                    touches = self.source.data[begin - 1 : begin].isalpha()  # `while(…)`
                    yield Edit(begin, begin, f"{' ' * touches}{self.checkpoint}.{method}(")
                    yield Edit(stop, stop, ")")

    def _iterators(self, start: int, end: int, plans: Sequence[LoopPlan]) -> Iterable[Edit]:
        """An iterator that a loop makes anew and advances by `next` is one that a checkpoint can hold."""
        for plan in plans:
            for node in ast.walk(plan.node):
                match node:
                    case ast.Assign([ast.Name(name)], ast.Call(ast.Name("iter") as made, [_], [])):
                        if name in plan.iterators and start <= self.source.start(made) < end:
                            at = self.source.start(made)
                            yield Edit(at, self.source.end(made), self.draft.own_names["replayable"])

    def _parallel_heads(self, start: int, end: int, plans: Sequence[LoopPlan]) -> Iterable[Edit]:
        """The iterables of loops whose turns need nothing of each other, with what the turns add to."""
        loops = (
            [n for n in list_nodes(self.source.tree) if id(n) in self.draft.spread]
            if self.draft.spread
            else []
        )
        for loop in loops:
            if (
                isinstance(loop, ast.For)
                and start <= self.source.start(loop)
                and self.source.end(loop) <= end
            ):
                begin, stop = self._bracketed(loop, loop.iter)
                targets = [self._as_here(each, loop, plans) for each in self.draft.spread[id(loop)]]
                yield Edit(begin, begin, f"{self.draft.own_names['parallel']}(")
                yield Edit(stop, stop, ", ".join(["", *targets]) + ")")

    def _as_here(self, chain: str, node: ast.stmt, plans: Sequence[LoopPlan]) -> str:
        """What stands for a name, with the attributes behind it, inside of a statement."""
        name, dot, rest = chain.partition(".")
        inside = self.names.within(self.source.start(node), self.source.end(node))
        return self.name_at(name, next(o for o in inside if o.name == name), plans) + dot + rest

    def _bracketed(self, loop: ast.For | ast.While, node: ast.expr) -> tuple[int, int]:
        """The span of a loop's iterable or condition, with the brackets around it."""
        begin, stop = self.source.start(node), self.source.end(node)
        floor = self.source.end(loop.target) if isinstance(loop, ast.For) else self.source.start(loop)
        while self.source.data[floor:begin].rstrip()[-1:] == b"(":
            begin = floor + self.source.data[floor:begin].rindex(b"(")
            stop = self.source.data.index(b")", stop) + 1
        return begin, stop

    def _debug_fields(self, start: int, end: int, edits: list[Edit]) -> list[Edit]:
        found = []
        for debug in self.names.debug_fields:
            if not (start <= debug.start and debug.debug_end <= end):
                continue
            if not any(debug.expression_start <= e.start and e.end <= debug.expression_end for e in edits):
                continue
            shown = (
                self.source.slice(debug.expression_start, debug.debug_end)
                .replace("{", "{{")
                .replace("}", "}}")
            )
            found.append(Edit(debug.start, debug.start, shown))
            conversion = "" if debug.tail.startswith((":", "!")) else "!r"
            found.append(Edit(debug.expression_end, debug.debug_end, conversion))
        return found

    def _globals(self, start: int, end: int) -> Iterable[Edit]:
        """`global` declarations without the names that live on the context now."""
        done: set[int] = set()
        for o in self.names.within(start, end):
            if o.form != "global":
                continue
            line = self.source.line(o.start)
            line_start, line_end = self.source.line_start(line), self.source.line_end(line)
            text = self.source.slice(line_start, line_end)
            declared = re.match(r"(\s*)(?:.*;\s*)?global\s+([^;#\\]+)", text)
            if line in done or declared is None:
                continue
            done.add(line)
            names = [as_python_reads(n.strip()) for n in declared.group(2).split(",")]
            kept = [n for n in names if n not in self.draft.context]
            if len(kept) == len(names):
                continue
            if kept:
                yield Edit(line_start, line_end, f"{declared.group(1)}global {', '.join(kept)}")
            elif ";" in text:
                at = line_start + len(text[: declared.start(2)].encode()) - len(b"global ")
                yield Edit(at, at + len(b"global ") + len(declared.group(2).encode()), "pass")
            else:
                yield Edit(line_start, min(line_end + 1, end), "")


def closing_bracket(data: bytes, opening: int) -> int:
    """The offset of the bracket that closes the one at `opening`; strings and comments are skipped."""
    depth, at = 0, opening
    while at < len(data):
        byte = data[at : at + 1]
        if byte in b"([{":
            depth += 1
        elif byte in b")]}":
            depth -= 1
            if depth == 0:
                return at
        elif byte == b"#":
            at = data.index(b"\n", at)
        elif byte in b"'\"":
            quote = data[at : at + 3] if data[at : at + 3] in (b"'''", b'"""') else byte
            at += len(quote)
            while data[at : at + len(quote)] != quote:
                at += 2 if data[at : at + 1] == b"\\" else 1
            at += len(quote) - 1
        at += 1
    raise ValueError("unclosed bracket")


def _free(name: str, others: Sequence[str], used: set[str]) -> str:
    return next((n for n in (name, *others) if n not in used), f"_graduate_{name}")
