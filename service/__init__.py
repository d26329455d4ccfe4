"""Answering questions and serving the answers."""
