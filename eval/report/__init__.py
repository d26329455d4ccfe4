"""What a run file says, for people and for machines; everything is computed from the file alone."""
