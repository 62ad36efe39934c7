"""Coming in by a code or an identity service, and going out again."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from threading import Lock

from django.db import connection, transaction

from haochaping.channels.models import CitizenSession, LoginCode
from haochaping.channels.my import rules
from haochaping.channels.my.queries import Citizen, is_known, of_session
from haochaping.channels.rules import Bucket
from haochaping.evaluation.rules import Assurance
from haochaping.kit import blobs, crypto, ids, keys
from haochaping.kit.errors import FieldError, Refused
from haochaping.messaging import commands as messaging

SESSIONS = CitizenSession._meta.db_table
CODES = LoginCode._meta.db_table
TEXT = "验证码{code}，{minutes}分钟内有效，用于登录“我的办件”。不是您本人操作请忽略；工作人员不会向您索要验证码。"


class Strangers:
    """How many codes may go to numbers that appear nowhere here: a storm of made-up numbers must not cost a province its
    SMS. One a process. Whoever asks sees no difference, and a number that has a case or a rating is never held back.
    """

    def __init__(self, size: int = 600, every: timedelta = timedelta(seconds=2)) -> None:
        self._bucket = Bucket(size, every, size, datetime.min.replace(tzinfo=UTC))
        self._lock = Lock()

    def let_pass(self, now: datetime) -> bool:
        with self._lock:
            if self._bucket.refill(now) < 1:
                return False
            self._bucket.left -= 1
            return True


strangers = Strangers()


class TooManyCodes(Refused):
    """Not yet; `seconds` says from when on."""

    def __init__(self, seconds: int) -> None:
        words = f"验证码发送太频繁，请 {rules.waiting(seconds)}后再试，或改用实名登录、拨打 12345。"
        super().__init__("too_many_codes", 429, words, (FieldError("mobile", "too_many_codes", words),))
        self.seconds = seconds


def request_code(browser: str, typed: str, *, now: datetime) -> None:
    """Send a code to that number, good for this browser alone. The same happens whether the number is known here or not.

    One a minute and ten a day for a number, twenty a day for a browser, whatever the address they come from: a hall of
    forty windows behind one address is nobody's storm. Refused 422 for what is no mobile number, `TooManyCodes`.
    """
    mobile = rules.mobile_of(typed)
    if mobile is None:
        message = "请填写 11 位手机号码，如 13800000000。"
        raise Refused("fields_refused", 422, message, (FieldError("mobile", "malformed", message),))
    phone, asked_by = blobs.blind("phone", mobile), ids.token_digest(browser)
    with transaction.atomic():
        for name in (f"code to {phone.hex()}", f"code for {asked_by.hex()}"):
            connection.cursor().execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
        LoginCode.objects.filter(sent_at__lte=now - rules.A_DAY).delete()
        number = LoginCode.objects.filter(phone_index=phone).values_list("sent_at", flat=True)
        own = LoginCode.objects.filter(browser=asked_by).values_list("sent_at", flat=True)
        if seconds := rules.seconds_to_wait(now, number, own):
            raise TooManyCodes(seconds)
        LoginCode.objects.filter(browser=asked_by).update(blob=None)  # a new code ends the one before it
        code = f"{secrets.randbelow(10**6):06d}"
        sealed = blobs.seal({"mobile": mobile}, table=CODES, row=asked_by.hex())
        row = LoginCode.objects.create(
            browser=asked_by,
            phone_index=phone,
            blob=sealed,
            code=_code_digest(mobile, code),
            sent_at=now,
            expires_at=now + rules.CODE_LIVES,
        )
        text = TEXT.format(code=code, minutes=rules.CODE_LIVES.seconds // 60)
        if is_known(phone) or strangers.let_pass(now):
            messaging.send(kind="code", mobile=mobile, text=text, key=f"login-{row.pk}-{now:%Y%m%d%H%M%S}", now=now)


def enter_code(browser: str, typed: str, *, now: datetime) -> str:
    """Begin a session with the code that this browser was sent; its token. Refused 422: wrong, spent or too old."""
    with transaction.atomic():
        row = _pending(browser, now)
        if row is None:
            raise Refused("code_expired", 422, "验证码已失效，请重新获取。")
        mobile = blobs.unseal(bytes(row.blob or b""), table=CODES, row=bytes(row.browser).hex())["mobile"]
        row.tries += 1
        is_right = crypto.equal(bytes(row.code), _code_digest(mobile, rules.code_of(typed)))
        if is_right or row.tries >= rules.TRIES:
            row.blob = None
        row.used_at = now if is_right else None
        row.save(update_fields=["tries", "blob", "used_at"])
        if is_right:
            return begin("sms", mobile=mobile, now=now)
    left = rules.TRIES - row.tries
    words = f"验证码不正确，还可以试 {left} 次。" if left else "验证码输错 5 次，已失效，请重新获取。"
    raise Refused("wrong_code" if left else "code_expired", 422, words, (FieldError("code", "wrong", words),))


def _pending(browser: str, now: datetime) -> LoginCode | None:
    waiting = LoginCode.objects.select_for_update().filter(browser=ids.token_digest(browser), blob__isnull=False)
    return waiting.filter(used_at=None, expires_at__gt=now, tries__lt=rules.TRIES).order_by("-sent_at").first()


def _code_digest(mobile: str, code: str) -> bytes:
    return crypto.hmac_sm3(keys.key("codes"), f"{mobile}\x00{code}".encode())


def begin(way: str, *, name: str = "", cert: str = "", mobile: str = "", now: datetime) -> str:
    """A session of somebody who has just proved this; the token for their cookie, kept nowhere but there."""
    token = ids.new_token()
    digest = ids.token_digest(token)
    CitizenSession.objects.filter(expires_at__lte=now).delete()
    CitizenSession.objects.create(
        digest=digest,
        way=way,
        assurance=Assurance.REAL_NAME if name and cert else Assurance.WEAK,
        blob=blobs.seal({"name": name, "cert": cert, "mobile": mobile}, table=SESSIONS, row=digest.hex()),
        phone_index=blobs.blind("phone", mobile) if mobile else None,
        id_index=blobs.blind("cert", cert) if cert else None,
        begun_at=now,
        expires_at=now + rules.REST,
    )
    return token


def go_on(token: str, *, now: datetime) -> Citizen | None:
    """Whose session this is, prolonged by half an hour (at most once a minute, to eight hours); None if it is over."""
    row = CitizenSession.objects.filter(digest=ids.token_digest(token), expires_at__gt=now).first()
    if row is None:
        return None
    until = min(now + rules.REST, row.begun_at + rules.MOST)
    if (until - row.expires_at).total_seconds() >= 60:
        CitizenSession.objects.filter(digest=row.digest).update(expires_at=until)
    return of_session(row)


def end(token: str) -> None:
    """Log out: the cookie opens nothing any more."""
    CitizenSession.objects.filter(digest=ids.token_digest(token)).delete()
