"""The service event and everything that carries its id (design §3).

Every table here has the service event's 128-bit id as its primary key, or `(event_id, n)` where there can be many.
What the rating rests on is kept as it was then: organ, window, clerk and item are copied, not looked up.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from haochaping.outbox.models import CurrentTransaction, TransactionId


class AsServed(models.Model):
    """Where, by whom and of which item: the codes as they stood when the service was given."""

    task_code = models.CharField("实施编码", max_length=64)
    task_handle_item = models.CharField("业务办理项编码", max_length=33, blank=True, default="")
    item_name = models.CharField("事项名称", max_length=500, blank=True, default="")
    organ_code = models.CharField("统一社会信用代码", max_length=18)
    organ_name = models.CharField("单位名称", max_length=200, blank=True, default="")
    organ_path = models.TextField("单位路径")
    area = models.CharField("行政区划", max_length=12)
    area_path = models.CharField("行政区划前缀", max_length=12)
    hall_code = models.CharField("大厅", max_length=64, blank=True, default="")
    window_code = models.CharField("窗口", max_length=64, blank=True, default="")
    clerk_no = models.CharField("窗口人员", max_length=64, blank=True, default="")
    aspect = models.CharField("环节", max_length=10, default="service")
    point = models.CharField("采集点", max_length=10, blank=True, default="")
    is_probe = models.BooleanField("探针", default=False)

    class Meta:
        abstract = True


class ServiceEvent(AsServed):
    """办件服务: the n-th time a case was served. One row, the newest version; older ones are `ServiceVersion`."""

    id = models.UUIDField(primary_key=True)
    project_no = models.CharField("办件编号", max_length=100)
    service_number = models.SmallIntegerField("服务次数")
    project_name = models.CharField("办件名称", max_length=500, blank=True, default="")
    service_name = models.CharField("服务名称", max_length=100, blank=True, default="")
    service_time = models.DateTimeField("服务时间")
    service_day = models.DateField("服务日")
    pro_status = models.SmallIntegerField("办件状态")
    pro_channel = models.SmallIntegerField("线上线下", null=True)
    mode = models.CharField("评价模式", max_length=12, default="on_site")
    user_prop = models.SmallIntegerField("申请人类型", null=True)
    promise_day = models.IntegerField("承诺时限", null=True)
    promise_type = models.SmallIntegerField("时限单位", null=True)
    project_type = models.SmallIntegerField("办件类型", null=True)
    accept_date = models.DateTimeField("受理时间", null=True)
    result_date = models.DateTimeField("办结时间", null=True)
    source = models.CharField("来源", max_length=40)
    version = models.SmallIntegerField(default=1)
    digest = models.BinaryField()
    received_at = models.DateTimeField()
    closes_at = models.DateTimeField("评价截止")
    closes_is_provisional = models.BooleanField("截止暂定", default=False)  # rests on days that are not announced yet

    class Meta:
        indexes = [
            models.Index(fields=["service_day", "area_path"], name="event_by_day"),
            models.Index(fields=["closes_at"], name="event_by_close"),
            models.Index(fields=["project_no"], name="event_by_case"),
            models.Index(fields=["closes_at"], name="event_unsettled", condition=models.Q(closes_is_provisional=True)),
        ]


class ServiceVersion(models.Model):
    """What a business system said about a service event, each time it said something else."""

    append_only = True
    pk = models.CompositePrimaryKey("event_id", "n")
    event_id = models.UUIDField()
    n = models.SmallIntegerField()
    body = models.JSONField()  # the record without its applicant
    source = models.CharField(max_length=40)
    received_at = models.DateTimeField()


class Sealed(models.Model):
    """A person: one encrypted blob, found only by exact blind index."""

    blob = models.BinaryField()
    phone_index = models.BinaryField(null=True, db_index=True)
    id_index = models.BinaryField(null=True, db_index=True)

    class Meta:
        abstract = True


class Applicant(Sealed):
    """Whom the business system names for the case."""

    id = models.UUIDField(primary_key=True)
    name_index = models.BinaryField(null=True)


class Evaluation(AsServed):
    """The rating itself. Never changed, by anyone."""

    append_only = True
    id = models.UUIDField(primary_key=True)
    level = models.SmallIntegerField("满意度")
    pf = models.SmallIntegerField("评价渠道")
    indicators = ArrayField(models.CharField(max_length=8), verbose_name="指标", default=list)
    indicator_names = ArrayField(models.CharField(max_length=100), verbose_name="指标文字", default=list)
    words_digest = models.BinaryField("文字摘要", null=True)  # SM3(salt‖text): stays when the words are erased
    no_reason = models.BooleanField("未填原因", default=False)
    assess_time = models.DateTimeField("评价时间")
    rated_day = models.DateField("评价日")
    assurance = models.CharField("实名程度", max_length=10, default="anonymous")
    consent = ArrayField(models.CharField(max_length=20), default=list)
    user_prop = models.SmallIntegerField(null=True)
    device_id = models.CharField(max_length=64, blank=True, default="")
    source = models.CharField("来源", max_length=40)
    batch = models.CharField("批次", max_length=24, blank=True, default="")  # with which it came, if with others
    digest = models.BinaryField()  # of what was submitted: the same content again is a repeat
    received_at = models.DateTimeField()
    row_sm3 = models.BinaryField()  # SM3 over every column above, sealed in batches (`hcp seal`)
    xid = TransactionId(db_default=CurrentTransaction())

    class Meta:
        indexes = [
            models.Index(fields=["rated_day", "area_path"], name="evaluation_by_day"),
            models.Index(fields=["xid"], name="evaluation_by_xid"),
        ]


class Receipt(models.Model):
    """From what the rater keeps to what came of it. Only its SM3 is kept: who reads this table can ask for nobody's progress."""

    append_only = True
    digest = models.BinaryField(primary_key=True)
    event_id = models.UUIDField()


class Evaluator(Sealed):
    """Who rated, as far as they said."""

    id = models.UUIDField(primary_key=True)


class Words(models.Model):
    """The rater's free text; it may be erased, the rating stays and still verifies."""

    id = models.UUIDField(primary_key=True)
    salt = models.BinaryField()
    text = models.TextField()


class Lapse(AsServed):
    """Nobody rated in time: the policy's default level, kept apart from every rating (design §1.1)."""

    id = models.UUIDField(primary_key=True)
    level = models.SmallIntegerField()
    lapsed_at = models.DateTimeField()
    lapse_day = models.DateField()


class FollowUp(models.Model):
    """追评: once, added to the rating, never in its place."""

    append_only = True
    id = models.UUIDField(primary_key=True)
    level = models.SmallIntegerField()
    text_digest = models.BinaryField(null=True)  # SM3(salt‖text), as with the rating's words
    at = models.DateTimeField()


class FollowUpWords(models.Model):
    """What was written with a follow-up; erased together with the rater's other words."""

    id = models.UUIDField(primary_key=True)
    salt = models.BinaryField()
    text = models.TextField()


class Ruling(models.Model):
    """A decision about a rating: excluded from the figures, or restored. Reversible by the next ruling."""

    append_only = True
    pk = models.CompositePrimaryKey("event_id", "n")
    event_id = models.UUIDField()
    n = models.SmallIntegerField()
    excludes = models.BooleanField()
    kind = models.CharField(
        max_length=16
    )  # mistaken | untrue | malicious | objection | fraud | batch | late | no_reason
    reason = models.TextField()
    by = models.CharField(max_length=64)
    at = models.DateTimeField()


class Erasure(models.Model):
    """Words or identity were erased at the rater's wish; the row that proves it."""

    append_only = True
    pk = models.CompositePrimaryKey("event_id", "what")
    event_id = models.UUIDField()
    what = models.CharField(max_length=8)  # words | identity
    by = models.CharField(max_length=64)
    at = models.DateTimeField()


class Seal(models.Model):
    """A link of the tamper-evidence chain over the ratings of one batch."""

    append_only = True
    n = models.BigIntegerField(primary_key=True)
    previous = models.BinaryField()
    head = models.BinaryField()  # SM3(previous ‖ row_sm3 of each row in order)
    rows = models.IntegerField()
    at = models.DateTimeField()


class SealedRow(models.Model):
    """Which rating lies under which seal, and at what place."""

    append_only = True
    id = models.UUIDField(primary_key=True)
    seal = models.BigIntegerField(db_index=True)
    place = models.IntegerField()
    row_sm3 = models.BinaryField()


class Place(models.Model):
    """Whose concern it is, as far as that is known; empty where it is not."""

    area_path = models.CharField("行政区划前缀", max_length=12, blank=True, default="")
    organ_path = models.TextField("单位路径", blank=True, default="")
    window_code = models.CharField("窗口", max_length=64, blank=True, default="")

    class Meta:
        abstract = True


class Parked(Place):
    """A service record or rating that waits for what it rests on. Nothing that was acknowledged is dropped."""

    id = models.UUIDField()
    kind = models.CharField(max_length=10)  # service | evaluation
    pk = models.CompositePrimaryKey("id", "kind")
    blob = models.BinaryField()  # the submission, encrypted: it may name a person
    digest = models.BinaryField()
    waits_for = models.CharField(max_length=128, db_index=True)  # "event", "item:<code>" or "organ:<code>"
    reason = models.CharField(max_length=64)
    source = models.CharField(max_length=40)
    received_at = models.DateTimeField()


class Rejected(Place):
    """A record that was refused after its sender had handed it over: kept, sealed, with the reason, for repair 异常数据.

    Nothing deletes it: it is mended and taken in (fixed), settled by hand (discarded), or another holds its place
    (superseded).
    """

    id = models.UUIDField(primary_key=True)  # a keyed digest of source and content: the same again is the same row
    kind = models.CharField(max_length=10)  # service | evaluation
    lane = models.CharField(max_length=8)  # device | batch | import | desk | parked
    source = models.CharField(max_length=40)
    batch = models.CharField(max_length=24, blank=True, default="")
    event_id = models.UUIDField(null=True, db_index=True)
    reason = models.CharField(max_length=64)
    fields = models.JSONField(
        default=list
    )  # [field, code] of each fault; what they say may quote a person, so it is sealed
    blob = models.BinaryField()
    times = models.IntegerField(default=1)  # how often it came
    is_acknowledged = models.BooleanField(default=False)  # its sender holds a receipt
    received_at = models.DateTimeField()
    last_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    became = models.UUIDField(null=True)  # the service event it stands under now, if it was taken in
    state = models.CharField(max_length=12, default="open")  # open | fixed | discarded | superseded
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=64, blank=True, default="")
    settled_because = models.TextField(blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["state", "received_at"], name="rejected_by_state")]


class Batch(Place):
    """Many ratings delivered at once 批次: by an app, as a file, by an entry screen."""

    append_only = True
    id = models.CharField(primary_key=True, max_length=24)
    lane = models.CharField(max_length=8)  # batch | import | desk | device
    source = models.CharField(max_length=40)
    name = models.CharField(max_length=200, blank=True, default="")  # of the file, of the app
    received_at = models.DateTimeField(db_index=True)


class BatchPart(models.Model):
    """What came of some lines of a batch, in order: written in the transaction that took them in."""

    append_only = True
    pk = models.CompositePrimaryKey("batch", "n")
    batch = models.CharField(max_length=24)
    n = models.IntegerField()  # the index of its first line
    created = models.IntegerField()
    duplicate = models.IntegerField()
    parked = models.IntegerField()
    conflict = models.IntegerField()
    rejected = models.IntegerField()
    lines = models.BinaryField()  # MessagePack: [status, event id, code] of each line


class BatchMark(models.Model):
    """A decision that a whole batch is void 整批无效, or counts again. Its rulings follow part by part."""

    pk = models.CompositePrimaryKey("batch", "n")
    batch = models.CharField(max_length=24)
    n = models.SmallIntegerField()
    voids = models.BooleanField()
    reason = models.TextField()
    by = models.CharField(max_length=64)
    person = models.CharField(max_length=64)
    at = models.DateTimeField()
    lines_done = models.IntegerField(default=0)
    ratings = models.IntegerField(default=0)  # how many were ruled on
    finished_at = models.DateTimeField(null=True)


class Attachment(models.Model):
    """A scan or photograph that belongs to a service event, or to the form or letter from which one came.

    What it was stays; its bytes are a row of their own, so that a rater who takes back what they said takes them back too.
    """

    append_only = True
    id = models.UUIDField(primary_key=True)
    event_id = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=16)  # paper | letter | inspection | evidence
    name = models.CharField("文件名", max_length=80)
    mime = models.CharField(max_length=40)
    size = models.IntegerField()
    sm3 = models.BinaryField()  # of the bytes as kept
    by = models.CharField(max_length=64)
    at = models.DateTimeField()


class AttachmentBytes(models.Model):
    """The picture itself, sealed; erasable."""

    id = models.UUIDField(primary_key=True)
    blob = models.BinaryField()
