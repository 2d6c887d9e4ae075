#!/usr/bin/env bash
# A Docker engine of our own, by hand, where none is running: engine.sh start FOLDER | images FOLDER | stop FOLDER
#
# Needs root, Debian's apt, and installed: iptables, runc, mmdebstrap. Engine, compose and buildx are fetched as Debian packages and unpacked
# into FOLDER, nothing is installed. `start` writes FOLDER/environ (DOCKER_HOST, DOCKER_CONFIG). `images` makes what no registry gives: a base
# image by the official name, and stand-ins of PostgreSQL and Prometheus out of Debian's packages. `stop` puts the packet filter back.
set -euo pipefail
here=$(realpath "$0")
folder=$(realpath -m "${2:?a folder}")
export DOCKER_HOST=unix://$folder/docker.sock DOCKER_CONFIG=$folder/config
mkdir -p "$folder" && cd "$folder"

mirror() { apt-get indextargets --format '$(SITE)' | head -1; }

fetch() {
  mkdir -p lists/partial cache/archives/partial
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) trixie main" > sources.list
  local options=(-o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::Lists=$folder/lists"
    -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update -qq
  apt-get "${options[@]}" download -qq docker.io/trixie docker-cli/trixie containerd/trixie docker-compose/trixie docker-buildx/trixie
  for package in ./*.deb; do dpkg -x "$package" root; done
  mkdir -p config/cli-plugins && cp root/usr/libexec/docker/cli-plugins/* config/cli-plugins/
}

start() {
  for program in apt-get dpkg iptables runc mmdebstrap; do
    command -v $program > /dev/null || { echo "$program is not installed (Debian: apt-get install iptables runc mmdebstrap)" >&2; exit 3; }
  done
  [ "$(id -u)" = 0 ] || { echo "an engine by hand needs root" >&2; exit 3; }
  [ -x root/usr/sbin/dockerd ] || fetch
  iptables-save > rules
  cat /proc/sys/net/ipv4/ip_forward > forward
  PATH=$folder/root/usr/bin:$folder/root/usr/sbin:$PATH nohup dockerd --data-root "$folder/data" --exec-root "$folder/exec" \
    -p "$folder/docker.pid" -H "$DOCKER_HOST" --bip 10.99.0.1/24 --default-address-pool base=10.98.0.0/16,size=24 > log 2>&1 &
  printf 'DOCKER_HOST=%s\nDOCKER_CONFIG=%s\nPATH=%s\n' "$DOCKER_HOST" "$DOCKER_CONFIG" "$folder/root/usr/bin:$PATH" > environ
  for _ in $(seq 60); do
    docker info > /dev/null 2>&1 && return
    sleep 0.5
  done
  echo "the engine does not begin; see $folder/log" >&2
  exit 3
}

images() {
  docker image inspect python:3.11-slim > /dev/null 2>&1 || docker pull -q python:3.11-slim 2> /dev/null || base
  docker image inspect postgres:17 > /dev/null 2>&1 || docker pull -q postgres:17 2> /dev/null || standin postgres:17 postgres
  docker image inspect prom/prometheus:v3.5.0 > /dev/null 2>&1 || docker pull -q prom/prometheus:v3.5.0 2> /dev/null ||
    standin prom/prometheus:v3.5.0 prometheus
}

base() {
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv bookworm base.tar "$(mirror)"
  docker import base.tar local/debian-python > /dev/null
  mkdir -p base && cp /etc/ssl/certs/ca-certificates.crt base/ # the machine's own: its mirror of packages may have a certificate of its own
  cat > base/Dockerfile <<- 'END'
	FROM local/debian-python
	COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
	RUN rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED && printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > /etc/pip.conf \
	 && for n in python python3 python3.11; do ln -sf /usr/bin/python3.11 /usr/local/bin/$n; done && ln -sf /usr/bin/pip3 /usr/local/bin/pip
	END
  docker build -q -t python:3.11-slim base
}

standin() {
  docker build -q -t "$1" -f "$(dirname "$here")/standins/$2.Dockerfile" "$(dirname "$here")/standins"
}

stop() {
  [ -f docker.pid ] && kill "$(cat docker.pid)" && for _ in $(seq 40); do [ -f docker.pid ] || break; sleep 0.5; done
  ip link delete docker0 2> /dev/null || true
  iptables-restore < rules
  cat forward > /proc/sys/net/ipv4/ip_forward
}

"$1"
