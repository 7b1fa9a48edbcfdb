"""The parts that every generated project carries: pipeline, checkpoints, settings, messages."""
