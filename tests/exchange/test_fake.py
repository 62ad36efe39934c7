"""The fake platform is as strict as the papers say: otherwise the other tests would prove little."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from haochaping.exchange.envelope import sealed_form
from haochaping.exchange.target import Access
from haochaping.kit import crypto
from haochaping.kit.config import ROOT
from haochaping.policy.commands import load_indicators
from haochaping.policy.models import Indicator
from tests.cast import NOW
from tests.exchange.test_quality import GOOD, KINDS
from tests.fakes.national_fields import TABLES

OPERATION = {"projectService": "addEvaluateService", "evaluate": "addEvaluate", "rectify": "addRectify"}


def way(platform) -> Access:
    return Access(platform.url, platform.app_mark, platform.app_word, platform.public_key)


def post(url, form) -> dict:
    request = urllib.request.Request(url, urlencode(form).encode())
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.loads(reply.read())


def call(platform, operation, body, *, now=NOW, **changed) -> dict:
    return post(f"{platform.url}/{operation}", sealed_form(way(platform), body, now) | changed)


def tell(platform, kind, record) -> str:
    """What it says of one record; "" if it took it in."""
    [told] = call(platform, OPERATION[kind], [{kind: record}])["data"]["serviceList"]
    return "" if told["success"] else told["errorMessage"]


def ledger(platform) -> dict:
    with urllib.request.urlopen(f"{platform.url}/ledger", timeout=10) as reply:
        return json.loads(reply.read())


class TestTheEnvelope:
    def refusal(self, platform, **changed):
        answer = call(platform, "addEvaluateService", [{"projectService": {}}], **changed)
        assert answer["success"] is False
        return answer["errorMessage"]

    def test_mark_sign_time_and_cipher_are_checked(self, platform):
        assert self.refusal(platform, appMark="OTHER") == "应用标识不存在"
        assert self.refusal(platform, time="20260610100001") == "签名校验失败"
        assert self.refusal(platform, time="yesterday") == "time 应为 yyyyMMddHHmmss"
        assert self.refusal(platform, sign="04" * 97) == "解密失败"
        assert self.refusal(platform, params='{"data": "00"}') == "解密失败"
        assert self.refusal(platform, more="x") == "请求参数不符合约定"
        assert self.refusal(platform, now=NOW - timedelta(minutes=6)) == "请求时间超出允许范围"

    def test_another_secret_is_found_out(self, platform):
        form = sealed_form(Access(platform.url, platform.app_mark, "guess", platform.public_key), [{}], NOW)
        assert post(f"{platform.url}/addEvaluate", form)["errorMessage"] == "签名校验失败"

    def test_two_hundred_records_are_the_most(self, platform):
        body = [{"projectService": GOOD[1]}] * 201
        assert call(platform, "addEvaluateService", body)["errorMessage"] == "params 应为 1 至 200 条记录的数组"

    def test_what_it_does_not_offer(self, platform):
        assert call(platform, "dropAll", [{}])["errorMessage"] == "接口不存在"


@pytest.mark.parametrize("phase", GOOD)
class TestTheFieldTables:
    def test_an_unknown_field_is_refused(self, platform, phase):
        assert tell(platform, KINDS[phase], GOOD[phase] | {"windowNo": "1"}) == "未知字段 windowNo"

    def test_a_number_is_no_text(self, platform, phase):
        assert tell(platform, KINDS[phase], GOOD[phase] | {"dataSource": 132}) == "字段 dataSource 类型错误，应为字符串"

    def test_each_required_field_is_missed(self, platform, phase):
        for name, field in TABLES[KINDS[phase]].items():
            if field.must and name not in {"projectNo", "serviceNumber", "assessNumber"}:
                record = {k: v for k, v in GOOD[phase].items() if k != name}
                assert tell(platform, KINDS[phase], record) == f"缺少必填字段 {name}"


def test_a_record_under_another_name_is_refused(platform):
    [told] = call(platform, "addEvaluateService", [{"evaluate": GOOD[2]}])["data"]["serviceList"]
    assert told["errorMessage"].startswith("记录应为")


def test_rules_between_fields(platform):
    service = GOOD[1]
    without = lambda *names: {k: v for k, v in service.items() if k not in names}  # noqa: E731
    assert tell(platform, "projectService", without("acceptDate")) == "proStatus 为 2、3 时 acceptDate 必填"
    assert tell(platform, "projectService", without("resultDate")) == "proStatus 为 3 时 resultDate 必填"
    assert tell(platform, "projectService", without("certKeyGOV")) == "certKey 与 certKeyGOV 至少填写一项"
    assert tell(platform, "projectService", without("acceptDate", "resultDate") | {"proStatus": "1"}) == ""
    assert tell(platform, "projectService", service | {"taskCode": "A" * 23 + "0" * 8}) == "办件对应事项不存在"


def test_two_phases_duplicates_and_order(platform):
    assert tell(platform, "evaluate", GOOD[2]) == "没有对应的服务数据"
    assert tell(platform, "projectService", GOOD[1]) == ""
    assert tell(platform, "projectService", GOOD[1]) == "服务数据不可重复"
    assert tell(platform, "rectify", GOOD[3]) == "没有对应的评价数据"
    assert tell(platform, "evaluate", GOOD[2] | {"assessTime": "2026-06-10 08:59:59"}) == "assessTime 早于 serviceTime"
    assert tell(platform, "evaluate", GOOD[2] | {"evalDetail": "510"}) == "评价指标 510 与满意度不符"
    assert tell(platform, "evaluate", GOOD[2] | {"evalDetail": "199"}) == "评价指标 199 不存在"
    assert tell(platform, "evaluate", GOOD[2]) == ""
    assert tell(platform, "evaluate", GOOD[2]) == "评价数据不可重复"
    assert tell(platform, "evaluate", GOOD[2] | {"pf": "1"}) == "本次服务已存在评价，请勿重复评价"
    assert tell(platform, "rectify", GOOD[3]) == ""
    assert tell(platform, "rectify", GOOD[3]) == "整改数据不可重复"
    held = ledger(platform)
    assert [held[kind]["ids"] for kind in OPERATION] == [["NJ1#1"]] * 3
    assert "赵试样" not in json.dumps(platform.ledger.records("projectService", "NJ1", 1), ensure_ascii=False)


@pytest.mark.django_db
def test_the_national_catalogue_is_ours(platform):
    load_indicators()
    norms = call(platform, "getnorm", [{}])["data"]["norms"]
    theirs = {
        (n["normCode"], int(n["starLevel"]), n["usingStatus"], n["usingStatus"] and not n["expandNorm"]) for n in norms
    }
    ours = set(Indicator.objects.filter(region="").values_list("code", "level", "is_active", "is_core"))
    assert theirs == ours
    assert len(theirs) == 72
    names = {n["normCode"]: n["normName"] for n in norms if n["usingStatus"]}
    assert names == dict(Indicator.objects.filter(region="", is_active=True).values_list("code", "name"))


def test_it_runs_as_a_process_of_its_own_and_keeps_its_books_and_key(tmp_path):
    command = [sys.executable, "-m", "tests.fakes.national", "--port", "0", "--data", str(tmp_path)]
    keys = []
    for expected in (1, 2):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            told = json.loads(process.stdout.readline())
            far = Access(told["url"], told["app_mark"], told["app_word"], bytes.fromhex(told["public_key"]))
            record = GOOD[1] | {"projectNo": f"NJ{expected}", "serviceTime": "2020-06-10 09:00:00"}
            form = sealed_form(far, [{"projectService": record}], datetime.now(UTC))
            assert post(f"{far.url}/addEvaluateService", form)["data"]["success"] is True
            with urllib.request.urlopen(f"{far.url}/ledger", timeout=10) as reply:
                assert json.loads(reply.read())["projectService"]["count"] == expected
            keys.append(far.public_key)
            process.terminate()
            assert process.wait(10) == 0
    assert keys[0] == keys[1]


def test_faults_are_switched_from_outside(platform):
    request = urllib.request.Request(f"{platform.url}/admin/faults", json.dumps({"script": ["error"]}).encode())
    urllib.request.urlopen(request, timeout=10).read()
    with pytest.raises(urllib.error.HTTPError, match="500"):
        tell(platform, "projectService", GOOD[1])
    assert tell(platform, "projectService", GOOD[1]) == ""


@pytest.mark.parametrize("backend", ["libcrypto", "gmalg"])
def test_either_sm2_speaks_with_it(platform, backend, monkeypatch):
    monkeypatch.setenv("HCP_SM2_BACKEND", backend)
    assert crypto.backend() == backend
    assert tell(platform, "projectService", GOOD[1]) == ""
