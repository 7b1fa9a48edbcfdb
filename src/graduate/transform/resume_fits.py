"""Pass: calls that hand a training to a library go on inside, by `resumable`."""

from __future__ import annotations

from graduate.syntax.fit_calls import find_fit_calls
from graduate.syntax.text import Edit
from graduate.transform.draft import ProgramDraft


def resume_fits(draft: ProgramDraft) -> None:
    """Wrap what is called: `model.fit(x, y)` becomes `resumable(model.fit)(x, y)`."""
    if draft.level != "steps+loops":
        return
    source = draft.syntax.source
    for call in find_fit_calls(source, draft.libraries):
        start, end = source.start(call.func), source.end(call.func)
        draft.edits.append(Edit(start, start, f"{draft.own_names['resumable']}("))
        draft.edits.append(Edit(end, end, ")"))
