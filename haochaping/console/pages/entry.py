"""Coming in and going out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from haochaping.accounts import identity, second_factor
from haochaping.accounts.commands import audit
from haochaping.accounts.models import Person
from haochaping.console import entrance
from haochaping.console.access import leave, needs
from haochaping.console.proof import WRONG_CODE
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock

if TYPE_CHECKING:
    from django.http import HttpRequest


class LoginForm(AuthenticationForm):
    """One answer for a wrong name, a wrong password and a person who is no longer active: nobody learns who exists."""

    error_messages = {
        "invalid_login": "用户名或密码不正确。连续输错5次，账号将在本机锁定30分钟。",
        "inactive": "用户名或密码不正确。连续输错5次，账号将在本机锁定30分钟。",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, words in (("username", "请填写用户名。"), ("password", "请填写密码。")):
            self.fields[name].error_messages["required"] = words
            self.fields[name].label = {"username": "用户名", "password": "密码"}[name]


class Login(LoginView):
    template_name = "console/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"has_identity": identity.provider() is not None}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        person = form.get_user()
        if second_factor.is_asked_of(person):
            return entrance.wait_for_code(self.request, person, self.get_success_url())
        return entrance.let_in(self.request, person, self.get_success_url(), by="password")

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        person = Person.objects.filter(username=form.cleaned_data.get("username") or "").first()
        if person is not None:
            audit(person.actor(), "login", person.username, now=clock.now(), result="refused")
        return self.render_to_response(self.get_context_data(form=form), status=422)


login = never_cache(Login.as_view())


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login_code(request: HttpRequest) -> HttpResponse:
    """The second step: the code of the telephone, or a backup code. Each is good once; wrong ones count like wrong passwords."""
    awaited = entrance.waiting(request)
    if awaited is None:
        messages.warning(request, "等待验证码的时间过了，请重新登录。")
        return redirect("console:login")
    person, way_on = awaited
    if request.method != "POST":
        return render(request, "console/login_code.html")
    found = entrance.check(request, person, token=request.POST.get("code", ""))
    if found is None:
        now = clock.now()
        audit(person.actor(), "login", person.username, now=now, result="refused", facts={"by": "code"})
        return render(request, "console/login_code.html", {"wrong": WRONG_CODE}, status=422)
    if found.factor == "backup":
        left = second_factor.codes_left(person)
        messages.warning(
            request, f"已用掉一个备用码，还剩{left}个。手机不在身边或已丢失的，请尽快到“我的账号”重新设置。"
        )
    return entrance.let_in(request, person, way_on, by=found.factor, second=True)


class Logout(LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, Person):
            audit(request.user.actor(), "logout", request.user.username, now=clock.now())
            leave(request)
        return super().post(request, *args, **kwargs)


logout = require_POST(Logout.as_view())


@needs(*MAY_OPEN["workbench"])
@require_POST
def alive(_request: HttpRequest) -> HttpResponse:
    """Somebody is still typing: the session counts as used."""
    return HttpResponse(status=204)
