"""Real-name login by the province's identity service (`accounts.oidc`): what its claims prove of a citizen.

Nothing of it is kept but the session's own sealed blob.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haochaping.accounts import oidc
from haochaping.accounts.oidc import Provider, forget, start, text_of
from haochaping.channels.my.rules import mobile_of
from haochaping.kit import config
from haochaping.kit.blobs import normal
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["NOT_PROVED", "Provider", "finish", "forget", "provider", "start"]

AWAY = Refused("identity_service_away", 503, "实名登录暂时不能用，请稍后再试，或用手机验证码登录。")
NOT_PROVED = Refused("identity_not_proved", 403, "没有通过实名登录，请重试，或用手机验证码登录。")
NOTHING_TOLD = Refused("identity_without_name", 403, "身份服务没有提供姓名和证件号码或手机号码，请用手机验证码登录。")


@dataclass(frozen=True)
class Proved:
    """Who somebody is, by the identity service."""

    name: str
    cert: str
    mobile: str


def provider() -> Provider | None:
    """The configured service; None where there is none. `Misconfigured` if it is not to be trusted."""
    return oidc.configured("OIDC", "openid profile phone", away=AWAY, not_proved=NOT_PROVED)


def finish(
    service: Provider, redirect_uri: str, answered: Mapping[str, str], kept: Mapping[str, str], now: datetime
) -> Proved:
    """Who came back. Refused: `NOT_PROVED` for whatever does not fit, `AWAY` where the service does not answer."""
    return _proved(oidc.finish(service, redirect_uri, answered, kept, now))


def _proved(claims: Mapping[str, Any]) -> Proved:
    name = text_of(claims, config.text("OIDC_CLAIM_NAME", "name"))
    cert = normal(text_of(claims, config.text("OIDC_CLAIM_CERT", "id_number")))
    phone = text_of(claims, config.text("OIDC_CLAIM_PHONE", "phone_number"))
    mobile = "" if claims.get("phone_number_verified") is False else mobile_of(phone) or ""
    if not (name and cert) and not mobile:
        raise NOTHING_TOLD
    return Proved(name, cert, mobile) if name and cert else Proved("", "", mobile)
