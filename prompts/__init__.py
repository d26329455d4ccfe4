"""Released prompt texts, one file per version, and the loader that fills them."""
