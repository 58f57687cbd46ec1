#!/bin/sh
# install-packages.sh NAME...: installs those of Debian's packages that are missing.
set -eu

missing=
for name in "$@"; do
    status=$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "There is no apt-get here. Please install what your system calls:$missing" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    echo "Neither root nor sudo. As root: apt-get install$missing" >&2
    exit 1
fi

echo "Installing$missing"
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120"
$apt update
# shellcheck disable=SC2086 (lists of words)
$apt install -y --no-install-recommends $missing
