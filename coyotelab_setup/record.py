"""setup.json: what the set-up made, for the Hub, the service and the tests to read."""

import json
from pathlib import Path

from .api import EngineAPI
from .certificate import get_url
from .network import get_bridge
from .plan import Plan


def get_record(api: EngineAPI, plan: Plan, base: str) -> dict[str, str]:
    """Return the content of setup.json, as the engine has it now."""
    bridge = get_bridge(api, plan)
    return {
        "engine": plan.engine.name,
        "url": get_url(api.get("")["config"]["core.https_address"]),
        "project": plan.project,
        "pool": plan.pool,
        "profile": plan.profile,
        "network": plan.network,
        "bridge_address": str(bridge.ip),
        "subnet": str(bridge.network),
        "credentials": plan.credentials.name,
        "base": base,
    }


def write_record(file: Path, record: dict[str, str]) -> str:
    """Write setup.json (0644) whole or not at all; returns its path."""
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(record, indent=2) + "\n")
    fresh.chmod(0o644)
    fresh.replace(file)
    return str(file)
