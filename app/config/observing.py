"""Settings of traces, and of what the log says of slow statements."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings


class Observing(BaseSettings):
    otel_exporter_otlp_endpoint: str | None = Field(
        None, description="Collector of traces (OTLP over HTTP), `http://collector:4318`. Unset: no traces."
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None, description="Headers it wants, `api-key=secret,other=value`."
    )
    otel_service_name: str = Field("feature-api", min_length=1, max_length=200, description="Whose traces they are.")
    otel_traces_sampler_arg: float = Field(
        0.1, ge=0, le=1, description="Part of the requests that is traced, where the caller has not decided."
    )
    slow_statement_seconds: float = Field(
        0.1, ge=0, le=600, description="Seconds from which a statement is logged as slow; 0: none is."
    )
    slow_statement_plans: bool = Field(False, description="Log the plan of slow statements too, now and then.")

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _is_a_collector(cls, url: str | None) -> str | None:
        if url is not None and not _is_base(url):
            raise ValueError("it must be an address such as http://collector:4318, without a password or a query")
        return url

    @field_validator("otel_exporter_otlp_headers")
    @classmethod
    def _are_headers(cls, text: SecretStr | None) -> SecretStr | None:
        if text is not None and not all(_is_header(part) for part in text.get_secret_value().split(",")):
            raise ValueError("it must be headers such as api-key=secret, with commas between")
        return text

    @property
    def otlp_headers(self) -> dict[str, str]:
        text = self.otel_exporter_otlp_headers
        pairs = [part.partition("=") for part in text.get_secret_value().split(",")] if text else []
        return {name.strip(): value.strip() for name, _, value in pairs}


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = not (parts.query or parts.fragment or parts.username is not None)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and plain
    except ValueError:
        return False


def _is_header(part: str) -> bool:
    name, found, value = part.partition("=")
    name, value = name.strip(), value.strip()
    return bool(found and value) and name.isascii() and name.replace("-", "").isalnum() and value.isprintable()
