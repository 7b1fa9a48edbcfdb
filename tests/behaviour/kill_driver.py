"""Runs a project once, keeps its folder as a kill would leave it at every turn of its loops, and goes on from each.

    python kill_driver.py PACKAGE ROOT SNAPSHOTS SHARE WARM...

Runs inside of the project's environment, so it imports nothing of this repo. A kill leaves what is on the disk and
nothing else, so a copy of the folder at that moment is the kill, and one run gives all of them. Every run is a
fork of this process, which has imported the libraries WARM. SHARE is how many of the kills are tried: 1, all of them.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

OWN = (".pipeline_state", "logs")


def run(package: str, root: Path, notes: Path, before: str, keep: Path | None = None, share: int = 1) -> int:
    """Run the project in a fork of this process; its exit code. What it prints, to `notes`, comes after `before`."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99
    try:
        os.chdir(root)
        notes.mkdir()
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(notes / name, os.O_WRONLY | os.O_CREAT), descriptor)
        os.write(1, before.encode())
        sys.path.insert(0, str(root))
        sys.argv = [package, "train-all"]
        watch(package, root, notes, keep, share)
        code = importlib.import_module(f"{package}.utils.command").main(package, ["train-all"])
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        with contextlib.suppress(OSError):
            sys.stderr.flush()
    finally:
        os._exit(code)


def watch(package: str, root: Path, notes: Path, keep: Path | None, share: int) -> None:
    """Count the turns of loops; where `keep` is given, copy the folder before (a share of) them are saved."""
    files = importlib.import_module(f"{package}.utils.files")
    saving = importlib.import_module(f"{package}.utils.saving")
    state = importlib.import_module(f"{package}.utils.state")
    look, commit = saving.Saving.look, state.State.commit_all
    turns = chances = 0

    def snapshot(why: str) -> None:
        nonlocal chances
        chances += 1
        active, files.recorder.active = files.recorder.active, False
        (notes / "turns").write_text(f"{turns} {why}")
        if keep is not None and chances % share == 0:
            folder = keep / f"{chances:04d}"
            shutil.copytree(root, folder / "project", symlinks=True)
            shutil.copytree(notes, folder / "notes")
        files.recorder.active = active

    def looked(self: Any, block: Any) -> None:
        nonlocal turns
        catching_up = self.run.target is not None
        if not catching_up:
            turns += 1
        self.settle()  # so that it is known which checkpoint is the newest
        snapshot("turn")
        look(self, block)

    def committed(self: Any, event: str, step: str, steps: Any) -> None:
        snapshot(f"before {step} {event}")
        commit(self, event, step, steps)

    saving.Saving.look = looked
    state.State.commit_all = committed


def files_of(root: Path, package: str) -> dict[str, str]:
    """What the program left: the content of each file, as text that survives JSON."""
    return {
        str(path.relative_to(root)): path.read_bytes().hex()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] not in (*OWN, package)
    }


def read(notes: Path) -> dict[str, Any]:
    """What a run told: how many turns it did and what it was about to do, and what it printed."""
    turns, _, why = (notes / "turns").read_text().partition(" ")
    return {
        "turns": int(turns),
        "at": why,
        **{name: (notes / name).read_text() for name in ("stdout", "stderr")},
    }


def main() -> None:
    package, root, snapshots, share = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    for name in sys.argv[5:]:
        importlib.import_module(name)
    os.environ["CHECKPOINT_EVERY"] = "1"
    snapshots.mkdir()
    notes = snapshots.with_name("notes")
    code = run(package, root, notes, "", snapshots, share)
    files = files_of(root, package)
    kills = []
    for folder in sorted(snapshots.iterdir()):
        killed = read(folder / "notes")
        ended = run(package, folder / "project", folder / "resumed", killed["stdout"])
        differ = _differing(files, files_of(folder / "project", package))
        kills.append({"killed": killed, "resumed": read(folder / "resumed"), "code": ended, "differ": differ})
        shutil.rmtree(folder)
    json.dump({"straight": read(notes), "code": code, "kills": kills}, sys.stdout)


def _differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


if __name__ == "__main__":
    main()
