"""For those who keep it running: the audit trail, and how the interfaces fare."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import django_filters as filters
from django import forms
from django.core.paginator import Paginator
from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.models import Audit
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.exchange.queries import OPEN_STATES, accepted_counts, balances, faults, health
from haochaping.exchange.rules import PHASE_NAMES, STATE_NAMES, Phase
from haochaping.kit import clock

if TYPE_CHECKING:
    from datetime import date

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

ACTIONS = {
    "login": "登录",
    "logout": "退出",
    "change_password": "修改密码",
    "person_add": "新增人员",
    "person_change": "修改人员资料",
    "person_off": "停用人员",
    "person_on": "恢复人员",
    "reset_password": "重置密码",
    "grant": "授予角色",
    "revoke_grant": "撤销角色",
    "end_sessions": "结束登录",
    "unlock": "解除登录锁定",
    "prove": "再次确认身份",
    "second_factor_on": "开启两步验证",
    "second_factor_codes": "更换备用码",
    "second_factor_off": "关闭两步验证",
    "second_factor_remove": "移除丢失的两步验证",
    "reveal_identity": "查看评价人身份",
    "export": "导出",
    "repair_take": "取出等待的数据",
    "repair_retry": "重试异常数据",
    "repair_retry_many": "批量重试异常数据",
    "repair_fix": "更正异常数据",
    "repair_accept": "裁定计入",
    "repair_discard": "标记未能计入",
    "repair_bring_back": "恢复异常数据",
    "void_batch": "整批无效",
    "restore_batch": "恢复整批",
    "add_app_key": "生成应用密钥",
    "revoke_app_key": "停用应用密钥",
    "set_return_origins": "修改返回地址",
    "withdraw_identity": "评价人撤回身份",
    "withdraw_words": "评价人撤回文字",
    "forget_citizen": "评价人删除数据",
    "device_code": "发放设备注册码",
    "device_enrol": "设备注册",
    "device_replaced": "设备被替换",
    "device_revoke": "停用设备",
    "window_add": "新增窗口",
    "window_change": "修改窗口",
    "window_stop": "停用窗口",
    "window_start": "恢复窗口",
    "sign_print": "打印窗口二维码",
    "sign_replace": "更换窗口二维码",
    "ticket_print": "打印评价码",
    "retry_messages": "重试短信",
    "test_message": "发测试短信",
    "find_service": "查找来电人的服务",
    "enter_rating": "代录评价",
    "check_entry": "核对代录的评价",
    "probe_now": "立即巡检",
    "indicators_draft": "起草指标集",
    "indicators_edit": "修改指标集",
    "indicators_submit": "提交指标集",
    "indicators_take_back": "撤回指标集",
    "indicators_drop": "作废指标集",
    "indicators_approved": "批准指标集",
    "indicators_refused": "退回指标集",
    "policy_draft": "起草规则",
    "policy_edit": "修改规则稿",
    "policy_submit": "提交规则稿",
    "policy_take_back": "撤回规则稿",
    "policy_drop": "作废规则稿",
    "policy_ask_withdrawal": "申请撤销规则",
    "policy_approved": "批准规则",
    "policy_refused": "退回规则稿",
    "calendar_year": "装载年度日历",
    "calendar_days": "调整当地日历",
    "calendar_undo": "取消当地日历调整",
}
CIRCUIT = {
    "closed": {"kind": "good", "words": "正常"},
    "trial": {"kind": "warn", "words": "试探恢复"},
    "open": {"kind": "bad", "words": "暂停重试"},
}


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=clock.CHINA)


class AuditFilter(filters.FilterSet):  # type: ignore[misc]
    who = filters.CharFilter(field_name="actor_name", lookup_expr="icontains", label="人员")
    action = filters.CharFilter(lookup_expr="exact", label="操作")
    subject = filters.CharFilter(lookup_expr="istartswith", label="对象")
    since = filters.DateFilter(method="from_day", label="自", widget=forms.DateInput(attrs={"type": "date"}))
    until = filters.DateFilter(method="to_day", label="至", widget=forms.DateInput(attrs={"type": "date"}))

    class Meta:
        model = Audit
        fields: tuple[str, ...] = ()

    def from_day(self, rows: QuerySet[Audit], _name: str, day: date) -> QuerySet[Audit]:
        return rows.filter(at__gte=midnight(day))

    def to_day(self, rows: QuerySet[Audit], _name: str, day: date) -> QuerySet[Audit]:
        return rows.filter(at__lt=midnight(day) + timedelta(days=1))


@needs(*MAY_OPEN["audit"])
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first; read only."""
    found = AuditFilter(request.GET, Audit.objects.order_by("-at", "-id"))
    page = Paginator(found.qs, PER_PAGE * 2).get_page(request.GET.get("page"))
    known = Audit.objects.order_by("action").values_list("action", flat=True).distinct()
    return render(
        request,
        "console/audit.html",
        {
            "filter": found,
            "page": page,
            "lines": [(row, ACTIONS.get(row.action, row.action)) for row in page],
            "actions": [(action, ACTIONS.get(action, action)) for action in known],
        },
    )


@needs(*MAY_OPEN["exchange"])
@require_safe
def exchange(request: HttpRequest) -> HttpResponse:
    """How the national platform's interface stands: backlog, last acceptance, last error, circuit, reconciliation."""
    found = health(clock.now())
    accepted = accepted_counts()
    phases = [
        {
            "name": PHASE_NAMES[phase],
            "accepted": accepted[phase.key],
            "states": [(STATE_NAMES[state], found.backlog_by_phase[phase.key][state]) for state in OPEN_STATES],
        }
        for phase in Phase
    ]
    context = {
        "health": found,
        "circuit": CIRCUIT[found.circuit],
        "states": [STATE_NAMES[state] for state in OPEN_STATES],
        "phases": phases,
        "faults": [(fault, PHASE_NAMES[fault.phase]) for fault in faults()],
        "balances": [(balance, PHASE_NAMES[Phase(balance.phase)]) for balance in balances(limit=12)],
    }
    return render(request, "console/exchange.html", context)
