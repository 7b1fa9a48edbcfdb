"""What `status` shows: each step with the reason why it would run, and the generations to go back to."""

from __future__ import annotations

import json

from .paths import STATE_FOLDER
from .state import State
from .steps import UNFINISHED, Pipeline, Standing


def show_status(pipeline: Pipeline, as_json: bool) -> int:
    """What each step is, and why."""
    state = State(STATE_FOLDER)
    state.load()
    standings = pipeline.standings(state)
    if as_json:
        rows = [_row(each) for each in standings]
        print(json.dumps({"generation": state.generation, "steps": rows}, indent=1))
        return 0
    width = max([len("step"), *(len(each.step.name) for each in standings)])
    print(f"{'step':<{width}}  {'status':<11}  {'time':>9}  why")
    for each in standings:
        seconds = f"{each.record.seconds:.1f} s" if each.record.seconds else ""
        why = each.why or "its code, settings, inputs and files are unchanged"
        if each.status in UNFINISHED and _checkpoints(each.step.name):
            why += "; it goes on from its checkpoint"
        print(f"{each.step.name:<{width}}  {each.status:<11}  {seconds:>9}  {why}")
    return 0


def _row(each: Standing) -> dict[str, object]:
    return {
        "step": each.step.name,
        "role": each.step.role,
        "program": each.step.program,
        "status": each.status,
        "why": each.why,
        "attempt": each.record.attempt,
        "started": each.record.started,
        "ended": each.record.ended,
        "seconds": each.record.seconds,
        "error": each.record.error,
        "checkpoints": _checkpoints(each.step.name),
    }


def _checkpoints(name: str) -> int:
    return sum(1 for _ in (STATE_FOLDER / "checkpoints" / name).glob("*.json"))


def show_history(as_json: bool) -> int:
    """The generations that are kept, newest first: what `rollback GENERATION` can go back to."""
    rows = [
        {
            "generation": body["generation"],
            "time": body["time"],
            "event": body.get("event", ""),
            "step": body.get("step", ""),
            "done": [name for name, record in body["steps"].items() if record["status"] == "done"],
        }
        for body in State(STATE_FOLDER).history()
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
        return 0
    print(f"{'generation':>10}  {'time (UTC)':<23}  {'what happened':<28}  done then")
    for row in rows:
        what = f"{row['step']}: {row['event']}" if row["step"] else row["event"]
        print(f"{row['generation']:>10}  {row['time'][:23]:<23}  {what:<28}  {', '.join(row['done']) or '-'}")
    return 0
