#!/usr/bin/env bash
# Whole processes side by side on one tree: csm-audit against ripgrep and ast-grep, in turn, so that a machine whose
# speed drifts is fair to all. Prints the median wall time of each, the ratios, and peak memory. The gate runs with a
# baseline and, where the tree is a repository with two commits, against the commit before.
#
#     cargo build --release && tests/compare.sh ../edx-platform [RUNS]
set -euo pipefail

tree=${1:?usage: tests/compare.sh TREE [RUNS]}
runs=${2:-9}
binary=${CSM_AUDIT:-$(dirname "$0")/../target/release/csm-audit}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in rg ast-grep "$binary" /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "compare.sh: $tool is not installed" >&2; exit 2; }
done

measure() { # NAME COMMAND…
    local name=$1
    shift
    /usr/bin/time --append --output="$work/$name" --format='%e %M' "$@" >/dev/null 2>&1 || true
}

one_round() {
    measure csm-audit "$binary" scan "$tree" --format json --quiet
    measure gate "$binary" gate "$tree" --quiet --baseline "$work/baseline.json"
    if $repository; then measure gate-diff "$binary" gate "$tree" --quiet --diff HEAD~1; fi
    measure ripgrep rg -c StudentModule "$tree"
    measure ast-grep ast-grep run -l python -p StudentModule "$tree"
}

repository=false
if git -C "$tree" rev-parse --quiet --verify HEAD~1 >/dev/null 2>&1; then repository=true; fi
"$binary" gate "$tree" --quiet --update --baseline "$work/baseline.json" >/dev/null || [[ $? == 3 ]] # not all was read

one_round # warms the page cache
rm -f "$work"/csm-audit "$work"/gate "$work"/gate-diff "$work"/ripgrep "$work"/ast-grep
for ((i = 0; i < runs; i++)); do one_round; done

median() { sed '/^Command/d' "$work/$1" | cut -d' ' -f"$2" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf '%-10s %8s %10s\n' tool 'wall s' 'peak KB'
for name in csm-audit gate gate-diff ripgrep ast-grep; do
    [[ -e $work/$name ]] || continue
    printf '%-10s %8s %10s\n' "$name" "$(median $name 1)" "$(median $name 2)"
done
awk -v a="$(median csm-audit 1)" -v r="$(median ripgrep 1)" -v s="$(median ast-grep 1)" \
    'BEGIN { printf "csm-audit / ripgrep  %.2f\ncsm-audit / ast-grep %.2f\n", a / (r > 0 ? r : 0.01), a / s }'
awk -v g="$(median gate 1)" -v r="$(median ripgrep 1)" 'BEGIN { printf "gate / ripgrep       %.2f\n", g / (r > 0 ? r : 0.01) }'
if $repository; then
    awk -v d="$(median gate-diff 1)" -v g="$(median gate 1)" 'BEGIN { printf "gate --diff / gate   %.2f\n", d / g }'
fi
