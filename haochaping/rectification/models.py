"""差评工单: the order is the state, its moves are the history."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q


class Order(models.Model):
    """One bad rating to be answered. Its id is the service event's."""

    id = models.UUIDField(primary_key=True)
    order_no = models.CharField("工单编号", max_length=24, unique=True)
    state = models.CharField("状态", max_length=12, db_index=True)
    level = models.SmallIntegerField("满意度")
    # who must answer; set at opening, changed only by the arbiter's `assign`
    organ_code = models.CharField(max_length=18, blank=True, default="")
    organ_name = models.CharField(max_length=200, blank=True, default="")
    organ_path = models.TextField(db_index=True, blank=True, default="")
    area = models.CharField(max_length=12)
    area_path = models.CharField(max_length=12)
    window_code = models.CharField(max_length=64, blank=True, default="")
    # what it is about, as rated
    task_code = models.CharField(max_length=64)
    item_name = models.CharField(max_length=500, blank=True, default="")
    service_day = models.DateField()
    rated_day = models.DateField()
    route = models.CharField("派发途径", max_length=8, default="direct")  # direct | hotline, by the policy of its day
    rules_area = models.CharField(
        max_length=12
    )  # whose policy holds, that of the place that was rated, whoever takes over
    real_name = models.BooleanField("实名", default=False)
    sampled = models.BooleanField("抽中回访", default=False)
    opens_identity = models.BooleanField("同意单位联系", default=False)
    no_reason = models.BooleanField("未填原因", default=False)
    is_probe = models.BooleanField(default=False)
    # the clock (contract §5: runs from dispatch, never reset)
    opened_at = models.DateTimeField()
    dispatched_at = models.DateTimeField()
    dispatch_day = models.DateField()
    answer_since = models.DateTimeField(null=True)  # None: dispatch; else when its rating came back into the figures
    answer_due = models.DateTimeField("答复期限")
    step_since = models.DateTimeField(
        "本步起"
    )  # a limit that was missed hands its last moment on, not the moment of the move
    step_due = models.DateTimeField("本步期限", null=True)
    contact_due = models.DateTimeField("联系期限", null=True)  # only where the rater can be reached
    contacted_at = models.DateTimeField("联系时间", null=True)
    extension_asked = models.DateTimeField("申请延期至", null=True)
    extended_until = models.DateTimeField("批准延期至", null=True)
    extended_by = models.SmallIntegerField(
        null=True
    )  # the same in working days since dispatch, as the calendar was then
    due_is_provisional = models.BooleanField("期限暂定", default=False)
    calendar_seen = models.BigIntegerField(default=0)  # the last change of working days that the limits know of
    overdue_since = models.DateTimeField("超期起", null=True)  # of a limit that binds now; None again once it is met
    was_late = models.BooleanField("曾超期", default=False)
    escalated = models.SmallIntegerField(default=0)  # steps of the policy taken since `overdue_since`
    next_escalation = models.DateTimeField(null=True)
    remind_at = models.DateTimeField(null=True)  # when those who must act are next told of a limit, or of the order
    answered_at = models.DateTimeField("答复时间", null=True)  # submitted or explained; None again if it is sent back
    replied_at = models.DateTimeField("答复评价人时间", null=True)  # the answer was approved, and so shown to the rater
    closed_at = models.DateTimeField("办结时间", null=True)  # closed or voided
    # what was found
    is_true = models.BooleanField("属实", null=True)
    is_reasonable = models.BooleanField("合理", null=True)
    cause = models.CharField("原因", max_length=12, blank=True, default="")
    charged_code = models.CharField("责任单位代码", max_length=18, blank=True, default="")  # "" before it is verified,
    charged_name = models.CharField(
        "责任单位", max_length=200, blank=True, default=""
    )  # or where master data names none
    severity = models.CharField("难易", max_length=10, default="general")  # simple | general | complex
    answer_kind = models.CharField(max_length=10, blank=True, default="")  # submitted | explained | "" (again)
    reply = models.TextField("答复", blank=True, default="")
    verdict = models.CharField(
        "核验结果", max_length=16, blank=True, default=""
    )  # satisfied | accepted | confirmed | unsatisfied | unreachable
    was_called = models.BooleanField("已回访", default=False)
    # how often
    moves = models.SmallIntegerField(default=0)
    returns = models.SmallIntegerField(default=0)
    appeals = models.SmallIntegerField(default=0)
    appeal_kind = models.CharField("申诉类型", max_length=12, blank=True, default="")
    upheld = models.BooleanField("申诉成立", default=False)
    objections = models.SmallIntegerField(default=0)
    unsatisfied = models.SmallIntegerField(default=0)
    reopened = models.SmallIntegerField(default=0)
    extensions = models.SmallIntegerField(default=0)
    calls = models.SmallIntegerField(default=0)  # of this round of callbacks
    urged = models.SmallIntegerField(default=0)
    # besides the way
    convened_at = models.DateTimeField("列入协调会时间", null=True)  # None again once the meeting has concluded
    unanswered_since = models.DateTimeField(null=True)  # a message to the rater waits for its answer
    set_aside = models.BooleanField("评价已剔除", default=False)  # voided otherwise than by an appeal
    archive_due = models.DateTimeField(null=True)  # from when on it cannot be taken up again
    archived_at = models.DateTimeField("归档时间", null=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "step_due"], name="order_by_due"),
            models.Index(fields=["dispatch_day"], name="order_by_dispatch"),
            models.Index(fields=["answer_due"], name="order_owing", condition=Q(answered_at=None, closed_at=None)),
            models.Index(
                fields=["next_escalation"], name="order_to_escalate", condition=Q(next_escalation__isnull=False)
            ),
            models.Index(
                fields=["remind_at"], name="order_to_remind", condition=Q(remind_at__isnull=False, is_probe=False)
            ),
            models.Index(fields=["id"], name="order_provisional", condition=Q(due_is_provisional=True)),
            models.Index(
                fields=["calendar_seen"], name="order_by_calendar", condition=Q(closed_at=None, is_probe=False)
            ),
            models.Index(fields=["convened_at"], name="order_convened", condition=Q(convened_at__isnull=False)),
            models.Index(fields=["archive_due"], name="order_to_archive", condition=Q(archived_at=None)),
            models.Index(fields=["id"], name="order_set_aside", condition=Q(set_aside=True)),
            # the lists: open ones most urgent first, ended ones newest first, and what is rare among a million
            models.Index(fields=["step_due", "order_no"], name="order_open", condition=Q(closed_at=None)),
            models.Index(  # not yet archived: these are few
                fields=["-closed_at", "-order_no"],
                name="order_ended",
                condition=Q(closed_at__isnull=False, archived_at=None),
            ),
            models.Index(
                fields=["-closed_at", "-order_no"], name="order_archived", condition=Q(archived_at__isnull=False)
            ),
            models.Index(  # a place's orders, judged in the index by what lists are filtered by
                fields=["area_path", "state", "cause", "verdict", "level", "severity"],
                name="order_by_place",
                opclasses=[
                    "varchar_pattern_ops",
                    "varchar_ops",
                    "varchar_ops",
                    "varchar_ops",
                    "int2_ops",
                    "varchar_ops",
                ],
            ),
            models.Index(fields=["task_code", "order_no"], name="order_by_item"),
            models.Index(fields=["order_no"], name="order_appealed", condition=Q(appeals__gt=0)),
            models.Index(fields=["order_no"], name="order_reopened", condition=Q(reopened__gt=0)),
        ]


class OrderSearch(models.Model):
    """By which grams an order is found (security §3.1). Beside the order, which changes at every move; words change seldom."""

    id = models.UUIDField(primary_key=True)
    grams = ArrayField(models.TextField())

    class Meta:
        indexes = [GinIndex(fields=["grams"], name="order_grams")]


class Move(models.Model):
    """One thing that happened to an order: who, when, from where to where, with which facts."""

    append_only = True
    pk = models.CompositePrimaryKey("order_id", "n")
    order_id = models.UUIDField()
    n = models.SmallIntegerField()
    verb = models.CharField(max_length=20)
    source = models.CharField(max_length=12)
    target = models.CharField(max_length=12)
    by = models.CharField(max_length=12)  # the part the actor played: handler, supervisor, …
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=64)
    organ_path = models.TextField(blank=True, default="")
    facts = models.JSONField(default=dict)
    due = models.DateTimeField(null=True)  # the step's limit as it stood at that moment: `at` after it was late
    at = models.DateTimeField()


class OrderPart(models.Model):
    """协办: a co-unit's share of an order, with its own clock."""

    pk = models.CompositePrimaryKey("order_id", "n")
    order_id = models.UUIDField()
    n = models.SmallIntegerField()
    organ_code = models.CharField(max_length=18)
    organ_name = models.CharField(max_length=200)
    organ_path = models.TextField(db_index=True)
    area_path = models.CharField(max_length=12)
    since = models.DateTimeField()
    severity = models.CharField(
        max_length=10
    )  # of the order when it was shared out: decides how long the share may take
    due = models.DateTimeField()
    remind_at = models.DateTimeField(null=True)  # when its unit is next told of the limit
    done_at = models.DateTimeField(null=True)
    contribution = models.TextField(blank=True, default="")
    reported_at = models.DateTimeField("逾期提请督办时间", null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due"], name="part_owing", condition=Q(done_at=None)),
            models.Index(
                fields=["remind_at"], name="part_to_remind", condition=Q(done_at=None, remind_at__isnull=False)
            ),
        ]


class RelayMessage(models.Model):
    """平台转接: what was said between those who work on an order and its rater, neither knowing the other.

    Apart from the moves, for what a rater wrote is erased at their wish.
    """

    pk = models.CompositePrimaryKey("order_id", "n")
    order_id = models.UUIDField()
    n = models.SmallIntegerField()
    by = models.CharField(max_length=12)  # handler | operator | citizen
    text = models.TextField()
    at = models.DateTimeField()


class MoveWords(models.Model):
    """What a rater said with a move of theirs. Apart from the moves, which nobody can change: it is erased at their wish."""

    pk = models.CompositePrimaryKey("order_id", "n")
    order_id = models.UUIDField()
    n = models.SmallIntegerField()  # of the move
    text = models.TextField()


class Evidence(models.Model):
    """证据材料: a file that somebody who works on an order brought; kept as pictures, one a page."""

    id = models.UUIDField(primary_key=True)
    order_id = models.UUIDField(db_index=True)
    name = models.CharField("文件名", max_length=80)
    pages = ArrayField(models.UUIDField())  # attachments, in order
    size = models.BigIntegerField()  # bytes of all pages as kept
    by = models.CharField(max_length=12)  # the part that its bringer played, or co_unit
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=64)
    organ_name = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField()


class OpenedTo(models.Model):
    """A clerk to whom the unit has opened an order, so that they can state their view and appeal (design §1.3)."""

    pk = models.CompositePrimaryKey("order_id", "person_id")
    order_id = models.UUIDField()
    person_id = models.CharField(max_length=64, db_index=True)
    name = models.CharField(max_length=64)
    at = models.DateTimeField()


class ReplyTemplate(models.Model):
    """答复模板: how an organ, or everybody in an area, begins a reply; seen there and below."""

    area_path = models.CharField(max_length=12)
    organ_path = models.TextField(blank=True, default="")  # "" = of the whole area
    owner = models.CharField("适用", max_length=200)  # the organ's or the area's name
    cause = models.CharField("原因", max_length=12, blank=True, default="")  # "" = any
    title = models.CharField("名称", max_length=40)
    text = models.TextField("正文")
    is_active = models.BooleanField("启用", default=True)
    changed_by = models.CharField(max_length=64)
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["organ_path", "area_path"], name="reply_template_of")]


class CallbackTurn(models.Model):
    """Whose turn it is to call about an order that waits for its callback, so that nobody is rung up twice."""

    id = models.UUIDField(primary_key=True)  # the order's
    holder_id = models.CharField(max_length=64, blank=True, default="")
    holder_name = models.CharField(max_length=64, blank=True, default="")
    held_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)  # who did not answer is called again later


class Pressing(models.Model):
    """疑似施压: in this move a rater said that somebody asked them to change their rating. Never for those rated.

    Apart from the order, whose columns many read.
    """

    append_only = True
    pk = models.CompositePrimaryKey("order_id", "n")
    order_id = models.UUIDField()
    n = models.SmallIntegerField()  # of the move
    at = models.DateTimeField(db_index=True)


class PressingCheck(models.Model):
    """核实结果: what somebody who supervises found when they looked into a report of pressure; the last one counts."""

    append_only = True
    order_id = models.UUIDField()
    n = models.SmallIntegerField()  # of the report's move
    result = models.CharField("核实结果", max_length=10)  # confirmed | unfounded | unclear
    text = models.TextField("核实情况")
    by_id = models.CharField(max_length=64)
    by_name = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["order_id", "n"], name="pressing_check_of")]


from haochaping.rectification.briefs.models import Brief, BriefStep  # noqa: E402, F401  Django looks here
from haochaping.rectification.consequences.models import Consequence, ConsequenceStep  # noqa: E402, F401  Django looks here
