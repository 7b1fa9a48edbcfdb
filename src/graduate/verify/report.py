"""The verdict as text for the terminal, as JSON, and as a page."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from graduate.model.verdict import Finding, ProgramVerdict, Verdict

_COLOURS = {"same": "green", "same within noise": "cyan", "different": "bold red", "not comparable": "yellow"}
_MANY = 12


def headline(verdict: Verdict) -> str:
    """The verdict in one sentence."""
    if verdict.problem:
        return f"{verdict.project}: not proved, because it could not be compared"
    if verdict.proved:
        return f"{verdict.project}: proved, the project computes what the research code computes"
    findings = [f for p in verdict.programs for f in p.findings if f.outcome == "different"]
    if not findings:
        return f"{verdict.project}: not proved, nothing could be compared"
    first = findings[0]
    return f"{verdict.project}: NOT the same; first difference: {first.subject}: {first.detail}"


def render_table(verdict: Verdict, *, everything: bool = False) -> Table:
    """A rich table. Long runs of equal variables are one line unless `everything` is asked for."""
    table = Table(title=Text(headline(verdict)), title_justify="left", title_style="bold")
    for column in ("run", "kind", "what", "outcome", "detail"):
        table.add_column(column, overflow="fold")
    for program in verdict.programs:
        for finding in shorten(program, everything):
            colour = _COLOURS[finding.outcome]
            table.add_row(
                Text(run_name(program)),
                Text(finding.kind),
                Text(finding.subject),
                Text(finding.outcome, style=colour),
                Text(finding.detail),
            )
    return table


def run_name(program: ProgramVerdict) -> str:
    if program.run == "straight":
        return program.name
    return f"{program.name}, killed {program.kills} times"


def shorten(program: ProgramVerdict, everything: bool) -> Iterator[Finding]:
    """The findings, with the variables that are simply the same as one line when there are many."""
    plain = [
        f
        for f in program.findings
        if f.kind in ("variable", "resume") and f.outcome == "same" and not f.detail
    ]
    if everything or len(plain) <= _MANY:
        yield from program.findings
        return
    for finding in program.findings:
        if finding not in plain:
            yield finding
    names = ", ".join(f.subject for f in plain[:6])
    yield Finding(plain[0].kind, f"{len(plain)} more", "same", f"{names}, …")


def render_text(verdict: Verdict, *, width: int = 140) -> str:
    """The verdict as plain text."""
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False)
    if verdict.programs:
        console.print(render_table(verdict))
    else:
        console.print(Text(headline(verdict)))
    if verdict.problem:
        console.print(Text(verdict.problem))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def render_json(verdict: Verdict) -> str:
    """The verdict for programs."""
    body = {"proved": verdict.proved, "headline": headline(verdict), **asdict(verdict)}
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def render_page(verdict: Verdict) -> str:
    """The verdict as one static page: no scripts, nothing loaded from elsewhere, everything escaped."""
    tone = "same" if verdict.proved else "different"
    parts = [_HEAD.format(title=_e(verdict.project)), f'<h1 class="{tone}">{_e(headline(verdict))}</h1>']
    if verdict.problem:
        parts.append(f"<pre>{_e(verdict.problem)}</pre>")
    for program in verdict.programs:
        parts += _section(program)
    return "\n".join([*parts, "</body>", "</html>", ""])


def _section(program: ProgramVerdict) -> Iterator[str]:
    yield f"<h2>{_e(run_name(program))}</h2>"
    if program.seconds_converted:
        times = f"original {program.seconds_original:.1f} s, converted {program.seconds_converted:.1f} s"
        yield f"<p>{_e(times)}</p>"
    yield "<table><tr><th>kind</th><th>what</th><th>outcome</th><th>detail</th></tr>"
    for finding in program.findings:
        css = finding.outcome.replace(" ", "-")
        cells = (finding.kind, finding.subject, finding.outcome, finding.detail)
        yield f'<tr class="{css}">' + "".join(f"<td>{_e(cell)}</td>" for cell in cells) + "</tr>"
    yield "</table>"


def _e(text: str) -> str:
    return html.escape(text, quote=True)


_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: verification</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ border-bottom: 1px solid #ddd; padding: .3rem .6rem; text-align: left; vertical-align: top; }}
td:last-child {{ font-family: ui-monospace, monospace; overflow-wrap: anywhere; }}
h1.same, tr.same td:nth-child(3) {{ color: #176b2c; }}
tr.same-within-noise td:nth-child(3) {{ color: #0b6a8f; }}
h1.different, tr.different td:nth-child(3) {{ color: #b00020; font-weight: bold; }}
tr.not-comparable td:nth-child(3) {{ color: #8a5a00; }}
pre {{ background: #f6f6f6; padding: 1rem; overflow-x: auto; }}
</style>
</head>
<body>"""
