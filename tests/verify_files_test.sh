#!/bin/bash
# verify_files_test.sh - tlsshim verify judges files as the engine judges peers

. "${0%/*}/lib.sh"

CASES=$TESTS/badcerts

# judge ARGUMENT...	sets out, status and cause ("accept" or the word)
judge() {
	out=$(timeout 60 "$TLSSHIM" verify --json "$@" 2>"$TMP/err")
	status=$?
	case $out in
	'{"verdict": "accept", "cause": null, "path": ['*']}') cause=accept ;;
	'{"verdict": "reject", "cause": "'*']}')
		cause=${out#*cause\": \"} cause=${cause%%\"*} ;;
	*) cause="neither: $out $(cat "$TMP/err")" ;;
	esac
}

# judged CAUSE ARGUMENT...	CAUSE may be several, with commas
judged() {
	local want=$1
	shift
	judge "$@"
	case ,$want, in
	*,"$cause",*) ;;
	*) fail "$*: wanted $want, got $cause" ;;
	esac
	[ "$cause" = accept ] && assertEquals "$*" 0 $status ||
	    assertEquals "$*" 1 $status
}

# options CASE	sets options to what a case of badcerts comes with
options() {
	local dir=$CASES/$1
	options=(--trust "$dir/trust.pem")
	[ ! -e "$dir/crl.pem" ] ||
	    options+=(--crl "$dir/crl.pem" --flags crl_check_leaf)
	[ ! -e "$dir/staple.der" ] || options+=(--staple "$dir/staple.der")
}

test_every_case_of_badcerts_under_three_settings() {
	local name host full ca none why n=0
	policy none <<-END
	unmatched = "reject";
	contexts = ( { name = "any"; verify_mode = "none"; } );
	END
	while IFS=$'\t' read -r name _ host full ca none why _; do
		[ "$name" != case ] || continue
		options "$name"
		[ "$full" = accept ] && want=accept || want=$why
		judged "$want" --host "$host" "${options[@]}" \
		    "$CASES/$name/chain.pem"
		[ "$ca" = accept ] && want=accept || want=$why
		judged "$want" --no-check-hostname "${options[@]}" \
		    "$CASES/$name/chain.pem"
		judged accept -p "$TMP/none.cfg" --context any --host "$host" \
		    "${options[@]}" "$CASES/$name/chain.pem"
		n=$((n + 1))
	done <"$CASES/expected.tsv"
	assertEquals 55 $n
}

test_path_is_told_subject_by_subject() {
	options ok-ec
	judge --host good.tls.test "${options[@]}" "$CASES/ok-ec/chain.pem"
	assertContains "$out" '"path": ["CN=good.tls.test", '`
	    `'"CN=tlsshim test intermediate", "CN=tlsshim test root"]'
}

test_text_says_why() {
	options expired
	out=$("$TLSSHIM" verify --host good.tls.test "${options[@]}" \
	    "$CASES/expired/chain.pem")
	assertEquals 1 $?
	assertContains "$out" 'reject: expired: "CN=good.tls.test" has expired'
	options ok-ec
	assertEquals accept "$("$TLSSHIM" verify --host good.tls.test \
	    "${options[@]}" "$CASES/ok-ec/chain.pem" | head -n 1)"
}

test_time_may_be_any_and_in_either_form() {
	local at
	options ok-ec
	for at in 2019-12-31T23:59:59Z 1577836799 2020-01-01T01:59:59.5+02:00; do
		judged not_yet_valid --at $at --host good.tls.test \
		    "${options[@]}" "$CASES/ok-ec/chain.pem"
	done
	for at in 2020-01-02T00:00:00Z 1577923200 2020-01-01t23:00:00-01:00; do
		judged accept --at $at --host good.tls.test "${options[@]}" \
		    "$CASES/ok-ec/chain.pem"
	done
	judged expired --at 2050-01-01T00:00:00Z --host good.tls.test \
	    "${options[@]}" "$CASES/ok-ec/chain.pem"
	for at in '' soon 2020-13-01T00:00:00Z 2021-02-29T00:00:00Z \
	    2020-01-01T00:00:00.Z 2020-01-01 12x; do
		"$TLSSHIM" verify --at "$at" "${options[@]}" \
		    "$CASES/ok-ec/chain.pem" >/dev/null 2>&1
		assertEquals "$at" 2 $?
	done
}

test_purpose_depth_and_flags() {
	options eku-client-only
	judged purpose --host good.tls.test "${options[@]}" \
	    "$CASES/eku-client-only/chain.pem"
	judged accept --purpose client "${options[@]}" \
	    "$CASES/eku-client-only/chain.pem"
	options deep-chain-8
	judged chain_limit --depth 2 --host good.tls.test "${options[@]}" \
	    "$CASES/deep-chain-8/chain.pem"
	options deep-chain-30
	judged accept --depth 100000 --host good.tls.test "${options[@]}" \
	    "$CASES/deep-chain-30/chain.pem"
	judged accept --depth 30 --host good.tls.test "${options[@]}" \
	    "$CASES/deep-chain-30/chain.pem"
	options ok-ec
	judged crl_unusable --flags crl_check_leaf --host good.tls.test \
	    "${options[@]}" "$CASES/ok-ec/chain.pem"
	judged accept --flags no_partial_chain,no_x509_strict --host \
	    good.tls.test "${options[@]}" "$CASES/ok-ec/chain.pem"
	judged unknown_issuer --flags no_partial_chain --host good.tls.test \
	    --trust "$CASES/ok-ec/chain.pem" "$CASES/ok-ec/chain.pem"
}

test_context_of_a_policy_is_what_counts() {
	cp "$CASES/ok-ec/trust.pem" "$TMP/ca.pem"
	policy contexts <<-END
	unmatched = "reject";
	defaults = { cafile = "ca.pem"; };
	contexts = ( { name = "named"; server_hostname = "good.tls.test"; },
	    { name = "flat"; verify_depth = 0; } );
	END
	judged accept -p "$TMP/contexts.cfg" --host good.tls.test \
	    "$CASES/ok-ec/chain.pem"
	judged accept -p "$TMP/contexts.cfg" --context named \
	    "$CASES/ok-ec/chain.pem"
	judged chain_limit -p "$TMP/contexts.cfg" --context flat \
	    --host good.tls.test "$CASES/ok-ec/chain.pem"
	judged name_mismatch -p "$TMP/contexts.cfg" "$CASES/ok-ec/chain.pem"
	"$TLSSHIM" verify -p "$TMP/contexts.cfg" --context none \
	    "$CASES/ok-ec/chain.pem" >/dev/null 2>&1
	assertEquals 2 $?
}

test_odd_files_are_judged_and_nothing_breaks() {
	local good=$CASES/ok-ec/chain.pem i
	options ok-ec
	options+=(--host good.tls.test)
	: >"$TMP/empty"
	head -c 100000 /dev/urandom >"$TMP/noise"
	{ echo '-----BEGIN CERTIFICATE-----'; head -c 5000 /dev/zero |
	    tr '\0' A; } >"$TMP/open"
	{ echo '-----BEGIN CERTIFICATE-----'; echo '!!!!'
	  echo '-----END CERTIFICATE-----'; cat "$good"; } >"$TMP/first"
	{ cat "$good"; sed 's/^M/!/' "$good"; } >"$TMP/behind"
	sed 's/$/\r/; 1s/^/subject: x\n\n/' "$good" >"$TMP/crlf"
	openssl x509 -in "$good" -outform DER -out "$TMP/leaf.der"
	openssl x509 -in "$good" -outform DER | head -c 200 >"$TMP/short.der"
	for i in empty noise open first short.der; do
		judged malformed "${options[@]}" "$TMP/$i"
	done
	judged unknown_issuer "${options[@]}" "$TMP/leaf.der"
	judged accept "${options[@]}" "$TMP/behind"
	judged accept "${options[@]}" "$TMP/crlf"
	judged accept "${options[@]}" - <"$good"
	for ((i = 0; i < 200; i++)); do cat "$good"; done >"$TMP/many"
	judged chain_limit "${options[@]}" "$TMP/many"
	head -c 30000000 /dev/zero >"$TMP/huge"
	"$TLSSHIM" verify "${options[@]}" "$TMP/huge" >/dev/null 2>&1
	assertEquals 2 $?
	"$TLSSHIM" verify "${options[@]}" "$TMP/absent" >/dev/null 2>&1
	assertEquals 2 $?
}

test_lists_and_answers_that_cannot_be_read_are_unusable() {
	local good=$CASES/ok-ec/chain.pem
	options ok-ec
	options+=(--host good.tls.test)
	: >"$TMP/empty"
	head -c 3000 "$CASES/ocsp-revoked/staple.der" | head -c 150 \
	    >"$TMP/short.der"
	judged crl_unusable "${options[@]}" --crl "$TMP/empty" "$good"
	judged crl_unusable "${options[@]}" --crl "$good" "$good"
	judged ocsp_unusable "${options[@]}" --staple "$TMP/short.der" "$good"
	judged ocsp_unusable "${options[@]}" --staple "$good" "$good"
	judged unknown_issuer --trust "$TMP/empty" --host good.tls.test "$good"
}

. shunit2
