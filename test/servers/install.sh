#!/bin/sh
# Installs what is no Go module: nginx, HAProxy, squid, docker-registry, Chromium, Redis, mosquitto,
# PostgreSQL, NATS, etcd, gnome-keyring, protoc, git, kubectl and the AWS CLI (Debian), and
# oidc-provider, node-oauth2-server and oauth2-mock-server (npm).
# Run it again whenever you like; it does only what is missing, and says what it
# cannot do.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
missing=0

say() { printf '%s\n' "servers: $*"; }

# debian PACKAGE PROGRAM installs a server from Debian. Its package starts a
# daemon; policy-rc.d keeps it from that.
made=
log=$(mktemp)
trap 'rm -f "$log"; [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d' EXIT
debian() {
	if command -v "$2" >/dev/null 2>&1 || [ -x "/usr/sbin/$2" ]; then
		say "$2 is there"
	elif ! command -v apt-get >/dev/null 2>&1; then
		say "$2 is missing, and there is no apt-get: install it by hand"
		missing=1
	elif [ "$(id -u)" != 0 ]; then
		say "$2 is missing: run 'apt-get install $1' as root"
		missing=1
	else
		if [ ! -e /usr/sbin/policy-rc.d ]; then
			made=1
			printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
			chmod +x /usr/sbin/policy-rc.d
		fi
		if { apt-get install -y --no-install-recommends "$1" ||
			{ apt-get update && apt-get install -y --no-install-recommends "$1"; }; } >"$log" 2>&1; then
			say "$2 is installed"
		else
			cat "$log" >&2
			say "$2 could not be installed"
			missing=1
		fi
	fi
}
export DEBIAN_FRONTEND=noninteractive
debian nginx-light nginx
debian haproxy haproxy
debian squid squid
debian docker-registry docker-registry
debian apache2 apache2
debian chromium chromium
debian redis-server redis-server
debian mosquitto mosquitto
debian nats-server nats-server
debian git git
debian openssl openssl
debian kubernetes-client kubectl
debian awscli aws
debian etcd-server etcd
if [ -e /usr/lib/apache2/modules/mod_oauth2.so ]; then
	say "mod_oauth2 is there"
else
	debian libapache2-mod-oauth2 mod_oauth2
fi
for program in /usr/lib/postgresql/*/bin/postgres; do # it is not in PATH
	if [ -x "$program" ]; then
		say "postgresql is there"
	else
		debian postgresql postgresql
	fi
	break
done

if ! command -v npm >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	say "installing Node.js"
	{ apt-get install -y --no-install-recommends nodejs npm ||
		{ apt-get update && apt-get install -y --no-install-recommends nodejs npm; }; } >/dev/null 2>&1 || true
fi
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
	say "Node.js 20 or later with npm is missing: install it by hand"
	missing=1
else
	for package in oidc-provider node-oauth2-server oauth2-mock-server; do
		lock=$here/$package/package-lock.json
		installed=$here/$package/node_modules/.package-lock.json
		if [ -e "$installed" ] && [ "$installed" -nt "$lock" ]; then
			say "$package is there"
		elif (cd "$here/$package" && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error); then
			touch "$installed"
			say "$package is installed"
		else
			say "$package could not be installed"
			missing=1
		fi
	done
fi
# Hydra is a Go module with hundreds of others, and its build takes minutes: only
# with HYDRA=1. The tests that need it are skipped without it.
if [ -x "$here/hydra/bin/hydra" ]; then
	say "hydra is there"
elif [ "${HYDRA:-}" != 1 ]; then
	say "hydra is left out: HYDRA=1 builds it, in minutes"
elif (
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	cd "$dir"
	export GOWORK=off GOFLAGS=-mod=mod
	go mod init hydra >/dev/null 2>&1
	go mod edit -require github.com/ory/hydra/v2@v2.3.0 \
		-replace github.com/gobuffalo/pop/v6=github.com/ory/pop/v6@v6.2.1-0.20241121111754-e5dfc0f3344b
	go build -tags sqlite -o "$here/hydra/bin/hydra" github.com/ory/hydra/v2
); then
	say "hydra is installed"
else
	say "hydra could not be installed"
	missing=1
fi
if command -v gnome-keyring-daemon >/dev/null 2>&1 && command -v dbus-run-session >/dev/null 2>&1; then
	say "gnome-keyring is there"
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 &&
	apt-get install -y --no-install-recommends gnome-keyring dbus dbus-bin >/dev/null 2>&1; then
	say "gnome-keyring is installed"
else
	say "gnome-keyring could not be installed: install Debian's gnome-keyring and dbus"
	missing=1
fi
if command -v protoc >/dev/null 2>&1; then
	say "protoc is there"
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && apt-get install -y --no-install-recommends protobuf-compiler >/dev/null 2>&1; then
	say "protoc is installed"
else
	say "protoc could not be installed: install Debian's protobuf-compiler"
	missing=1
fi

for example in plugin-python plugin-pkcs11; do
	"$here/../../examples/$example/install.sh" || missing=1
done
exit "$missing"
