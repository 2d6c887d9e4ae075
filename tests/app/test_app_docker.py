"""The container is made the careful way: another user, nothing writable but /data and /tmp, no privileges, no secrets inside."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text())
EXAMPLE = (ROOT / "docker" / ".env.example").read_text()


def stages():
    return re.split(r"(?m)^FROM ", DOCKERFILE)[1:]


def test_the_last_stage_runs_as_nobody_in_particular():
    last = stages()[-1]
    assert stages()[0].startswith("scratch AS wheels")
    assert last.startswith("python:3.11-slim\n")
    assert "USER 10001:10001" in last
    assert "HEALTHCHECK" in last
    assert 'ENTRYPOINT ["hardneg"]' in last
    assert 'CMD ["serve", "--host", "0.0.0.0"' in last
    assert "pip install" not in last


def test_no_address_and_no_secret_is_written_down():
    for text in (DOCKERFILE, EXAMPLE, str(COMPOSE)):
        assert not re.search(r"https?://(?!127\.0\.0\.1)", text)
    assert re.search(r"(?m)^HARDNEG_API_KEY=$", EXAMPLE)


def test_compose_gives_nothing_away():
    service = COMPOSE["services"]["hardneg"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["environment"]["HARDNEG_API_KEY"].startswith("${HARDNEG_API_KEY:?")
    assert "data:/data" in service["volumes"]
    assert [path.split(":")[0] for path in service["tmpfs"]] == ["/tmp"]
    assert not {"privileged", "network_mode", "pid", "ipc"} & set(service)


def test_variables_of_the_example_are_those_of_compose():
    used = set(re.findall(r"\$\{(\w+)", str(COMPOSE)))
    told = set(re.findall(r"(?m)^(?:# )?([A-Z][A-Z_]+)=", EXAMPLE))
    assert told <= used
    assert used - told <= {"TORCH_VERSION"}


def test_the_build_sees_only_what_it_copies():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {name for line in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", DOCKERFILE) for name in line.split()}
    assert copied == allowed
