"""A run's figures as JSON, byte for byte the same wherever they are computed."""

import json
from collections.abc import Sequence
from typing import Any

from eval.bounds import Check
from eval.run_file import Run
from eval.summary import Summary


def report_json(run: Run, summary: Summary, checks: Sequence[Check]) -> str:
    """Return header, tallies, figures and checks as one JSON text."""
    body: dict[str, Any] = {
        "run": {key: value for key, value in run.header.items() if key not in {"kind", "format"}},
        **summary.as_json(),
        "checks": [
            {
                "data_set": check.data_set,
                "bound": check.bound.title,
                "metric": check.bound.metric,
                "status": check.status,
                "message": check.message,
            }
            for check in checks
        ],
    }
    return json.dumps(body, indent=1, ensure_ascii=True) + "\n"
