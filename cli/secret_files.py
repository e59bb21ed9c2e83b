"""Settings whose values stand in files, as orchestrators hand secrets to containers."""

import os
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource, SettingsError

__all__ = ["SECRETS", "SecretFiles"]

SECRETS: Final = frozenset(
    {
        "api_key",
        "erasure_key",
        "kafka_password",
        "kafka_key_password",
        "redis_url",
        "redis_password",
        "qdrant_url",
        "qdrant_api_key",
    }
)
"""Settings that are secrets, or addresses that hold one."""


class SecretFiles(PydanticBaseSettingsSource):
    """Reads a secret setting from the file that `STRATA_NAME_FILE` names, less its last line end.

    Raises:
        SettingsError: the file cannot be read, or the setting is given twice.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field
        variable = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        path = os.environ.get(f"{variable}_FILE")
        if not path:
            return None, field_name, False
        if os.environ.get(variable):
            raise SettingsError(f"both {variable} and {variable}_FILE are set")
        try:
            text = Path(path).read_text("utf-8")
        except OSError as error:
            raise SettingsError(f"{variable}_FILE: {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{variable}_FILE: {path}: not UTF-8") from error
        return text.rstrip("\r\n"), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
            if name in SECRETS
        }
        return {name: value for name, value in found.items() if value is not None}
