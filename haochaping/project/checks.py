"""`hcp check`: what an operator should know before the telephone rings."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.checks import run_checks
from django.db import DatabaseError, connection

from haochaping.channels.probe.queries import standing
from haochaping.directory.queries import dangling
from haochaping.kit import clock, crypto
from haochaping.kit.cluster import verify_durable
from haochaping.messaging import queries as messages
from haochaping.policy.queries import calendar, rules


@dataclass(frozen=True)
class Finding:
    is_good: bool
    text: str


def look() -> list[Finding]:
    """Configuration, database, crypto, calendar of next year, policy, master data."""
    found = [Finding(False, f"配置：{message.msg}") for message in run_checks()] or [Finding(True, "配置")]
    found.append(_crypto())
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        return [*found, Finding(False, f"数据库连接不上：{error}")]
    return [*found, _database(), _calendar(), _policy(), _messages(), _probe(), *_directory()]


def _crypto() -> Finding:
    try:
        crypto.self_test()
    except crypto.SelfTestFailed as error:
        return Finding(False, f"密码算法自检不通过：{error}")
    return Finding(True, f"密码算法自检通过（SM2 由 {crypto.backend()} 提供）")


def _database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, current_user FROM pg_roles WHERE rolname = current_user")
        is_superuser, role = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        owned = cursor.fetchone()[0]
    if is_superuser or owned:
        return Finding(False, f"应用数据库角色 {role} 是超级用户或表的所有者：应另设角色（HCP_DATABASE_URL）")
    try:
        verify_durable(connection.connection)
    except Exception as error:  # noqa: BLE001  whatever it says is what the operator needs
        return Finding(False, f"数据库可能丢数据：{error}")
    return Finding(True, f"数据库（角色 {role} 不是所有者；写盘设置完整）")


def _calendar() -> Finding:
    year = clock.today().year + 1
    if calendar().knows(year):
        return Finding(True, f"{year} 年工作日历已有")
    return Finding(
        False,
        f"{year} 年放假安排尚未录入：跨年期限按暂定显示；国务院办公厅公布后请用 hcp calendar load 录入",
    )


def _policy() -> Finding:
    in_force = [rule for rule in rules() if rule.valid_to is None]
    if not in_force:
        return Finding(False, "尚无规则包：hcp policy load policies/jiangsu.toml")
    return Finding(True, "规则包：" + "、".join(f"{r.policy.pack}（{r.region}）" for r in in_force))


def _messages() -> Finding:
    """Without a gateway nothing is wrong, people are only not asked by SMS; half a configuration is a mistake."""
    state = messages.health(clock.now())
    if state.wrong:
        return Finding(False, f"短信网关：{state.wrong}")
    if not state.is_configured:
        return Finding(True, "短信网关未配置：短信排队等待，见 docs/sms.md")
    return Finding(state.circuit == "closed", f"短信网关已配置，等待发送 {state.waiting} 条")


def _probe() -> Finding:
    """Whether every level can be given through every channel; before the first night nothing is known."""
    found = standing(clock.now())
    if found.last is None:
        return Finding(True, "渠道巡检：还没有巡检过，每夜自动进行，或用 hcp probe")
    if found.words:
        return Finding(False, f"渠道巡检：{found.words}，见控制台“渠道巡检”")
    return Finding(True, f"渠道巡检：{found.last.given} 项都能评")


def _directory() -> list[Finding]:
    return [Finding(False, f"基础数据：{text}") for text in dangling()] or [Finding(True, "基础数据无悬空引用")]
