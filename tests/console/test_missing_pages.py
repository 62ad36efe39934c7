"""A page that is not there, and a no: in the frame of whoever asked."""

from __future__ import annotations

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_staff_who_miss_a_page_keep_their_navigation(as_):
    answer = as_("leader").get("/console/nowhere")
    page = answer.content.decode()
    assert answer.status_code == 404
    assert "网址可能不完整" in page
    assert 'aria-label="主导航"' in page
    assert "重新扫描二维码" not in page


def test_staff_who_are_told_no_keep_their_navigation_too(as_):
    answer = as_("clerk").get("/console/audit/")
    assert answer.status_code == 403
    assert 'aria-label="主导航"' in answer.content.decode()
    assert "您的角色不能打开这个页面" in answer.content.decode()


def test_a_stranger_sees_the_entrance_and_no_navigation(cast):
    answer = Client().get("/console/nowhere")
    assert answer.status_code == 404
    assert "主导航" not in answer.content.decode()
    assert "返回工作台" in answer.content.decode()


def test_a_citizen_who_misses_a_page_is_shown_the_way_of_citizens(cast):
    answer = Client().get("/nowhere")
    assert answer.status_code == 404
    assert "重新扫描二维码" in answer.content.decode()
