"""What the probe reads off a page, and what it says of one that lacks something."""

from __future__ import annotations

import pytest

from haochaping.channels.probe.browser import read
from haochaping.channels.probe.rules import HEADS, KINDS, CannotGive, Line, excerpt, table

PAGE = """<html><head><title>t</title></head><body><nav><a href="/r/">查进度</a></nav><main><h1>请评价</h1>
<div role="alert"><p>请<b>先更正</b></p></div><br><img src="x"><p>评价默认匿名</p><script>var hidden = 1</script>
<form method="post" action="/there"><input type="hidden" name="csrfmiddlewaretoken" value="abc">
<input type="radio" name="level" value="5" checked><input type="radio" name="level" value="1" disabled>
<input type="checkbox" name="tags-5" value="510"><input type="file" name="scan"><textarea name="words">
旧的话</textarea><select name="kind"><option value="">全部<option value="b" selected>乙</select>
<button name="hide" value="1">提交</button></form></main></body></html>"""


def test_a_form_sends_what_a_browser_would_send():
    form = read("http://x/", 200, PAGE).form("level")
    assert (form.action, form.method) == ("/there", "post")
    assert form.filled({}) == {"csrfmiddlewaretoken": ["abc"], "level": ["5"], "words": ["旧的话"], "kind": ["b"]}
    assert form.filled({"tags-5": "510", "words": "新"})["words"] == ["新"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"level": "1"}, "页面没有提供这一项：level=1（只有 5）"),
        ({"tags-5": "999"}, "页面没有提供这一项：tags-5=999（只有 510）"),
        ({"mobile": "1"}, "页面上没有“mobile”这一栏"),
    ],
)
def test_what_a_form_does_not_offer_is_never_posted(typed, said):
    with pytest.raises(CannotGive) as no:
        read("http://x/", 200, PAGE).form("level").filled(typed)
    assert str(no.value) == said


def test_a_page_is_quoted_by_its_alert_or_its_first_words_and_scripts_are_no_words():
    page = read("http://x/", 422, PAGE)
    assert page.alert.split() == ["请", "先更正"]
    assert page.told == "状态 422：请 先更正"
    assert "评价默认匿名" in page.said
    assert "hidden" not in page.said
    assert page.link("/r/") == "/r/"
    with pytest.raises(CannotGive, match="没有要填“number”的表单"):
        page.form("number")
    assert len(excerpt("长 " * 400)) == 160


def test_the_table_has_a_cell_for_each_level_and_each_channel_stands_once():
    lines = [
        Line(kind.key, int(asked.level), asked.is_bare, "", 1)._replace(ms=n)
        for n, (kind, asked) in enumerate((kind, asked) for kind in KINDS for asked in kind.asked)
    ]
    rows = table([list(line) for line in lines])
    assert [row.name for row in rows] == [kind.name for kind in KINDS]
    assert all(len(row.cells) == len(HEADS) == 7 for row in rows)
    assert [line for row in rows for _, line in row.cells if line] == lines
    assert table([["of-an-older-edition", 5, False, "", 1]])[0].name == "of-an-older-edition"
