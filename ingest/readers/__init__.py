"""One module per format: bytes → parsed documents."""
