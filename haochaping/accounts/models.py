"""People, machines, and what they did."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F

from haochaping.accounts.rules import Actor, Role, Scope


class People(BaseUserManager["Person"]):
    def get_by_natural_key(self, username: str | None) -> Person:
        return self.get(username=username)


class Person(AbstractBaseUser):
    """Somebody who works here. What they may do stands in their grants."""

    username = models.CharField("用户名", max_length=64, unique=True)
    name = models.CharField("姓名", max_length=64)
    area = models.CharField("所属地区", max_length=12, blank=True, default="")  # of the organ, as a prefix
    organ = models.TextField("所属单位", blank=True, default="")  # its path
    organ_code = models.CharField("所属单位代码", max_length=18, blank=True, default="")
    phone = models.BinaryField("工作电话", null=True)  # sealed; null: none is known
    is_active = models.BooleanField("启用", default=True)
    created_at = models.DateTimeField("建立时间")
    must_change_password = models.BooleanField("须改密码", default=False)  # somebody else knows it
    password_changed_at = models.DateTimeField("改密时间", null=True)  # null: not since it was made

    objects: ClassVar[People] = People()
    USERNAME_FIELD = "username"
    factor = ""  # where a second factor was just taken: totp | backup

    def __str__(self) -> str:
        return self.name

    def actor(self) -> Actor:
        """This person as one who acts, with the roles and scopes of their grants."""
        if not hasattr(self, "_actor"):
            grants = list(Grant.objects.filter(person=self).order_by("id"))
            pairs = tuple((Role(g.role), Scope(g.area, g.organ, g.window)) for g in grants)
            self._actor = Actor(
                "person",
                str(self.pk),
                self.name,
                frozenset(role for role, _ in pairs),
                tuple(dict.fromkeys(scope for _, scope in pairs)),
                pairs,
                self.organ,
            )
        return self._actor


class Grant(models.Model):
    """A role of a person within a scope (prefixes, see `rules.Scope`)."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    role = models.CharField("角色", max_length=16)
    area = models.CharField("地区", max_length=12, blank=True, default="")
    organ = models.TextField("单位", blank=True, default="")
    window = models.CharField("窗口", max_length=64, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "role", "area", "organ", "window"], name="one_grant")]


class PastPassword(models.Model):
    """The hash of a password that a person had, so that it does not come back too soon."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    password = models.CharField(max_length=128)
    at = models.DateTimeField()


class Session(models.Model):
    """A login of a person in one browser. The browser's own session names this row; once it has ended, so has that."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    began_at = models.DateTimeField("登录时间")
    seen_at = models.DateTimeField("最近使用")
    address = models.GenericIPAddressField("来自", null=True)
    browser = models.CharField("浏览器", max_length=40, blank=True, default="")  # its family, no more
    ended_at = models.DateTimeField("结束时间", null=True, db_index=True)
    ended_by = models.CharField("结束者", max_length=64, blank=True, default="")  # "": went out, or rested too long


class SecondFactor(models.Model):
    """A person's code generator 动态码 (RFC 6238). Before it is confirmed by a code it asks for nothing and opens nothing."""

    person = models.OneToOneField(Person, models.CASCADE, primary_key=True, related_name="+")
    secret = models.BinaryField()  # the shared key, sealed under the installation's key
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)  # of the last code taken: it and all before it are used up
    drift = models.SmallIntegerField(default=0)  # steps by which the telephone's clock is off


class BackupCode(models.Model):
    """A code that stands in for the generator once; only its keyed digest is kept."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    digest = models.BinaryField()
    used_at = models.DateTimeField(null=True)


class Subject(models.Model):
    """Who a person is at the identity service, as they first came by it. A name there may pass to another, a subject never."""

    person = models.OneToOneField(Person, models.CASCADE, primary_key=True, related_name="+")
    issuer = models.CharField(max_length=200)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="one_subject")]


class App(models.Model):
    """A business system that speaks to the signed API in the name of an organ and all below it."""

    app_id = models.CharField(primary_key=True, max_length=40)
    name = models.CharField("名称", max_length=100)
    organ = models.TextField("单位路径", blank=True, default="")
    area = models.CharField("地区", max_length=12, blank=True, default="")
    organ_code = models.CharField("单位代码", max_length=18, blank=True, default="")
    algorithm = models.CharField("签名算法", max_length=16, default="hmac-sm3")  # hmac-sm3 | hmac-sha256 | sm2
    best_is_one = models.BooleanField("1 为非常满意", default=False)  # GB/T 39046 table A.8 counts the other way round
    is_active = models.BooleanField("启用", default=True)
    is_probe = models.BooleanField("探针", default=False)
    # where its links may send the rater back to, after the thanks: `https://host[:port]`, nothing else
    return_origins = ArrayField(models.CharField(max_length=200), verbose_name="返回地址", default=list)
    most_per_second = models.PositiveIntegerField("每秒最多评价", null=True)  # null: its share of the door's places
    created_at = models.DateTimeField()


class AppKey(models.Model):
    """One of the at most two live keys of an app; the secret is sealed under the installation's key."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    secret = models.BinaryField()
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)


class Nonce(models.Model):
    """A nonce that was used. Written in the same transaction as what it guards."""

    pk = models.CompositePrimaryKey("app_id", "nonce")
    app_id = models.CharField(max_length=40)
    nonce = models.CharField(max_length=64)
    used_at = models.DateTimeField(db_index=True)


class Audit(models.Model):
    """Who did what to which subject, with what result. Names and numbers of citizens never stand here."""

    append_only = True
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=128, db_index=True)
    result = models.CharField(max_length=16, default="ok")
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = [F("at").desc()]
        indexes = [  # the search goes back in time from the newest; a subject has few lines
            models.Index(fields=["actor_id", "-at", "-id"], name="audit_by_actor"),
            models.Index(fields=["action", "-at", "-id"], name="audit_by_action"),
            models.Index(fields=["-at", "-id"], name="audit_by_time"),
        ]
