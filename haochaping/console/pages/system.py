"""For those who keep it running: how the interfaces fare, and what the audit trail calls what is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN
from haochaping.exchange.queries import OPEN_STATES, accepted_counts, balances, faults, health
from haochaping.exchange.rules import PHASE_NAMES, STATE_NAMES, Phase
from haochaping.kit import clock

if TYPE_CHECKING:
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
    "link_identity": "绑定统一身份认证",
    "unlink_identity": "解除统一身份认证绑定",
    "second_factor_on": "开启两步验证",
    "second_factor_codes": "更换备用码",
    "second_factor_off": "关闭两步验证",
    "second_factor_remove": "移除丢失的两步验证",
    "reveal_identity": "查看评价人身份",
    "evidence_add": "上传证据材料",
    "evidence_open": "查看证据材料",
    "evidence_drop": "删除证据材料",
    "export": "导出",
    "check_pressing": "登记疑似施压核实结果",
    "brief_submit": "报送信息专报",
    "brief_approve": "批示信息专报",
    "brief_return": "退回信息专报",
    "brief_archive": "归档信息专报",
    "problem_register": "登记典型问题",
    "problem_change": "修改典型问题",
    "problem_accept": "典型问题立项",
    "problem_measure": "登记典型问题措施",
    "problem_judge": "认定典型问题成效",
    "problem_reopen": "典型问题重新整改",
    "problem_merge": "并入典型问题",
    "problem_dismiss": "不予立项典型问题",
    "problem_publish": "公开典型问题",
    "problem_withdraw": "撤下公开的典型问题",
    "case_nominate": "报送优秀案例",
    "case_change": "修改优秀案例",
    "case_resubmit": "重新报送优秀案例",
    "case_accept": "优秀案例入选",
    "case_return": "退回优秀案例",
    "case_publish": "公开优秀案例",
    "case_withdraw": "撤下优秀案例",
    "report_ask": "生成报告",
    "report_submit": "提交报告",
    "report_approve": "批准报告",
    "report_return": "退回报告",
    "report_withdraw": "撤回报告",
    "report_drop": "作废报告",
    "report_redraw": "报告重新取数",
    "report_retry": "重新生成报告",
    "report_plan_on": "订阅报告",
    "report_plan_off": "停止订阅报告",
    "print_file": "打印归档单",
    "extend_parts": "协办期限随延期顺延",
    "bulk_move": "批量办理工单",
    "look_at_rater": "查看同一评价人的其他工单",
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
    "register_letter": "登记意见箱来件",
    "note_letter": "告知意见箱来件",
    "print_paper_forms": "生成纸质表",
    "download_paper_forms": "下载纸质表",
    "open_paper_batch": "收取纸质表",
    "recount_paper_batch": "更正纸质表张数",
    "decide_paper_form": "裁定纸质表",
    "void_paper_form": "作废纸质表",
    "reply_template_save": "保存答复模板",
    "reply_template_on": "启用答复模板",
    "reply_template_off": "停用答复模板",
    "draft_questionnaire": "起草问卷",
    "send_questionnaire": "提交问卷",
    "approve_questionnaire": "批准问卷",
    "return_questionnaire": "退回问卷",
    "close_questionnaire": "结束问卷",
    "consequence_propose": "提出约谈、通报等",
    "consequence_decide": "决定约谈、培训",
    "consequence_deliver": "送达劝诫",
    "consequence_publish": "发布通报、表扬",
    "consequence_state": "陈述意见",
    "consequence_record": "登记约谈、培训",
    "consequence_drop": "撤销约谈、通报等",
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
    "calendar_ask": "提出调整当地日历",
    "calendar_days": "调整当地日历",
    "calendar_refuse": "退回当地日历调整",
    "calendar_undo": "取消当地日历调整",
}
CIRCUIT = {
    "closed": {"kind": "good", "words": "正常"},
    "trial": {"kind": "warn", "words": "试探恢复"},
    "open": {"kind": "bad", "words": "暂停重试"},
}


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
