"""A no that a module keeps and raises again holds on to nothing."""

from __future__ import annotations

import gc
import weakref

import pytest

from haochaping.kit.errors import Refused, let_go

STANDING = Refused("closed", 409, "已经关闭。")


class Body:
    """What a request carried."""


def refuse() -> weakref.ref[Body]:
    body = Body()
    kept = weakref.ref(body)
    with pytest.raises(Refused):
        raise STANDING
    return kept


def test_what_it_went_through_is_free_once_it_is_let_go():
    kept = [refuse() for _ in range(3)]
    gc.collect()
    assert all(ref() is not None for ref in kept), "Python keeps every frame of a no that is raised again"
    let_go()
    gc.collect()
    assert not any(ref() is not None for ref in kept)


def test_a_no_made_for_one_occasion_is_not_noted():
    from haochaping.kit import errors

    before = len(errors._standing)
    Refused("once", 404, "没有。")
    assert len(errors._standing) == before
