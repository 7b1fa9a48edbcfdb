"""`sweep`: runs the pipeline with other settings again and again, and finds those with the best metric (Optuna).

Each trial is a run in a copy of the project below `.pipeline_state/sweep/trials`, in a process of its own. Optuna's
study is a SQLite database beside them. What has happened until a kill stands: finished trials in the study, the running
one in its own state, from which it goes on.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

from . import configuration, store, sweep_report, sweep_trial, trial
from .configuration import Option
from .lock import lock
from .log import say
from .objects import digest
from .paths import PROJECT_ROOT, STATE_FOLDER
from .problems import EXIT_FAILED, EXIT_INTERRUPTED, Problem
from .setting_sources import unknown_name
from .signals import stop
from .state import State
from .steps import Pipeline
from .sweep_file import Choices, Plan, Range, read
from .sweep_trial import FOLDER, LOGS, TREES, Reported


def run(package: str, pipeline: Pipeline, fixed: list[str], *, fresh: bool) -> int:
    """Try settings until TRIALS trials are done; the exit code. `fixed` are arguments of every trial."""
    optuna = _import_optuna()
    wanted = _wanted()
    settings = configuration.loaded()
    options = {each.name: each for each in settings.options()} if settings is not None else {}
    plan = read(options)
    _check_not_fixed(plan, options, fixed)
    with lock():
        if fresh:
            store.remove_folder(FOLDER)
        for folder in (TREES, LOGS):
            store.make_folder(folder)
        study = _open_study(optuna, plan, _about(plan, pipeline, fixed))
        stop.install()
        try:
            return Sweep(optuna, study, plan, package, pipeline, fixed).run(wanted)
        finally:
            stop.uninstall()


def _import_optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise Problem(
            "A sweep needs Optuna.",
            where="the environment",
            why=str(error),
            fix="make install EXTRAS=sweep",
            exit_code=EXIT_FAILED,
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _wanted() -> int:
    text = os.environ.get("TRIALS", "").strip() or "20"
    if not text.isdigit() or text == "0":
        raise Problem(f"TRIALS cannot be {text!r}.", where="TRIALS", fix="a whole number above 0")
    return int(text)


def _check_not_fixed(plan: Plan, options: dict[str, Option], fixed: Sequence[str]) -> None:
    from .command_line import parse

    if fixed and (both := sorted(set(parse(options, fixed)) & set(plan.space))):
        raise Problem(
            f"The setting {both[0]!r} is both given and to be tried.",
            where=f"the command line and {plan.where}",
            fix="take it out of one of them",
        )


def _about(plan: Plan, pipeline: Pipeline, fixed: Sequence[str]) -> dict[str, str]:
    """What must not change while a sweep goes on: its values could not be compared any more."""
    settings = configuration.loaded()
    values = settings.describe_all() if settings is not None else {}
    code = [pipeline.code_of(index, State(STATE_FOLDER)) for index in range(len(pipeline.steps))]
    judged = (plan.metric, plan.direction, plan.value)
    return {
        "the metric": repr(judged),
        "what is tried": repr((plan.space, plan.seed)),
        "what each trial runs": repr((plan.command, fixed, os.environ.get("PIPELINE_PROGRAM", ""))),
        "a setting": digest(repr([each for each in values.items() if each[0] not in plan.space]).encode()),
        "the code": digest(repr(code).encode()),
    }


def _open_study(optuna: Any, plan: Plan, about: dict[str, str]) -> Any:
    study = optuna.create_study(
        study_name="sweep",
        storage=f"sqlite:///{FOLDER / 'study.db'}",
        direction=plan.direction,
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(plan.startup, plan.warmup)
        if plan.prune
        else optuna.pruners.NopPruner(),
    )
    before = study.user_attrs.get("about")
    if before is None:
        study.set_user_attr("about", about)
    elif changed := [name for name in about if before.get(name) != about[name]]:
        raise Problem(
            "The sweep that has begun cannot go on.",
            where=plan.where,
            why=f"{changed[0]} has changed since, so its trials could not be compared with new ones",
            fix="start anew with `make sweep ARGS=--fresh`, or undo the change",
        )
    return study


def _distribution(optuna: Any, each: Range | Choices) -> Any:
    known = optuna.distributions
    if isinstance(each, Choices):
        return known.CategoricalDistribution(tuple(each.values))
    if each.whole:
        return known.IntDistribution(int(each.low), int(each.high), log=each.log, step=int(each.step or 1))
    return known.FloatDistribution(each.low, each.high, log=each.log, step=each.step)


class Sweep:
    """The trials of one study, one after the other."""

    def __init__(
        self, optuna: Any, study: Any, plan: Plan, package: str, pipeline: Pipeline, fixed: list[str]
    ) -> None:
        self.optuna = optuna
        self.study = study
        self.plan = plan
        self.package = package
        self.pipeline = pipeline
        self.fixed = fixed
        self.states = optuna.trial.TrialState
        self.space = {name: _distribution(optuna, each) for name, each in plan.space.items()}

    def run(self, wanted: int) -> int:
        self._tidy()
        while (number := self._unfinished()) is not None or self._ended() < wanted:
            if stop or not self._try(number):
                done = f"{self._ended()} of {wanted} trials are done"
                say(f"Stopped on {stop.name or 'request'}; {done}. Run the same command again to go on.")
                return EXIT_INTERRUPTED
            self._tidy()
        return sweep_report.show(self.study, self.plan, self.package, self.fixed)

    def _trials(self, *states: Any) -> list[Any]:
        return list(self.study.get_trials(deepcopy=False, states=states or None))

    def _ended(self) -> int:
        return sum(each.state.is_finished() for each in self._trials())

    def _unfinished(self) -> int | None:
        """The number of the trial that was interrupted."""
        return next((each.number for each in self._trials(self.states.RUNNING)), None)

    def _begin(self, number: int | None) -> Any:
        """A new trial, or the interrupted one. What is drawn follows from the seed and the trials before."""
        new = len(self._trials()) if number is None else number
        seed = int(digest(f"{self.plan.seed}/{new}".encode())[:8], 16)
        self.study.sampler = self.optuna.samplers.TPESampler(seed=seed)
        if number is None:
            return self.study.ask(self.space)
        begun = self.optuna.Trial(self.study, self._trials()[number]._trial_id)
        for name, each in self.space.items():
            begun._suggest(name, each)
        return begun

    def _try(self, number: int | None) -> bool:
        """Run one trial to its end; False when it was interrupted."""
        begun = self._begin(number)
        values = " ".join(f"{name}={value}" for name, value in begun.params.items())
        say(f"trial {begun.number}: {'running' if number is None else 'going on'} ({values})")
        sweep_trial.make_tree(begun.number, self.plan, self.pipeline)
        texts = {name: self.plan.space[name].text(begun.params[name]) for name in self.space}
        process = sweep_trial.start(begun.number, self.plan, self.package, texts, self.fixed)
        known = len(self._trials()[begun.number].intermediate_values)
        told = TREES / str(begun.number) / trial.FILE.relative_to(PROJECT_ROOT)
        reported = Reported(begun, known, self.plan, told)
        code = sweep_trial.watch(process, reported)
        if code is None:
            self.study.tell(begun, state=self.states.PRUNED)
            say(f"trial {begun.number}: pruned after {reported.turns} turns")
        elif code == EXIT_INTERRUPTED or stop:
            return False
        elif code:
            self._fail(begun, f"it ended with exit code {code}")
        elif reported.result is None:
            self.study.tell(begun, state=self.states.FAIL)
            raise self._never_reported(reported)
        elif math.isfinite(reported.result):
            self.study.tell(begun, reported.result)
            say(f"trial {begun.number}: {self.plan.metric} {reported.result:.6g}")
        else:
            self._fail(begun, f"its {self.plan.metric} is {reported.result}")
        return True

    def _fail(self, begun: Any, why: str) -> None:
        self.study.tell(begun, state=self.states.FAIL)
        log = (LOGS / f"{begun.number}.log").relative_to(PROJECT_ROOT)
        if not self._trials(self.states.COMPLETE, self.states.PRUNED):
            raise Problem(
                f"Trial {begun.number} failed, and none before it went well.",
                where=str(log),
                why=why,
                fix="look at its output there; run the same command again to try the next settings",
                exit_code=EXIT_FAILED,
            )
        say(f"trial {begun.number}: failed, {why} ({log})")

    def _never_reported(self, reported: Reported) -> Problem:
        if not reported.names:
            return Problem(
                f"The metric {self.plan.metric!r} was never reported.",
                where=f"{self.plan.where}: metric",
                why="no loop that has checkpoints carries a number, and no step gives one",
                fix="let a step in pipeline.py give the number (`gives`), and name it",
                exit_code=EXIT_FAILED,
            )
        problem = unknown_name(self.plan.metric, reported.names, f"{self.plan.where}: metric", "a metric")
        problem.why = "no loop with checkpoints and no step's `gives` has reported it: " + ", ".join(
            sorted(reported.names)[:20]
        )
        return problem

    def _tidy(self) -> None:
        """Remove the trees that nobody needs: those of ended trials, but for the best."""
        complete = self._trials(self.states.COMPLETE)
        best = [self.study.best_trial] if complete else []
        needed = [*(complete if self.plan.keep == "all" else best), *self._trials(self.states.RUNNING)]
        sweep_trial.tidy({each.number for each in needed})
