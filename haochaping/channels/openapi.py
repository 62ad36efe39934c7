"""What the door answers, as OpenAPI: the hot paths are not routed by django-ninja, so they are described here."""

from __future__ import annotations

from typing import Any

from haochaping.evaluation.records import WORDS_MOST
from haochaping.evaluation.rules import CHANNEL_NAMES, LEVEL_NAMES, Aspect, Consent, Mode, Point

Schema = dict[str, Any]
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", "description": "Asia/Shanghai"}


def _text(most: int, description: str = "") -> Schema:
    return {"type": "string", "maxLength": most} | ({"description": description} if description else {})


def _number(least: int, most: int, description: str = "") -> Schema:
    """Numbers may be sent as text: the national interface sends all of them so."""
    number = {
        "anyOf": [{"type": "integer", "minimum": least, "maximum": most}, {"type": "string", "pattern": r"^\d{1,6}$"}]
    }
    return number | ({"description": description} if description else {})


SERVICE: Schema = {
    "type": "object",
    "description": "办件服务数据",
    "required": ["projectNo", "serviceNumber", "taskCode", "areaCode", "serviceTime", "proStatus"],
    "anyOf": [{"required": ["orgcode"]}, {"required": ["deptCode"]}],
    "properties": {
        "projectNo": _text(100, "办件编号"),
        "serviceNumber": _number(1, 99, "第几次服务"),
        "taskCode": _text(64, "31 位实施编码；33 位业务办理项编码会自动拆分"),
        "taskHandleItem": _text(33),
        "orgcode": _text(40, "18 位统一社会信用代码，或 areaCode_代码"),
        "deptCode": _text(40),
        "areaCode": {"type": "string", "pattern": r"^\d{6}(\d{6})?$"},
        "serviceTime": MOMENT,
        "proStatus": _number(1, 3, "1 待受理 2 已受理 3 已办结"),
        "projectName": _text(500),
        "serviceName": _text(100),
        "windowNo": _text(64),
        "clerkNo": _text(64),
        "proChannel": _number(1, 2, "1 线上 2 线下"),
        "projectType": _number(1, 2),
        "promiseDay": _number(0, 9999),
        "promiseType": _number(0, 3, "0 天 1 工作日 2 月 3 年"),
        "acceptDate": MOMENT,
        "resultDate": MOMENT,
        "userProp": _number(1, 9),
        "userName": _text(200),
        "creditType": _text(10, "111 居民身份证"),
        "creditNum": _text(50),
        "mobile": _text(30),
        "aspect": {"type": "string", "enum": [a.value for a in Aspect]},
        "point": {"type": "string", "enum": [p.value for p in Point]},
        "mode": {"type": "string", "enum": [Mode.ON_SITE.value, Mode.ONLINE.value]},
    },
}
EVALUATION: Schema = {
    "type": "object",
    "description": "评价",
    "required": ["projectNo", "serviceNumber", "satisfaction", "pf", "assessTime"],
    "properties": {
        "projectNo": _text(100),
        "serviceNumber": _number(1, 99),
        "satisfaction": _number(1, 5, " ".join(f"{int(level)} {name}" for level, name in LEVEL_NAMES.items())),
        "pf": _number(1, 9, " ".join(f"{int(pf)} {name}" for pf, name in CHANNEL_NAMES.items())),
        "evalDetail": _text(400, "指标代码，逗号分隔"),
        "writingEvaluation": _text(WORDS_MOST),
        "assessTime": MOMENT,
        "name": _text(200),
        "certKey": _text(100),
        "mobile": _text(30),
        "userProp": _number(1, 9),
        "consent": {"type": "array", "items": {"type": "string", "enum": [c.value for c in Consent]}},
        "deviceId": _text(64),
    },
}
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "fields"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "fields": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
            },
        },
        "serverTime": {"type": "integer", "description": "毫秒；401 时给出"},
    },
}
FIELD_ERROR: Schema = {
    "type": "object",
    "required": ["field", "code", "message"],
    "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
}
RECEIPT = {"type": "string", "pattern": "^HP[0-9A-Z]{20}$"}
ERRORS = {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}}


def _answers(*statuses: tuple[int, str, Schema]) -> Schema:
    return {
        str(status): {"description": text, "content": {"application/json": {"schema": schema}}}
        for status, text, schema in statuses
    }


def _refusals(*statuses: int) -> Schema:
    said = {401: "签名", 404: "不属于贵单位", 409: "已评价或已过期限", 413: "太大", 422: "字段有误", 503: "请稍后重试"}
    return _answers(*((status, said[status], {"$ref": "#/components/schemas/Error"}) for status in statuses))


def _post(summary: str, schema: Schema, answers: Schema, more: Schema | None = None) -> Schema:
    return {
        "post": {
            "operationId": summary.lower().replace(" ", "_"),
            "summary": summary,
            "tags": ["collection"],
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}} | (more or {})},
            "responses": answers,
        }
    }


def _results(properties: Schema, more: Schema | None = None) -> Schema:
    each = {"type": "object", "properties": properties | {"errors": ERRORS}}
    results: Schema = {"results": {"type": "array", "items": each}}
    return {"type": "object", "required": ["results", *(more or {})], "properties": results | (more or {})}


def _one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


_CREATED: Schema = {
    "type": "object",
    "required": ["id", "receipt"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "receipt": RECEIPT,
        "orderNo": {"type": "string"},
        "answerBy": MOMENT,
        "duplicate": {"type": "boolean"},
    },
}
_PARKED: Schema = {"type": "object", "properties": {"status": _one_of("parked"), "receipt": RECEIPT}}
_SERVICE = {"$ref": "#/components/schemas/Service"}
_EVALUATION = {"$ref": "#/components/schemas/Evaluation"}
SCHEMAS: Schema = {"Service": SERVICE, "Evaluation": EVALUATION, "Error": ERROR, "FieldError": FIELD_ERROR}
PATHS: Schema = {
    "/api/v1/services": _post(
        "Report services",
        {"oneOf": [_SERVICE, {"type": "array", "items": _SERVICE, "maxItems": 1000}]},
        _answers(
            (
                200,
                "逐条结果",
                _results(
                    {
                        "projectNo": {"type": "string"},
                        "serviceNumber": {"type": ["integer", "null"]},
                        "status": _one_of("created", "updated", "unchanged", "parked", "rejected"),
                    }
                ),
            )
        )
        | _refusals(401, 413, 422, 503),
    ),
    "/api/v1/evaluations": _post(
        "Rate a service",
        _EVALUATION,
        _answers((201, "已收到", _CREATED), (200, "同样内容再次提交", _CREATED), (202, "办件服务未到，已暂存", _PARKED))
        | _refusals(401, 404, 409, 413, 422, 503),
    ),
    "/api/v1/evaluations/batch": _post(
        "Rate many services",
        {"type": "array", "items": _EVALUATION, "maxItems": 10_000},
        _answers(
            (
                200,
                "逐条结果，按原顺序",
                _results(
                    {
                        "index": {"type": "integer"},
                        "status": _one_of("created", "duplicate", "conflict", "parked", "rejected"),
                        "id": {"type": "string", "format": "uuid"},
                        "receipt": RECEIPT,
                        "orderNo": {"type": "string"},
                        "answerBy": MOMENT,
                    },
                    {"batch": {"type": "string", "description": "批次号；逐条结果以后可由 GET /batches/{batch} 再查"}},
                ),
            )
        )
        | _refusals(401, 413, 422, 503),
        {"application/x-ndjson": {"schema": {"type": "string"}}},
    ),
}
