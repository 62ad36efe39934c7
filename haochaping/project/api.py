"""The machine API beside the door: routers of the rooms, one shape of errors (contract §3)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from haochaping.accounts.signing import Signed
from haochaping.analytics.api import router as statistics
from haochaping.channels import openapi
from haochaping.channels.api import router as collection
from haochaping.channels.device.api import router as calls
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification.api import router as orders

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from ninja.openapi.schema import OpenAPISchema


class MachineAPI(NinjaAPI):
    """Its document also has the hot paths, which the door answers before django-ninja is asked."""

    def get_openapi_schema(self, **more: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**more)
        document["paths"] = openapi.PATHS | document["paths"]
        for verbs in document["paths"].values():
            for operation in verbs.values():
                operation["security"] = [{"Signed": []}]
        components = document.setdefault("components", {})
        components["schemas"] = components.get("schemas", {}) | openapi.SCHEMAS
        header = {"type": "apiKey", "in": "header", "name": "X-Signature", "description": "docs/api.md"}
        components["securitySchemes"] = components.get("securitySchemes", {}) | {"Signed": header}
        return document


api = MachineAPI(
    title="好差评 Haochaping",
    version="1",
    description="Signed machine API; see docs/api.md.",
    auth=Signed(),
    urls_namespace="api",
    docs_url="/docs",
    openapi_url="/openapi.json",
)
api.add_router("", collection)
api.add_router("", calls)
api.add_router("", orders)
api.add_router("", statistics)


@api.exception_handler(Refused)
def refused(request: HttpRequest, no: Refused) -> HttpResponse:
    return api.create_response(request, no.as_json(), status=no.status)


@api.exception_handler(HttpError)
def unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    no = Refused("malformed", 422, "请求体不是合法的 JSON（UTF-8）。")
    if error.status_code != HTTPStatus.BAD_REQUEST:
        no = Refused("http_error", error.status_code, str(error))
    return api.create_response(request, no.as_json(), status=no.status)


@api.exception_handler(RequestDataTooBig)
def too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:  # noqa: ARG001
    no = Refused("too_large", 413, f"请求体最大 {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024} KB。")
    return api.create_response(request, no.as_json(), status=no.status)


@api.exception_handler(ValidationError)
def malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields = tuple(FieldError(str(e["loc"][-1]), str(e["type"]), str(e["msg"])) for e in error.errors)
    no = Refused("fields_refused", 422, "请求有的内容不对，请按 fields 逐项更正。", fields)
    return api.create_response(request, no.as_json(), status=422)
