"""Word lists, written as running text so that they stay readable."""


def word_set(words: str) -> frozenset[str]:
    """Return the words of `words`, which white space separates."""
    return frozenset(words.split())
