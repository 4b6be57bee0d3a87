#!/bin/bash
# endings.sh - what arrives of 4 MB when their writer ends at once
#
#	tests/bench/endings.sh [TIMES [small|big]]	(100)
#
# The reader is a slow TLS 1.3 server of OpenSSL's that sends tickets.  For
# each way to end, blocking and not, in a small program and in one with 2 GB
# resident: how often all bytes arrived, how often close_notify did (a SIGKILL
# leaves no time for that), and the longest close() in ms.  Exit status 1 if
# something was lost or a close() took 50 ms or more.

. "${0%/*}/../lib.sh"
trap 'stop_all; rm -rf "$TMP"' EXIT
cd "$TESTS/.." || exit 2
make -s -f tests/tests.mk B="$B" fixtures || exit 2
times=${1:-100}
pki_usual
policy tls <<-END
unmatched = "reject";
client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
             cafile = "ca.pem"; } );
END
under tls

# ways HOST SOCKET	a row for each way to end
ways() {
	local how i
	for how in close exit _exit exec main kill; do
		start slow python3 tests/fixtures/slow_server.py \
		    "$TMP/good.pem" "$TMP/good.key"
		port=$(port_of slow)
		for ((i = 0; i < times; i++)); do
			{ "${UNDER[@]}" "$B/tests/hurry" "$port" $how "$2" \
			    ${1#small}; } 2>/dev/null
		done >"$TMP/said"
		for ((i = 0; i < 1000; i++)); do
			[ "$(wc -l <"$TMP/slow.out")" -le $times ] || break
			sleep 0.01
		done
		awk -v how=$how -v host=$1 -v socket=$2 -v times=$times '
		$1 == "close" && $3 > most { most = $3 }
		$1 == "4000000" { all++ }
		$2 == "close_notify" { notified++ }
		END {
			if (how == "close")
				took = sprintf("%.1f", most / 1000)
			printf "%-6s %-8s %-6s %4d of %d %8s of %d %9s\n", host,
			    socket, how, all, times, how == "kill" ? "-" : \
			    notified + 0, times, took
			exit all < times || most >= 50000 || \
			    (how != "kill" && notified < times)
		}' "$TMP/said" "$TMP/slow.out" || bad=1
		stop slow
	done
}

bad=0
echo 'host   socket   end     all arrived  close_notify  close() ms'
for host in ${2:-small big}; do
	ways $host block
	ways $host nonblock
done
exit $bad
