"""Parts of help texts."""


def examples(*commands: str) -> str:
    """Return a block of example commands for the end of a help text; its lines stay as they are."""
    # The control character is how click is told not to wrap a paragraph.
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])
