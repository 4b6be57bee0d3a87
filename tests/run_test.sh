#!/bin/bash
# run_test.sh - tlsshim run: what it starts and how, what it refuses and why

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	policy open <<-END
	unmatched = "plain";
	END
	mkdir "$TMP/bin"
	printf '%s\n' '#include <stdio.h>' \
	    'int main(void) { puts("it ran"); return 0; }' >"$TMP/it.c"
	(cd "$TMP" && cc -o it it.c && cc -static -o static it.c &&
	    cc -static-pie -o static_pie it.c &&
	    cc -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 -o musl it.c)
}

# run ARGUMENT...	tlsshim run with the open policy; sets out, err, code
run() {
	out=$("$TLSSHIM" run -p "$TMP/open.cfg" "$@" 2>"$TMP/err")
	code=$?
	err=$(cat "$TMP/err")
}

# refused CODE TEXT COMMAND...	by one line that holds TEXT, before it ran
refused() {
	local want=$1 text=$2
	shift 2
	run "$@"
	assertEquals "$* ($err)" "$want" "$code"
	assertEquals "$*" '' "$out"
	assertContains "$*" "$err" "$text"
	assertEquals "$err" 1 "$(wc -l <"$TMP/err")"
}

test_program_sees_the_preload_first_and_an_absolute_policy() {
	local object
	out=$(cd "$TMP" && LD_PRELOAD='libm.so.6 libdl.so.2' \
	    "$TLSSHIM" run -p open.cfg env)
	object=$(realpath "$B/tlsshim.so")
	assertContains "$out" "LD_PRELOAD=$object:libm.so.6 libdl.so.2"
	assertContains "$out" "TLSSHIM_POLICY=$TMP/open.cfg"
}

test_program_without_policy_option_gets_that_of_the_environment() {
	out=$(cd "$TMP" && TLSSHIM_POLICY=open.cfg "$TLSSHIM" run env)
	assertContains "$out" "TLSSHIM_POLICY=$TMP/open.cfg"
}

test_preload_is_loaded() {
	run grep -c /tlsshim.so /proc/self/maps
	assertTrue "[ $out -gt 0 ]"
}

test_run_under_run_preloads_once() {
	out=$("$TLSSHIM" run -p "$TMP/open.cfg" \
	    "$TLSSHIM" run -p "$TMP/open.cfg" sh -c 'echo "$LD_PRELOAD"')
	assertEquals "$(realpath "$B/tlsshim.so")" "$out"
}

test_program_keeps_its_arguments_name_and_pid() {
	run sh -c 'echo "$0|$1|$2"' a 'b c' --help
	assertEquals 'a|b c|--help' "$out"
	run -- bash -c 'tr "\0" "|" </proc/$$/cmdline | cut -d"|" -f1'
	assertEquals bash "$out"
	"$TLSSHIM" run -p "$TMP/open.cfg" sh -c 'echo $$' >"$TMP/pid" &
	wait $!
	assertEquals $! "$(cat "$TMP/pid")"
}

test_status_of_the_program_is_ours() {
	run sh -c 'exit 7'
	assertEquals 7 "$code"
	run sh -c 'kill -TERM $$'
	assertEquals 143 "$code"
}

test_path_is_searched_as_execvp_does() {
	printf '#!/bin/sh\necho first\n' >"$TMP/bin/found"
	mkdir -p "$TMP/bin/tool"
	printf '#!/bin/sh\necho second\n' >"$TMP/found"
	cp "$TMP/found" "$TMP/tool"
	chmod 755 "$TMP/found" "$TMP/tool"
	# not executable, then executable; a folder, then a file
	out=$(PATH=$TMP/none:$TMP/bin:$TMP:$PATH \
	    "$TLSSHIM" run -p "$TMP/open.cfg" found)
	assertEquals second "$out"
	out=$(PATH=$TMP/bin:$TMP:$PATH "$TLSSHIM" run -p "$TMP/open.cfg" tool)
	assertEquals second "$out"
	# an empty entry is the working directory
	out=$(cd "$TMP" && PATH=:/bin "$TLSSHIM" run -p open.cfg found)
	assertEquals second "$out"
	PATH=$TMP/bin "$TLSSHIM" run -p "$TMP/open.cfg" found 2>/dev/null
	assertEquals 126 $?
}

test_file_without_interpreter_line_is_run_by_the_shell() {
	echo 'echo "$0 $1 $#"; case $LD_PRELOAD in *tlsshim*) echo yes;; esac' \
	    >"$TMP/bare"
	chmod 755 "$TMP/bare"
	run "$TMP/bare" 'a b' c
	assertEquals "$TMP/bare a b 2
yes" "$out"
}

test_script_runs() {
	printf '#!/usr/bin/env bash\necho "script $1"\n' >"$TMP/script"
	chmod 755 "$TMP/script"
	run "$TMP/script" x
	assertEquals 'script x' "$out"
}

test_missing_program_is_127() {
	refused 127 'does not exist' no-such-program
	refused 127 'does not exist' "$TMP/no-such-program"
	refused 127 'does not exist' ''
	printf '#!%s\n' "$TMP/no-such-interpreter" >"$TMP/orphan"
	chmod 755 "$TMP/orphan"
	refused 127 'its interpreter' "$TMP/orphan"
}

test_file_that_is_no_program_is_126() {
	refused 126 'not a file that you may execute' "$TMP"
	refused 126 'not a file that you may execute' "$TMP/it.c"
}

test_what_cannot_be_preloaded_is_refused() {
	run "$TMP/it"
	assertEquals "$err" 'it ran' "$out"
	refused 125 'statically linked' "$TMP/static"
	refused 125 'statically linked' "$TMP/static_pie"
	refused 125 musl "$TMP/musl"
	cp "$TMP/it" "$TMP/foreign"
	printf '\xb7' | dd of="$TMP/foreign" bs=1 seek=18 conv=notrunc \
	    2>/dev/null
	refused 125 'another kind of machine' "$TMP/foreign"
	cp "$TMP/it" "$TMP/setuid" && chmod 4755 "$TMP/setuid"
	refused 125 setuid "$TMP/setuid"
	cp "$TMP/it" "$TMP/setgid" && chmod 2755 "$TMP/setgid"
	refused 125 setgid "$TMP/setgid"
	printf '#!%s\n' "$TMP/static" >"$TMP/of_static"
	printf '#!%s\n' "$TMP/of_static" >"$TMP/of_script"
	chmod 755 "$TMP/of_static" "$TMP/of_script"
	refused 125 "its interpreter $TMP/static" "$TMP/of_script"
}

# Debian's golang is large: the note that its linker writes is what counts.
test_go_program_is_refused() {
	printf '%s\n' '__attribute__((section(".note.go.buildid"), used))' \
	    'static const struct { int n, d, t; char o[4], id[4]; } note =' \
	    '{ 4, 4, 4, "Go", "id" };' >"$TMP/note.c"
	cc -o "$TMP/go" "$TMP/it.c" -x c "$TMP/note.c"
	refused 125 'Go program' "$TMP/go"
}

test_file_capabilities_are_refused() {
	cp "$TMP/it" "$TMP/caps"
	if ! python3 -c 'import os, sys
os.setxattr(sys.argv[1], "security.capability",
    bytes.fromhex("0100000200200000" + "00" * 12))' "$TMP/caps" 2>/dev/null
	then
		skip 'file capabilities may not be set here'
		return
	fi
	refused 125 'file capabilities' "$TMP/caps"
}

test_bad_policy_keeps_the_program_from_starting() {
	policy bad <<-END
	unmatched = "plain";
	unmtched = "plain";
	END
	out=$("$TLSSHIM" run -p "$TMP/bad.cfg" "$TMP/it" 2>"$TMP/err")
	assertEquals 125 $?
	assertEquals '' "$out"
	assertContains "$(cat "$TMP/err")" "$TMP/bad.cfg:3: "
	out=$("$TLSSHIM" run -p "$TMP/none.cfg" "$TMP/it" 2>"$TMP/err")
	assertEquals 125 $?
	assertEquals '' "$out"
	assertContains "$(cat "$TMP/err")" "$TMP/none.cfg"
}

test_no_policy_at_all_keeps_the_program_from_starting() {
	[ ! -e /etc/tlsshim/policy.cfg ] || {
		skip 'this machine has a site policy'
		return
	}
	out=$("$TLSSHIM" run "$TMP/it" 2>"$TMP/err")
	assertEquals 125 $?
	assertEquals '' "$out"
	assertEquals 1 "$(wc -l <"$TMP/err")"
}

# glibc only warns of a preload that it cannot load, and goes on without.
test_preload_that_would_not_load_is_refused() {
	mkdir "$TMP/broken"
	cp "$B/tlsshim" "$B/tlsshim-engine.so" "$TMP/broken"
	head -c 100 "$B/tlsshim.so" >"$TMP/broken/tlsshim.so"
	out=$("$TMP/broken/tlsshim" run -p "$TMP/open.cfg" "$TMP/it" \
	    2>"$TMP/err")
	assertEquals 125 $?
	assertEquals '' "$out"
	assertContains "$(cat "$TMP/err")" 'would not load'
	assertContains "$(cat "$TMP/err")" 'ERROR: ld.so'
}

test_place_that_the_loader_cannot_name_is_refused() {
	mkdir "$TMP/a b"
	cp "$B/tlsshim" "$B/tlsshim.so" "$B/tlsshim-engine.so" "$TMP/a b"
	out=$("$TMP/a b/tlsshim" run -p "$TMP/open.cfg" "$TMP/it" 2>"$TMP/err")
	assertEquals 125 $?
	assertEquals '' "$out"
	assertContains "$(cat "$TMP/err")" 'install tlsshim elsewhere'
}

test_missing_parts_are_refused() {
	mkdir -p "$TMP/alone/bin"
	cp "$B/tlsshim" "$B/tlsshim.so" "$TMP/alone/bin"
	out=$("$TMP/alone/bin/tlsshim" run -p "$TMP/open.cfg" "$TMP/it" 2>&1)
	assertEquals 125 $?
	assertContains "$out" 'tlsshim-engine.so'
}

test_wrong_usage_is_125() {
	run
	assertEquals 125 "$code"
	assertContains "$err" 'usage: tlsshim run'
	run --no-such-option it
	assertEquals 125 "$code"
}

test_help_and_wrong_usage_of_the_command() {
	local sub
	assertContains "$("$TLSSHIM" --version)" 'tlsshim '
	for sub in run check explain apply keys testbed; do
		assertContains "$("$TLSSHIM" --help)" "tlsshim $sub "
		out=$("$TLSSHIM" $sub --help)
		assertEquals "$sub" 0 $?
		assertContains "$out" "usage: tlsshim $sub "
	done
	"$TLSSHIM" >"$TMP/out" 2>/dev/null
	assertEquals 2 $?
	assertEquals '' "$(cat "$TMP/out")"
	"$TLSSHIM" no-such-subcommand 2>/dev/null
	assertEquals 2 $?
	for sub in check keys explain apply testbed; do
		"$TLSSHIM" $sub --no-such-option >/dev/null 2>&1
		assertEquals "$sub" 2 $?
	done
}

test_output_that_cannot_be_written_is_bad() {
	"$TLSSHIM" keys >/dev/full 2>/dev/null
	assertEquals 1 $?
}

. shunit2
