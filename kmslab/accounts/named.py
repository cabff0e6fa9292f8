"""A policy document with a name that people recognise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Named:
    """A policy as messages and explanations show it."""

    name: str  # as in "AdministratorAccess", or "alice/read-records" for an inline policy
    document: str  # JSON
