import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retriever.vector_groups import VectorGroups

VECTORS = np.eye(3, dtype=np.float32)


def test_the_first_of_equal_vectors_leads() -> None:
    """Equal vectors form one group, led by the one that came first."""
    groups = VectorGroups()
    for passage_id, kind in (("b", 0), ("a", 0), ("c", 1)):
        groups.add(passage_id, VECTORS[kind])

    assert groups.leaders() == {"b", "c"}
    assert groups.group("b") == ["a", "b"]


def test_the_one_that_is_indexed_leads() -> None:
    """After a restart the passage that the graph holds leads, so that nothing has to be written."""
    groups = VectorGroups()
    for passage_id in ("a", "b", "c"):
        groups.add(passage_id, VECTORS[0], indexed={"b"})

    assert groups.leaders() == {"b"}
    assert groups.group("b") == ["a", "b", "c"]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2))))
def test_groups_stay_a_partition(steps: list[tuple[str, int]]) -> None:
    """Whatever is added and removed, each passage is in exactly one group, with those of its vector."""
    groups, kinds = VectorGroups(), dict[str, int]()
    for passage_id, kind in steps:
        if passage_id in kinds:
            groups.remove(passage_id)
            del kinds[passage_id]
        else:
            groups.add(passage_id, VECTORS[kind])
            kinds[passage_id] = kind

    members = sorted(tuple(groups.group(leader)) for leader in groups.leaders())
    by_kind = [tuple(sorted(key for key, found in kinds.items() if found == kind)) for kind in set(kinds.values())]
    assert members == sorted(by_kind)
