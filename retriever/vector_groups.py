"""Passages whose vectors are equal, of which a graph index holds only one."""

import hashlib
from collections.abc import Container, KeysView

from domain.ports import Vector


class VectorGroups:
    """Which passages share a vector, and which of them leads, that is, stands for all in the graph.

    HNSW links a vector to its nearest neighbours, so that equal vectors link only to each other: of 3 000 equal
    vectors Chroma reached 154, and of 20 000 with a fifth equal it lost 178. Wire copies and boilerplate paragraphs
    make such vectors, so the graph gets each vector once.
    """

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._leaders: dict[bytes, str] = {}
        self._followers: dict[str, set[str]] = {}  # Of groups with more than one passage only.

    def ids(self) -> KeysView[str]:
        """Return the ids of all passages."""
        return self._keys.keys()

    def leaders(self) -> set[str]:
        """Return the ids that belong into the graph."""
        return set(self._leaders.values())

    def leads(self, passage_id: str) -> bool:
        """Tell whether a passage belongs into the graph."""
        return self._leaders.get(self._keys.get(passage_id, b"")) == passage_id

    def group(self, leader: str) -> list[str]:
        """Return a leader and its followers, sorted."""
        return sorted({leader, *self._followers.get(leader, ())})

    def add(self, passage_id: str, vector: Vector, *, indexed: Container[str] = ()) -> None:
        """Add a passage; it leads if it is the first of its vector, or is in the graph where the leader is not."""
        key = hashlib.blake2b(vector.tobytes(), digest_size=16).digest()
        self._keys[passage_id] = key
        leader = self._leaders.setdefault(key, passage_id)
        if leader == passage_id:
            return
        self._followers.setdefault(leader, set()).add(passage_id)
        if passage_id in indexed and leader not in indexed:
            self._promote(passage_id, key, leader)

    def remove(self, passage_id: str) -> None:
        """Remove a passage; if it led others, the least id among them leads now."""
        key = self._keys.pop(passage_id)
        leader = self._leaders[key]
        followers = self._followers.get(leader, set())
        if leader != passage_id:
            followers.discard(passage_id)
        elif followers:
            self._promote(min(followers), key, leader)
            followers.discard(passage_id)
        else:
            del self._leaders[key]
            self._followers.pop(leader, None)

    def _promote(self, passage_id: str, key: bytes, leader: str) -> None:
        followers = self._followers.pop(leader)
        followers.discard(passage_id)
        followers.add(leader)
        self._leaders[key] = passage_id
        self._followers[passage_id] = followers
