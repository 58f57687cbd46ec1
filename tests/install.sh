#!/bin/sh
# Installs into a scratch directory and looks at what a user gets: README.md's program builds and runs
# against the shared and the static library by what pkg-config says, and nothing is exported or defined
# but gr_ names. Run by `make test-install`.
set -eu

: "${CC:=gcc}" "${MAKE:=make}"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
warnings="-std=c11 -Wall -Wextra -Wpedantic -Werror"

fail() {
    echo "test-install: $1" >&2
    exit 1
}

# The first C program of README.md.
program=$root/program.c
awk '/^```c$/ {inside = 1; next} /^```$/ && inside {exit} inside' README.md >"$program"
grep -q 'int main' "$program" || fail "README.md has no program"

# check NAME: the library and the .pc file of this name
check() {
    name=$1
    lib=$root/usr/lib
    PKG_CONFIG_PATH=$lib/pkgconfig
    PKG_CONFIG_SYSROOT_DIR=$root
    PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
    export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_ALLOW_SYSTEM_CFLAGS
    cflags=$(pkg-config --cflags "$name")
    shared_libs=$(pkg-config --libs "$name")
    static_libs=$(pkg-config --static --libs "$name" | sed "s/-l$name\\>/-l:lib$name.a/")

    # shellcheck disable=SC2086 (lists of words)
    $CC $warnings $cflags "$program" -o "$root/shared" -L"$lib" $shared_libs
    # shellcheck disable=SC2086
    $CC $warnings $cflags "$program" -o "$root/static" -L"$lib" $static_libs
    readelf -d "$root/shared" | grep -q "NEEDED.*lib$name\\.so\\.[0-9]*\\]" ||
        fail "the program is not linked with lib$name.so by its soname"
    if readelf -d "$root/static" | grep -q "lib$name"; then
        fail "the static program needs the shared library"
    fi
    LD_LIBRARY_PATH=$lib "$root/shared" >"$root/shared.out" || fail "$name: the program failed"
    "$root/static" >"$root/static.out" || fail "$name: the static program failed"
    cmp "$root/shared.out" "$root/static.out" || fail "$name: shared and static results differ"

    # Symbols: type A is the name of the version itself.
    others=$(nm -D --defined-only "$lib/lib$name.so" | awk '$2 != "A" && $3 !~ /^gr_/ {print $3}')
    [ -z "$others" ] || fail "lib$name.so exports $others"
    nm -D --defined-only "$lib/lib$name.so" | grep -q ' gr_backward' || fail "no gr_backward"
    others=$(nm -g --defined-only "$lib/lib$name.a" | awk 'NF == 3 && $3 !~ /^gr_/ {print $3}')
    [ -z "$others" ] || fail "lib$name.a defines $others"
    if find "$root/usr/include" -name '*_internal.h' | grep -q .; then
        fail "an internal header was installed"
    fi
    echo "test-install: $name: shared and static programs run, only gr_ names"
    sed 's/^/    /' "$root/static.out"
}

$MAKE install DESTDIR="$root" PREFIX=/usr DOUBLE= >/dev/null
check gradus
$MAKE install DESTDIR="$root" PREFIX=/usr DOUBLE=1 >/dev/null
check gradus-double

$MAKE uninstall DESTDIR="$root" PREFIX=/usr DOUBLE= >/dev/null
[ -e "$root/usr/include/gradus/gradus.h" ] || fail "gradus-double has lost its headers"
$MAKE uninstall DESTDIR="$root" PREFIX=/usr DOUBLE=1 >/dev/null
left=$(find "$root/usr" ! -type d)
[ -z "$left" ] || fail "uninstall left $left"
