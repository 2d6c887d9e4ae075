"""GET /v1/models: the models that the operator allows. A request cannot load any other."""

from __future__ import annotations

from fastapi import APIRouter

from app.schemas import ModelList, ModelOut
from app.services import ServicesDep

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", response_model=ModelList, operation_id="list_models")
def list_models(services: ServicesDep) -> ModelList:
    """List the models that a job or a corpus may name. The served one also answers POST /v1/mine."""
    models, revision = services.settings.known_models, services.settings.revision
    named = ((name, name == models.loaded) for name in models.folders)
    return ModelList(models=[ModelOut(name=name, served=is_it, revision=revision if is_it else None) for name, is_it in named])
