#!/usr/bin/env bash
# Prints what a release build of the library compiles: lines of LLVM IR and copies of functions, in all and by module. A
# change should not raise them without a reason: they are the build time. The lines of iterators and vectors that our code
# instantiates stand under `core` and `alloc`.
#
#   cargo install cargo-llvm-lines
#   tools/lines.sh [feature ...]
set -euo pipefail
cd "$(dirname "$0")/.."

features=("$@")
cargo llvm-lines --lib --release --features "$(IFS=,; echo "${features[*]:-}")" 2>/dev/null |
    awk '
        $NF == "(TOTAL)" { printf "%9d lines %7d copies  in all\n", $1, $2; next }
        $1 ~ /^[0-9]+$/ {
            copies = $4
            name = $0
            sub(/^ *[0-9]+ \([^)]*\) +[0-9]+ \([^)]*\) +/, "", name)
            # The crate and two modules of the function, or of the type or trait that it belongs to.
            gsub(/^[<&]+/, "", name)
            split(name, path, /::|[ <>,]/)
            module = path[1]
            if (path[1] == "sessile") module = path[1] "::" path[2] (path[2] ~ /^(ops|kernel|io)$/ ? "::" path[3] : "")
            lines[module] += $1
            all[module] += copies
        }
        END { for (module in lines) printf "%9d lines %7d copies  %s\n", lines[module], all[module], module }
    ' | sort -rn | head -n 40
