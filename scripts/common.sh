# Shared by the scripts: where we are, what is missing, how to get it. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

swift_version_min=6.2
packages_build=(libnghttp2-dev libprotobuf-c-dev zlib1g-dev pkg-config)

say() { printf '\n==> %s\n' "$*"; }

# fail MESSAGE...: one clear sentence per argument, then out.
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 2
}

require_swift() {
    command -v swift >/dev/null 2>&1 ||
        fail "swift is not on the PATH." "Install Swift $swift_version_min or newer from https://www.swift.org/install/linux/"
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
    [ -n "$version" ] || fail "'swift --version' names no version; is the toolchain complete?"
    if [ "$(printf '%s\n%s\n' "$swift_version_min" "$version" | sort -V | head -n 1)" != "$swift_version_min" ]; then
        fail "Swift $version is too old: $swift_version_min or newer is needed."
    fi
}

# require_packages NAME...: installs the Debian packages that are not there yet.
require_packages() {
    local missing=() name
    command -v dpkg-query >/dev/null 2>&1 ||
        fail "this system has no dpkg, so packages cannot be installed here." \
            "Install what these Debian packages hold: $*"
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0

    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null && as_root=(sudo -n)
        [ ${#as_root[@]} -gt 0 ] ||
            fail "these Debian packages are missing and installing them needs root: ${missing[*]}" \
                "Run: sudo apt-get install -y ${missing[*]}"
    fi
    command -v apt-get >/dev/null 2>&1 ||
        fail "apt-get is not here, and these Debian packages are missing: ${missing[*]}"
    say "Installing ${missing[*]}"
    local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends)
    if ! "${install[@]}" "${missing[@]}" >/dev/null 2>&1; then
        "${as_root[@]}" apt-get update -qq >/dev/null || fail "apt-get update failed: is there a network?"
        "${install[@]}" "${missing[@]}" >/dev/null || fail "apt-get could not install: ${missing[*]}"
    fi
}

# build_release [OPTION...]: the programs as users run them.
# - They run on machines without Swift, start faster and take a tenth less memory with its library in them.
# - Run-time checks of exclusive access are off in the packages we use too: they took 4 % of a send at the broker.
# - What one module has of another may be inlined: legacy sends took the broker 5 % less.
build_release() {
    swift build -c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked \
        -Xswiftc -cross-module-optimization "$@"
}
