"""Results in a Markdown page: the machine that they are from, and the part of the page that they replace."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def describe_machine() -> str:
    """Processor, cores, memory, Python and load, in one line."""
    cpu = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", cpu.read_text()) if cpu.exists() else None
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = model[1].strip() if model else platform.machine()
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return f"{name}, {cores} core(s), {memory:.0f} GB, Python {platform.python_version()}, load {load:.1f} at the start"


def replace_part(page: Path, name: str, text: str) -> None:
    """Put `text` between the markers `<!-- name -->` and `<!-- end of name -->` of a page."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    old = page.read_text(encoding="utf-8")
    head, found, rest = old.partition(start)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{page} has no part between {start} and {end}")
    page.write_text(f"{head}{start}\n{text}\n{end}{tail}", encoding="utf-8")
