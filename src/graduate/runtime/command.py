"""The project's command line: `python -m <package> COMMAND [settings]`. The Makefile calls nothing else."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from . import configuration, dispatch, optional, world
from .paths import PROJECT_ROOT
from .problems import EXIT_BAD_INPUT, EXIT_FAILED, Problem
from .redaction import redacted
from .setting_sources import unknown_name
from .setting_values import REQUIRED

COMMANDS = {
    "download-data": "run the steps up to the last one that downloads",
    "preprocess-data": "run the steps up to the last one that prepares data",
    "validate-data": "run the checks on the data; compare it with the first good run (--accept: with now)",
    "resume-data": "go on with the data steps where they were stopped",
    "train": "run the steps up to the last one that trains",
    "evaluate": "run the steps up to the last one that evaluates",
    "train-all": "run every step that is not up to date",
    "resume-train": "go on with the training where it was stopped",
    "resume-all": "go on with everything where it was stopped",
    "sweep": "try the settings that configs/sweep.yaml names (TRIALS=20; --fresh: from the start)",
    "status": "show what each step is and why (--history: what rollback can go back to; --json: for programs)",
    "clean": "forget all results and checkpoints",
    "rollback": "rollback STEP: run this step and those after it again; rollback NUMBER: go back to a generation",
    "health": "say by the exit code whether the state is whole and no step failed (--service: whether `serve` answers)",
    "serve": "answer /predict with the model that is stored",
    "metrics": "tell Prometheus how the pipeline is doing",
    "describe-model": "record which input the stored model takes (--accept: also when another was recorded)",
    "doctor": "check everything that is stored, and repair what can be repaired",
    "slurm": "write slurm.sbatch, which runs the training on a cluster",
    "k8s": "write k8s/: a Job and a Kubeflow TrainJob that run the training",
}
ROLES: dict[str, tuple[str, ...]] = {
    "download-data": ("download",),
    "preprocess-data": ("preprocess", "dataset", "loader"),
    "validate-data": ("validate",),
    "resume-data": ("download", "preprocess", "dataset", "loader", "validate"),
    "train": ("model", "loss", "train"),
    "resume-train": ("model", "loss", "train"),
    "evaluate": ("evaluate", "metric"),
}
FLAGS = {
    "status": ("--json", "--history"),
    "validate-data": ("--fresh", "--accept"),
    "health": ("--service",),
    "describe-model": ("--accept",),
    "sweep": ("--fresh",),
}
_NO_SWEEP = "it has no settings to try, or nothing that trains"
SERVICES = ("health", "serve", "metrics", "describe-model")


def main(package: str, arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    os.chdir(PROJECT_ROOT)
    try:
        if "PIPELINE_TRIAL_OF" in os.environ:
            optional.need("trial", "be a trial", given[0] if given else "", _NO_SWEEP).enter()
        if world.SIZE > 1 and any(each in ROLES or each in ("train-all", "resume-all") for each in given):
            world.enter(package)
        return _main(package, given)
    except Problem as problem:
        sys.stdout.flush()
        print(redacted(str(problem)), file=sys.stderr)
        return problem.exit_code
    except BrokenPipeError:
        return EXIT_FAILED
    except OSError as error:
        # Of the state, or of what a step left: an error of the step itself does not come here.
        if not str(error.filename).startswith(str(PROJECT_ROOT)):
            raise
        print(_not_written(error), file=sys.stderr)
        return EXIT_FAILED


def _not_written(error: OSError) -> Problem:
    return Problem(
        "The state of the pipeline, or a file that a step left, cannot be read or written.",
        where=os.path.relpath(error.filename),
        why=error.strerror or str(error),
        fix="make room or repair the disk, and run the same command again: what was kept before still stands",
    )


def _main(package: str, given: list[str]) -> int:
    command = next((each for each in given if each in COMMANDS), None)
    if command is None or "--help" in given or "-h" in given or given[:1] == ["help"]:
        return _help(package, given)
    given.remove(command)
    flags = {each for each in FLAGS.get(command, ("--fresh", "--elastic")) if _take(given, each)}
    if "--elastic" in flags:
        os.environ["PIPELINE_ELASTIC"] = "1"
    target = given.pop(0) if command == "rollback" and given and not given[0].startswith("-") else ""
    configuration.set_command_line(given)
    importlib.import_module(f"{package}.config.settings")
    pipeline = importlib.import_module(f"{package}.pipeline").PIPELINE
    settings = configuration.loaded()
    if settings is not None:
        settings.values()  # a bad setting is told before anything runs
    if command in SERVICES:
        from . import services

        return services.start(command, pipeline, flags)
    if command == "sweep":
        sweep = optional.need("sweep", "try settings", command, _NO_SWEEP)
        return int(sweep.run(package, pipeline, given, fresh="--fresh" in flags))
    if command in ("slurm", "k8s"):
        cluster = optional.need("cluster", "be run on a cluster", command, "its code does not use PyTorch")
        return int(cluster.write(command, package))
    if command in ("status", "clean", "rollback", "doctor"):
        return _keep(command, pipeline, target, flags)
    if settings is not None:
        settings.check_required()
    program = dispatch.chosen_program(pipeline)
    last = dispatch.last_of_roles(pipeline, ROLES.get(command), program)
    code = 0
    if last < 0:
        print(f"{command}: {program or 'this project'} has no such step.", file=sys.stderr)
    else:
        anew = ROLES.get(command) if "--fresh" in flags else None
        code = dispatch.run(pipeline, last, [command, *given], anew, "--fresh" in flags, program)
    if code == 0 and command == "validate-data":
        from . import data_checks

        return data_checks.validate(pipeline, accept="--accept" in flags)
    return code


def _keep(command: str, pipeline: Any, target: str, flags: set[str]) -> int:
    """The commands that run no step. Each is imported when it is asked for: a run needs none of them."""
    if command == "status":
        from . import status

        show = status.show_history if "--history" in flags else partial(status.show_status, pipeline)
        return show("--json" in flags)
    if command == "doctor":
        from . import doctor

        return doctor.examine(pipeline)
    from . import upkeep

    return upkeep.clean() if command == "clean" else upkeep.roll_back(pipeline, target)


def _take(arguments: list[str], flag: str) -> bool:
    if flag in arguments:
        arguments.remove(flag)
        return True
    return False


def _help(package: str, given: list[str]) -> int:
    asked = not given or given[0] in ("help", "--help", "-h") or any(each in COMMANDS for each in given)
    if not asked:
        raise unknown_name(given[0], COMMANDS, "the command line", "a command")
    print(f"usage: python -m {package} COMMAND [--setting VALUE …]\n")
    for name, text in COMMANDS.items():
        print(f"  {name:<16} {text}")
    print("\n  --fresh          run the steps of this command from their start, without checkpoints")
    print("  --elastic        go on with another number of processes than before")
    importlib.import_module(f"{package}.config.settings")
    settings = configuration.loaded()
    if settings is not None and settings.options():
        file = configuration.CONFIG_FILE.relative_to(PROJECT_ROOT)
        print(f"\nsettings ({file}, environment, command line; the last one wins):")
        for each in settings.options():
            flags = ", ".join(dict.fromkeys((*each.flags, f"--{each.name.replace('_', '-')}")))
            default = "required" if each.default is REQUIRED else f"{each.default!r}"
            print(f"  {flags:<30} {each.help or each.name} ({'secret' if each.secret else default})")
    return 0 if asked else EXIT_BAD_INPUT
