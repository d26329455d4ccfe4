"""The container files: what they promise is in them, and what they run is what there is."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

from domain.settings import load_settings
from service.api.app import create_app
from tests.support.records import prepared
from tests.support.serving import listening, opened, serving_settings

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
SERVED_STAGE = DOCKERFILE.split("FROM ${PYTHON}\n", 1)[1]


def settings_of(stage: str) -> dict[str, str]:
    return dict(re.findall(r"(DATELINE_\w+)=(\S+)", stage))


def health_check() -> list[str]:
    (command,) = re.findall(r"^HEALTHCHECK .*\\\n\s+CMD (\[.*\])$", SERVED_STAGE, re.MULTILINE)
    words: list[str] = json.loads(command)
    return words


def checked(port: int) -> int:
    """Run the health check as a container does, and return its exit status."""
    program, *arguments = health_check()
    assert program == "python3"
    return subprocess.run(
        [sys.executable, *arguments],
        env={"DATELINE_SERVER__PORT": str(port)},
        timeout=60,
        check=False,
        stderr=subprocess.DEVNULL,
    ).returncode


def test_the_health_check_tells_a_server_from_none(tmp_path: Path) -> None:
    """The very command of the image, against the real server on its port, and after it is gone."""
    settings = serving_settings(tmp_path)
    with (
        opened(settings, [prepared("doc-1", "The bridge opens.")]) as service,
        listening(create_app(settings, service=service)) as (_, port),
    ):
        assert checked(port) == 0
    assert checked(port) != 0


def test_the_image_runs_as_nobody_in_particular_with_settings_that_there_are() -> None:
    """The last user has a number and no rights; a misspelt setting would stop the server at its start."""
    (user,) = re.findall(r"^USER (\d+):(\d+)$", SERVED_STAGE, re.MULTILINE)
    names = settings_of(SERVED_STAGE)

    given: dict[str, Any] = {}
    for name, value in names.items():
        *sections, field = name.removeprefix("DATELINE_").lower().split("__")
        (given.setdefault(sections[0], {}) if sections else given)[field] = value
    settings = load_settings(**given)
    assert int(user[0]) > 0 < int(user[1])
    assert settings.data_dir == Path("/data")
    assert (settings.server.host, str(settings.server.port)) == ("0.0.0.0", "8000")  # noqa: S104  - of the container
    assert "VOLUME /data" in SERVED_STAGE


def test_torch_is_the_one_of_the_makefile() -> None:
    """One version in both places."""
    (made,) = re.findall(r"^TORCH := (\S+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert re.findall(r"^ARG TORCH=(\S+)$", DOCKERFILE, re.MULTILINE) == [made]


def test_the_build_sees_what_the_wheel_is_made_of_and_nothing_else() -> None:
    """A package that is missing here would be missing in the image."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    seen = {line.removeprefix("!").rstrip("/") for line in lines if line.startswith("!")}
    built = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = built["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert seen == {*packages, "LICENSE", "README.md", "constraints.txt", "pyproject.toml"}
    assert lines[1] == "*"
    assert all((ROOT / name).exists() for name in seen)


def test_compose_gives_no_right_that_is_not_needed() -> None:
    """Read-only, without capabilities, on this machine's loopback alone, and asking for keys."""
    (service,) = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"].values()
    settings = load_settings(server={"keys": service["environment"]["DATELINE_SERVER__KEYS"]})

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"][0].startswith("/tmp:")  # noqa: S108  - of the container
    assert [volume.partition(":")[2] for volume in service["volumes"]] == ["/data"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert int(service["stop_grace_period"].removesuffix("s")) > settings.server.grace_s
    assert not {"privileged", "user", "cap_add", "network_mode", "pid"} & service.keys()
