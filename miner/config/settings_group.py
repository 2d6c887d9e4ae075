"""What every group of settings has in common: frozen, unknown names refused, and an invalid value is reported in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from miner.errors import ConfigError
from miner.support.unknown_names import unknown_name

OF_RUNTIME = ("device", "batch_size", "threads", "cache", "allow_code")
"""Settings that a config does not have, since they change no bytes."""
NEEDED = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
}
"""What a field needs, by pydantic's name of the fault."""

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

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse True and False for a number, alone or in a list: Python's are 1 and 0."""
        has_truth_value = any(isinstance(item, bool) for item in (value if isinstance(value, list | tuple) else (value,)))
        types = _types(cls.model_fields[str(info.field_name)].annotation) if has_truth_value else set()
        if types & {int, float} and bool not in types:
            raise PydanticCustomError("truth_value", "a number is needed, not true or false")
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        """Raise ConfigError: settings are frozen."""
        raise ConfigError(f"settings cannot be changed ({name} = {value!r}); make new ones: model_copy(update={{'{name}': {value!r}}})")


def _types(annotation: Any) -> set[Any]:
    """The types in an annotation, at any depth."""
    inner = get_args(annotation)
    return set().union(*map(_types, inner)) if inner else {annotation} if isinstance(annotation, type) else set()


def explain(error: ValidationError, names: list[str]) -> str:
    """A pydantic error as one sentence: field, value, what would be right. The one place where they are translated."""
    fault = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden" and field in OF_RUNTIME and "negatives" in names:
        return (
            f"{field} is no setting of a config, but of the runtime: Runtime({field}=…), on the command line `--{field.replace('_', '-')}`"
        )
    if fault["type"] == "extra_forbidden":
        return unknown_name("setting", field, names)
    if fault["type"] == "value_error" and "ctx" in fault:
        return f"{field}: {fault['ctx']['error']}" if field else str(fault["ctx"]["error"])
    if fault["type"] == "tuple_type":
        return f"{field} is {fault['input']!r}: a list is needed, as [{fault['input']!r}]"
    if needed := NEEDED.get(fault["type"]):
        return f"{field} is {fault['input']!r}: {needed} is needed"
    message = fault["msg"][0].lower() + fault["msg"][1:]
    return f"{field} is {fault['input']!r}: {message}"
