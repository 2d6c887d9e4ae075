"""What every group of settings has in common: frozen, unknown names refused, and an invalid value is reported in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from miner.errors import ConfigError
from miner.support.unknown_names import unknown_name

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as SettingsGroupType
else:

    class SettingsGroupType(type(BaseModel)):
        """Makes `Settings(…)` raise ConfigError, as everything else does. A request body that holds settings keeps pydantic's errors."""

        def __call__(cls, *args: Any, **values: Any) -> Any:
            """Build the settings."""
            try:
                return super().__call__(*args, **values)
            except ValidationError as error:
                raise ConfigError(explain(error, list(cls.model_fields))) from None


class SettingsGroup(BaseModel, metaclass=SettingsGroupType):
    """Frozen settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Build from loose values; ConfigError names the field, the value and what would be right."""
        return cls(**values)

    def __setattr__(self, name: str, value: Any) -> None:
        """Raise ConfigError: settings are frozen."""
        raise ConfigError(f"settings cannot be changed ({name} = {value!r}); make new ones: model_copy(update={{'{name}': {value!r}}})")


def explain(error: ValidationError, names: list[str]) -> str:
    """A pydantic error as one sentence: field, value, what would be right. The one place where they are translated."""
    fault = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return unknown_name("setting", field, names)
    if fault["type"] == "value_error" and "ctx" in fault:
        return f"{field}: {fault['ctx']['error']}" if field else str(fault["ctx"]["error"])
    if fault["type"] == "tuple_type":
        return f"{field} is {fault['input']!r}: a list is needed, as [{fault['input']!r}]"
    message = fault["msg"][0].lower() + fault["msg"][1:]
    return f"{field} is {fault['input']!r}: {message}"
