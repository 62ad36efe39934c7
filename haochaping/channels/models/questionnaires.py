"""主动征询: short questionnaires, their answers, and which browsers have answered."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Questionnaire(models.Model):
    """One to five questions put to the public. Its answers are opinions, not ratings: they enter no rate."""

    code = models.CharField(primary_key=True, max_length=8)
    title = models.CharField("标题", max_length=60)
    purpose = models.CharField("目的", max_length=300)
    questions = models.JSONField("问题")  # questionnaires.rules.Question as mappings
    area = models.CharField(max_length=12)
    area_path = models.CharField(max_length=12, db_index=True)
    target = models.CharField(
        "征询对象", max_length=80, blank=True, default=""
    )  # hall:…, organ:…, item:…; empty: the area
    starts = models.DateField("开始日期")
    ends = models.DateField("结束日期")
    state = models.CharField("状态", max_length=10, default="draft")  # questionnaires.rules.State
    made_by_id = models.CharField(max_length=64)
    made_by = models.CharField("拟稿人", max_length=64)
    made_at = models.DateTimeField()
    sent_by_id = models.CharField(max_length=64, blank=True, default="")
    approved_by = models.CharField("审批人", max_length=64, blank=True, default="")
    approved_at = models.DateTimeField(null=True)
    remark = models.CharField("退回意见", max_length=200, blank=True, default="")
    closed_at = models.DateTimeField(null=True)


class QuestionnaireAnswer(models.Model):
    """One browser's answers. Neither a browser nor a time of day stands here: nobody is to be found by it."""

    append_only = True
    id = models.UUIDField(primary_key=True)
    code = models.CharField(max_length=8, db_index=True)
    day = models.DateField()
    choices = models.JSONField()  # question number → chosen option numbers
    texts = ArrayField(models.TextField(), default=list)  # by question, "" where none was written; masked when shown


class QuestionnaireMark(models.Model):
    """That a browser has answered: a keyed digest of both, kept apart from the answers."""

    append_only = True
    digest = models.BinaryField(primary_key=True)
