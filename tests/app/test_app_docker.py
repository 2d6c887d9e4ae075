"""The containers are made the careful way: another user, nothing writable but volumes and /tmp, no privileges, no secrets inside.

Whether they also work is for `make docker-test`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DOCKER / "compose.yml").read_text())
SERVICES = COMPOSE["services"]
EXAMPLE = (DOCKER / ".env.example").read_text()
DASHBOARD = json.loads((DOCKER / "monitoring" / "grafana" / "hardneg.json").read_text())


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
    assert 'VOLUME ["/data", "/models"]' in last
    assert "HF_HOME=/models" in last


def test_the_image_is_for_cpu_unless_asked():
    assert "ARG DEVICE=cpu\n" in DOCKERFILE
    assert SERVICES["hardneg"]["build"]["args"]["DEVICE"] == "${DEVICE:-cpu}"
    asked = set(re.findall(r"(?m)^ARG (\w+)", DOCKERFILE))
    assert set(SERVICES["hardneg"]["build"]["args"]) == asked


PIP = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in *+cpu*) [ -n "$CPU_WHEELS" ];; esac
"""


def torch_step(folder, torch, **given):
    """The build's first installation, as the shell runs it, with a pip that only notes what it is told; torch: (version, its CUDA)."""
    (step,) = re.findall(r"(?m)^RUN --mount.*?(?<!\\)\n", DOCKERFILE.partition("COPY pyproject")[0], re.DOTALL)
    script = re.sub(r"^RUN (--mount=\S+ *(\\\n)? *)+", "", step).replace("/opt/venv/torch-version", str(folder / "version"))
    (folder / "pip").write_text(PIP)
    (folder / "pip").chmod(0o755)
    (folder / "torch.py").write_text(f"__version__ = {torch[0]!r}\nclass version:\n    cuda = {torch[1]!r}\n")
    (folder / "python").symlink_to(sys.executable)
    environ = {"PATH": f"{folder}:/usr/bin:/bin", "PYTHONPATH": str(folder), "CALLS": str(folder / "calls"), **given}
    done = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True, check=False)
    calls = (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []
    return done.returncode, calls, done.stderr


@pytest.mark.parametrize(
    ("given", "torch", "calls"),
    [
        ({"DEVICE": "cpu", "TORCH_VERSION": "2.1", "CPU_WHEELS": "1"}, ("2.1+cpu", None), ["install torch==2.1+cpu"]),
        ({"DEVICE": "cpu", "TORCH_VERSION": "2.1"}, ("2.1", "12.6"), ["install torch==2.1+cpu", "install torch==2.1"]),
        ({"DEVICE": "cpu", "TORCH_VERSION": ""}, ("2.1", "12.6"), ["install torch"]),
        ({"DEVICE": "cuda", "TORCH_VERSION": "2.1"}, ("2.1+cu126", "12.6"), ["install torch==2.1"]),
        ({"DEVICE": "cuda", "TORCH_VERSION": ""}, ("2.1", "12.6"), ["install torch"]),
    ],
)
def test_the_torch_that_was_asked_for_is_installed(tmp_path, given, torch, calls):
    """CPU wheels where they are found, else whatever there is; for cuda never a name that only CPU wheels have."""
    assert torch_step(tmp_path, torch, **given)[:2] == (0, calls)
    assert (tmp_path / "version").read_text().strip() == torch[0]


def test_a_build_for_cuda_without_cuda_fails(tmp_path):
    """As where the further index has CPU wheels, which pip takes for the newer ones; and a device nobody knows is said."""
    code, _, said = torch_step(tmp_path, ("2.1+cpu", None), DEVICE="cuda", TORCH_VERSION="2.1")
    assert (code, "DEVICE is cuda, and torch 2.1+cpu is for CPU: see PIP_EXTRA_INDEX_URL" in said) == (1, True), said
    (tmp_path / "other").mkdir()
    code, calls, said = torch_step(tmp_path / "other", ("2.1", None), DEVICE="gpu", TORCH_VERSION="2.1")
    assert (code, calls, said) == (2, [], "DEVICE is cpu or cuda, not 'gpu'\n")


def test_no_address_and_no_secret_is_written_down():
    for text in (DOCKERFILE, EXAMPLE, str(COMPOSE)):
        assert not re.search(r"https?://(?!127\.0\.0\.1)", text)
    for name in ("HARDNEG_API_KEY", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD"):
        assert re.search(rf"(?m)^(# )?{name}=$", EXAMPLE)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_gets_as_little_as_it_needs(name):
    service = SERVICES[name]
    assert service["read_only"] is (name != "grafana")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert all(port.startswith("127.0.0.1:${") for port in service.get("ports", []))
    assert not {"privileged", "network_mode", "pid", "ipc", "cap_add", "devices"} & set(service)
    assert not [one for one in service.get("volumes", []) if one.startswith(("/", "..")) or "docker.sock" in one]
    assert all(one.endswith(":ro") for one in service.get("volumes", []) if one.startswith("."))
    image = service["image"]
    assert "hardneg" in image or re.fullmatch(r"[\w/]+:v?\d+[\d.]*", image)  # a version, never the latest


def test_what_runs_without_a_profile_is_the_server():
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["hardneg"]
    assert {one for service in SERVICES.values() for one in service.get("profiles", [])} == {"workers", "monitoring"}
    server = SERVICES["hardneg"]
    assert server["environment"]["HARDNEG_API_KEY"].startswith("${HARDNEG_API_KEY:?")
    assert {"data:/data", "models:/models"} <= set(server["volumes"])
    assert [path.split(":")[0] for path in server["tmpfs"]] == ["/tmp"]
    assert server["depends_on"]["postgres"] == {"condition": "service_healthy", "required": False}


def test_a_worker_is_the_server_without_its_door():
    server, worker = SERVICES["hardneg"], SERVICES["worker"]
    assert worker["command"] == ["worker"]
    assert worker["volumes"] == server["volumes"]
    assert worker["environment"].items() <= server["environment"].items()
    assert worker["healthcheck"] == {"disable": True}  # else it inherits the image's, which asks a server
    assert "ports" not in worker
    assert "HARDNEG_API_KEY" not in worker["environment"]


def test_variables_of_the_example_are_those_of_compose():
    used = set(re.findall(r"\$\{(\w+)", str(COMPOSE)))
    told = set(re.findall(r"(?m)^(?:# )?([A-Z][A-Z_]+)=", EXAMPLE))
    assert told - used == {"COMPOSE_PROFILES"}  # compose's own
    assert used - told <= {"TORCH_VERSION"}


def test_the_build_sees_only_what_it_copies():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {name for line in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", DOCKERFILE) for name in line.split()}
    assert copied == allowed


def test_the_dashboard_asks_for_what_is_counted(client):
    """Every metric that a panel names is one that the service tells."""
    told = set(re.findall(r"(?m)^(hardneg_\w+?)(?:_created)?[ {]", client.get("/metrics").text)) | {"up"}
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert len(asked) > 10
    assert {name for one in asked for name in re.findall(r"\b(hardneg_\w+|up)\b(?!\")", one)} <= told
    known = yaml.safe_load((DOCKER / "monitoring" / "grafana" / "datasource.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {one["uid"] for one in known}


def test_prometheus_looks_where_the_server_is():
    (job,) = yaml.safe_load((DOCKER / "monitoring" / "prometheus.yml").read_text())["scrape_configs"]
    (address,) = job["static_configs"][0]["targets"]
    assert address == "hardneg:8000"
    assert SERVICES["hardneg"]["environment"]["HARDNEG_ALLOWED_HOSTS"].startswith("hardneg,")
    assert job["authorization"]["credentials_file"] in SERVICES["prometheus"]["entrypoint"][2]


def test_hadolint_has_nothing_to_say():
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run(["hadolint", DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_compose_understands_it():
    command = ["docker", "compose"]
    if shutil.which("docker") is None or subprocess.run([*command, "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    both = ["--profile", "workers", "--profile", "monitoring"]
    done = subprocess.run(
        [*command, "-f", DOCKER / "compose.yml", *both, "config", "-q"],
        env={**os.environ, "HARDNEG_API_KEY": "a-key-of-these-tests", "POSTGRES_PASSWORD": "p"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
