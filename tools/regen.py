"""Writes what is generated in this repo: docs/hazards.md and the projects of tests/golden. Nothing else writes them."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from graduate import conversion
from graduate.analyse.hazards import EXPLANATIONS

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
HAZARDS = ROOT / "docs" / "hazards.md"
_RUNTIME = ROOT / "src" / "graduate" / "runtime"


def render_hazards() -> str:
    """The page of all hazards, from the same texts as `graduate explain`."""
    lines = [
        "# Hazards",
        "",
        "What can make a converted program differ from the research code, or keep it from a [level](levels.md).",
        "`graduate analyze SRC` shows those of a project with their places; `graduate explain CODE` shows these pages.",
        "Written by `make regen`.",
    ]
    for each in sorted(EXPLANATIONS.values(), key=lambda e: e.code):
        lines += ["", f"## {each.code} {each.name}", "", each.page]
    return "\n".join(lines) + "\n"


def convert_golden(case: Path, out: Path) -> None:
    """Convert a golden case into `out`, without the runtime's files, which are copied as they are."""
    conversion.convert(case / "source", out, lock=False, plan_file=case / "plan.yaml")
    for path in out.glob("*/utils/*.py"):
        twin = _RUNTIME / path.name
        if twin.is_file() and twin.read_bytes() == path.read_bytes():
            path.unlink()


def main() -> int:
    """Write everything anew; a plan that is there is kept, since people edit it."""
    HAZARDS.write_text(render_hazards(), encoding="utf-8")
    for case in sorted(path for path in GOLDEN.iterdir() if path.is_dir()):
        plan = case / "plan.yaml"
        if not plan.exists():
            plan.write_text(conversion.propose_plan(case / "source"), encoding="utf-8")
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch) / "project"
            convert_golden(case, out)
            shutil.rmtree(case / "project", ignore_errors=True)
            shutil.copytree(out, case / "project", symlinks=True)
        print(f"wrote {case.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
