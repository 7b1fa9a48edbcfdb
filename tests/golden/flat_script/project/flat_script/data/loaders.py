"""Data loaders and samplers. The research code has none of its own."""
