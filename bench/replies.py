"""How often each caution fires on real official replies, each beside its own question and beside another's.

    HCP_SHARED_DATA=… python bench/replies.py [--show CODE]

The texts are petitions to a city's leaders with the government's answers (2,816 pairs, see that directory's README).
Telephone numbers, which the data replace by zeros, are left out. "true" is a reply with the question it answers, "shuffled" with another's; "short" leaves of the question its title, and
of the reply no quotation of it: what a bad rating of one sentence looks like.
"""

from __future__ import annotations

import csv
import gzip
import os
import random
import re
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from haochaping.rectification.replies import Asked, Code, Earlier, check

DATA = Path(os.environ.get("HCP_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")
Pair = tuple[str, str, str]  # title, words, reply


def pairs() -> list[Pair]:
    with gzip.open(DATA / "petitions_replies.csv.gz", "rt", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return [(row["留言主题"], row["留言详情"], re.sub(r"[\d\-－]*0000[\d\-－]*", "", row["答复意见"])) for row in rows]


def without_title(reply: str, title: str) -> str:
    """The reply without a quotation of the title, however slightly it was changed."""
    for n in range(len(title), 5, -1):
        for start in range(len(title) - n + 1):
            reply = reply.replace(title[start : start + n], "")
    return reply


def rates(asked: list[Asked], replies: list[str]) -> dict[str, float]:
    fired = Counter(
        code for a, reply in zip(asked, replies, strict=True) for code in {str(c.code) for c in check(reply, a)}
    )
    return {code: fired[code] / len(replies) for code in Code}


def shifted(replies: list[str]) -> list[str]:
    """Every question gets another's reply."""
    order = list(range(len(replies)))
    random.Random(4).shuffle(order)
    moved = [0] * len(order)
    for n, at in enumerate(order):
        moved[at] = order[(n + 1) % len(order)]
    return [replies[n] for n in moved]


def copied(found: list[Pair]) -> tuple[float, float]:
    """How often `copied` fires on a reply that stands word for word under another question, and on one that does not."""
    others = [Earlier(f"CP{n}", Asked(words, (), title), reply) for n, (title, words, reply) in enumerate(found[:200])]
    taken = [check(each.reply, Asked("别的事", (), "另一件"), earlier=others) for each in others]
    own = [check(reply, Asked(words, (), title), earlier=others) for title, words, reply in found[200:1200]]
    fires = [sum(any(c.code is Code.COPIED for c in each) for each in part) / len(part) for part in (taken, own)]
    return fires[0], fires[1]


def main() -> None:
    if not DATA.is_dir():
        print("skipped: needs HCP_SHARED_DATA")
        return
    found = pairs()
    full = [Asked(f"{title} {words}", (), "") for title, words, _ in found]
    short = [Asked(title, (), "") for title, _, _ in found]
    replies = [reply for *_, reply in found]
    bare = [without_title(reply, title) for title, _, reply in found]
    started = time.perf_counter()
    columns = {
        "true": rates(full, replies),
        "shuffled": rates(full, shifted(replies)),
        "short, true": rates(short, bare),
        "short, shuffled": rates(short, shifted(bare)),
    }
    took = (time.perf_counter() - started) / (4 * len(found))
    print(f"| caution | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for code in Code:
        print(f"| `{code}` | {' | '.join(f'{rate[code]:.1%}' for rate in columns.values())} |")
    print("copied: {:.1%} of copies, {:.1%} of replies of their own".format(*copied(found)))
    print(f"{took * 1e3:.2f} ms a reply")
    if len(sys.argv) > 2 and sys.argv[1] == "--show":
        for asked, reply in random.Random(1).sample(list(zip(full, replies, strict=True)), 400):
            for caution in check(reply, asked):
                if caution.code == sys.argv[2]:
                    print("--", caution.reason, "|", caution.passage, "|", asked.words[:80], "=>", reply[:200])


if __name__ == "__main__":
    main()
