"""Source files as text, with an error that says what to do when one cannot be read."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

from graduate.errors import ReadError

MAX_SOURCE_BYTES = 20 * 1024 * 1024
_CODING = re.compile(r"^([ \t\f]*#.*?coding[:=][ \t]*)([-\w.]+)", re.ASCII | re.MULTILINE)
_BOMS = ((b"\xff\xfe\x00\x00", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


def read_bytes(file: Path, shown: str) -> bytes:
    """The content of a source file of at most `MAX_SOURCE_BYTES`; `shown` is its path in errors."""
    try:
        size = file.stat().st_size
        if size > MAX_SOURCE_BYTES:
            raise ReadError(
                f"{shown} is too big to be source code: {size / 2**20:.0f} MB.",
                where=shown,
                why=f"Source files of up to {MAX_SOURCE_BYTES // 2**20} MB are read.",
                fix=_too_big_fix(file),
            )
        return file.read_bytes()
    except OSError as error:
        raise ReadError(
            f"{shown} cannot be read.",
            where=shown,
            why=error.strerror or str(error),
            fix="Check that it is a file and that you have permission to read it.",
        ) from error


def _too_big_fix(file: Path) -> str:
    if file.suffix == ".ipynb":
        return f"Clear the stored outputs: jupyter nbconvert --clear-output --inplace {file.name}"
    return (
        "Move the data in it to a data file that the code reads, or leave the file out of the source folder."
    )


def read_python(file: Path, shown: str) -> str:
    """The text of a Python file, with `\\n` line ends, decoded as its coding line says.

    A coding line that names another encoding is made to say utf-8, which the text is written in from here on.
    """
    data = read_bytes(file, shown)
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            raise _not_python(shown, f"It is {encoding} text, which Python does not read.", encoding)
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise ReadError(
            f"{shown} is not text.",
            where=f"{shown}:{line}",
            why="It holds a null byte, so Python cannot run it either.",
            fix="Restore the file, or leave it out of the source folder.",
        )
    encoding = _find_encoding(data, shown)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if not _CODING.search(_first_lines(data)):
            raise _not_utf8(shown, data, error.start) from error
        line = data.count(b"\n", 0, error.start) + 1
        raise ReadError(
            f"{shown} is not {encoding} text, as its coding line says.",
            where=f"{shown}:{line}",
            why=f"Byte {error.start} (0x{data[error.start]:02x}) cannot be decoded: {error.reason}.",
            fix="Correct the coding line, or save the file in the encoding that it names.",
        ) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if encoding.startswith("utf-8") else _say_utf8(text)


def _find_encoding(data: bytes, shown: str) -> str:
    """The encoding by Python's rules: a byte order mark, the coding line, or UTF-8."""
    bom = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    head = bom + re.sub(rb"[\x80-\xff]", b"?", b"\n".join(data.removeprefix(bom).split(b"\n", 2)[:2]))
    try:
        # What stands outside the coding line is not looked at here, so that its error can say where it is.
        return tokenize.detect_encoding(io.BytesIO(head).readline)[0]
    except SyntaxError as error:
        raise ReadError(
            f"{shown} has a coding line that Python does not know.",
            where=f"{shown}:1",
            why=str(error.msg),
            fix="Correct the coding line, for example # -*- coding: utf-8 -*-.",
        ) from error


def _first_lines(data: bytes) -> str:
    return b"\n".join(data.split(b"\n", 2)[:2]).decode("latin-1")


def _not_utf8(shown: str, data: bytes, offset: int) -> ReadError:
    line = data.count(b"\n", 0, offset) + 1
    try:
        data.decode("cp1252")
        likely = "cp1252"
    except UnicodeDecodeError:
        likely = "latin-1"
    return ReadError(
        f"{shown} is not UTF-8 text and has no coding line.",
        where=f"{shown}:{line}",
        why=f"Byte {offset} (0x{data[offset]:02x}) is not UTF-8; it is likely {likely}.",
        fix=f"Add # -*- coding: {likely} -*- as its first line, or save it as UTF-8: "
        f"iconv -f {likely} -t utf-8 {shown}",
    )


def _not_python(shown: str, why: str, encoding: str) -> ReadError:
    return ReadError(
        f"{shown} is not UTF-8 text.",
        where=f"{shown}:1",
        why=why,
        fix=f"Save it as UTF-8: iconv -f {encoding} -t utf-8 {shown}",
    )


def _say_utf8(text: str) -> str:
    lines = text.split("\n", 2)
    for index, line in enumerate(lines[:2]):
        if _CODING.match(line):
            lines[index] = _CODING.sub(r"\1utf-8", line)
            break
    return "\n".join(lines)
