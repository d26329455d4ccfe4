"""The `dateline` command, one file per noun; this package prints and exits, the others do not."""
