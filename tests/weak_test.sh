#!/bin/bash
# weak_test.sh - check --strict names every weakening, with its line

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
}

# strict NAME	sets out, code
strict() {
	out=$("$TLSSHIM" check --strict -p "$TMP/$1.cfg" 2>&1)
	code=$?
}

test_defaults_are_not_weak() {
	policy strong <<-END
	unmatched = "reject";
	client = ( { host = "db.example"; cafile = "ca.pem";
	      priority = "NORMAL"; },
	    { port = 443; },
	    { port = 1; action = "reject"; } );
	server = ( { port = 443; certfile = "good.pem"; keyfile = "good.key"; },
	    { port = 444; certfile = "good.pem"; keyfile = "good.key";
	      verify_mode = "required"; cafile = "ca.pem"; } );
	END
	strict strong
	assertEquals "$out" 0 "$code"
}

# What a client rule holds | words of the sentence
test_each_weakening_of_a_client_rule() {
	local held words
	while IFS='|' read -r held words; do
		policy weak <<-END
		unmatched = "reject";
		client = ( { host = "db.example";
		  cafile = "ca.pem";
		  $held } );
		END
		"$TLSSHIM" check -p "$TMP/weak.cfg" >"$TMP/out" 2>&1
		code=$?
		assertEquals "$held: $(cat "$TMP/out")" 0 $code
		strict weak
		assertEquals "$held: $out" 1 "$code"
		assertContains "$held" "$out" "$TMP/weak.cfg:5: "
		assertContains "$held" "$out" "$words"
		assertEquals "$out" 1 "$(echo "$out" | wc -l)"
	done <<-'END'
	check_hostname = false;|any name
	maximum_version = "TLSv1.2";|TLS 1.3
	suppress_ragged_eofs = true;|cut data short
	allow_unwrap = true;|go on in plaintext
	options = "legacy_ciphers";|without AEAD
	options = "legacy_server_connect";|renegotiation
	options = "compat";|break the protocol
	security_profile = "legacy";|112 bits
	session = { cache_file = "cache"; };|decrypt what was recorded
	END
}

# No authority is asked then.
test_pins_without_a_name_have_words_of_their_own() {
	policy pinned <<-END
	unmatched = "reject";
	client = ( { host = "db.example"; pins_only = true;
	  pins = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
	  check_hostname = false; } );
	END
	strict pinned
	assertEquals 1 "$code"
	assertContains "$out" 'pinned.cfg:5: check_hostname'
	assertContains "$out" 'whose key is one of pins'
	assertNotContains "$out" authorities
}

# Of TLS 1.3 neither tells anything about what was recorded.
test_sessions_of_tls_1_2_are_kept_or_given_out() {
	policy tickets <<-END
	unmatched = "reject";
	server = ( { port = 443; certfile = "good.pem"; keyfile = "good.key";
	    session = { num_tickets = 2; }; } );
	END
	strict tickets
	assertContains "$out" 'tickets.cfg:4: session.num_tickets'
	policy tickets <<-END
	unmatched = "reject";
	defaults = { minimum_version = "TLSv1.3"; };
	client = ( { port = 443; cafile = "ca.pem";
	    session = { cache_file = "cache"; }; } );
	server = ( { port = 443; certfile = "good.pem"; keyfile = "good.key";
	    session = { num_tickets = 2; }; } );
	END
	strict tickets
	assertEquals "$out" 0 "$code"
}

test_client_that_verifies_nothing() {
	policy none <<-END
	unmatched = "reject";
	client = ( { host = "db.example";
	    verify_mode = "none"; check_hostname = false; } );
	END
	strict none
	assertEquals 1 "$code"
	assertContains "$out" "$TMP/none.cfg:4: "
	assertContains "$out" 'accepts any server'
}

test_each_weakening_of_the_whole_policy() {
	local held words
	while IFS='|' read -r held words; do
		printf 'version = 1;\n%s\n' "$held" >"$TMP/whole.cfg"
		strict whole
		assertEquals "$held: $out" 1 "$code"
		assertContains "$held" "$out" "$words"
		assertEquals "$out" 1 "$(echo "$out" | wc -l)"
	done <<-'END'
	unmatched = "plain";|unmatched
	unmatched = "reject"; unnamed = "skip";|unnamed
	unmatched = "reject"; ambiguous_name = "latest";|ambiguous_name
	unmatched = "reject"; allow_user_policy = true;|allow_user_policy
	unmatched = "reject"; client = ( { port = 1; action = "plain"; } );|plaintext
	END
}

test_weakness_of_a_context_is_named_once() {
	policy shared <<-END
	unmatched = "reject";
	contexts = ( { name = "c"; cafile = "ca.pem";
	  check_hostname = false; } );
	client = ( { port = 1; context = "c"; }, { port = 2; context = "c"; } );
	END
	strict shared
	assertEquals 1 "$(echo "$out" | wc -l)"
	assertContains "$out" "$TMP/shared.cfg:4: "
}

test_server_that_asks_no_client_is_not_weak_but_its_plaintext_is() {
	policy server <<-END
	unmatched = "reject";
	server = ( { port = 443; certfile = "good.pem"; keyfile = "good.key"; },
	  { port = 80; action = "plain"; } );
	END
	strict server
	assertEquals "$out" 1 "$(echo "$out" | wc -l)"
	assertContains "$out" "$TMP/server.cfg:4: "
}

test_json_holds_faults_and_weakenings() {
	policy both <<-END
	unmatched = "plain";
	client = ( { port = 1; cafile = "absent.pem"; } );
	END
	out=$("$TLSSHIM" check --strict --json -p "$TMP/both.cfg" |
	    python3 -c 'import json, sys
o = json.load(sys.stdin)
print(o["good"], [f["line"] for f in o["faults"]], len(o["weakenings"]))')
	assertEquals 'False [3] 1' "$out"
	policy fine <<-END
	unmatched = "reject";
	END
	out=$("$TLSSHIM" check --strict --json -p "$TMP/fine.cfg" | tr -d ' \n')
	assertEquals "{\"policy\":\"$TMP/fine.cfg\",\"good\":true,"`
	    `'"faults":[],"weakenings":[]}' "$out"
}

test_every_missing_file_is_named() {
	policy files <<-END
	unmatched = "reject";
	client = ( { port = 1; cafile = "absent1.pem"; },
	  { port = 2; cafile = "absent2.pem"; } );
	server = ( { port = 3; certfile = "good.pem"; keyfile = "other_ca.key"; } );
	END
	out=$("$TLSSHIM" check -p "$TMP/files.cfg" 2>&1)
	assertEquals 1 $?
	assertContains "$out" "$TMP/files.cfg:3: "
	assertContains "$out" "$TMP/files.cfg:4: "
	assertContains "$out" "$TMP/files.cfg:5: "
}

. shunit2
