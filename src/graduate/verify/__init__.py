"""Runs the original and the converted project, and says whether they computed the same."""

from graduate.verify.conversion_record import was_modernized
from graduate.verify.prove import verify

__all__ = ["verify", "was_modernized"]
