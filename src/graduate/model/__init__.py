"""Frozen values that pass between the steps. They hold tuples and cite places, never syntax trees."""
