"""Metrics. The research code has none of its own."""
