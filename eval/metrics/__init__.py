"""Metrics, one short module each: pure functions of a case, its outcome, and nothing else."""
