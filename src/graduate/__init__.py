"""graduate turns research code into a production project and proves that it computes the same."""

__version__ = "0.1.0"
