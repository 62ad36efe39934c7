"""What somebody who works here has set up: for themselves, and the screens on a wall."""

from __future__ import annotations

from django.db import models

from haochaping.accounts.models import Person


class SavedFilter(models.Model):
    """常用筛选: a question to a list that somebody asks again and again, under a name of their own."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    page = models.CharField(max_length=32)  # the list: key of `rules.MAY_OPEN`
    name = models.CharField("名称", max_length=20)
    query = models.CharField(max_length=1000)  # as it stands in the address, without the page's number
    is_default = models.BooleanField("默认打开", default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "page", "name"], name="one_filter_of_a_name"),
            models.UniqueConstraint(
                fields=["person", "page"], condition=models.Q(is_default=True), name="one_default_filter"
            ),
        ]


class Preference(models.Model):
    """界面设置: how somebody wants to see a page."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    key = models.CharField(max_length=32)
    value = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "key"], name="one_preference")]


class ScreenLink(models.Model):
    """大屏链接: an address by which a wall shows a place's screen without anybody being logged in. Its token is not kept."""

    name = models.CharField("名称", max_length=40)
    area_path = models.CharField("地区", max_length=12)
    digest = models.BinaryField(unique=True)  # SM3 of the token
    made_by = models.CharField("设立人", max_length=64)
    made_at = models.DateTimeField()
    ends_at = models.DateTimeField("有效至")
    closed_at = models.DateTimeField("停用时间", null=True)
