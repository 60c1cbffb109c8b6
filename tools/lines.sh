#!/usr/bin/env bash
# Prints what a release build of the library compiles: lines of LLVM IR and copies of functions, in all, by crate and by
# module. A change should not raise them without a reason: they are the build time. The lines of iterators and vectors that
# our code instantiates stand under `core` and `alloc`.
#
#   cargo install cargo-llvm-lines
#   tools/lines.sh [feature ...]
set -euo pipefail
cd "$(dirname "$0")/.."

features=$(IFS=,; echo "$*")
lines() { cargo llvm-lines --lib --release "$@" 2>/dev/null | sed "s|^|$2 |"; }
{
    lines -p sessile-base
    lines -p sessile-kernels
    lines -p sessile --features "$features"
} | awk '
    $NF == "(TOTAL)" {
        lines["= " $1] += $2; copies["= " $1] += $3
        lines["= in all"] += $2; copies["= in all"] += $3
        next
    }
    $2 ~ /^[0-9]+$/ {
        n = $2; copied = $5
        name = $0
        sub(/^[^ ]+ +[0-9]+ \([^)]*\) +[0-9]+ \([^)]*\) +/, "", name)
        # The crate and two modules of the function, or of the type or trait that it belongs to.
        gsub(/^[<&]+/, "", name)
        split(name, path, /::|[ <>,]/)
        module = path[1]
        if (module ~ /^sessile/) module = path[1] "::" path[2] (path[2] ~ /^(ops|io)$/ ? "::" path[3] : "")
        lines[module] += n
        copies[module] += copied
    }
    END { for (module in lines) printf "%9d lines %7d copies  %s\n", lines[module], copies[module], module }
' | sort -rn | head -n 45
