"""Random small programs: assignments, aliases, mutation, functions over globals, loops, prints."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from graduate.model.facts import Facts, Role, StatementFact
from graduate.model.plan import Plan, SegmentPlan, StepPlan

NUMBERS = ("a", "b", "c")
LISTS = ("xs", "ys")
FUNCTIONS = ("f", "g", "h")


@st.composite
def programs(draw: st.DrawFn) -> str:
    """The text of a program that ends without an error in most cases and prints what it does."""
    lines = ["import random", "random.seed(1)"]
    for name in NUMBERS:
        if draw(st.integers(0, 9)):
            lines.append(f"{name} = {draw(st.integers(0, 9))}")
    lines.append("xs = [1, 2]")
    lines.append(draw(st.sampled_from(["ys = xs", "ys = [5]", "ys = list(xs)"])))
    known: tuple[str, ...] = ()
    for function in FUNCTIONS:
        if draw(st.booleans()):
            lines.extend(draw(_definition(function, known)))
            known = (*known, function)
        lines.extend(draw(_statements(2, "", known)))
    lines.extend(draw(_statements(5, "", known)))
    lines.append("print(sorted(k for k in ['a', 'b', 'c'] if k), xs, ys, xs is ys, random.random())")
    return "\n".join(lines) + "\n"


@st.composite
def _definition(draw: st.DrawFn, name: str, known: tuple[str, ...]) -> list[str]:
    kind = draw(st.integers(0, 3))
    head = [f"def {name}(x, y=1):"]
    if kind == 0:
        changed = draw(st.sampled_from(NUMBERS))
        head += [f"    global {changed}", f"    {changed} = x + y"]
    elif kind == 1:
        head += [f"    {draw(st.sampled_from(LISTS))}.append(x)"]
    elif kind == 2:
        head += [
            "    def inner(k):",
            f"        return k + {draw(st.sampled_from(NUMBERS))}",
            "    y = inner(y)",
        ]
    other = draw(st.sampled_from([*NUMBERS, "y", "len(xs)", "sum(ys)", *(f"{k}(x)" for k in known)]))
    return [*head, f"    return x * 2 + {other}"]


@st.composite
def _statements(draw: st.DrawFn, most: int, indent: str, known: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    for _ in range(draw(st.integers(1, most))):
        lines.extend(draw(_statement(indent, known)))
    return lines


@st.composite
def _statement(draw: st.DrawFn, indent: str, known: tuple[str, ...]) -> list[str]:
    target = draw(st.sampled_from(NUMBERS))
    value = draw(_expression(known))
    nested = indent + "    "
    choice = draw(st.integers(0, 11 if len(indent) < 8 else 6))
    simple = {
        0: [f"{target} = {value}"],
        1: [f"{target} += {value}"],
        2: [f"print('{target}', {value}, f'{{{target}=}}')"],
        3: [f"{draw(st.sampled_from(LISTS))}.append({value})"],
        4: [f"{draw(st.sampled_from(LISTS))} = {draw(st.sampled_from([*LISTS, f'[{value}]']))}"],
        5: [f"# note {draw(st.integers(0, 9))}", f"{target} = {value}  # {target}"],
        6: [f"{target}, {draw(st.sampled_from(NUMBERS))} = {value}, {draw(_expression(known))}"],
    }
    if choice in simple:
        return [indent + line for line in simple[choice]]
    body = draw(_statements(3, nested, known))
    if choice == 7:
        return [f"{indent}for i in range({draw(st.integers(0, 3))}):", *body, f"{nested}print(i)"]
    if choice == 8:
        return [
            f"{indent}if {value} > {draw(st.integers(0, 20))}:",
            *body,
            f"{indent}else:",
            f"{nested}print('else')",
        ]
    if choice == 9:
        count = f"n{len(indent)}"
        step = f"{nested}{count} += 1"
        return [f"{indent}{count} = 0", f"{indent}while {count} < 3:", step, *body]
    if choice == 10:
        return [
            f"{indent}try:",
            *body,
            f"{indent}except (TypeError, IndexError) as e:",
            f"{nested}print('caught')",
        ]
    return [f"{indent}k = lambda q: q + {target}", f"{indent}print(k(1), [k(v) for v in xs[:2]])"]


@st.composite
def _expression(draw: st.DrawFn, known: tuple[str, ...]) -> str:
    atom = st.sampled_from([*NUMBERS, "len(xs)", "sum(ys)", "random.randint(0, 5)", "3", "7"])
    choice = draw(st.integers(0, 4 if known else 1))
    first = draw(atom)
    if choice == 0:
        return first
    if choice == 1:
        return f"{first} + {draw(atom)}"
    if choice == 2:
        return f"{draw(st.sampled_from(known))}({first})"
    if choice == 3:
        return f"{draw(st.sampled_from(known))}({first}, y={draw(atom)})"
    return f"max({first}, {draw(atom)}) % 11"


def cut_at_random(facts: Facts, plan: Plan, cuts: list[bool]) -> Plan:
    """The plan with the spine of its program cut wherever `cuts` says, every second cut a new step too."""
    program, spine = plan.programs[0], facts.programs[0].spine
    groups: list[list[StatementFact]] = [[]]
    for statement, cut in zip(spine, [False, *cuts, *([False] * len(spine))], strict=False):
        if cut:
            groups.append([])
        groups[-1].append(statement)
    roles: tuple[Role, ...] = ("preprocess", "train", "evaluate", "model")
    steps: list[StepPlan] = []
    for number, group in enumerate(g for g in groups if g):
        role = roles[number % 4]
        place = group[0].place
        segment = SegmentPlan(f"part_{number}", role, group[0].line, group[-1].end_line, place)
        if number % 2 and steps:
            steps[-1] = replace(steps[-1], segments=(*steps[-1].segments, segment))
        else:
            steps.append(StepPlan(f"step-{number}", role, (segment,)))
    return replace(plan, programs=(replace(program, steps=tuple(steps)),))
