#!/bin/bash
# passthrough.sh - what tlsshim costs those who open no governed connection
#
#	tests/bench/passthrough.sh [ROUNDS [CALLS]]
#
# Rounds with and without in turn, then the medians and their difference:
# nanoseconds a one-byte call, microseconds a start of `true`.

cd "$(dirname "$0")/../.." || exit 2
B=${B:-$PWD/build}
rounds=${1:-5} calls=${2:-10000000}
make -s -f tests/tests.mk B="$B" "$B/tests/bench/passthrough" \
    "$B/tests/bench/startup" || exit 2
out=$(mktemp) || exit 2
trap 'rm -f "$out"' EXIT

for ((i = 0; i < rounds; i++)); do
	"$B/tests/bench/passthrough" "$calls" | sed 's/^/plain /'
	LD_PRELOAD=$B/tlsshim.so "$B/tests/bench/passthrough" "$calls" |
	    sed 's/^/with /'
done >"$out"
sort -k1,2 -k3n "$out" | awk '
function put() { if (n) median[key] = v[int((n + 1) / 2)]; n = 0 }
$1 " " $2 != key { put(); key = $1 " " $2; kind[$2] }
{ v[++n] = $3 }
END {
	put()
	printf "%-12s %9s %9s %9s\n", "ns a call", "plain", "with", "more"
	for (k in kind)
		printf "%-12s %9.2f %9.2f %9.2f\n", k, median["plain " k],
		    median["with " k], median["with " k] - median["plain " k]
}'
"$B/tests/bench/startup" 1000 plain= with="$B/tlsshim.so" -- /bin/true | awk '
{ v[$1] = $2 }
END {
	printf "%-12s %9.1f %9.1f %9.1f\n", "us a start", v["plain"],
	    v["with"], v["with"] - v["plain"]
}'
