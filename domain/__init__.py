"""What all packages must agree on: values, ports, errors and settings; no I/O."""
