#!/bin/bash
# explain_test.sh - explain says what the engine decides, with file and line

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	policy many <<-END
	unmatched = "reject";
	defaults = {
	  handshake_timeout = 7;
	};
	contexts = (
	  { name = "corp";
	    cafile = "ca.pem";
	    maximum_version = "TLSv1.2"; } );
	client = (
	  { host = "*.corp.example";
	    port = ( 443, "8000-8100" );
	    context = "corp";
	    handshake_timeout = 9; },
	  { address = "10.0.0.0/8";
	    cafile = "ca.pem"; },
	  { address = "10.1.2.3";
	    action = "plain"; },
	  { program = "$TMP/tool";
	    port = 25;
	    action = "plain"; },
	  { host = "plain.example";
	    action = "plain"; } );
	server = (
	  { address = "127.0.0.1";
	    peer = "127.0.0.0/8";
	    certfile = "good.pem";
	    keyfile = "good.key"; },
	  { port = 80;
	    action = "plain"; } );
	END
}

# explain ARGUMENT...	sets out, code
explain() {
	out=$("$TLSSHIM" explain -p "$TMP/many.cfg" "$@" 2>"$TMP/err")
	code=$?
}

test_rule_context_and_values_have_their_lines() {
	explain --address 192.0.2.7 client db.corp.example 8080
	assertEquals 0 "$code"
	assertContains "$out" 'verdict: tls'
	assertContains "$out" "rule: $TMP/many.cfg:11"
	assertContains "$out" 'context: corp'
	assertContains "$out" 'name: db.corp.example'
	assertContains "$out" "handshake_timeout = 9   [$TMP/many.cfg:14]"
	assertContains "$out" "maximum_version = \"TLSv1.2\"   [$TMP/many.cfg:9]"
	assertContains "$out" "cafile = \"$TMP/ca.pem\"   [$TMP/many.cfg:8]"
	assertContains "$out" 'minimum_version = "TLSv1.2"   [default]'
	assertContains "$out" '+VERS-TLS1.2'
	assertNotContains "$out" '+VERS-TLS1.3'
	explain client 10.9.9.9 1
	assertContains "$out" "handshake_timeout = 7   [$TMP/many.cfg:4]"
	assertContains "$out" 'context: none'
}

# side host port address program: verdict and line of the rule ("-": none)
test_verdicts() {
	local side host port address program verdict line
	while read -r side host port address program verdict line; do
		set --
		[ "$address" = - ] || set -- --address "$address"
		[ "$program" = - ] || set -- "$@" --program "$program"
		explain "$@" "$side" "$host" "$port"
		assertContains "$side $host $port $address ($out)" "$out" \
		    "verdict: $verdict"
		[ "$line" = - ] || assertContains "$host $port" "$out" \
		    "rule: $TMP/many.cfg:$line"
	done <<-END
	client db.corp.example 443 192.0.2.7 - tls 11
	client DB.Corp.Example. 443 192.0.2.7 - tls 11
	client db.corp.example 444 192.0.2.7 - reject -
	client corp.example 443 192.0.2.7 - reject -
	client other.example 1 10.1.2.3 - tls 15
	client plain.example 1 192.0.2.7 - plain 22
	client other.example 25 192.0.2.7 $TMP/tool plain 19
	client other.example 25 192.0.2.7 /usr/bin/other reject -
	client other.example 25 192.0.2.7 - reject -
	client 192.0.2.7 443 - - reject 11
	server 127.0.0.1 80 - - reject -
	server 192.0.2.7 80 - - plain 29
	server 192.0.2.7 81 - - reject -
	END
}

test_peer_of_a_server() {
	explain --peer 127.0.0.9 server 127.0.0.1 80
	assertContains "$out" "rule: $TMP/many.cfg:25"
	explain --peer 192.0.2.7 server 127.0.0.1 80
	assertContains "$out" "rule: $TMP/many.cfg:29"
}

test_rules_for_programs_are_mentioned() {
	explain --address 192.0.2.7 client other.example 25
	assertContains "$out" '--program asks about one'
	assertContains "$out" 'no rule matches other.example at 192.0.2.7:25; '
	explain --address 192.0.2.7 --program /bin/other client other.example 25
	assertContains "$out" '192.0.2.7:25 for /bin/other; '
	explain --address 192.0.2.7 --program "$TMP/tool" client other.example 25
	assertNotContains "$out" '--program asks about one'
}

test_script_is_matched_by_its_name_and_its_interpreter() {
	printf '#!/bin/sh\n' >"$TMP/script"
	chmod 755 "$TMP/script"
	policy script <<-END
	unmatched = "reject";
	client = (
	  { program = "$TMP/script"; port = 1; action = "plain"; },
	  { program = "$(realpath /bin/sh)"; port = 2; action = "plain"; } );
	END
	for port in 1 2; do
		assertContains "$("$TLSSHIM" explain -p "$TMP/script.cfg" \
		    --program "$TMP/script" client 192.0.2.7 $port)" \
		    'verdict: plain'
	done
}

test_name_is_completed_by_the_search_list() {
	out=$(LOCALDOMAIN=corp.example "$TLSSHIM" explain \
	    -p "$TMP/many.cfg" --address 192.0.2.7 client db 443)
	assertContains "$out" "rule: $TMP/many.cfg:11"
}

test_name_that_does_not_resolve_is_explained() {
	explain client no-such-host.invalid 443
	assertEquals "$(cat "$TMP/err")" 0 "$code"
	assertContains "$(cat "$TMP/err")" --address
	assertContains "$out" 'verdict: reject'
}

# One name, two addresses, two ends: each is explained, once.
test_each_distinct_outcome_is_explained() {
	can_unshare || { skip 'no mount namespaces here'; return; }
	export TLSSHIM_POLICY=$TMP/many.cfg
	out=$(own_etc 'printf "%s two.example\n" 192.0.2.7 192.0.2.8 10.1.2.3 \
	    >>"$ETC/hosts"; echo multi on >"$ETC/host.conf"' \
	    "$TLSSHIM" explain client two.example 1 2>&1)
	unset TLSSHIM_POLICY
	assertEquals "$out" 2 "$(echo "$out" | grep -c verdict:)"
	assertContains "$out" 'at 192.0.2.7, 192.0.2.8'
	assertContains "$out" 'at 10.1.2.3'
}

test_json_is_json() {
	explain --json --address 192.0.2.7 client db.corp.example 443
	out=$(echo "$out" | python3 -c 'import json, sys
one, = json.load(sys.stdin)
v = one["values"]
print(one["verdict"], one["line"], one["context"], one["name"],
    v["handshake_timeout"]["value"], v["handshake_timeout"]["line"],
    v["minimum_version"]["file"], len(v))')
	assertEquals "tls 11 corp db.corp.example 9 14 None $(grep -c '^KEY(' \
	    "$TESTS/../policy/keys.def")" "$out"
}

test_bad_policy_is_bad_and_wrong_words_are_usage() {
	echo 'version = 1;' >"$TMP/bad.cfg"
	"$TLSSHIM" explain -p "$TMP/bad.cfg" client a 1 >"$TMP/out" 2>"$TMP/err"
	assertEquals 1 $?
	assertContains "$(cat "$TMP/err")" "$TMP/bad.cfg:"
	for words in '' client 'client a' 'both a 1' 'client a 1 2' \
	    'client a 65536' 'client a x' 'client a -1'; do
		explain $words
		assertEquals "$words" 2 "$code"
	done
	explain --address no client a 1
	assertEquals 1 "$code"
}

# The engine's log and explain must blame the same rule.
test_engine_decides_the_same() {
	policy same <<-END
	unmatched = "reject";
	log = { level = "info"; };
	client = (
	  { port = "1-1023"; action = "plain"; },
	  { address = "127.0.0.0/8";
	    action = "reject"; } );
	END
	start peer "$B/tests/tcp_server"
	port=$(port_of peer)
	shimmed same "$B/tests/tcp_client" 127.0.0.1 "$port" \
	    >"$TMP/out" 2>"$TMP/err"
	assertContains "$(cat "$TMP/err")" "rule=$TMP/same.cfg:6"
	assertContains "$("$TLSSHIM" explain -p "$TMP/same.cfg" \
	    client 127.0.0.1 "$port")" "rule: $TMP/same.cfg:6"
}

. shunit2
