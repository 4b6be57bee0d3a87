#!/bin/bash
# leaks_test.sh - a recorder that answers nothing takes what a hundred small
# programs send, one per road (tests/leaks): under the shim TLS records or
# nothing, plain the marker; and again with a TLS server behind the recorder

. "${0%/*}/lib.sh"

LEAKS=$B/tests/leaks
QUIET=300	# ms after which the recorder closes; some roads wait for that

oneTimeSetUp() {
	exists "$LEAKS"
	pki_usual
	policy governs <<-END
	unmatched = "reject";
	client = ( { address = ( "127.0.0.0/8", "0.0.0.0", "::1" );
	    cafile = "ca.pem"; handshake_timeout = 2; } );
	server = ( { certfile = "good.pem"; keyfile = "good.key";
	    handshake_timeout = 2; } );
	END
	# for roads that another user goes
	mkdir "$TMP/objects"
	cp "$B"/tlsshim*.so "$B/tlsshim-linger" "$LEAKS" \
	    "$B/tests/bypass_static" "$TMP/objects"
	chmod 755 "$TMP/objects" "$TMP/objects"/*
	chmod 644 "$TMP"/*.cfg "$TMP/ca.pem"
	LEAKS=$TMP/objects/leaks
}

# goes ROAD plain|shim|session	prints what the wire saw: marker, TLS,
# nothing, else; in a session the recorder is between the road and a TLS server
goes() {
	local dir=$TMP/$1.$2 pid port how=() i to=(-q $QUIET)
	mkdir -p "$dir"
	[ "$2" != session ] || to=(-r "$SERVER")
	"$B/tests/recorder" "${to[@]}" "$dir/wire" >"$dir/out" 2>&1 &
	pid=$!
	port=$(wait_line "$dir/out" '^port [0-9]+$' $pid | sed 's/port //')
	[ "$2" = plain ] || how=(env LD_PRELOAD="$TMP/objects/tlsshim.so"
	    TLSSHIM_POLICY="$TMP/governs.cfg")
	timeout 30 "${how[@]}" "$LEAKS" "$1" "$port" >"$dir/road" 2>&1 \
	    </dev/null
	# what it sent is there before its end, but for the recorder's copying
	for ((i = 0; i < 50; i++)); do
		[ "$2" = plain ] || break
		grep -aq marker.of "$dir/wire" && break
		sleep 0.01
	done
	wait_closed "$port"
	kill $pid
	wait $pid 2>/dev/null
	seen "$dir/wire"
}

# wait_closed PORT	until no connection to the recorder is left
wait_closed() {
	local i
	for ((i = 0; i < 500; i++)); do
		ss -Htn state established "sport = :$1" | grep -q . || return 0
		sleep 0.01
	done
}

seen() {
	if grep -aq marker.of "$1"; then
		echo marker
	elif [ ! -s "$1" ]; then
		echo nothing
	elif [ "$(head -c 2 "$1" | od -An -tx1)" = ' 16 03' ]; then
		echo TLS
	else
		echo else
	fi
}

# all_go HOW	every road, eight at a time; results in $TMP/HOW.seen
all_go() {
	local road on=()
	: >"$TMP/$1.seen"
	for road in $("$LEAKS"); do
		while [ "$(jobs -rp | wc -l)" -ge 8 ]; do
			wait -n
		done
		echo "$road $(goes "$road" "$1")" >>"$TMP/$1.seen" &
		on+=($!)
	done
	wait "${on[@]}"	# not the server, which stays
}

test_the_roads_are_a_hundred() {
	assertTrue "[ $("$LEAKS" | sort -u | wc -l) -ge 100 ]"
}

# nothing_clear HOW	every road went, and none in clear
nothing_clear() {
	local road what
	all_go "$1"
	assertEquals "$("$LEAKS" | wc -l)" "$(wc -l <"$TMP/$1.seen")"
	while read -r road what; do
		case $what in
		TLS | nothing) ;;
		*) fail "$road: $what on the wire" ;;
		esac
	done <"$TMP/$1.seen"
}

test_no_road_carries_anything_in_clear() {
	nothing_clear shim
}

# The recorder alone ends most roads at connect(): here that succeeds, and
# what comes behind it is gone too.
test_nor_does_one_that_begins_with_a_session() {
	start_shimmed server governs "$B/tests/tcp_server" -t
	SERVER=$(wait_line "$TMP/server.out" '^port [0-9]+$' | sed 's/port //')
	nothing_clear session
	assertTrue 'hardly a session' "[ $(grep -c '^echoed' \
	    "$TMP/server.out") -ge 100 ]"
}

# A road that nobody can go proves nothing.  Some are closed here: by a kernel
# without SMC or io_uring, and for who is not root.
test_each_carries_the_marker_without_the_shim() {
	local road what closed=''
	all_go plain
	while read -r road what; do
		case $road:$what in
		*:marker) ;;
		with_smc:* | by_io_uring:* | by_kernel_aio:*) closed+=" $road" ;;
		*)	# slower than the recorder's patience? once more
			what=$(QUIET=5000 goes "$road" plain)
			[ "$what" = marker ] || fail "$road: $what on the wire" ;;
		esac
	done <"$TMP/plain.seen"
	[ -z "$closed" ] || echo "closed on this machine:$closed"
}

. shunit2
