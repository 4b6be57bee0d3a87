#!/bin/bash
# apply_test.sh - a checked file becomes the site policy, and nothing is lost

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	policy good <<-END
	unmatched = "plain";
	client = ( { host = "db.example"; cafile = "ca.pem"; } );
	END
	policy next <<-END
	unmatched = "reject";
	END
	policy bad <<-END
	unmatched = "plain";
	clinet = ( );
	END
}

# site COMMANDS	in a mount namespace where /etc/tlsshim is ours; sets out
site() {
	if [ "$(id -u)" != 0 ] || ! can_unshare; then
		skip 'no mount namespaces here'
		return 1
	fi
	out=$(own_etc 'rm -rf "$ETC/tlsshim"' bash -c "$1" 2>&1)
	code=$?
}

test_policy_is_installed_for_all_to_read() {
	site 'umask 077; mkdir -m 755 /etc/tlsshim
	    install -m 644 $TMP/ca.pem /etc/tlsshim
	    $TLSSHIM apply $TMP/good.cfg || exit 1
	    cmp $TMP/good.cfg /etc/tlsshim/policy.cfg || exit 2
	    stat -c "%a %u %g" /etc/tlsshim/policy.cfg
	    ls -A /etc/tlsshim | tr "\n" " "
	    setpriv --reuid=65534 --regid=65534 --clear-groups \
		$TLSSHIM check || exit 3' || return 0
	assertEquals "$out" 0 "$code"
	assertContains "$out" '644 0 0'
	assertContains "$out" 'ca.pem policy.cfg /etc/tlsshim/policy.cfg: good'
}

test_folder_is_made() {
	site 'umask 077; $TLSSHIM apply $TMP/next.cfg || exit 1
	    stat -c %a /etc/tlsshim' || return 0
	assertEquals "$out" 0 "$code"
	assertContains "$out" 755
}

test_relative_names_are_those_of_the_site() {
	site '$TLSSHIM apply $TMP/good.cfg; echo "code $?"
	    ls -A /etc/tlsshim' || return 0
	assertContains "$out" 'code 1'
	assertContains "$out" "$TMP/good.cfg:3: "
	assertContains "$out" /etc/tlsshim/ca.pem
	assertNotContains "$out" .new
	assertEquals 'nothing is left' 'code 1' "$(echo "$out" | tail -n 1)"
}

test_former_policy_is_kept() {
	site 'mkdir /etc/tlsshim; cp $TMP/ca.pem /etc/tlsshim
	    $TLSSHIM apply $TMP/good.cfg && $TLSSHIM apply $TMP/next.cfg &&
	    cmp $TMP/next.cfg /etc/tlsshim/policy.cfg &&
	    cmp $TMP/good.cfg /etc/tlsshim/policy.cfg.last &&
	    ls -A /etc/tlsshim | tr "\n" " "' || return 0
	assertEquals "$out" 0 "$code"
	assertContains "$out" 'ca.pem policy.cfg policy.cfg.last'
}

test_applying_the_same_twice_keeps_the_one_before() {
	site 'mkdir /etc/tlsshim; cp $TMP/ca.pem /etc/tlsshim
	    $TLSSHIM apply $TMP/good.cfg && $TLSSHIM apply $TMP/next.cfg &&
	    $TLSSHIM apply $TMP/next.cfg &&
	    $TLSSHIM apply /etc/tlsshim/policy.cfg &&
	    cmp $TMP/next.cfg /etc/tlsshim/policy.cfg &&
	    cmp $TMP/good.cfg /etc/tlsshim/policy.cfg.last' || return 0
	assertEquals "$out" 0 "$code"
}

test_former_policy_comes_back() {
	site 'mkdir /etc/tlsshim; cp $TMP/ca.pem /etc/tlsshim
	    $TLSSHIM apply $TMP/good.cfg && $TLSSHIM apply $TMP/next.cfg &&
	    $TLSSHIM apply /etc/tlsshim/policy.cfg.last &&
	    cmp $TMP/good.cfg /etc/tlsshim/policy.cfg &&
	    cmp $TMP/next.cfg /etc/tlsshim/policy.cfg.last' || return 0
	assertEquals "$out" 0 "$code"
}

test_bad_policy_changes_nothing() {
	site '$TLSSHIM apply $TMP/next.cfg || exit 1
	    before=$(ls -lA --time-style=full-iso /etc/tlsshim)
	    for file in $TMP/bad.cfg $TMP/none.cfg /dev/null $TMP; do
		$TLSSHIM apply $file && exit 2
		[ "$before" = "$(ls -lA --time-style=full-iso \
		    /etc/tlsshim)" ] || exit 3
	    done
	    cmp $TMP/next.cfg /etc/tlsshim/policy.cfg' || return 0
	assertEquals "$out" 0 "$code"
	assertContains "$out" "$TMP/bad.cfg:3: "
	assertContains "$out" "$TMP/none.cfg: No such file"
}

test_full_disk_changes_nothing() {
	site 'mkdir /etc/tlsshim; mount -t tmpfs -o size=12k,mode=755 none \
		/etc/tlsshim || exit 9
	    $TLSSHIM apply $TMP/next.cfg || exit 1
	    head -c 100000 /dev/zero >/etc/tlsshim/fill 2>/dev/null
	    echo "# more" | cat $TMP/next.cfg - >$TMP/more.cfg
	    $TLSSHIM apply $TMP/more.cfg && exit 2
	    rm /etc/tlsshim/fill
	    cmp $TMP/next.cfg /etc/tlsshim/policy.cfg || exit 3
	    ls -A /etc/tlsshim | tr "\n" "|"' || return 0
	assertEquals "$out" 0 "$code"
	assertContains "$out" 'No space left'
	assertContains "$out" 'policy.cfg|'
	assertNotContains "$out" '.new'
}

test_interrupted_run_is_no_obstacle() {
	site 'mkdir /etc/tlsshim; echo half >/etc/tlsshim/.policy.cfg.new
	    $TLSSHIM apply $TMP/next.cfg || exit 1
	    cmp $TMP/next.cfg /etc/tlsshim/policy.cfg || exit 2
	    [ ! -e /etc/tlsshim/.policy.cfg.new ]' || return 0
	assertEquals "$out" 0 "$code"
}

# There must be a complete policy whenever somebody looks.
test_reader_always_finds_a_whole_policy() {
	site 'mkdir /etc/tlsshim; cp $TMP/ca.pem /etc/tlsshim
	    $TLSSHIM apply $TMP/good.cfg >/dev/null
	    (for i in 1 2 3 4 5 6 7 8; do
		$TLSSHIM apply $TMP/next.cfg
		$TLSSHIM apply $TMP/good.cfg
	    done) >/dev/null 2>&1 &
	    while kill -0 $! 2>/dev/null; do
		$TLSSHIM check >/dev/null || exit 1
	    done' || return 0
	assertEquals "$out" 0 "$code"
}

test_second_apply_at_the_same_time_waits_for_no_one() {
	site 'mkdir /etc/tlsshim
	    flock /etc/tlsshim $TLSSHIM apply $TMP/next.cfg; echo "code $?"
	    ls -A /etc/tlsshim' || return 0
	assertContains "$out" 'another tlsshim apply is at work'
	assertContains "$out" 'code 1'
}

test_user_without_rights_is_told() {
	site 'mkdir /etc/tlsshim; setpriv --reuid=65534 --regid=65534 \
	    --clear-groups $TLSSHIM apply $TMP/next.cfg' || return 0
	assertEquals "$out" 1 "$code"
	assertContains "$out" 'Permission denied'
}

test_wrong_usage() {
	"$TLSSHIM" apply >/dev/null 2>&1
	assertEquals 2 $?
	"$TLSSHIM" apply a b >/dev/null 2>&1
	assertEquals 2 $?
}

. shunit2
