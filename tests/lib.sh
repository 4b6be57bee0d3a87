# lib.sh - what every shell test starts with: . "${0%/*}/lib.sh"
#
# B, TLSSHIM and TMP (a folder of its own, removed at the end); policies,
# certificates, programs in the background.  Each test prints one line
# `ok NAME`, `not ok NAME` or `skip NAME: reason`, which tests/run counts.
#
# As root each *_test.sh runs in a network of its own: a port that nobody listens
# on is nobody's, whatever runs beside it.
#
# In one that sets ORACLE=yes before, the oracle (fixtures/oracle.c) sees all
# that crosses that network: a test fails where a connection carries anything
# but TLS, or a text of a test.  Recorders that relay judge by themselves, with
# or without it.  Tests that want plaintext on the wire say so by in_clear.

# Before anything is made: the file begins anew in its own network.
if [[ $0 = *_test.sh || -n $ORACLE ]] && [ "$NETWORK_AT" != "$$" ] &&
    [ "$(id -u)" = 0 ] && unshare -n ip link set lo up 2>/dev/null; then
	export NETWORK_AT=$$
	exec unshare -n bash -c 'ip link set lo up && exec "$@"' own "$0" "$@"
fi

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
B=${B:-$(dirname "$TESTS")/build}
TLSSHIM=${TLSSHIM_WRAPPER:-$B/tlsshim}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/tlsshim-test.XXXXXX") || exit 2
export B TLSSHIM TMP LC_ALL=C SHUNIT_COLOR=none
unset TLSSHIM_POLICY LD_PRELOAD SSLKEYLOGFILE
unset PYTHONUNBUFFERED	# or print() writes a line in pieces
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY no_proxy NO_PROXY
chmod 711 "$TMP"	# some programs run as another user
started=()	# pids of what start() started in this test
oracle=''	# pid of the file's oracle

. "$TESTS/pki.sh"

# Run by shunit2 around every test.  A file with a setUp of its own calls begin.
setUp() {
	begin
}

begin() {
	skipped=''
	clear_wanted=''
	whole_texts
	oracle_start
}

# [MESSAGE] TEXT PART	instead of shunit2's, which asks grep and so is content
# with any one line of PART; made anew each time, behind those.  A PART of
# nothing, which is in every text, is a test's own fault.
whole_texts() {
	assertContains() {
		[ $# -gt 1 ] && [ -n "${!#}" ] || fail "no part is told: $*"
		[ $# -lt 3 ] || [[ $2 == *"$3"* ]] ||
		    fail "$1: not in it: $3: ${2:0:3000}"
		[ $# -ne 2 ] || [[ $1 == *"$2"* ]] ||
		    fail "not in it: $2: ${1:0:3000}"
	}
	assertNotContains() {
		[ $# -gt 1 ] && [ -n "${!#}" ] || fail "no part is told: $*"
		[ $# -lt 3 ] || [[ $2 != *"$3"* ]] || fail "$1: in it: $3"
		[ $# -ne 2 ] || [[ $1 != *"$2"* ]] || fail "in it: $2"
	}
}

tearDown() {
	local name=${_shunit_test_:-}
	stop_all
	[ -n "$name" ] && [ "$name" != "${told:-}" ] || return 0
	told=$name
	oracle_check
	if [ -n "$skipped" ]; then
		echo "skip $name: $skipped"
	elif [ "${__shunit_testSuccess:-1}" = 0 ]; then
		echo "ok $name"
	else
		echo "not ok $name"
	fi
}

oneTimeTearDown() {
	stop_all
	[ -z "$oracle" ] || kill "$oracle"
	oracle=''
	rm -rf "$TMP"
}

# skip REASON	in a test, followed by return
skip() {
	skipped=$*
}

# in_clear client|server|both	this test's client or server, or both, put
# plaintext on the wire; one that does not is a failure too: the oracle is blind
in_clear() {
	clear_wanted=$1
}

# The pid stays the same in unshare and bash: both exec.
oracle_start() {
	[ -n "$ORACLE" ] && [ "$NETWORK_AT" = "$$" ] && [ -z "$oracle" ] ||
	    return 0
	"$B/tests/oracle" >>"$TMP/oracle" 2>&1 &
	oracle=$!
	wait_line "$TMP/oracle" '^ready' "$oracle" >/dev/null ||
	    fail "the oracle does not start: $(cat "$TMP/oracle")"
}

# What the oracle and the recorders have seen since the last check.
oracle_told() {
	grep -h '^clear ' "$TMP"/*.out 2>/dev/null
	sed -i '/^clear /d' "$TMP"/*.out 2>/dev/null
	[ -n "$oracle" ] || return 0
	kill -USR1 "$oracle"
	wait_line "$TMP/oracle" '^seen ' "$oracle" >/dev/null ||
	    echo 'clear ? the oracle has ended'
	grep '^clear ' "$TMP/oracle"
	: >"$TMP/oracle"
}

oracle_check() {
	local told who seen=''
	told=$(oracle_told)
	for who in client server; do
		case $clear_wanted in
		"$who" | both) ;;
		*) continue ;;
		esac
		[ -z "$oracle" ] || grep -q "^clear $who" <<<"$told" ||
		    fail "the oracle sees no plaintext of this $who"
		told=$(grep -v "^clear $who" <<<"$told")
	done
	[ -z "$told" ] || fail "on the wire: $told"
}

# policy NAME <<END	writes $TMP/NAME.cfg; without version it gets one
policy() {
	rm -f "$TMP/$1.cfg"	# the mode may be part of an earlier test
	cat >"$TMP/$1.cfg"
	grep -q '^version' "$TMP/$1.cfg" ||
	    sed -i '1i version = 1;' "$TMP/$1.cfg"
}

# under NAME	sets UNDER, the words before a command that put it under the
# preload with $TMP/NAME.cfg; what hangs is ended, and its test says so.
# RUNTIME: the sanitizer's that the objects want before them (tests/asan)
under() {
	UNDER=(timeout 150 env LD_PRELOAD="${RUNTIME:+$RUNTIME:}$B/tlsshim.so"
	    TLSSHIM_POLICY="$TMP/$1.cfg")
}

# plain_client ARGUMENT...	tcp_client without the shim
plain_client() {
	timeout 60 "$B/tests/tcp_client" "$@"
}

# shimmed NAME COMMAND	under the preload itself, with $TMP/NAME.cfg
shimmed() {
	under "$1"
	shift
	"${UNDER[@]}" "$@"
}

# exists FILE	assertion: what the tests are about was built
exists() {
	[ -e "$1" ] || fail "$1 is missing"
}

# testbed [--host NAME]...	$TMP/bed, made by the command once
testbed() {
	[ -e "$TMP/bed/policy.cfg" ] ||
	    "$TLSSHIM" testbed "$TMP/bed" "$@" >"$TMP/bed.out" 2>&1
}

# start NAME COMMAND	in the background; output in $TMP/NAME.out and .err
start() {
	local name=$1
	shift
	# of one that was called so before nothing comes into these
	rm -f "$TMP/$name.out" "$TMP/$name.err"
	: >"$TMP/$name.out" >"$TMP/$name.err"
	"$@" >"$TMP/$name.out" 2>"$TMP/$name.err" </dev/null &
	eval "pid_$name=$!"
	started+=($!)
}

# start_shimmed NAME POLICY COMMAND	not `start NAME shimmed`: the pid must
# be the command's, not that of a shell around it
start_shimmed() {
	local name=$1
	under "$2"
	shift 2
	start "$name" "${UNDER[@]}" "$@"
}

# with_puppet COMMAND...	COMMAND, say `start NAME PROGRAM`, with 3 and 4 to
# and from a puppet.py of its own; $PUPPET: its arguments, else $TMP/good;
# PUPPET_UNDER: words before it
with_puppet() {
	local d
	d=$(mktemp -d "$TMP/puppet.XXXX") && mkfifo "$d/in" "$d/out" || return 1
	"${PUPPET_UNDER[@]}" python3 "$TESTS/fixtures/puppet.py" \
	    ${PUPPET:-"$TMP/good.pem" "$TMP/good.key"} \
	    <"$d/in" >"$d/out" 2>"$d/err" &
	started+=($!)
	"$@" 3>"$d/in" 4<"$d/out"
}

# wait_line FILE REGEX [PID]	until a line of FILE matches and print it; ends
# early, false, when PID has ended
wait_line() {
	local i
	for ((i = 0; i < 1000; i++)); do
		grep -aE -m 1 -- "$2" "$1" 2>/dev/null && return 0
		[ -z "$3" ] || kill -0 "$3" 2>/dev/null || break
		sleep 0.01
	done
	grep -aE -m 1 -- "$2" "$1" 2>/dev/null
}

# wait_until COMMAND...	until it is true; false when it does not become so
wait_until() {
	local i
	for ((i = 0; i < 1000; i++)); do
		"$@" && return 0
		sleep 0.01
	done
	return 1
}

has_text() {
	[[ $(tr -d '\0' <"$TMP/$1") == *"$2"* ]]
}

# assertSays [MESSAGE] FILE TEXT	the program that writes $TMP/FILE comes to say
# TEXT: its peer, which has ended, may have been quicker
assertSays() {
	local about=''
	[ $# -lt 3 ] || {
		about="$1: "
		shift
	}
	wait_until has_text "$1" "$2" ||
	    fail "$about$1 does not say: $2: $(tr -d '\0' <"$TMP/$1")"
}

# port_of NAME	the port that a fixture started as NAME says it listens on
port_of() {
	local pid=pid_$1
	wait_line "$TMP/$1.out" '^port [0-9]+$' "${!pid}" | sed 's/port //'
}

# wait_listen PORT	for programs that do not tell
wait_listen() {
	local i
	for ((i = 0; i < 1000; i++)); do
		ss -Hltn "sport = :$1" | grep -q . && return 0
		sleep 0.01
	done
	return 1
}

# finish NAME	waits for the end of what was started as NAME; its status
finish() {
	local pid=pid_$1
	wait "${!pid}"
}

# stop NAME	ends what was started as NAME
stop() {
	local pid=pid_$1
	kill "${!pid}" 2>/dev/null
	wait "${!pid}" 2>/dev/null
	return 0
}

stop_all() {
	local pid
	for pid in "${started[@]}"; do
		kill "$pid" 2>/dev/null
	done
	for pid in "${started[@]}"; do
		wait "$pid" 2>/dev/null
	done
	started=()
	return 0
}

# own_etc SCRIPT COMMAND	runs COMMAND in a mount namespace where /etc is a
# small copy changed by SCRIPT, which finds it in $ETC
own_etc() {
	local script=$1 ns='unshare -m'
	shift
	[ "$(id -u)" = 0 ] || ns='unshare -rm'
	ETC=$(mktemp -d "$TMP/etc.XXXX") && chmod 755 "$ETC" || return 1
	cp -L /etc/{passwd,group,hosts,resolv.conf,services,protocols} \
	    /etc/ld.so.cache "$ETC" 2>/dev/null
	echo 'hosts: files' >"$ETC/nsswitch.conf"
	ETC=$ETC bash -c "$script" || return 1
	ETC=$ETC $ns -- bash -c 'mount --bind "$ETC" /etc && exec "$@"' own_etc "$@"
}

# can_unshare	whether own_etc works here
can_unshare() {
	if [ "$(id -u)" = 0 ]; then
		unshare -m true 2>/dev/null
	else
		unshare -rm true 2>/dev/null
	fi
}
