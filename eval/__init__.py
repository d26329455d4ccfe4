"""Measures the same assistant that the API serves."""
