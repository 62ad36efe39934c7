"""The one settings file. Everything that differs between installations comes from `HCP_*` (see .env.example)."""

from __future__ import annotations

import os

from haochaping.accounts.rules import SecondFactorMode
from haochaping.kit import config, keys, postgres
from haochaping.kit.config import ROOT, Misconfigured
from haochaping.project.database import django_database

DATA = config.data_dir()
DEBUG = False
SECRET_KEY = config.text("SECRET_KEY") or keys.key("django", 48).hex()
ALLOWED_HOSTS = config.text("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1],testserver").split(",")
PUBLIC_URL = config.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")

if config.is_production():
    if len(SECRET_KEY) < 50:
        raise Misconfigured(
            "HCP_SECRET_KEY is shorter than 50 characters: leave it unset to have one made, or write a longer one"
        )
    if not PUBLIC_URL.startswith("https://"):
        raise Misconfigured("HCP_PUBLIC_URL must begin with https:// when HCP_ENV=production")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "procrastinate.contrib.django",
    "ninja",
    "axes",
    "django_filters",
    "django_htmx",
    "haochaping.outbox",
    "haochaping.messaging",
    "haochaping.accounts",
    "haochaping.directory",
    "haochaping.policy",
    "haochaping.evaluation",
    "haochaping.rectification",
    "haochaping.flow",
    "haochaping.analytics",
    "haochaping.channels",
    "haochaping.exchange",
    "haochaping.publication",
    "haochaping.console",
    "haochaping.project",
]
MIDDLEWARE = [
    "haochaping.project.middleware.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "haochaping.project.middleware.LargeType",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "haochaping.project.middleware.ApiTransaction",
    "haochaping.project.middleware.RefusedAnswers",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "haochaping.project.urls"
ASGI_APPLICATION = "haochaping.project.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "haochaping" / "project" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "haochaping.project.context.installation",
            ],
        },
    },
]

_embedded = postgres.Embedded(DATA / "postgres")
DATABASE_URL = config.text("DATABASE_URL")
OWNER_URL = config.text("DATABASE_OWNER_URL")
EMBEDDED = not DATABASE_URL
if DATABASE_URL and not OWNER_URL:
    raise Misconfigured("HCP_DATABASE_URL is set, so HCP_DATABASE_OWNER_URL is needed too (the role that migrates)")
DATABASES = {
    "default": django_database(
        DATABASE_URL or _embedded.app_url, pool=config.integer("DB_POOL", 0), seconds=config.integer("DB_SECONDS", 0)
    ),
    "owner": django_database(OWNER_URL or _embedded.owner_url, pool=0),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.Person"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "haochaping.accounts.backends.SecondFactorBackend",
]
try:
    SECOND_FACTOR = SecondFactorMode(
        config.text("SECOND_FACTOR") or ("required" if config.is_production() else "optional")
    )
except ValueError as error:
    raise Misconfigured(f"HCP_SECOND_FACTOR: {error}, it is off, optional or required") from None
PASSWORD_HASHERS = ["haochaping.accounts.passwords.Argon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "haochaping.accounts.passwords.Length"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "name")},
    },
    {"NAME": "haochaping.accounts.passwords.Kinds"},
    {"NAME": "haochaping.accounts.passwords.NotRecent"},
]
PASSWORD_DAYS = config.integer("PASSWORD_DAYS", 90)  # 0: a password never grows too old
LOGIN_URL = "/console/login"
LOGIN_REDIRECT_URL = "/console/"
LOGOUT_REDIRECT_URL = "/console/login"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.5  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "console/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_IPWARE_PROXY_COUNT = config.integer("PROXIES", 0)
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]  # what axes writes down of a failed form, these masked

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [ROOT / "haochaping" / "project" / "locale"]
USE_I18N = True
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = ROOT / "build" / "static"
STATICFILES_DIRS = [ROOT / "haochaping" / "project" / "static", ROOT / "build" / "vendor"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder"
]  # the allow-list of project/assets.py, no more
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024  # a page's form; the signed API has limits of its own

# What was entered for others: the form of a recording's number, and the percentage put up for a second person's check.
RECORDING_NUMBER = config.text("RECORDING_NUMBER", r"[0-9A-Za-z][0-9A-Za-z_-]{5,39}")
CALL_HOURS = config.hours("CALL_HOURS", "08:30-20:30")
ENTRY_CHECK_PERCENT = config.integer("ENTRY_CHECK_PERCENT", 10)

# The probe of the channels: the address at which it asks, and a recording's number that RECORDING_NUMBER allows.
PROBE_URL = config.text("PROBE_URL") or PUBLIC_URL
PROBE_RECORDING = config.text("PROBE_RECORDING", "PROBE0000000001")

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"

IS_DEMO = config.text("DEMO") == "1"  # set by `hcp demo` for its own processes
LAKE = DATA / "lake"
LAKE_MEMORY = config.text("LAKE_MEMORY", "1GB")
OPEN_DATA = DATA / "open-data"
OPEN_DATA_LICENCE = config.text(
    "OPEN_DATA_LICENCE", "CC BY 4.0（署名 4.0 国际），https://creativecommons.org/licenses/by/4.0/"
)
ENGINE = config.text("ENGINE", "duckdb")
SPARK_MASTER = config.text("SPARK_MASTER", "local[2]")

SILENCED_SYSTEM_CHECKS = ["fields.W342"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_persons": {"()": "haochaping.project.logs.WithoutPersons"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_persons"]}},
    "root": {"handlers": ["stderr"], "level": config.text("LOG_LEVEL", "WARNING")},
    "loggers": {
        "haochaping": {"level": config.text("LOG_LEVEL", "INFO")},
        # at DEBUG these write whole pages' contexts and statements with their values, which no mask reaches
        "django.template": {"level": "INFO"},
        "django.db.backends": {"level": "INFO"},
    },
}
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "haochaping.project.settings")
