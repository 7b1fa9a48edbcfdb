"""Downloading, preparing and validating the data. The research code has none of its own."""
