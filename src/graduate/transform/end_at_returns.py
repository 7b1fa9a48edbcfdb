"""Pass: where `main()` returned early, the program ends."""

from __future__ import annotations

from graduate.syntax.spine import find_early_returns
from graduate.syntax.text import Edit
from graduate.transform.draft import ProgramDraft


def end_at_returns(draft: ProgramDraft) -> None:
    """`return` in a condition of `main` becomes `raise SystemExit(0)`: in a segment it would only end that one."""
    main = draft.syntax.spine.main
    source = draft.syntax.source
    for node in find_early_returns(main) if main is not None else ():
        draft.edits.append(Edit(source.start(node), source.end(node), "raise SystemExit(0)"))
