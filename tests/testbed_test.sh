#!/bin/bash
# testbed_test.sh - the throw-away CA and the policy that tlsshim testbed makes

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	testbed --host db.example --host '*.wild.example' --host 10.1.2.3
	BED=$TMP/bed
}

# verify CERTIFICATE ARGUMENT...	as OpenSSL judges it, strictly
verify() {
	local cert=$1
	shift
	openssl verify -x509_strict -CAfile "$BED/ca.pem" "$@" \
	    "$cert" 2>&1
}

# field FILE NAME	what openssl prints of an extension
field() {
	openssl x509 -in "$1" -noout -ext "$2"
}

test_folder_and_keys_are_private() {
	assertEquals 700 "$(stat -c %a "$BED")"
	assertEquals '600 600 600' \
	    "$(stat -c %a "$BED"/*.key | tr '\n' ' ' | sed 's/ $//')"
	assertEquals 'ca.key ca.pem client.key client.pem policy.cfg'`
	    `' server.key server.pem ' "$(ls -A "$BED" | tr '\n' ' ')"
}

test_server_certificate_is_good_for_each_name() {
	local name
	for name in localhost db.example a.wild.example; do
		assertContains "$name" "$(verify "$BED/server.pem" \
		    -purpose sslserver -verify_hostname $name)" ': OK'
	done
	for name in 127.0.0.1 ::1 10.1.2.3; do
		assertContains "$name" "$(verify "$BED/server.pem" \
		    -purpose sslserver -verify_ip $name)" ': OK'
	done
	assertNotContains "$(verify "$BED/server.pem" \
	    -verify_hostname other.example)" ': OK'
}

test_client_certificate_is_for_clients_alone() {
	assertContains "$(verify "$BED/client.pem" -purpose sslclient)" ': OK'
	assertNotContains "$(verify "$BED/client.pem" -purpose sslserver)" ': OK'
	assertNotContains "$(verify "$BED/server.pem" -purpose sslclient)" ': OK'
}

test_gnutls_accepts_the_chain() {
	certtool --verify --verify-profile medium \
	    --load-ca-certificate "$BED/ca.pem" --infile "$BED/server.pem" \
	    --verify-hostname db.example >"$TMP/out" 2>&1
	code=$?
	assertEquals "$(cat "$TMP/out")" 0 $code
}

test_extensions_are_what_strict_verification_wants() {
	local name
	for name in ca server client; do
		assertContains "$(field "$BED/$name.pem" basicConstraints)" \
		    critical
		assertContains "$(field "$BED/$name.pem" keyUsage)" critical
		openssl x509 -in "$BED/$name.pem" -noout -text >"$TMP/text"
		assertContains "$(cat "$TMP/text")" 'Version: 3'
		assertContains "$(cat "$TMP/text")" 'prime256v1'
		assertContains "$(cat "$TMP/text")" 'Subject Key Identifier'
		assertContains "$(cat "$TMP/text")" 'Authority Key Identifier'
		openssl x509 -in "$BED/$name.pem" -noout \
		    -checkend $((29 * 86400)) >/dev/null || fail "$name: short"
		openssl x509 -in "$BED/$name.pem" -noout \
		    -checkend $((31 * 86400)) >/dev/null && fail "$name: long"
	done
	assertContains "$(field "$BED/ca.pem" nameConstraints)" critical
}

# sign NAME TEMPLATE-LINE	a certificate that the CA should not sign for
sign() {
	printf '%s\n' "cn = x" tls_www_server signing_key "$2" \
	    'expiration_days = 2' >"$TMP/sign.tmpl"
	certtool --generate-certificate --load-privkey "$BED/server.key" \
	    --load-ca-certificate "$BED/ca.pem" \
	    --load-ca-privkey "$BED/ca.key" --template "$TMP/sign.tmpl" \
	    --outfile "$TMP/$1.pem" 2>"$TMP/err" || cat "$TMP/err"
}

test_ca_may_sign_for_its_hosts_alone() {
	sign inside 'dns_name = more.wild.example'
	assertContains "$(verify "$TMP/inside.pem")" ': OK'
	sign outside 'dns_name = bank.example'
	assertContains "$(verify "$TMP/outside.pem")" 'permitted subtree'
	sign address 'ip_address = 192.0.2.1'
	assertContains "$(verify "$TMP/address.pem")" 'permitted subtree'
}

test_policy_is_good_and_governs_loopback_on_both_sides() {
	local address
	out=$("$TLSSHIM" check -p "$BED/policy.cfg" 2>&1)
	assertEquals "$out" 0 $?
	for address in 127.0.0.1 127.9.9.9 ::1; do
		for side in client server; do
			assertContains "$side $address" \
			    "$("$TLSSHIM" explain -p "$BED/policy.cfg" \
				$side $address 5432)" 'verdict: tls'
		done
	done
	assertContains "$("$TLSSHIM" explain -p "$BED/policy.cfg" \
	    client 192.0.2.1 443)" 'verdict: plain'
	assertContains "$("$TLSSHIM" explain -p "$BED/policy.cfg" \
	    client 0.0.0.0 443)" 'verdict: tls'
}

test_words_name_what_to_type_next() {
	assertContains "$(cat "$TMP/bed.out")" \
	    "tlsshim run -p $TMP/bed/policy.cfg"
}

test_second_run_renews_and_keeps_policy_and_other_files() {
	"$TLSSHIM" testbed "$TMP/again" >/dev/null
	echo '# mine' >>"$TMP/again/policy.cfg"
	echo mine >"$TMP/again/notes"
	chmod 755 "$TMP/again"
	before=$(cat "$TMP/again/server.pem")
	(cd "$TMP" && "$TLSSHIM" testbed again --host new.example) >/dev/null
	assertEquals 0 $?
	assertNotEquals "$before" "$(cat "$TMP/again/server.pem")"
	assertEquals '# mine' "$(tail -n 1 "$TMP/again/policy.cfg")"
	assertEquals mine "$(cat "$TMP/again/notes")"
	assertEquals 700 "$(stat -c %a "$TMP/again")"
	BED=$TMP/again
	assertContains "$(verify "$BED/server.pem" \
	    -verify_hostname new.example)" ': OK'
	BED=$TMP/bed
	assertEquals '' "$(find "$TMP/again" -name '.*.new')"
}

# refused FOLDER	nothing in it changes
refused() {
	local before
	before=$(ls -lA --time-style=full-iso "$1" 2>&1)
	out=$("$TLSSHIM" testbed "$1" 2>&1)
	assertEquals "$out" 1 $?
	assertEquals "$before" "$(ls -lA --time-style=full-iso "$1" 2>&1)"
}

test_folder_of_somebody_else_is_refused() {
	mkdir "$TMP/full"
	cp "$BED/server.pem" "$TMP/full/ca.pem"
	refused "$TMP/full"
	echo text >"$TMP/full/ca.pem"
	refused "$TMP/full"
	mkdir "$TMP/notes"
	echo text >"$TMP/notes/notes"
	refused "$TMP/notes"
	refused "$TMP/notes/notes"
	refused "$TMP/none/deeper"
	[ "$(id -u)" = 0 ] || return 0
	mkdir "$TMP/theirs"
	chown 65534 "$TMP/theirs"
	refused "$TMP/theirs"
}

test_empty_folder_is_taken() {
	mkdir "$TMP/empty"
	"$TLSSHIM" testbed "$TMP/empty" >/dev/null
	assertEquals 0 $?
	assertTrue "[ -s $TMP/empty/server.pem ]"
}

test_full_disk_leaves_the_former_testbed() {
	if ! can_unshare || [ "$(id -u)" != 0 ]; then
		skip 'no mount namespaces here'
		return
	fi
	mkdir -p "$TMP/small"
	out=$(unshare -m bash -c '
		mount -t tmpfs -o size=48k none "$TMP/small" || exit 9
		"$TLSSHIM" testbed "$TMP/small/bed" >/dev/null || exit 8
		before=$(cat "$TMP"/small/bed/*)
		head -c 100000 /dev/zero >"$TMP/small/fill" 2>/dev/null
		"$TLSSHIM" testbed "$TMP/small/bed" 2>&1 && exit 7
		[ "$before" = "$(cat "$TMP"/small/bed/*)" ] || exit 6
		[ -z "$(find "$TMP/small" -name ".*.new")" ] || exit 5')
	assertEquals "$out" 0 $?
	assertContains "$out" 'No space left'
}

test_bad_host_and_wrong_usage_are_refused() {
	local host
	for host in 'a b' '' '*' 'x.*.example' 'a_.example.' Upper.example
	do
		"$TLSSHIM" testbed "$TMP/never" --host "$host" >/dev/null 2>&1
		assertEquals "'$host'" 1 $?
		assertFalse "'$host'" "[ -e $TMP/never ]"
	done
	"$TLSSHIM" testbed >/dev/null 2>&1
	assertEquals 2 $?
	"$TLSSHIM" testbed "$TMP/never" "$TMP/ever" >/dev/null 2>&1
	assertEquals 2 $?
}

. shunit2
