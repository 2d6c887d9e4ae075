"""GET /v1/models: the operator's list. Nothing else can be loaded, and nothing in a request can change that."""

from __future__ import annotations

from fastapi import APIRouter

from app.schemas import ModelList, ModelOut
from app.services import ServicesDep

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", response_model=ModelList, operation_id="list_models")
def list_models(services: ServicesDep) -> ModelList:
    """Models that a job or a corpus may name; the served one also answers POST /v1/mine."""
    models, revision = services.settings.known_models, services.settings.revision
    named = ((name, name == models.loaded) for name in models.folders)
    return ModelList(models=[ModelOut(name=name, served=is_it, revision=revision if is_it else None) for name, is_it in named])
