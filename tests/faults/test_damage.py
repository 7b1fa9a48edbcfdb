"""What becomes of damaged generations, objects, checkpoints and logs: what is said, and what runs again."""

from __future__ import annotations

import contextlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from fault_project import make

from runtime_project import ProjectUnderTest


def result(project: ProjectUnderTest) -> str:
    return (project.root / "result.txt").read_text()


def newest(folder: Path, pattern: str) -> Path:
    return sorted(folder.glob(pattern))[-1]


def test_a_damaged_newest_generation_is_set_aside(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    expected = result(project)
    state = project.root / ".pipeline_state"
    path = newest(state / "state", "*.json")
    path.write_bytes(path.read_bytes().replace(b'"done"', b'"gone"'))
    assert project.statuses()["evaluate"] != "done"
    done = project.run("train-all")
    assert "damaged" in done.stderr
    assert result(project) == expected
    assert len(list((state / "quarantine").iterdir())) == 1
    assert set(project.statuses().values()) == {"done"}


def objects_of(project: ProjectUnderTest, step: str) -> list[str]:
    state = json.loads(newest(project.root / ".pipeline_state" / "state", "*.json").read_text())
    return [group["object"] for group in state["steps"][step]["groups"]]


def test_a_damaged_object_comes_back_from_its_backup(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train")
    folder = project.root / ".pipeline_state"
    for name in objects_of(project, "train"):
        (folder / "objects" / name).write_bytes(b"rubbish")
    done = project.run("evaluate")
    assert "running again" not in done.stderr
    assert list((folder / "quarantine").iterdir())
    assert project.run("doctor").returncode == 0


def test_a_lost_object_without_backup_is_made_again(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    expected = result(project)
    project.run("clean")
    (project.root / "rows.csv").unlink()
    project.run("train", PIPELINE_BACKUP_BELOW="0")
    for name in objects_of(project, "train"):
        (project.root / ".pipeline_state" / "objects" / name).unlink()
    done = project.run("evaluate", PIPELINE_BACKUP_BELOW="0")
    assert "running again" in done.stderr
    assert result(project) == expected


def test_a_damaged_object_is_written_anew_by_a_step_that_gives_it_again(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all", PIPELINE_BACKUP_BELOW="0")
    for name in objects_of(project, "train"):
        (project.root / ".pipeline_state" / "objects" / name).write_bytes(b"rubbish")
    project.run("train-all", "--fresh", PIPELINE_BACKUP_BELOW="0")
    assert "whole" in project.run("doctor", PIPELINE_BACKUP_BELOW="0").stderr


KILL = """\
            import os, signal
            from .utils.step_run import StepRun
            if os.environ.get("KILL") == str(len(history)):
                StepRun.current.saving.settle()
                os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_in_training(project: ProjectUnderTest) -> Path:
    """Leave the project as a kill in its loop does; the folder of its checkpoints."""
    project.run("clean")
    (project.root / "rows.csv").unlink()
    text = (project.root / "pkg/pipeline.py").read_text()
    project.write(
        "pkg/pipeline.py", text.replace("            history.append", KILL + "            history.append")
    )
    project.run("train-all", check=-9, CHECKPOINT_EVERY="1", KILL="3")
    return project.root / ".pipeline_state" / "checkpoints" / "train"


def test_a_damaged_line_of_the_journal_is_not_believed(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    expected = (project.root / "rows.csv").read_text()
    journal = kill_in_training(project) / "touched.jsonl"
    first, *others = journal.read_text().splitlines(keepends=True)
    path, mode, size, *rest = json.loads(first)
    assert (path, mode, size) == ("rows.csv", "a", len("header\n"))
    journal.write_text(json.dumps([path, mode, size - 1, *rest]) + "\n" + "".join(others))
    assert "train: going on" in project.run("train-all").stderr
    assert (project.root / "rows.csv").read_text() == expected


@pytest.mark.parametrize("damage", ["manifest", "pack", "both"])
def test_a_damaged_checkpoint_gives_way_to_an_older_one_or_none(tmp_path: Path, damage: str) -> None:
    project = make(tmp_path)
    project.run("train-all")
    expected = result(project)
    folder = kill_in_training(project)
    assert len(list(folder.glob("*.json"))) == 2
    for pattern in {"manifest": ["*.json"], "pack": ["*.pack"], "both": ["*.json", "*.pack"]}[damage]:
        paths = sorted(folder.glob(pattern))
        for path in paths if damage == "both" else paths[-1:]:
            path.write_bytes(path.read_bytes()[:-5] + b"wrong")
    done = project.run("train-all")
    assert "damaged" in done.stderr
    assert ("train: going on" in done.stderr) is (damage != "both")
    assert result(project) == expected


def test_a_torn_event_log_is_cut(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("preprocess-data")
    events = project.root / ".pipeline_state" / "events.jsonl"
    with events.open("a") as file:
        file.write('{"torn": ')
    project.run("train-all")
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert {line["event"] for line in lines} == {"started", "done"}


def readable_damage(content: bytes) -> bytes:
    """A pickle with one bit changed that can still be read: only its hash tells."""
    for at in range(len(content) - 2, 0, -1):
        changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        with contextlib.suppress(Exception):
            pickle.loads(changed)
            return changed
    return content[:-1] + bytes([content[-1] ^ 1])


def test_a_damaged_object_that_can_be_read_comes_back_from_its_backup(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    expected = result(project)
    for name in objects_of(project, "train"):
        path = project.root / ".pipeline_state" / "objects" / name
        path.write_bytes(readable_damage(path.read_bytes()))
    project.run("rollback", "evaluate")
    assert "running again" not in project.run("train-all").stderr
    assert result(project) == expected


def test_a_damaged_second_copy_is_not_used(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    expected = result(project)
    folder = project.root / ".pipeline_state"
    for name in objects_of(project, "train"):
        for copy in ("objects", "backups"):
            path = folder / copy / name
            path.write_bytes(readable_damage(path.read_bytes()))
    project.run("rollback", "evaluate")
    assert "running again" in project.run("train-all").stderr
    assert result(project) == expected


def test_a_number_is_never_used_twice(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    path = newest(project.root / ".pipeline_state" / "state", "*.json")
    path.write_bytes(path.read_bytes()[:-20])
    project.run("train-all")
    assert not path.exists()
    assert int(newest(path.parent, "*.json").stem) > int(path.stem)


def test_a_cache_of_the_code_is_not_believed_when_it_is_damaged(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    cache = project.root / ".pipeline_state" / "code.json"
    assert '"pipeline:train": "' in cache.read_text()
    cache.write_text(cache.read_text().replace('"pipeline:train": "', '"pipeline:train": "x'))
    assert set(project.statuses().values()) == {"done"}


def test_doctor_mends_what_it_can_and_says_what_is_lost(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    folder = project.root / ".pipeline_state"
    first, second = objects_of(project, "preprocess-data")[:2]
    (folder / "objects" / first).write_bytes(b"rubbish")
    (folder / "backups" / second).write_bytes(b"rubbish")
    mended = project.run("doctor")
    assert "repaired: a stored value of" in mended.stderr
    assert f"repaired: the second copy of {second[:12]}" in mended.stderr
    assert "repaired" not in project.run("doctor").stderr
    for copy in ("objects", "backups"):
        (folder / copy / first).unlink()
    assert "lost: a stored value of" in project.run("doctor", check=1).stderr


def test_rollback_to_a_generation(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    history = json.loads(project.run("status", "--history", "--json").stdout)
    (number,) = [
        row["generation"] for row in history if row["done"] == ["preprocess-data"] and row["event"] == "done"
    ]
    project.run("rollback", str(number))
    assert [name for name, each in project.statuses().items() if each == "done"] == ["preprocess-data"]
    assert json.loads(project.run("status", "--history", "--json").stdout)[0]["event"] == (
        f"rolled back to generation {number}"
    )
    refused = project.run("rollback", "999", check=2)
    assert "Generation 999 is not kept." in refused.stderr


WATCH = """
import os, sys
from pathlib import Path
from pkg.utils import store

target = Path("watched/target")


class Watch:
    def __getattr__(self, name):
        def watched(*arguments, **keywords):
            result = getattr(os, name)(*arguments, **keywords)
            if target.exists() and target.read_bytes() != b"whole":
                sys.exit(f"seen in part after {name}")
            return result

        return watched


store.disk = Watch()
store.commit(Path("watched/staging"), target, [b"wh", b"ole"])
print(target.read_text())
"""


def look(project: ProjectUnderTest, script: str) -> tuple[str, str]:
    """What a script beside the package prints, on stdout and on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project.root,
        env=project.environment({}),
        capture_output=True,
        text=True,
    )
    return done.stdout, done.stderr


def test_whoever_looks_sees_a_file_whole_or_not_at_all(tmp_path: Path) -> None:
    assert look(make(tmp_path), WATCH) == ("whole\n", "")


SYNCED = """
import os
from pathlib import Path
from pkg.utils import files, store, written
from pkg.utils.journal import Journal

synced = set()


class Watch:
    def __getattr__(self, name):
        return getattr(os, name)

    def fsync(self, descriptor):
        synced.add(os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}")))
        os.fsync(descriptor)


store.disk = Watch()
before = files.scan()
Path("results/today").mkdir(parents=True)
Path("results/today/table.csv").write_text("1")
print(*written.find_written(before, Journal(Path("none"))))
print(*sorted(synced))
"""


def test_what_a_step_wrote_is_on_the_disk_with_its_folders(tmp_path: Path) -> None:
    said = "results/today/table.csv\n. results results/today results/today/table.csv\n"
    assert look(make(tmp_path), SYNCED) == (said, "")
