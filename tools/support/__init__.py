"""Training of the support checker."""
