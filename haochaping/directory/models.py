"""Master data: regions, organs, halls, windows, clerks, items with their guides, themes.

Codes point to codes without foreign keys: master data comes from many hands in any order, and `queries.dangling` lists
what points nowhere.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from haochaping.directory.rules import is_probe_area


class Region(models.Model):
    """行政区划, twelve digits. A merged one stays, with the code that took it over and the day."""

    code = models.CharField(primary_key=True, max_length=12)
    name = models.CharField(max_length=100)
    level = models.SmallIntegerField()  # 1 province 2 city 3 county 4 street or town 5 village
    parent = models.CharField(max_length=12, blank=True, default="", db_index=True)
    path = models.CharField(max_length=12, db_index=True)  # code without trailing zeros
    merged_into = models.CharField(max_length=12, blank=True, default="")
    merged_on = models.DateField(null=True)
    grid_row = models.SmallIntegerField(null=True)
    grid_col = models.SmallIntegerField(null=True)


class Organ(models.Model):
    """部门单位, by unified social credit code. `path` is "/" + the codes from the top down + "/"."""

    code = models.CharField(primary_key=True, max_length=18)
    name = models.CharField(max_length=200)
    short_name = models.CharField(max_length=50, blank=True, default="")
    area = models.CharField(max_length=12, db_index=True)
    parent = models.CharField(max_length=18, blank=True, default="")
    path = models.TextField(db_index=True)
    is_active = models.BooleanField(default=True)


class Hall(models.Model):
    """大厅、中心、为民服务中心、村级便民服务站."""

    code = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, default="hall")  # hall | centre | town | village | self_service
    area = models.CharField(max_length=12, db_index=True)
    address = models.CharField(max_length=200, blank=True, default="")
    is_active = models.BooleanField(default=True)


class Window(models.Model):
    """窗口: acceptance 受理, issue 出件 or integrated 综合; its organ answers for service faults there."""

    code = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=100)
    hall = models.CharField(max_length=64, db_index=True)
    organ = models.CharField(max_length=18)
    kind = models.CharField(max_length=12, default="integrated")  # acceptance | issue | integrated
    is_active = models.BooleanField(default=True)


class Clerk(models.Model):
    """窗口人员."""

    number = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=64)
    organ = models.CharField(max_length=18)
    window = models.CharField(max_length=64, blank=True, default="")
    is_active = models.BooleanField(default=True)


class Item(models.Model):
    """政务服务事项: one dated version. A 33-character code is split: 31 task code, the rest handling item."""

    task_code = models.CharField(max_length=64, db_index=True)
    handle_item = models.CharField(max_length=33, blank=True, default="")
    version = models.IntegerField(default=1)
    name = models.CharField(max_length=500)
    kind = models.CharField(max_length=4, blank=True, default="")  # 01 行政许可 … (GB/T 39046 A.1)
    organ = models.CharField(max_length=18, db_index=True)
    area = models.CharField(max_length=12)
    theme = models.CharField(max_length=50, blank=True, default="")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)
    other_codes = ArrayField(models.CharField(max_length=100), default=list)  # the codes other systems use for it
    warnings = ArrayField(models.CharField(max_length=100), default=list)
    is_for_enterprises = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task_code", "handle_item", "version"], name="one_item_version")]


class Guide(models.Model):
    """办事指南 of an item version."""

    item = models.OneToOneField(Item, models.CASCADE, primary_key=True, related_name="+")
    conditions = models.TextField(blank=True, default="")
    materials = models.JSONField(default=list)
    steps = models.JSONField(default=list)
    promise_days = models.IntegerField(null=True)
    statutory_days = models.IntegerField(null=True)
    fees = models.TextField(blank=True, default="")
    rating_channels = ArrayField(models.SmallIntegerField(), default=list)


class Theme(models.Model):
    """“一件事”: a life event that bundles items."""

    code = models.CharField(primary_key=True, max_length=50)
    name = models.CharField(max_length=100)
    items = ArrayField(models.CharField(max_length=64), default=list)


class Edition(models.Model):
    """A mark that changes with every write to one kind of master data, so that readers know when to read anew."""

    kind = models.CharField(primary_key=True, max_length=10)
    mark = models.UUIDField()


class Device(models.Model):
    """A window tablet 评价器 or a kiosk 自助终端. Made with a one-time code; whoever types it in becomes the device.

    It holds a private key that never leaves it; we keep the public one, and the digests of its code and its cookie.
    """

    id = models.CharField(primary_key=True, max_length=12)
    kind = models.CharField(max_length=8)  # tablet | kiosk
    name = models.CharField(max_length=100)
    hall = models.CharField(max_length=64, blank=True, default="", db_index=True)
    window = models.CharField(max_length=64, blank=True, default="")
    area_path = models.CharField(max_length=12, blank=True, default="")
    organ_path = models.TextField(blank=True, default="")
    code_digest = models.BinaryField(null=True, unique=True)
    code_expires_at = models.DateTimeField(null=True)
    made_by = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    public_key = models.BinaryField(null=True)  # a point of P-256, uncompressed
    cookie_digest = models.BinaryField(null=True, unique=True)
    enrolled_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    replaces = models.CharField(max_length=12, blank=True, default="")  # the device whose place it takes
    replaced_by = models.CharField(max_length=12, blank=True, default="")
    last_seen_at = models.DateTimeField(null=True)
    waiting = models.IntegerField(default=0)  # ratings it still held when it was last seen
    app_version = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["window"],
                condition=models.Q(kind="tablet", enrolled_at__isnull=False, revoked_at__isnull=True),
                name="one_tablet_a_window",
            )
        ]

    @property
    def is_probe(self) -> bool:
        """Of the marked test region: what comes from it never counts."""
        return is_probe_area(self.area_path)
