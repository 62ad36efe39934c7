"""Rules, calendar and indicators as rows."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class PolicyRule(models.Model):
    """One loaded pack: holds for `region` (area-code prefix, "" = the nation) from `valid_from` until before `valid_to`.

    A row is never edited but for `valid_to`, which is set once, when a newer pack takes over.
    """

    region = models.CharField("地区", max_length=12, blank=True)
    pack = models.CharField("规则包", max_length=40)
    valid_from = models.DateField("生效日期")
    valid_to = models.DateField("失效日期", null=True)
    body = models.JSONField("内容")
    digest = models.BinaryField("摘要", max_length=32)  # SM3 of the canonical body
    loaded_at = models.DateTimeField("装载时间")
    loaded_by = models.CharField("装载人", max_length=80)

    class Meta:
        verbose_name = "评价规则"
        verbose_name_plural = "评价规则"
        constraints = [
            models.UniqueConstraint(fields=["region", "valid_from"], name="policy_rule_region_from"),
            models.UniqueConstraint(fields=["region"], condition=Q(valid_to=None), name="policy_rule_one_open"),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")), name="policy_rule_days"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pack} {self.region or '全国'} {self.valid_from}"


class CalendarYear(models.Model):
    """A year whose schedule is announced, beyond those that chinesecalendar knows."""

    year = models.PositiveSmallIntegerField("年份", primary_key=True)
    source = models.CharField("依据", max_length=200)
    loaded_at = models.DateTimeField("装载时间")

    class Meta:
        verbose_name = "工作日历年度"
        verbose_name_plural = "工作日历年度"


class CalendarDay(models.Model):
    """A day that differs from the plain rule: nationally (region ""), or in one region only."""

    day = models.DateField("日期")
    is_workday = models.BooleanField("上班")
    name = models.CharField("名称", max_length=40, blank=True)
    region = models.CharField("地区", max_length=12, blank=True)
    source = models.CharField("依据", max_length=200)

    class Meta:
        verbose_name = "工作日历"
        verbose_name_plural = "工作日历"
        constraints = [models.UniqueConstraint(fields=["region", "day"], name="policy_calendar_region_day")]


class CalendarChange(models.Model):
    """Working days changed from `first_day` on, in this region and below it: what is due there is to be reckoned anew.

    Numbers rise in the order in which the changes became visible.
    """

    append_only = True
    region = models.CharField("地区", max_length=12, blank=True)
    first_day = models.DateField("首日")

    class Meta:
        verbose_name = "工作日历变更"
        verbose_name_plural = "工作日历变更"


class CalendarRequest(models.Model):
    """A change of a region's own days that makes limits end later: it holds once a second person agrees."""

    region = models.CharField("地区", max_length=12)
    days = models.JSONField("日期")  # [day, works, name] each; works null: as the nation has it
    source = models.CharField("依据", max_length=200)
    state = models.CharField("状态", max_length=10, default="waiting")  # waiting | agreed | refused
    made_by_id = models.CharField(max_length=64)
    made_by = models.CharField("提出人", max_length=80)
    made_at = models.DateTimeField("提出时间")
    decided_by = models.CharField("同意人", max_length=80, blank=True, default="")
    decided_at = models.DateTimeField("同意时间", null=True)

    class Meta:
        verbose_name = "当地日历调整申请"
        verbose_name_plural = "当地日历调整申请"


class Indicator(models.Model):
    """评价指标 (normCode): a tag a rater may tick at one level. Retired ones stay, ratings of their day carry them."""

    code = models.CharField("指标编码", max_length=20)
    name = models.CharField("指标名称", max_length=80)
    level = models.PositiveSmallIntegerField("所属等级")
    is_core = models.BooleanField("核心指标")
    is_active = models.BooleanField("在用")
    region = models.CharField("地区", max_length=12, blank=True)  # "" = the nation; a local one is never sent upward
    valid_from = models.DateField("生效日期")
    valid_to = models.DateField("失效日期", null=True)
    set_name = models.CharField("指标集", max_length=40)
    dimension = models.CharField("维度", max_length=10, default="business")  # business 业务 | service 服务
    aspect = models.CharField("环节", max_length=10, blank=True, default="")  # "" = all five
    channels = ArrayField(
        models.PositiveSmallIntegerField(), verbose_name="渠道", default=list, blank=True
    )  # none = all

    class Meta:
        verbose_name = "评价指标"
        verbose_name_plural = "评价指标"
        constraints = [
            models.UniqueConstraint(fields=["region", "code", "valid_from"], name="policy_indicator_code_from"),
            models.CheckConstraint(condition=Q(level__range=(1, 5)), name="policy_indicator_level"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Version(models.Model):
    """One version of what a region decides for itself, from draft to decision by two people.

    A region has one open version at a time; who worked on it (`authors`) never decides about it.
    """

    region = models.CharField("地区", max_length=12)
    number = models.PositiveSmallIntegerField("版本")
    state = models.CharField("状态", max_length=10, default="draft")  # draft | submitted | approved | refused | dropped
    valid_from = models.DateField("生效日期", null=True)
    note = models.CharField("修订说明", max_length=200, blank=True, default="")
    authors = ArrayField(models.CharField(max_length=64), default=list)
    made_by = models.CharField("起草人", max_length=80)
    made_at = models.DateTimeField("起草时间")
    submitted_by = models.CharField("提交人", max_length=80, blank=True, default="")
    submitted_at = models.DateTimeField("提交时间", null=True)
    decided_by = models.CharField("审批人", max_length=80, blank=True, default="")
    decided_at = models.DateTimeField("审批时间", null=True)
    reason = models.CharField("审批意见", max_length=200, blank=True, default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.region} 第{self.number}版"


class IndicatorSet(Version):
    """指标集: one version of a region's own indicators, never the nation's: that set comes with its own file.

    Once approved its lines are `Indicator` rows.
    """

    lines = models.JSONField("指标", default=list)  # sets.Line, one object each
    base = models.JSONField("修订前", default=list)  # the lines it was copied from

    class Meta:
        verbose_name = "指标集"
        verbose_name_plural = "指标集"
        constraints = [
            models.UniqueConstraint(fields=["region", "number"], name="policy_set_region_number"),
            models.UniqueConstraint(
                fields=["region"], condition=Q(state__in=["draft", "submitted"]), name="policy_set_one_open"
            ),
        ]


class PolicyDraft(Version):
    """规则稿: one version of a region's pack. Once approved it is a `PolicyRule`.

    A `withdrawal` asks that an approved pack whose day has not come never comes into force; that one is `withdrawn` then.
    """

    kind = models.CharField("类别", max_length=10, default="change")  # change | withdrawal
    body = models.JSONField("内容")
    base = models.JSONField("修订前")  # the pack it was copied from: the region's newest, or an ancestor's

    class Meta:
        verbose_name = "规则稿"
        verbose_name_plural = "规则稿"
        constraints = [
            models.UniqueConstraint(fields=["region", "number"], name="policy_draft_region_number"),
            models.UniqueConstraint(
                fields=["region"], condition=Q(state__in=["draft", "submitted"]), name="policy_draft_one_open"
            ),
        ]
