"""The HTTP interface: JSON, server-sent events, and a readable page per source."""
