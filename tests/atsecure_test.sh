#!/bin/bash
# atsecure_test.sh - a setuid program obeys the site policy and nothing that
# its caller's environment says

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	mkdir -p "$TMP/objects"
	cp "$B/tlsshim.so" "$B/tlsshim-engine.so" "$B/tests/tcp_client" \
	    "$TMP/objects"
	chmod 755 "$TMP/objects" "$TMP"/objects/*
	chmod 4755 "$TMP/objects/tcp_client"
	policy open <<-END
	unmatched = "plain";
	END
	chmod 644 "$TMP/open.cfg"
}

# setuid SITE_POLICY	the setuid client as nobody under ld.so.preload; the
# environment names a policy that would let everything through; sets out
setuid() {
	export OBJECTS=$TMP/objects CA=$TMP/ca.pem SITE=$1
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" ${PEER:+-r "$PEER"} "$TMP/wire"
	out=$(own_etc 'mkdir -p "$ETC/tlsshim"
	    [ -z "$SITE" ] || echo "$SITE" >"$ETC/tlsshim/policy.cfg"
	    cp "$CA" "$ETC/tlsshim/ca.pem"
	    echo "$OBJECTS/tlsshim.so" >"$ETC/ld.so.preload"' \
	    setpriv --reuid=65534 --regid=65534 --clear-groups \
	    env TLSSHIM_POLICY="$TMP/open.cfg" \
	    SSLKEYLOGFILE="$TMP/kept/log" "$OBJECTS/tcp_client" \
	    127.0.0.1 "$(port_of wire)" 2>"$TMP/err")
}

able() {
	[ "$(id -u)" = 0 ] || { skip 'needs root'; return 1; }
	can_unshare || { skip 'no mount namespaces here'; return 1; }
	if findmnt -nT "$TMP" -o OPTIONS | grep -qw nosuid; then
		skip "$TMP is mounted nosuid"
		return 1
	fi
}

test_policy_of_the_environment_counts_for_a_usual_program() {
	start plain "$B/tests/tcp_server"
	out=$(shimmed open "$B/tests/tcp_client" localhost "$(port_of plain)")
	assertContains "$out" 'read 16 marker-of-client'
}

test_setuid_program_without_a_site_policy_is_refused() {
	able || return 0
	setuid ''
	assertContains "$out $(cat "$TMP/err")" 'connect EACCES'
	assertEquals 0 "$(stat -c %s "$TMP/wire")"
}

test_setuid_program_obeys_the_site_policy() {
	able || return 0
	setuid 'version = 1; unmatched = "reject";'
	assertContains "$out $(cat "$TMP/err")" 'connect EACCES'
	assertEquals 0 "$(stat -c %s "$TMP/wire")"
}

# The site lets users have the secrets of their own sessions, and of no others.
test_setuid_program_writes_no_secrets_where_its_caller_says() {
	able || return 0
	mkdir -p "$TMP/kept"
	start peer "$B/tests/tls_peer" server "$TMP/good.pem" "$TMP/good.key"
	PEER=$(port_of peer) setuid 'version = 1; unmatched = "reject";
	    allow_keylog_env = true; client = ( { address = "127.0.0.1";
	    server_hostname = "localhost"; cafile = "ca.pem"; } );'
	assertContains "$out $(cat "$TMP/err")" 'connect 0'
	assertEquals '' "$(ls "$TMP/kept")"
}

. shunit2
