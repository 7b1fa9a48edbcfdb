"""Evaluation, reports and plots. The research code has none of its own."""
