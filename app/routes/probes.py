"""GET /livez and /readyz: health checks, without a key. GET /metrics, for Prometheus. GET /v1/info, for clients."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Response

from app.services import ServicesDep

router = APIRouter(tags=["service"])


@router.head("/livez", include_in_schema=False)
@router.get("/livez", operation_id="livez")
async def livez() -> dict[str, str]:
    """Check that the process answers."""
    return {"status": "alive"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", operation_id="readyz")
async def readyz(services: ServicesDep) -> dict[str, str]:
    """Check that requests can be served. 503 while the model or the corpus is opened, the disk is full, or the server stops."""
    await services.check()
    return {"status": "ready"}


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}}, operation_id="metrics")
def metrics(services: ServicesDep) -> Response:
    """Get the metrics in the Prometheus text format."""
    return Response(services.metrics.text(), media_type="text/plain; version=0.0.4")


@router.get("/v1/info", operation_id="info")
async def info(services: ServicesDep) -> dict[str, Any]:
    """Get the version, the limits, the served model and the open corpus."""
    return {"name": "hardneg", "version": version("hardneg"), "limits": services.settings.limits, **services.engine.describe()}
