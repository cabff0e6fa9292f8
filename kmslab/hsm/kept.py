"""A copy of what SoftHSM2 writes at every login, for the case that it is killed while it writes.

SoftHSM2 notes in `token.object` how a login went: it empties the file and writes it anew. In that
moment `kill -9` or a full disk leaves nothing, and the token, with all keys in it, can't be opened
any more. But for these notes the file never changes while the PINs stay: label, PINs' checks, and
the token's key encrypted under the PINs. So a copy beside it brings the token back.

    tokens/UUID/token.object     SoftHSM2's own
    tokens/UUID/token.kept       the copy, mode 0600, as secret as the file itself
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_OWN, _COPY = "token.object", "token.kept"


def keep(folder: Path, *, anew: bool = True) -> None:
    """Copies the file of the token in an HSM's folder; with `anew`, though there is a copy.

    After a PIN was set it has to be anew.
    """
    for own in folder.glob(f"tokens/*/{_OWN}"):
        copy = own.with_name(_COPY)
        if (anew or not copy.exists()) and own.stat().st_size:
            _copy(own, copy)


def put_back(folder: Path) -> bool:
    """Replaces the token's file by its copy; False where there is none. The HSM must be off."""
    copies = list(folder.glob(f"tokens/*/{_COPY}"))
    for copy in copies:
        _copy(copy, copy.with_name(_OWN))
    return bool(copies)


def _copy(source: Path, target: Path) -> None:
    draft = target.with_name(f"{_COPY}-{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(source.read_bytes())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
