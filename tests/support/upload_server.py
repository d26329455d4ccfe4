"""Serves the application with its intake, to be killed: `python -m tests.support.upload_server DATA`.

Prints the port as a line of JSON when it listens.
"""

import json
import sys
import time
from pathlib import Path

from fastapi import FastAPI

from ingest.intake import Intake
from service.api.app import create_app
from tests.support.serving import listening, opened, serving_settings


def main(data: Path) -> None:
    """Serve until the process is killed."""
    settings = serving_settings(data)
    with opened(settings, []) as service:
        app: FastAPI = create_app(settings, service=service, intake=Intake)
        with listening(app) as (_, port):
            print(json.dumps({"port": port}), flush=True)  # noqa: T201  - what the test waits for
            time.sleep(3600)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
