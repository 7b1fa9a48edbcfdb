"""Sources → Facts: roles, options, loops, data files, dependencies, hazards, each with its place."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from graduate.analyse.config_files import find_file_options
from graduate.analyse.data_files import find_data_files, find_output_folders
from graduate.analyse.dependencies import find_contradictions, find_dependencies
from graduate.analyse.exec_options import find_exec_options
from graduate.analyse.hazards import find_hazards, find_modernized, find_unread, hazard
from graduate.analyse.hydra_options import find_hydra_options
from graduate.analyse.late_imports import find_late_imports
from graduate.analyse.library_settings import find_library_settings
from graduate.analyse.listings import WORKSPACE, find_workspace_reason
from graduate.analyse.passed_options import DeclaredOptions
from graduate.analyse.python_version import find_python
from graduate.analyse.roles import find_definition_role, find_statement_role
from graduate.analyse.settings import as_passed, find_argparse, find_class_fields, find_constants
from graduate.analyse.storable import find_figures, find_unstorable
from graduate.analyse.variables import find_variable_options
from graduate.model.facts import (
    ArgparseFacts,
    DefinitionFact,
    Facts,
    Hazard,
    Loop,
    Option,
    ProgramFacts,
    Role,
    StatementFact,
)
from graduate.model.source import Place, Program, SourceModule, Sources
from graduate.syntax.assignment import Uses
from graduate.syntax.config_classes import find_parsed_classes
from graduate.syntax.imports import qualified_names
from graduate.syntax.long_loops import call_depths, function_unit, functions_of
from graduate.syntax.loops import LoopPlan, Unit, plan_loops
from graduate.syntax.nodes import list_nodes, parse
from graduate.syntax.program import ProgramSyntax, take_apart
from graduate.syntax.spine import SpineStatement


def analyse(sources: Sources, progress: Callable[[str], None] | None = None) -> Facts:
    """Find what the programs do and need. Runs nobody's code."""
    tell = progress or (lambda _: None)
    entries = {p.path for p in sources.programs}
    parsed = frozenset(name for module in sources.modules for name in _find_parsed(module))
    known: dict[str, Role] = {}
    local: list[DefinitionFact] = []
    module_roles: list[tuple[str, Role]] = []
    module_options: list[Option] = []
    variables = find_variable_options(sources, _place_of)
    data_files = find_data_files(sources)
    # What is opened as a file has its values from that file, not from the module that it is too.
    opened = {file.path for file in data_files}
    for module in sources.modules:
        if module.path in entries:
            continue
        tell(f"analysing {module.path}")
        found = find_module_roles(module)
        local.extend(found)
        known.update({d.name: d.role for d in found if d.role != "other"})
        module_roles.append((module.path, find_main_role(module, found)))
        if module.path not in opened:
            module_options += find_module_options(module, parsed)
        known_names = {option.name for option in module_options if option.place.path == module.path}
        module_options += [o for o in variables.get(module.path, ()) if o.name not in known_names]
    programs = []
    declared = DeclaredOptions(sources)
    for program in sources.programs:
        tell(f"analysing {program.path}")
        programs.append(analyse_program(sources, program, known, declared, variables.get(program.path, ())))
    tell("finding data files and dependencies")
    dependencies = find_dependencies(sources)
    reason = find_workspace_reason(sources, data_files)
    return Facts(
        programs=tuple(programs),
        local_modules=tuple(local),
        module_roles=tuple(module_roles),
        module_options=tuple(module_options),
        file_options=find_file_options(sources, data_files),
        data_files=data_files,
        output_folders=find_output_folders(sources),
        workspace=WORKSPACE if reason else "",
        dependencies=dependencies,
        python=find_python(sources),
        hazards=(
            *find_unread(sources),
            *find_modernized(sources),
            *find_contradictions(sources, dependencies),
            *([reason] if reason else []),
            *find_library_settings(sources),
        ),
    )


def _place_of(module: SourceModule) -> Callable[[ast.AST], Place]:
    def place(node: ast.AST) -> Place:
        line = getattr(node, "lineno", 1)
        return module.place(line, getattr(node, "end_lineno", None) or line)

    return place


def find_module_roles(module: SourceModule) -> list[DefinitionFact]:
    """The role of each function and class of a local module."""
    tree = parse(module.text)
    nodes = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    return _definition_facts(nodes, module, qualified_names(tree.body), {})


def _find_parsed(module: SourceModule) -> dict[str, str]:
    tree = parse(module.text)
    return find_parsed_classes(list_nodes(tree), qualified_names(tree.body))


def find_module_options(module: SourceModule, parsed: frozenset[str] = frozenset()) -> list[Option]:
    """The fields of configuration classes of a local module, and its constants where it holds nothing else.

    Classes that are `parsed` from a command line have their values from there.
    """
    syntax = take_apart(module.path, module.text)
    body = syntax.source.tree.body
    if syntax.dynamic_names() is not None:
        return []
    found = list(find_class_fields(body, module.text, _place_of(module)))
    owners = {option.name.partition(".")[0] for option in found}
    found = [option for option in found if option.name.partition(".")[0] not in parsed]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    is_configuration = all(node.name in owners for node in body if isinstance(node, kinds))
    if is_configuration and PurePosixPath(module.path).stem != "__init__":
        found += find_constants(body, module.text, rebound=syntax.rebound(), place=_place_of(module))
    return sorted(found, key=lambda option: option.place)


def _definition_facts(
    nodes: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef],
    module: SourceModule,
    imports: dict[str, str],
    known: dict[str, Role],
) -> list[DefinitionFact]:
    """Twice over, so that a caller that stands above what it calls knows its role."""
    roles = dict(known)
    facts: list[DefinitionFact] = []
    for _ in range(2):
        facts = []
        for node in nodes:
            role, evidence = find_definition_role(
                node, imports=imports, definitions=roles, place=_place_of(module)
            )
            roles[node.name] = role
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            place = module.place(node.lineno, node.end_lineno)
            facts.append(DefinitionFact(place, node.name, kind, role, evidence))  # type: ignore[arg-type]
    return facts


def find_main_role(module: SourceModule, definitions: list[DefinitionFact]) -> Role:
    """The role that most lines of a module have; "settings" for one that only holds constants."""
    if not definitions:
        return "settings" if PurePosixPath(module.path).stem != "__init__" else "other"
    lines: dict[Role, int] = {}
    for d in definitions:
        lines[d.role] = lines.get(d.role, 0) + d.place.end_line - d.place.line + 1
    lines.pop("other", None)
    return max(lines, key=lambda r: lines[r]) if lines else "other"


def analyse_program(
    sources: Sources,
    program: Program,
    known: dict[str, Role],
    declared: DeclaredOptions,
    variables: tuple[Option, ...] = (),
) -> ProgramFacts:
    """The facts of one program. `known` gives the roles of functions and classes of local modules, `variables` are the
    environment variables that it reads."""
    module = sources.module(program.path)
    place = _place_of(module)
    syntax = take_apart(program.path, module.text)
    constants = find_constants(
        [s.node for s in syntax.statements], module.text, rebound=syntax.rebound(), place=place
    )
    holders = [*(d.node for d in syntax.definitions.values()), *(s.node for s in syntax.statements)]
    fields = find_class_fields(holders, module.text, place)
    parsed = find_parsed_classes(list_nodes(syntax.source.tree), syntax.qualified)
    owners = {field.name: parsed.get(field.name.partition(".")[0], "") for field in fields}
    own = [field for field in fields if not owners[field.name]]
    options = [replace(o, program=program.name) for o in (*constants, *own)]
    syntax = take_apart(program.path, module.text, frozenset(o.name for o in constants))
    parser = _find_parser(syntax, module, place)
    hazards = find_hazards(module, syntax) + find_late_imports(sources, module, syntax)
    if parser is not None and not parser.why_not:
        options += [replace(o, program=program.name) for o in parser.options]
    elif parser is not None:
        hazards.append(hazard("G107", parser.why_not, module, max(parser.parse_line, 1)))
    taken = {option.name for option in options}
    options += [replace(o, program=program.name) for o in variables if o.name not in taken]
    nodes = [d.node for d in syntax.definitions.values()]
    definitions = _definition_facts(nodes, module, syntax.qualified, known)
    roles = {**known, **{d.name: d.role for d in definitions if d.role != "other"}}
    loops = _find_loops(syntax, module, roles)
    hazards += [
        hazard("G106", f"{o.header}: {o.why_not}", module, o.place.line) for o in loops if not o.resumable
    ]
    if parser is not None and not parser.why_not:
        passed = tuple(option for option in parser.options if option.flags)
    else:
        passed = declared.find(module.path)
        passed += find_hydra_options(sources, module)
        passed += find_exec_options(sources, module, [s.node for s in syntax.spine.statements], place)
        passed += tuple(as_passed(field, owners[field.name]) for field in fields if owners[field.name])
    unstorable = find_unstorable(syntax)
    spine, figures = _find_spine(syntax, module, roles, constants, parser)
    return ProgramFacts(
        name=program.name,
        path=program.path,
        spine=spine,
        definitions=tuple(definitions),
        options=tuple(options),
        loops=tuple(loops),
        hazards=tuple(_in_order(hazards)),
        unstorable=tuple(sorted(unstorable | figures)),
        entry=syntax.spine.main.name if syntax.spine.main is not None else "",
        parser=parser,
        passed=tuple(replace(o, program=program.name) for o in passed),
    )


def _in_order(hazards: list[Hazard]) -> list[Hazard]:
    return sorted(dict.fromkeys(hazards), key=lambda h: (h.place, h.code, h.message))


def _find_parser(
    syntax: ProgramSyntax, module: SourceModule, place: Callable[[ast.AST], Place]
) -> ArgparseFacts | None:
    functions = {n: d.node for n, d in syntax.definitions.items() if isinstance(d.node, ast.FunctionDef)}
    body = [s.node for s in syntax.spine.statements]
    return find_argparse(body, functions, module.text, syntax.qualified, place, syntax.source.tree.body)


def _find_spine(
    syntax: ProgramSyntax,
    module: SourceModule,
    roles: dict[str, Role],
    constants: tuple[Option, ...],
    parser: ArgparseFacts | None,
) -> tuple[tuple[StatementFact, ...], set[str]]:
    """The facts of the spine's statements, and names for the figures that are drawn over several."""
    settings = {o.name for o in constants}
    flow = syntax.flow()
    headings = _headings(module)
    figures: dict[int, list[str]] = {}
    shared: set[str] = set()
    for name, statements in find_figures(syntax):
        if len(statements) > 1:
            shared.add(name)
            for s in statements:
                figures.setdefault(id(s), []).append(name)
    needs = _needs(syntax)
    facts = []
    for statement in syntax.statements:
        if _is_setting(statement, settings) or _builds_parser(statement, syntax, parser):
            continue
        uses = Uses()
        flow.assigned([statement.node], frozenset(), uses)
        called = {n for name in uses.loaded if name in needs for n in needs[name]}
        drawn = figures.get(id(statement), [])
        reads = sorted(((uses.exposed | called) & syntax.variables) - settings) + drawn
        line = syntax.source.line(syntax.source.start(statement.node))
        end_line = syntax.source.line(syntax.source.end(statement.node))
        evidence = find_statement_role(
            statement.node,
            imports=syntax.qualified,
            definitions=roles,
            heading=headings.get(line, ""),
            place=_place_of(module),
        )
        totals: dict[Role, float] = {}
        for piece in evidence:
            totals[piece.role] = totals.get(piece.role, 0.0) + piece.weight
        facts.append(
            StatementFact(
                place=module.place(line, end_line),
                line=line,
                end_line=end_line,
                text=syntax.source.source(statement.node),
                role=max(totals, key=lambda r: totals[r]) if totals else "other",
                evidence=evidence,
                reads=tuple(reads),
                writes=tuple(sorted(uses.written & syntax.variables) + drawn),
            )
        )
    return tuple(facts), shared


def _is_setting(statement: SpineStatement, settings: set[str]) -> bool:
    node = statement.node
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target: ast.expr = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    else:
        return False
    return isinstance(target, ast.Name) and target.id in settings


def _builds_parser(statement: SpineStatement, syntax: ProgramSyntax, parser: ArgparseFacts | None) -> bool:
    if parser is None or parser.why_not or parser.function:
        return False
    at = statement.node.lineno, statement.node.col_offset
    return any(at == span[:2] for span in parser.parser_statements)


def _headings(module: SourceModule) -> dict[int, str]:
    """Line → the notebook heading above it."""
    return {
        line: cell.heading
        for cell in module.cells
        for line in range(cell.first_line, cell.end_line + 1)
        if cell.heading
    }


def _needs(syntax: ProgramSyntax) -> dict[str, set[str]]:
    """The variables of the spine that each definition reads, through what it calls too."""
    reads: dict[str, set[str]] = {}
    uses: dict[str, set[str]] = {}
    for name, definition in syntax.definitions.items():
        inside = syntax.names.within(definition.statement.start, definition.statement.end)
        found = {o.name for o in inside if syntax.is_spine_scope(o.scope)}
        reads[name] = found & syntax.variables
        uses[name] = {n for n in found if n in syntax.definitions and n != name}
    changed = True
    while changed:
        changed = False
        for name, others in uses.items():
            for other in others:
                if not reads[other] <= reads[name]:
                    reads[name] |= reads[other]
                    changed = True
    return reads


def _find_loops(syntax: ProgramSyntax, module: SourceModule, roles: dict[str, Role]) -> list[Loop]:
    """The long loops of the spine and of the functions of the entry module."""
    trainers = frozenset(n for n, r in roles.items() if r == "train")
    whole = Unit(
        syntax.flow(),
        [s.node for s in syntax.statements],
        syntax.spine.scopes,
        syntax.variables.__contains__,
        frozenset(),
        frozenset(),
    )
    found = [("", p) for p in plan_loops(whole, False, trainers)]
    depths = call_depths(syntax.source.tree)
    for definition in syntax.definitions.values():
        for qualified, function in functions_of(definition.node):
            if isinstance(function, ast.FunctionDef) and not depths.get(function.name, 0):
                unit = function_unit(syntax.source, syntax.names, function)
                is_train = roles.get(definition.name) == "train"
                found += [(qualified, p) for p in plan_loops(unit, is_train, trainers)]
    return [_loop_fact(syntax, module, name, plan) for name, plan in found]


def _loop_fact(syntax: ProgramSyntax, module: SourceModule, function: str, plan: LoopPlan) -> Loop:
    node = plan.node
    head = node.iter if isinstance(node, ast.For) else node.test
    header = syntax.source.slice(syntax.source.start(node), syntax.source.end(head))
    return Loop(
        place=module.place(node.lineno, node.end_lineno),
        function=function,
        header=" ".join(header.split()),
        role="train",
        carried=plan.state,
        mutated=plan.objects,
        resumable=not plan.why_not,
        why_not=plan.why_not,
    )
