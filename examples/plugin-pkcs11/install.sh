#!/bin/sh
# Installs what the tests need: SoftHSM, nginx and a C compiler, of Debian's
# packages. Run it again whenever you like; it does only what is missing, and
# says what it cannot do.
set -eu
packages=
[ -e /usr/lib/softhsm/libsofthsm2.so ] && command -v softhsm2-util >/dev/null 2>&1 || packages="$packages softhsm2"
[ -x /usr/sbin/nginx ] || packages="$packages nginx-light"
command -v cc >/dev/null 2>&1 || packages="$packages gcc libc6-dev"
if [ -z "$packages" ]; then
	echo "plugin-pkcs11: SoftHSM, nginx and a C compiler are there"
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "plugin-pkcs11: there is no apt-get; install by hand:$packages" >&2
	exit 1
elif [ "$(id -u)" != 0 ]; then
	echo "plugin-pkcs11: run 'apt-get install$packages' as root" >&2
	exit 1
fi
# nginx's package starts a daemon on port 80; policy-rc.d keeps it from that.
made=
if [ ! -e /usr/sbin/policy-rc.d ]; then
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
	made=1
fi
log=$(mktemp)
trap 'rm -f "$log"; [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list
if { apt-get install -y --no-install-recommends $packages ||
	{ apt-get update && apt-get install -y --no-install-recommends $packages; }; } >"$log" 2>&1; then
	echo "plugin-pkcs11: installed$packages"
else
	cat "$log" >&2
	exit 1
fi
