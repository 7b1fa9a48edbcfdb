"""`async` as a name, which it could be until Python 3.7: `tensor.cuda(async=True)`."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator, Sequence

from graduate.read.lines import Gathered, Line, join

_NEW = "async_"
_KEYWORDS = frozenset({"def", "for", "with"})
"""After them, `async` is the keyword."""
_PYTORCH = frozenset({"cuda", "to", "cpu", "copy_", "type"})
"""Methods of tensors and modules whose argument PyTorch called `non_blocking` then."""


def rename_async(lines: Sequence[Line], gathered: Gathered) -> list[Line]:
    """The lines, with `async` under another name where it is no keyword; the places of these go to `renamed`."""
    result = list(lines)
    found = list(_find_names(join(lines)))
    for row, column, name in reversed(found):
        text = result[row - 1].text
        result[row - 1] = result[row - 1].with_text(text[:column] + name + text[column + len("async") :])
    gathered.renamed += [lines[row - 1].place for row, _, _ in found]
    return result


def _find_names(text: str) -> Iterator[tuple[int, int, str]]:
    """The line, the column and the new name of each `async` that is a name; none where there are no tokens."""
    if "async" not in text:
        return
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return
    called: list[str] = []
    for token, before, after in zip(tokens, [tokens[0], *tokens], tokens[1:], strict=False):
        if token.string == "(":
            called.append(before.string)
        elif token.string == ")" and called:
            called.pop()
        elif (token.type, token.string) == (tokenize.NAME, "async") and after.string not in _KEYWORDS:
            is_argument = after.string == "=" and bool(called) and called[-1] in _PYTORCH
            yield (*token.start, "non_blocking" if is_argument else _NEW)
