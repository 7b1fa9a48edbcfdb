"""source, as a pipeline of resumable steps. Start reading in pipeline.py."""
