#!/bin/bash
# children_test.sh - what a program under the preload starts is under it too,
# by whatever road and with whatever environment, or is not started

. "${0%/*}/lib.sh"

ROADS='execl execlp execle execv execvp execvpe execve fexecve execveat
execveat_empty syscall vfork posix_spawn posix_spawnp system popen'

oneTimeSetUp() {
	exists "$B/tests/starter"
	exists "$B/tests/hello_static"
	policy governs <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.0/8"; system_trust = true; } );
	END
	policy plain <<-END
	unmatched = "plain";
	END
	# the shell of system() and popen() stays an ordinary one
	cp "$B/tests/hello" "$TMP/hello"
	cp "$B/tests/hello_static" "$TMP/static"
}

# starts POLICY ROAD ENVIRONMENT PROGRAM
starts() {
	out=$(shimmed "$1" "$B/tests/starter" "$2" "$3" "$4" 2>"$TMP/err")
	status=$?
}

test_an_emptied_environment_keeps_preload_and_policy() {
	local road
	for road in $ROADS; do
		starts governs "$road" empty "$TMP/hello"
		assertEquals "$road" \
		    "hello preload=$B/tlsshim.so policy=$TMP/governs.cfg" "$out"
	done
}

test_a_whole_environment_is_left_as_it_is() {
	local road
	for road in $ROADS; do
		starts governs "$road" whole "$TMP/hello"
		assertEquals "$road" \
		    "hello preload=$B/tlsshim.so policy=$TMP/governs.cfg" "$out"
	done
}

# The loader complains of the one that is not there, and goes on.
test_a_preload_of_the_programs_own_is_kept() {
	local road
	for road in $ROADS; do
		starts governs "$road" preload "$TMP/hello"
		assertContains "$road" "$out" \
		    "preload=$B/tlsshim.so:/nowhere/other.so policy="
	done
}

test_env_i_and_a_shell_that_unsets() {
	out=$(shimmed governs env -i "$TMP/hello")
	assertContains "$out" "preload=$B/tlsshim.so"
	out=$(shimmed governs sh -c "unset LD_PRELOAD TLSSHIM_POLICY; $TMP/hello")
	assertEquals "hello preload=$B/tlsshim.so policy=$TMP/governs.cfg" \
	    "$out"
}

# From a preload of the whole machine nothing needs to go along.
test_another_policy_for_the_child_is_the_callers_to_name() {
	out=$(shimmed governs env TLSSHIM_POLICY=/nowhere.cfg "$TMP/hello")
	assertContains "$out" 'policy=/nowhere.cfg'
}

# refuses PROGRAM WORDS
refuses() {
	local road
	for road in $ROADS; do
		starts governs "$road" whole "$1"
		assertNotContains "$road" "$out" hello
		[ "$road" = system ] || [ "$road" = popen ] ||
		    assertEquals "$road EACCES" "$out"
		assertContains "$road" "$(cat "$TMP/err")" \
		    "refused exec $(realpath "$1") cause=unprotected"
		assertContains "$road" "$(cat "$TMP/err")" "$2"
	done
}

test_static_programs_are_refused_on_every_road() {
	refuses "$TMP/static" 'is statically linked'
}

# patched NAME OFFSET BYTES	the dynamic hello with some bytes changed
patched() {
	cp "$TMP/hello" "$TMP/$1"
	printf "$3" | dd of="$TMP/$1" bs=1 seek="$2" conv=notrunc status=none
}

test_programs_of_another_machine_are_refused() {
	patched foreign 18 '\267\000'	# EM_AARCH64
	starts governs execve whole "$TMP/foreign"
	assertEquals 'execve EACCES' "$out"
	assertContains "$(cat "$TMP/err")" 'another kind of machine'
}

test_programs_of_musl_are_refused() {
	sed 's,/lib64/ld-linux-x86-64.so.2,/lib/ld-musl-x86_64.so.1\x00\x00,' \
	    "$TMP/hello" >"$TMP/musl"
	chmod 755 "$TMP/musl"
	starts governs execve whole "$TMP/musl"
	assertEquals 'execve EACCES' "$out"
	assertContains "$(cat "$TMP/err")" 'linked with musl'
}

test_scripts_with_such_an_interpreter_are_refused() {
	printf '#!%s\n' "$TMP/static" >"$TMP/script"
	chmod 755 "$TMP/script"
	starts governs execve whole "$TMP/script"
	assertEquals 'execve EACCES' "$out"
	assertContains "$(cat "$TMP/err")" \
	    "refused exec $TMP/static cause=unprotected"
}

# As another user: root's setuid programs raise nothing for root.
as_nobody() {
	mkdir -p "$TMP/objects"
	cp "$B/tlsshim.so" "$B/tlsshim-engine.so" "$B/tests/starter" \
	    "$TMP/objects"
	chmod 755 "$TMP/objects" "$TMP/objects"/*
	out=$(timeout 60 setpriv --reuid=65534 --regid=65534 --clear-groups \
	    env LD_PRELOAD="$TMP/objects/tlsshim.so" \
	    TLSSHIM_POLICY="$TMP/$1.cfg" "$TMP/objects/starter" "$2" whole \
	    "$3" 2>"$TMP/err")
}

test_programs_that_raise_privileges_are_refused() {
	[ "$(id -u)" = 0 ] || { skip 'needs root'; return; }
	chmod 644 "$TMP"/*.cfg
	cp "$TMP/hello" "$TMP/setuid"
	chmod 4755 "$TMP/setuid"
	as_nobody governs execve "$TMP/setuid"
	assertEquals 'execve EACCES' "$out"
	assertContains "$(cat "$TMP/err")" 'is setuid or setgid'
	as_nobody plain execve "$TMP/setuid"
	assertContains "$out" hello
	cp "$TMP/hello" "$TMP/setgid"
	chmod 2755 "$TMP/setgid"
	as_nobody governs posix_spawn "$TMP/setgid"
	assertEquals 'posix_spawn EACCES' "$out"
	starts governs execve whole "$TMP/setuid"
	assertContains 'root is raised no further' "$out" "preload=$B"
}

test_what_nothing_governs_may_start() {
	local road
	for road in $ROADS; do
		starts plain "$road" whole "$TMP/static"
		assertContains "$road" "$out" hello
		assertEquals "$road" 7 "$status"
		assertNull "$road" "$(cat "$TMP/err")"
	done
}

test_a_rule_that_names_the_program_lets_it_pass() {
	policy named <<-END
	unmatched = "reject";
	client = (
	    { program = "$TMP/static"; action = "plain"; },
	    { address = "127.0.0.0/8"; system_trust = true; } );
	END
	starts named execve whole "$TMP/static"
	assertContains "$out" hello
	assertNull "$(cat "$TMP/err")"
	starts named execve whole "$B/tests/hello_static"
	assertEquals 'execve EACCES' "$out"
}

test_on_unprotected_allow_lets_all_pass_with_a_warning() {
	policy allows <<-END
	unmatched = "reject";
	on_unprotected = "allow";
	END
	starts allows vfork whole "$TMP/static"
	assertContains "$out" hello
	assertContains "$(cat "$TMP/err")" \
	    "unprotected exec $TMP/static cause=unprotected"
}

test_on_unprotected_reject_refuses_what_is_not_named() {
	policy rejects <<-END
	unmatched = "plain";
	on_unprotected = "reject";
	END
	starts rejects vfork whole "$TMP/static"
	assertEquals 'vfork EACCES' "$out"
}

test_without_a_policy_that_loads_none_may_start() {
	policy broken <<-END
	unmatched = "plain"; nonsense = 1;
	END
	starts broken execve whole "$TMP/static"
	assertEquals 'execve EACCES' "$out"
}

test_the_loader_itself_may_start() {
	out=$(shimmed governs /lib64/ld-linux-x86-64.so.2 "$TMP/hello")
	assertContains "$out" "preload=$B"
}

test_errors_of_exec_are_the_kernels() {
	starts governs execvp whole nowhere-to-be-found
	assertEquals 'execvp ENOENT' "$out"
	starts governs execve whole "$TMP"
	assertEquals 'execve EACCES' "$out"
	: >"$TMP/empty"
	chmod 755 "$TMP/empty"
	starts governs execve whole "$TMP/empty"
	assertEquals 'execve ENOEXEC' "$out"
	assertNull "$(cat "$TMP/err")"
}

# A library that is bound to libc before us would talk plaintext.
test_a_deeply_bound_library_is_governed() {
	local args=("$B/tests/deep.so")
	start wire "$B/tests/recorder" "$TMP/wire"
	"$B/tests/deep" "${args[@]}" "$(port_of wire)" >/dev/null
	assertTrue 'plain, it is seen' "wait_until grep -aq marker '$TMP/wire'"
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" "$TMP/wire"
	out=$(shimmed governs timeout 60 "$B/tests/deep" "${args[@]}" \
	    "$(port_of wire)" 2>/dev/null)
	assertNotContains "$out" 'talk 17'
	assertFalse "grep -aq marker '$TMP/wire'"
}

. shunit2
