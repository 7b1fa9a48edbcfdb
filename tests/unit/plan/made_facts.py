"""Facts made from source text without the analysis, so that planning is tested alone."""

from __future__ import annotations

import ast
from collections import Counter

from graduate.analyse.roles import choose_role, find_definition_role, find_statement_role
from graduate.analyse.settings import find_constants
from graduate.model.facts import DefinitionFact, ProgramFacts, Role, StatementFact
from graduate.model.source import Cell, Place, SourceModule


def make_facts(
    text: str, *, name: str = "train", cells: tuple[Cell, ...] = (), unstorable: tuple[str, ...] = ()
) -> tuple[SourceModule, ProgramFacts]:
    """A program whose spine is the top level of `text`, with reads and writes by name alone."""
    path = f"{name}.py"
    module = SourceModule(path, "script", text, cells=cells)
    imports: dict[str, str] = {}
    definitions: dict[str, Role] = {}
    spine: list[StatementFact] = []
    found: list[DefinitionFact] = []

    def place(node: ast.AST) -> Place:
        return Place(path, getattr(node, "lineno", 1), getattr(node, "end_lineno", 1))

    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            imports.update(
                {(a.asname or a.name.split(".")[0]): (a.asname and a.name) or a.name for a in node.names}
            )
        elif isinstance(node, ast.ImportFrom):
            imports.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            role, evidence = find_definition_role(node, imports=imports, definitions=definitions, place=place)
            definitions[node.name] = role
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            found.append(DefinitionFact(place(node), node.name, kind, role, evidence))
        else:
            heading = next((c.heading for c in cells if c.first_line <= node.lineno <= c.end_line), "")
            seen = find_statement_role(
                node, imports=imports, definitions=definitions, heading=heading, place=place
            )
            names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
            reads = {n.id for n in names if isinstance(n.ctx, ast.Load)}
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                reads.add(node.target.id)
            writes = {n.id for n in names if isinstance(n.ctx, ast.Store)}
            spine.append(
                StatementFact(
                    place(node),
                    node.lineno,
                    node.end_lineno or node.lineno,
                    ast.unparse(node),
                    choose_role(seen),
                    seen,
                    tuple(sorted(reads - set(imports) - set(definitions))),
                    tuple(sorted(writes)),
                )
            )
    written = Counter(n for fact in spine for n in fact.writes)
    rebound = frozenset(n for n, count in written.items() if count > 1)
    options = find_constants(ast.parse(text).body, text, rebound=rebound, place=place)
    facts = ProgramFacts(name, path, tuple(spine), tuple(found), options, (), (), unstorable)
    return module, facts
