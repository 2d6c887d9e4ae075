"""/v1/keys: who may use the service. Keys are made on the data folder (`hardneg keys create`), never over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from app.auth import keys
from app.guard import needs
from app.schemas import KeyList, KeyOut
from app.services import ServicesDep

router = APIRouter(prefix="/v1/keys", tags=["keys"], dependencies=[Depends(needs("admin"))])


@router.get("", response_model=KeyList, operation_id="list_keys")
def list_keys(services: ServicesDep) -> KeyList:
    """All keys, without what would open."""
    return KeyList(keys=[KeyOut.model_validate(key) for key in keys.ls(services.state)])


@router.delete("/{key_id}", status_code=204, operation_id="revoke_key")
def revoke_key(key_id: str, services: ServicesDep) -> None:
    """Close a key for ever."""
    keys.revoke(services.state, key_id)
    services.keyring.refresh()
