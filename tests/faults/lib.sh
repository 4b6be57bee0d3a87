# faults/lib.sh - what faults_test.sh and all share; behind tests/lib.sh

# faults_set_up	certificates and policy in $TMP
faults_set_up() {
	pki_usual
	policy tls <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	    cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.0/8";
	    certfile = "good.pem"; keyfile = "good.key"; } );
	END
}

# faults ARGUMENT...	the driver with these; PRELOAD: instead of the shim
faults() {
	local own="$B/tlsshim.so:$B/tests/faults/layer.so"
	"$B/tests/faults/driver" "$@" "$TMP" "$B/tests/faults/subject" \
	    "${PRELOAD:-$own}"
}

# faults_strace CALL:HOW...	the Nth system call of that name fails, N from 1 on
# until none is hit any more; a failure of the test where a run is not right or
# clean, and prints how many there were.  What ld.so asks for before any of our
# code runs is left out: it goes on without a preload, or ends the program.
faults_strace() {
	local what role out n loader runs=0
	for what; do
		loader=$(faults_loader "${what%%:*}")
		for role in client server; do
			for ((n = loader + 1; n < 400; n += ${STEP:-1})); do
				out=$(faults_straced "$role" "$what" "$n" 2>&1) ||
				    fail "$role $what:when=$n: $out"
				grep -q INJECTED "$TMP/strace" || break
				runs=$((runs + 1))
			done
		done
	done
	echo "strace: $runs runs with a fault"
	[ $runs -gt 0 ] || fail 'strace hit nothing'
}

# How many system calls of this name ld.so makes (ld.so(8), as ldd asks it).
faults_loader() {
	/usr/bin/strace -qq -o "$TMP/loader" -e "trace=$1" \
	    -E LD_TRACE_LOADED_OBJECTS=1 -E LD_PRELOAD="$B/tlsshim.so" \
	    "$B/tests/faults/subject" >/dev/null
	grep -c "^$1(" "$TMP/loader"
}

# One run without the layer: its faults come by strace, and may be in any of the
# sessions.
faults_straced() {
	"$B/tests/faults/driver" -s -r "$1" -h "${HOW:-epoll}" "$TMP" \
	    "$B/tests/faults/subject" "$B/tlsshim.so" -- \
	    /usr/bin/strace -f -qq -o "$TMP/strace" -e "trace=${2%%:*}" \
	    -e "inject=$2:when=$3"
}
