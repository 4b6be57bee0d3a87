#!/bin/bash
# tcpdiff_test.sh - the transcripts of conformance/tcpdiff under the testbed
# policy are those of plain TCP, to the letter

. "${0%/*}/lib.sh"

DIFF=$TMP/tcpdiff
# What these need comes with later issues; before-accept needs another policy.
later="scm-rights two-owners before-accept"
make_tcpdiff() {
	[ -x "$DIFF/tcpdiff" ] && return 0
	cp -r "$TESTS/conformance/tcpdiff" "$DIFF" &&
	    make -s -C "$DIFF" tcpdiff >"$TMP/make.out" 2>&1
}

oneTimeSetUp() {
	testbed || fail "testbed: $(cat "$TMP/bed.out")"
	make_tcpdiff
	KEEP=$TMP/kept SKIP="$later" "$DIFF/run.sh" "$TLSSHIM" run \
	    -p "$TMP/bed/policy.cfg" -- >"$TMP/diff.out" 2>&1
	# a client that does not wait for a server which accepts late
	sed 's/server_hostname/do_handshake_on_connect = false; &/' \
	    "$TMP/bed/policy.cfg" >"$TMP/bed/late.cfg"
	KEEP=$TMP/kept TAGS=before-accept "$DIFF/run.sh" "$TLSSHIM" run \
	    -p "$TMP/bed/late.cfg" -- >>"$TMP/diff.out" 2>&1
	return 0	# each test looks at its own transcript
}

same() {
	if [ ! -s "$TMP/kept/$1.txt" ]; then
		fail "$1 did not run: $(tail -n 3 "$TMP/diff.out")"
	elif ! diff -u "$DIFF/baseline/$1.txt" "$TMP/kept/$1.txt"; then
		cat "$TMP/kept/$1.err" 2>/dev/null
		fail "$1 differs"
	fi
}

# Those with no tag of later; a scenario is a line: name, sides, tags.
scenarios() {
	make_tcpdiff && "$DIFF/tcpdiff" list | awk -F '\t' -v later="$later" '
	BEGIN { n = split(later, tag, /[ \n]+/) }
	{
		for (i = 1; i <= n; i++)
			if (tag[i] != "before-accept" &&
			    index(" " $3 " ", " " tag[i] " "))
				next
		if ($1 != "one-thread-poll")
			print $1
	}'
}

suite() {
	local name
	for name in $(scenarios); do
		eval "test_${name//-/_}_is_as_over_tcp() { same $name; }"
		suite_addTest "test_${name//-/_}_is_as_over_tcp"
	done
}

. shunit2
