"""我的账号: one's password, and where one is logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from haochaping.accounts import people, second_factor, sessions
from haochaping.accounts.commands import audit
from haochaping.accounts.models import Person
from haochaping.accounts.passwords import asked, why_to_change
from haochaping.accounts.rules import SecondFactorMode
from haochaping.console.access import LOGIN, needs
from haochaping.console.rules import IDLE, MAY_OPEN
from haochaping.kit import clock

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpRequest, HttpResponse


class PasswordForm(PasswordChangeForm):
    error_messages = {
        "password_mismatch": "两次输入的新密码不一样，请重新输入。",
        "password_incorrect": "当前密码不正确，请重新输入。",
    }
    field_order = ["old_password", "new_password1", "new_password2"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {"old_password": "当前密码", "new_password1": "新密码", "new_password2": "再输一次新密码"}
        for name, label in labels.items():
            field: forms.Field = self.fields[name]
            field.label = label
            field.error_messages["required"] = f"请填写{label}。"

    def validate_password_for_user(self, user: Any, *_: Any, **__: Any) -> None:
        """What is wrong with the new password stands at its field, not at the one that repeats it."""
        super().validate_password_for_user(user, "new_password1")


@method_decorator(needs(*MAY_OPEN["password"]), name="dispatch")
class Password(PasswordChangeView):
    template_name = "console/password.html"
    form_class = PasswordForm
    success_url = reverse_lazy("console:workbench")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        person, now = self.request.user, clock.now()
        assert isinstance(person, Person)
        more = {
            "asked": asked(),
            "why": why_to_change(person, now),
            "person": person,
            "phone": people.masked_phone(person),
            "sessions": sessions.live(person, since=now - IDLE),
            "here": self.request.session.get(LOGIN),
            "offers_second": settings.SECOND_FACTOR is not SecondFactorMode.OFF,
            "second": second_factor.of(person),
            "must_second": second_factor.is_owed_by(person),
            "codes_left": second_factor.codes_left(person),
        }
        return super().get_context_data(**kwargs) | more

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        person, now = form.user, clock.now()
        people.change_own_password(person, form.cleaned_data["new_password1"], now=now)
        sessions.end_all(person, by=person.name, now=now, but=self.request.session.get(LOGIN))
        update_session_auth_hash(self.request, person)
        messages.success(self.request, "密码已修改，其他设备上的登录已失效。")
        return redirect(self.get_success_url())

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


password = never_cache(Password.as_view())
password.needs = MAY_OPEN["password"]  # type: ignore[attr-defined]


@needs(*MAY_OPEN["password"])
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """End one's logins in other browsers; this one stays."""
    person, now = request.user, clock.now()
    assert isinstance(person, Person)
    ended = sessions.end_all(person, by=person.name, now=now, but=request.session.get(LOGIN))
    if ended:
        audit(person.actor(), "end_sessions", person.username, now=now, facts={"个数": ended})
    messages.success(request, f"已结束其他{ended}处登录。" if ended else "没有其他登录。")
    return redirect("console:password")
