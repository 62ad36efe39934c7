"""What somebody sets up for themselves: filters under a name, and how they want to see the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from haochaping.console.columns import BY_KEY, FIXED
from haochaping.console.lists import SIZES
from haochaping.console.models import Preference, SavedFilter
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from haochaping.accounts.rules import Actor

FILTERS_MOST = 20
NAME_MOST = 20
QUERY_MOST = 1000
LIST = "orders.list"  # key of the preference


def save_filter(actor: Actor, page: str, *, name: str, query: str, is_default: bool, now: datetime) -> SavedFilter:
    """Keep this question under that name, in place of an older one of the same name. Refused 422."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= NAME_MOST or not name.isprintable():
        raise _refused("name", f"请给这个筛选起个名字，最多 {NAME_MOST} 个字。")
    if not query or len(query) > QUERY_MOST:
        raise _refused("name", "请先设好筛选条件，再保存。" if not query else "筛选条件太长，请减少条件后再保存。")
    with transaction.atomic():
        mine = SavedFilter.objects.select_for_update().filter(person_id=actor.id, page=page)
        if len(mine) >= FILTERS_MOST and not any(each.name == name for each in mine):
            raise _refused("name", f"最多保存 {FILTERS_MOST} 个筛选，请先删去不用的。")
        if is_default:
            mine.update(is_default=False)
        saved, _ = SavedFilter.objects.update_or_create(
            person_id=int(actor.id),
            page=page,
            name=name,
            defaults={"query": query, "is_default": is_default},
            create_defaults={"query": query, "is_default": is_default, "created_at": now},
        )
    return saved


def change_filter(actor: Actor, pk: int, verb: str) -> SavedFilter:
    """`default`, `usual` (default no more) or `delete` a filter of one's own. Refused 404 for anybody else's."""
    with transaction.atomic():
        mine = SavedFilter.objects.select_for_update().filter(person_id=actor.id)
        found = mine.filter(pk=pk).first()
        if found is None or verb not in {"default", "usual", "delete"}:
            raise Refused("not_found", 404, "没有这个筛选，可能已经删除。")
        if verb == "delete":
            mine.filter(pk=pk).delete()
        else:
            mine.filter(page=found.page).update(is_default=False)
            mine.filter(pk=pk).update(is_default=verb == "default")
    return found


def set_list(actor: Actor, *, columns: Sequence[str], size: str) -> None:
    """Which columns the list of orders has for this person, and how many lines a page. What is unknown is left aside."""
    value: dict[str, Any] = {"columns": [key for key in columns if key in BY_KEY and key not in FIXED]}
    if size in {str(each) for each in SIZES}:
        value["size"] = int(size)
    Preference.objects.update_or_create(person_id=int(actor.id), key=LIST, defaults={"value": value})


def _refused(field: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(field, "required", message),))
