"""/v1/keys: API keys. They are created with `hardneg keys create` in the data folder, never over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from app.auth import keys
from app.guard import needs
from app.schemas import KeyList, KeyOut
from app.services import ServicesDep

router = APIRouter(prefix="/v1/keys", tags=["keys"], dependencies=[Depends(needs("admin"))])


@router.get("", response_model=KeyList, operation_id="list_keys")
def list_keys(services: ServicesDep) -> KeyList:
    """List the keys. The secrets are not stored."""
    return KeyList(keys=[KeyOut.model_validate(key) for key in keys.ls(services.state)])


@router.delete("/{key_id}", status_code=204, operation_id="revoke_key")
def revoke_key(key_id: str, services: ServicesDep) -> None:
    """Revoke a key. This cannot be undone."""
    keys.revoke(services.state, key_id)
    services.keyring.refresh()
