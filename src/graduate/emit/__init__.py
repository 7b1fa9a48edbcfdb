"""Modules → project: everything that surrounds the package, checked, locked and written."""

from graduate.emit.check import check_project
from graduate.emit.lock import Locked, lock_project, render_lock
from graduate.emit.project import render_project
from graduate.emit.resolve import NewerPython, NothingFits
from graduate.emit.write import write_project

__all__ = [
    "Locked",
    "NewerPython",
    "NothingFits",
    "check_project",
    "lock_project",
    "render_lock",
    "render_project",
    "write_project",
]
