#!/bin/bash
# keys_test.sh - each key of the policy is documented, checked and exercised,
# and one whose work is not done is refused

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	"$TLSSHIM" keys --json >"$TMP/keys.json"
	sed -n 's/.*"name": "\([^"]*\)", "type": "\([^"]*\)".*'`
	    `'"supported": \([a-z]*\),.*/\1:\2:\3/p' "$TMP/keys.json" \
	    >"$TMP/keys"
}

# keys true|false	names of those that are supported, or not
keys() {
	sed -n "s/:[^:]*:$1\$//p" "$TMP/keys"
}

# value NAME TYPE	some value that is not the default; what a rule holds
value() {
	local name=$1 v
	case $name in
	security_profile) v='"high"' ;;
	groups) v='( "X25519" )' ;;
	signature_algorithms) v='( "EdDSA-Ed25519" )' ;;
	ocsp_stapling) v='"off"' ;;
	options) v='( "no_ticket" )' ;;
	verify_flags) v='( "no_partial_chain" )' ;;
	check_ip) v='( "127.0.0.1" )' ;;
	check_email) v='( "a@b.example" )' ;;
	check_uri) v='( "urn:example:b" )' ;;
	pins) v='( "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" )' ;;
	pins_only | hostname_checks_common_name | alpn_mandatory | \
	    strict_sni | post_handshake_auth | allow_unwrap) v=true ;;
	session.resume | do_handshake_on_connect) v=false ;;
	certificates)
		v='( { certfile = "good.pem"; keyfile = "good.key"; } )' ;;
	sni) v='( { server_name = "x.example"; context = "c"; } )' ;;
	cadata) v="\"$(tr '\n' '@' <"$TMP/ca.pem" | sed 's/@/\\n/g')\"" ;;
	*) case $2 in
		integer) v=3 ;;
		string | 'file name') v='"good.pem"' ;;
		'list of strings') v='( "x.example" )' ;;
		*) v='' ;;
		esac ;;
	esac
	[ -n "$v" ] || fail "this test knows no value of $name"
	case $name in
	session.*) echo "session = { ${name#session.} = $v; };" ;;
	*) echo "$name = $v;" ;;
	esac
}

test_json_lists_the_rows_of_keys_def() {
	assertEquals "$(grep -c '^KEY(' "$TESTS/../policy/keys.def")" \
	    "$(wc -l <"$TMP/keys")"
}

test_each_key_is_in_the_manual() {
	local name page
	page=$(find "$B" "$TESTS/../policy" -name 'tlsshim-policy.5' |
	    head -n 1)
	assertNotEquals 'the generated manual' '' "$page"
	[ -n "$page" ] || return 0
	for name in $(cut -d: -f1 "$TMP/keys"); do
		grep -Fq "$name" <(sed 's/\\-/-/g; s/\\_/_/g' "$page") ||
		    fail "$name is not in the manual"
	done
}

# A boolean is checked by its type alone, the groups by their own reader.
test_each_key_has_a_check() {
	assertEquals '' "$(printf '%s\n' '#define BOTH(...) default' \
	    '#define SIDES(...) default' \
	    '#define KEY(f, type, name, d, check, ...) name type check' \
	    '#include "policy/keys.def"' |
	    (cd "$TESTS/.." && cc -E -P -I. -x c -) |
	    awk 'NF == 3 && $3 == "none" &&
		$2 !~ /^(BOOL|IDENTITIES|SNI)$/')"
}

# marked with|without	KEY FILE:TEST of what stands in a comment directly above
# a test as `# with: KEY...`, `# without: KEY...` or `# with and without: KEY...`
# and sets each KEY in its body (`# without:` alone must not set it)
marked() {
	awk -v which="$1" '
	FNR == 1 { n = 0 }
	/^# (with|without|with and without): / {
		split($0, part, ": ")
		if (part[1] == "# " which || part[1] == "# with and without")
			n = split(part[2], key, " ")
		alone = part[1] == "# without"
		next
	}
	n > 0 && /^test_[a-z0-9_]*\(\) \{/ { name = $1; body = ""; inside = 1 }
	inside { body = body "\n" $0 }
	inside && /^}/ {
		for (i = 1; i <= n; i++) {
			word = key[i]
			sub(/.*\./, "", word)
			sets = body ~ "[^a-z_]" word " *="
			if (alone ? !sets : sets)
				print key[i], FILENAME ":" name
		}
		n = inside = 0
	}
	!inside && !/^#/ { n = 0 }' "$TESTS"/*_test.sh
}

# Tests that show from outside what a key does, and that it is not so without.
test_each_supported_key_has_a_test_with_and_one_without_it() {
	local name with without
	assertTrue "[ $(keys true | wc -l) -ge 13 ]"
	with=$(marked with) without=$(marked without)
	for name in $(keys true); do
		grep -q "^$name " <<<"$with" &&
		    grep -q "^$name " <<<"$without" ||
		    fail "no test is marked with and without: $name"
	done
}

test_marks_name_keys_that_there_are() {
	local name
	for name in $( (marked with; marked without) | cut -d' ' -f1); do
		grep -q "^$name:" "$TMP/keys" || fail "$name is no key"
	done
}

test_unsupported_keys_are_refused() {
	local name type
	while IFS=: read -r name type _; do
		policy later <<-END
		unmatched = "plain";
		contexts = ( { name = "c"; cafile = "ca.pem"; } );
		client = ( { port = 443; cafile = "ca.pem";
		$(value "$name" "$type")
		} );
		END
		"$TLSSHIM" check -p "$TMP/later.cfg" >"$TMP/out" 2>&1
		assertEquals "$name" 1 $?
		grep -q 'not supported yet' "$TMP/out" &&
		    grep -q 'later.cfg:5' "$TMP/out" ||
		    fail "$name: $(cat "$TMP/out")"
	done < <(grep ':false$' "$TMP/keys")
}

test_unsupported_keys_may_have_their_default() {
	policy default <<-END
	unmatched = "plain";
	client = ( { port = 443; cafile = "ca.pem"; close_timeout = 5;
	    do_handshake_on_connect = true; verify_depth = 14;
	    session = { resume = true; timeout = 7200; };
	    security_profile = "medium"; ocsp_stapling = "request"; } );
	END
	out=$("$TLSSHIM" check -p "$TMP/default.cfg" 2>&1)
	assertEquals "$out" 0 $?
}

. shunit2
