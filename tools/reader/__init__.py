"""Trains the reader: examples, model, training, export."""
