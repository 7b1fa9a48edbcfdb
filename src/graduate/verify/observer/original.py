"""Runs one research program as `python script.py` would, and writes down the values it ended with.

    python -m graduate_observer.original SPEC.json

The specification names the text to run, the file it stands for, its arguments, the helpers of a notebook,
where else it finds modules (as if its project was installed), and the function whose local variables count too
(an opened `main`).
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

from . import instrument, notebook, recording, seeds

locals_of_main: dict[str, Any] = {}
own_process = os.getpid()


def main(spec_path: str) -> None:
    """Run the program. Its exit is this process's exit."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    tree = ast.parse(spec["text"])
    instrument.watch_functions(tree, spec["watch"])
    code = compile(tree, spec["file"], "exec", dont_inherit=True)
    module = types.ModuleType("__main__")
    module.__dict__.update(notebook.names(spec["helpers"]))
    module.__dict__["__builtins__"] = builtins
    if spec["has_file"]:
        module.__dict__["__file__"] = spec["file"]
    if any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)):
        module.__package__ = spec["package"]  # it is run as `python -m package.module`
    builtins.__dict__[instrument.REPORT] = _report
    sys.modules["__main__"] = module
    sys.argv = [spec["argv0"], *spec["arguments"]]
    sys.path[0] = str(Path(spec["file"]).parent)
    sys.path.extend(spec["path"])
    sys.dont_write_bytecode = True
    seeds.install()
    before = set(module.__dict__)
    try:
        exec(code, module.__dict__)
    finally:
        if os.getpid() == own_process:
            names = {n: v for n, v in module.__dict__.items() if n not in before}
            sys.stdout.flush()
            trees = recording.digest_names({**names, **locals_of_main})
            recording.write({"program": spec["program"], "variables": trees})


def _report(label: str, module: str, names: dict[str, Any]) -> None:
    if module == "__main__" and os.getpid() == own_process:
        locals_of_main.update(names)


if __name__ == "__main__":
    main(sys.argv[1])
