"""`clean`, which forgets everything, and `rollback`, which goes back to a step or a generation."""

from __future__ import annotations

from . import store
from .lock import lock
from .log import say
from .paths import STATE_FOLDER
from .problems import Problem
from .state import State, StepRecord
from .steps import Pipeline


def clean() -> int:
    """Forget all results and checkpoints; the files that steps wrote stay."""
    with lock():
        # The truth first: cut off here, nothing is left that refers to what is gone.
        store.remove_folder(STATE_FOLDER / "state")
        for path in STATE_FOLDER.iterdir():
            if path.name != "lock":
                store.remove_folder(path) if path.is_dir() else store.remove(path)
    say("The state of the pipeline was removed; files that steps wrote are still there.")
    return 0


def roll_back(pipeline: Pipeline, target: str) -> int:
    """Go back to a generation, given by its number, or to before a step (the last one that has run)."""
    with lock():
        state = State(STATE_FOLDER)
        state.prepare()
        if target.isdigit():
            _to_generation(state, int(target))
        else:
            _to_before(pipeline, state, target)
    return 0


def _to_before(pipeline: Pipeline, state: State, target: str) -> None:
    names = [step.name for step in pipeline.steps]
    if target and target not in names:
        raise Problem(
            f"There is no step {target!r}.",
            fix="give the number of a generation (`status --history` lists them) or a step: "
            + ", ".join(names),
        )
    ran = [each for each in names if state.record(each).status != "pending"]
    if not ran:
        say("Nothing has run yet, so there is nothing to roll back.")
        return
    start = target or ran[-1]
    gone = set(names[names.index(start) :])
    steps = {name: each.forgotten() if name in gone else each for name, each in state.steps.items()}
    _restore(state, start, steps, gone)
    say(f"Rolled back to before {start}: it and the steps after it will run again.")


def _to_generation(state: State, number: int) -> None:
    kept = {body["generation"]: body for body in state.history()}
    if number not in kept:
        raise Problem(
            f"Generation {number} is not kept.",
            where=".pipeline_state/state",
            fix="one of: " + ", ".join(map(str, kept)) + " (`status --history` says what each is)",
        )
    steps = state.records(kept[number])
    changed = {
        name
        for name in {*steps, *state.steps}
        if state.record(name).to_json() != steps.get(name, StepRecord()).to_json()
    }
    for name in changed:
        if steps.get(name, StepRecord()).status != "done":
            steps[name] = state.record(name).forgotten()
    _restore(state, f"generation {number}", steps, changed)
    done = [name for name, record in steps.items() if record.status == "done"]
    say(
        f"Rolled back to generation {number}: done are {', '.join(done) or 'none'}. Files that steps wrote are as they "
        f"are now; where they differ from then, `status` says so and the step runs again."
    )


def _restore(state: State, to: str, steps: dict[str, StepRecord], changed: set[str]) -> None:
    # Before the commit: cut off here, only progress is lost, and no step goes on from a later attempt's checkpoint.
    for name in sorted(changed):
        store.remove_folder(STATE_FOLDER / "checkpoints" / name)
    state.commit_all(f"rolled back to {to}", "", steps)
