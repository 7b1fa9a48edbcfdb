"""Getting, preparing and loading the data."""
