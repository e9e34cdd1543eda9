# shellcheck shell=bash
# What the scripts beside this one share: the repository's folder, messages, and which Rust to use.
#
# usage: source scripts/lib.sh (defines functions; installs and prints nothing)

repository=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
rust_version_min=$(sed -n 's/^rust-version *= *"\(.*\)".*/\1/p' "$repository/Cargo.toml")
cargo_bin=${CARGO_HOME:-~/.cargo}/bin
# shellcheck disable=SC2016 # the reader's shell fills in PATH, not this one
# shellcheck disable=SC2034 # the scripts that source this use it
path_for_rust="export PATH=\"$cargo_bin:"'$PATH"'

# Prints a line on stderr, under the name of the script that runs.
say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Ends the script with exit code 3: something is missing that may not or cannot be installed here.
refuse() {
    say "$*"
    exit 3
}

# Ends the script with exit code 4: an installation was tried and did not work.
fail() {
    say "$*"
    exit 4
}

# Prints the version of the cargo on PATH. Fails without a cargo, or with a rustup that has no
# toolchain: asking must not make rustup install one unannounced.
cargo_version() {
    local line
    line=$(RUSTUP_AUTO_INSTALL=0 cargo --version 2>/dev/null) || return 1
    line=${line#cargo }
    printf '%s\n' "${line%% *}"
}

# True if the cargo on PATH is at least as new as Cargo.toml asks for.
rust_is_ready() {
    local version
    version=$(cargo_version) || return 1
    printf '%s\n' "$rust_version_min" "$version" | sort -V -C
}

# Puts a Rust that is new enough on PATH. Tries first the one on PATH, then the one in rustup's own
# folder. (A shell older than the installation does not know that folder, and a distribution's cargo
# may hide it.) Last comes rustup's stable toolchain in place of an older default.
use_rust() {
    rust_is_ready && return
    export PATH="$cargo_bin:$PATH"
    rust_is_ready && return
    export RUSTUP_TOOLCHAIN=stable
    rust_is_ready
}

# Names the target directory of this package in CARGO_TARGET_DIR, for packages with a Cargo.lock of
# their own, too.
share_target() {
    local target
    target=$(cd -- "$repository" && cargo metadata --format-version 1 --no-deps --locked)
    target=${target#*\"target_directory\":\"}
    export CARGO_TARGET_DIR=${target%%\"*}
}

# Prints the folder with the server's programs, the newest version first.
postgres_programs() {
    local folder
    for folder in "${PG_BIN:-}" $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
        if [ -n "$folder" ] && [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            printf '%s\n' "$folder"
            return
        fi
    done
    folder=$(command -v initdb) && folder=$(dirname "$(readlink -f "$folder")") &&
        [ -x "$folder/postgres" ] && printf '%s\n' "$folder"
}
