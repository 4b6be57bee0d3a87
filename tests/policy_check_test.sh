#!/bin/bash
# policy_check_test.sh - a broken policy is refused with the file, the line
# and one sentence that says what to do

. "${0%/*}/lib.sh"

# CASES= keeps the broken policies, for a run under a sanitizer or a fuzzer.
CASES=${CASES:-$TMP/cases}
umask 022
mkdir -p "$CASES"

# refused FILE BLAMED LINE REGEX	check -p FILE fails with one line, about
# line LINE of BLAMED
refused() {
	local said status
	said=$("$TLSSHIM" check -p "$1" 2>&1)
	status=$?
	assertEquals "status of ${1##*/}: $said" 1 "$status"
	assertEquals "lines of ${1##*/}: $said" 1 "$(wc -l <<<"$said")"
	[[ $said == *"$2:$3: "* ]] || fail "want $2:$3: in: $said"
	grep -qE -- ": .*$4" <<<"$said" || fail "want /$4/ in: $said"
	[ -z "$SHOW" ] || echo "# $said"
}

# broken NAME LINE REGEX <<END	a policy whose line LINE is wrong
broken() {
	cat >"$CASES/$1.cfg"
	refused "$CASES/$1.cfg" "$CASES/$1.cfg" "$2" "$3"
}

# broken_rule NAME REGEX RULE	the same for one rule, `client { ... }`
broken_rule() {
	broken "$1" 3 "$2" <<END
version = 1;
unmatched = "reject";
${3%% *} = ( ${3#* } );
END
}

test_a_right_policy_is_accepted() {
	cat >"$TMP/right.cfg" <<END
version = 1;  unmatched = "reject";
log = { to = "stderr"; level = "info"; };
defaults = { minimum_version = "TLSv1.2"; };          # both sides
contexts = ( { name = "corp"; system_trust = true; } );
client = ( { host = ( "*.corp.example", "db.example" );
             port = ( 443, "8000-8100" ); context = "corp";
             minimum_version = "TLSv1.3"; },
           { address = ( "10.0.0.0/8", "::1" ); action = "plain"; },
           { program = "/usr/bin/python3*"; action = "reject" } );
server = ( { port = [ 80, 8080 ]; peer = "127.0.0.0/8"; action = "plain"; } );
END
	said=$("$TLSSHIM" check -p "$TMP/right.cfg" 2>&1)
	assertEquals "$said" 0 $?
}

test_syntax_faults_name_the_line_and_the_cure() {
	broken forgotten-comma 4 'comma is missing after "a.example"' <<'END'
version = 1;
unmatched = "reject";
client = ( { host = (
	"a.example"
	# and
	"b.example", "c.example" ); } );
END
	broken joined-scalar 3 'comma is missing after "a.example"' <<'END'
version = 1;
unmatched = "reject";
client = ( { host = "a.example" "b.example"; } );
END
	broken mixed-array 3 'write \( \) instead of \[ \]' <<'END'
version = 1;
unmatched = "reject";
client = ( { port = [ 443, "8000-8100" ]; } );
END
	broken group-in-array 3 'write \( \) instead of \[ \]' <<'END'
version = 1;
unmatched = "reject";
client = [ { port = 443; } ];
END
	broken trailing-comma 4 "no comma may stand before '\)'" <<'END'
version = 1;
unmatched = "reject";
client = ( { host = ( "a.example",
	"b.example",
	); } );
END
	broken missing-comma 5 'a comma is missing before this value' <<'END'
version = 1;
unmatched = "reject";
client = (
	{ port = 443; }
	{ port = 444; } );
END
	broken dot-in-name 3 "cannot hold a '\.'" <<'END'
version = 1;
unmatched = "reject";
defaults = { session.resume = true; };
END
	broken yes 3 'write true or false instead of yes' <<'END'
version = 1;
unmatched = "reject";
defaults = { check_hostname = yes; };
END
	broken bare-word 2 'write "reject" in quotes' <<'END'
version = 1;
unmatched = reject;
END
	broken include 3 'use include_dir' <<'END'
version = 1;
unmatched = "reject";
@include "/etc/passwd"
END
	broken open-string 2 'this string has no end' <<'END'
version = 1;
unmatched = "reject;
client = ();
END
	broken open-comment 3 'this comment has no end' <<'END'
version = 1;
unmatched = "reject";
/* client = ();
END
	broken open-list 3 "this '\(' is never closed" <<'END'
version = 1;
unmatched = "reject";
client = ( { port = 443; }
END
	broken wrong-closer 4 "wants '\}'" <<'END'
version = 1;
unmatched = "reject";
client = ( { port = 443;
) );
END
	broken no-value 3 'a value is missing' <<'END'
version = 1;
unmatched = "reject";
client = ;
END
	broken no-equals 3 "'=' is missing after 'client'" <<'END'
version = 1;
unmatched = "reject";
client ( { port = 443; } );
END
	broken too-deep 3 'nested too deeply' <<END
version = 1;
unmatched = "reject";
client = $(printf '(%.0s' {1..9000});
END
	broken stray-value 3 'a value without a name' <<'END'
version = 1;
unmatched = "reject";
"plain";
END
	broken semicolon-in-list 3 "';' has no meaning here" <<'END'
version = 1;
unmatched = "reject";
client = ( { port = 443; }; { port = 444; } );
END
	broken two-semicolons 2 "';' has no meaning here" <<'END'
version = 1;
unmatched = "reject";;
END
	broken bare-address 3 'write "10.0.0.0/8" in quotes' <<'END'
version = 1;
unmatched = "reject";
client = ( { address = 10.0.0.0/8; } );
END
	broken quotes 3 'strings stand in " quotes' <<'END'
version = 1;
unmatched = "reject";
client = ( { host = 'a.example'; } );
END
	broken hexadecimal 3 'in decimal' <<'END'
version = 1;
unmatched = "reject";
client = ( { port = 0x1000001bb; } );
END
	broken huge-number 3 'too large' <<'END'
version = 1;
unmatched = "reject";
client = ( { port = 18446744073709552059; } );
END
	broken bare-range 3 'write "8000-8100" in quotes' <<'END'
version = 1;
unmatched = "reject";
client = ( { port = 8000-8100; } );
END
}

test_bytes_that_are_no_text_are_refused() {
	printf 'version = 1;\nunmatched = "reject";\nclient = ();\0\n' \
	    >"$CASES/zero.cfg"
	refused "$CASES/zero.cfg" "$CASES/zero.cfg" 1 'zero byte'
	head -c 3000 "$TLSSHIM" >"$CASES/elf.cfg"
	refused "$CASES/elf.cfg" "$CASES/elf.cfg" 1 'zero byte'
	printf '\357\273\277version = 1;\nunmatched = "reject";\n' \
	    >"$CASES/bom.cfg"
	refused "$CASES/bom.cfg" "$CASES/bom.cfg" 1 'not ASCII'
	broken zero-in-string 3 'zero byte' <<'END'
version = 1;
unmatched = "reject";
client = ( { host = "a\x00.example"; } );
END
}

test_top_level_faults_are_refused() {
	broken empty 1 'version = 1; is missing' </dev/null
	broken no-version 1 'version = 1; is missing' <<'END'
unmatched = "reject";
END
	broken version-2 1 'version 2' <<'END'
version = 2;
unmatched = "reject";
END
	broken no-unmatched 1 'unmatched is missing' <<'END'
version = 1;
END
	broken bad-unmatched 2 'must be "plain" or "reject", not "deny"' <<'END'
version = 1;
unmatched = "deny";
END
	broken unknown-key 3 "'unamed', did you mean 'unnamed'" <<'END'
version = 1;
unmatched = "reject";
unamed = "skip";
END
	broken duplicate 3 "'unmatched' is set twice, first on line 2" <<'END'
version = 1;
unmatched = "reject";
unmatched = "plain";
END
	broken client-group 3 'must be a list of groups' <<'END'
version = 1;
unmatched = "reject";
client = { port = 443; };
END
	broken log-word 3 'must be "stderr", "syslog" or a path' <<'END'
version = 1;
unmatched = "reject";
log = { to = "stdout"; };
END
	broken log-level 3 "'level' must be" <<'END'
version = 1;
unmatched = "reject";
log = { level = "verbose"; };
END
	broken log-key 3 "'levl', did you mean 'level'" <<'END'
version = 1;
unmatched = "reject";
log = { levl = "info"; };
END
	broken log-percent 3 '%p' <<'END'
version = 1;
unmatched = "reject";
log = { to = "/tmp/%n"; };
END
}

test_rule_faults_are_refused() {
	broken_rule unknown-rule-key "'prot', did you mean 'port'" \
	    'client { prot = 443; }'
	broken_rule wrong-type "'handshake_timeout' must be a whole number" \
	    'client { handshake_timeout = "30"; }'
	broken_rule bool-as-string "must be true or false, not a string" \
	    'client { check_hostname = "true"; }'
	broken_rule bad-word "'verify_mode' must be" \
	    'client { verify_mode = "never"; }'
	broken_rule zero-seconds 'must be between 1' \
	    'client { handshake_timeout = 0; }'
	broken_rule star-host 'would be any host' 'client { host = "*"; }'
	broken_rule address-host 'write address = "10.1.2.3"' \
	    'client { host = "10.1.2.3"; }'
	broken_rule inner-star "'\*' may only be" \
	    'client { host = "www.*.example"; }'
	broken_rule host-and-port 'a port is written' \
	    'client { host = "a.example:443"; }'
	broken_rule no-host 'is not a host name' \
	    'client { host = "a..example"; }'
	broken_rule empty-list 'is an empty list' 'client { host = (); }'
	broken_rule port-zero 'between 1 and 65535' 'client { port = 0; }'
	broken_rule port-big 'between 1 and 65535' 'client { port = 65536; }'
	broken_rule port-backwards 'holds no port' \
	    'client { port = "8100-8000"; }'
	broken_rule port-name 'is no range' 'client { port = "https"; }'
	broken_rule bad-address 'is not an IP address' \
	    'client { address = "10.0.0"; }'
	broken_rule bad-prefix 'prefix length' \
	    'client { address = "10.0.0.0/33"; }'
	broken_rule host-bits 'bits set behind the prefix' \
	    'client { address = "10.0.0.1/8"; }'
	broken_rule short-program "must begin with '/'" \
	    'client { program = "curl"; }'
	broken_rule server-host "'host' belongs in a client rule" \
	    'server { host = "a.example"; }'
	broken_rule client-peer "'peer' belongs in a server rule" \
	    'client { peer = "10.0.0.0/8"; }'
	broken_rule no-context 'there is no context "corp"' \
	    'client { context = "corp"; }'
	broken_rule bad-action "'action' must be" \
	    'client { action = "allow"; }'
}

test_keys_that_contradict_each_other_are_refused() {
	local pin=sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
	broken_rule versions 'above maximum_version' \
	    'client { minimum_version = "TLSv1.3"; maximum_version = "TLSv1.2"; }'
	broken_rule no-certfile 'needs certfile' 'server { port = 8443; }'
	broken_rule key-alone 'keyfile without certfile' \
	    'client { keyfile = "a.key"; }'
	broken_rule cafile-unused "'cafile' has no effect on a server" \
	    'server { certfile = "a.pem"; cafile = "ca.pem"; }'
	broken_rule no-trust 'needs cafile, capath, cadata, system_trust' \
	    'server { certfile = "a.pem"; verify_mode = "required"; }'
	broken_rule nothing-trusted 'nothing is trusted' \
	    'client { system_trust = false; }'
	broken_rule name-unused 'check_hostname has no effect' \
	    'client { verify_mode = "none"; check_hostname = true; }'
	broken_rule list-unused "'crlfile' has no effect without" \
	    'client { crlfile = "a.pem"; }'
	broken_rule pins-only-alone 'pins_only without pins' \
	    'client { pins_only = true; }'
	broken_rule pins-only-trust 'pins_only asks no authority' \
	    "client { pins_only = true; cafile = \"ca.pem\"; pins = \"$pin\"; }"
	broken_rule pins-only-list 'pins_only knows no issuer' \
	    "client { pins_only = true; pins = \"$pin\";`
		` verify_flags = \"crl_check_leaf\"; }"
	broken_rule pins-unused "'pins' has no effect on a client" \
	    "client { verify_mode = \"none\"; pins = \"$pin\"; }"
	broken_rule staple-of-clients "'ocsp_stapling' is for clients" \
	    'server { certfile = "a.pem"; ocsp_stapling = "require"; }'
	broken_rule pin-of-a-hash "must be \"sha256" \
	    'client { pins = "sha256//47DEQpj8HBSa"; }'
	broken_rule no-address "takes IP addresses" \
	    'client { check_ip = "b.example"; }'
	broken_rule no-mail "takes one mail address" \
	    'client { check_email = "b.example"; }'
	broken_rule no-uri "takes URIs" 'client { check_uri = "b.example"; }'
	broken duplicate-context 5 'context "a" already, at .*:4' <<'END'
version = 1;
unmatched = "reject";
contexts = (
	{ name = "a"; },
	{ name = "a"; } );
END
	broken nameless-context 3 'a context needs a name' <<'END'
version = 1;
unmatched = "reject";
contexts = ( { cafile = "ca.pem"; } );
END
	broken matcher-in-context 3 "'host' belongs in a client rule" <<'END'
version = 1;
unmatched = "reject";
contexts = ( { name = "a"; host = "a.example"; } );
END
	broken unused-context 3 "'cafil', did you mean 'cafile'" <<'END'
version = 1;
unmatched = "reject";
contexts = ( { name = "a"; cafil = "ca.pem"; } );
END
}

good='version = 1;
unmatched = "reject";'

test_files_others_can_change_are_refused() {
	mkdir -p "$TMP/open" && echo "$good" >"$TMP/open/p.cfg"
	chmod 777 "$TMP/open"
	refused "$TMP/open/p.cfg" "$TMP/open/p.cfg" 1 \
	    'directory "open" .* writable by everybody'
	mkdir -p "$TMP/link" && ln -sf ../open/p.cfg "$TMP/link/p.cfg"
	refused "$TMP/link/p.cfg" "$TMP/link/p.cfg" 1 \
	    'directory "open" .* writable by everybody'
	echo "$good" >"$TMP/loose.cfg" && chmod 666 "$TMP/loose.cfg"
	refused "$TMP/loose.cfg" "$TMP/loose.cfg" 1 'is writable by everybody'
	chmod 664 "$TMP/loose.cfg"
	refused "$TMP/loose.cfg" "$TMP/loose.cfg" 1 'is writable by its group'
}

test_a_sticky_directory_is_safe() {
	mkdir -p "$TMP/sticky" && echo "$good" >"$TMP/sticky/p.cfg"
	chmod 1777 "$TMP/sticky"
	said=$("$TLSSHIM" check -p "$TMP/sticky/p.cfg" 2>&1)
	assertEquals "$said" 0 $?
}

test_what_is_no_file_is_refused_at_once() {
	mkfifo "$TMP/fifo.cfg"
	refused "$TMP/fifo.cfg" "$TMP/fifo.cfg" 1 'is a FIFO'
	mkdir -p "$TMP/dir.cfg"
	refused "$TMP/dir.cfg" "$TMP/dir.cfg" 1 'is a directory'
	refused /dev/zero /dev/zero 1 'not a regular file'
	refused "$TMP/none.cfg" "$TMP/none.cfg" 1 'this file does not exist$'
	ln -sf loop.cfg "$TMP/loop.cfg"
	refused "$TMP/loop.cfg" "$TMP/loop.cfg" 1 'too many symbolic links'
	truncate -s 1G "$TMP/big.cfg"
	refused "$TMP/big.cfg" "$TMP/big.cfg" 1 'is larger than'
	ln -sf /dev/null "$TMP/null.cfg"
	refused "$TMP/null.cfg" "$TMP/null.cfg" 1 'not a regular file'
}

test_somebody_elses_file_is_refused() {
	[ "$(id -u)" = 0 ] || { skip 'must be root to give a file away'; return; }
	echo "$good" >"$TMP/theirs.cfg"
	chown 65534 "$TMP/theirs.cfg"
	refused "$TMP/theirs.cfg" "$TMP/theirs.cfg" 1 'belongs to uid 65534'
}

test_included_files_are_judged_like_the_first() {
	mkdir -p "$TMP/inc/d"
	printf '%s\ninclude_dir = "d";\n' "$good" >"$TMP/inc/p.cfg"
	echo 'client = ( { prot = 443; } );' >"$TMP/inc/d/b.cfg"
	refused "$TMP/inc/p.cfg" "$TMP/inc/d/b.cfg" 1 "'prot', did you mean"
	echo 'unmatched = "plain";' >"$TMP/inc/d/b.cfg"
	refused "$TMP/inc/p.cfg" "$TMP/inc/d/b.cfg" 1 'main policy file alone'
	echo 'client = ( { port = 443; } );' >"$TMP/inc/d/b.cfg"
	chmod 666 "$TMP/inc/d/b.cfg"
	refused "$TMP/inc/p.cfg" "$TMP/inc/d/b.cfg" 1 'writable by everybody'
	chmod 644 "$TMP/inc/d/b.cfg"
	mkfifo "$TMP/inc/d/c.cfg"
	refused "$TMP/inc/p.cfg" "$TMP/inc/d/c.cfg" 1 'is a FIFO'
	rm "$TMP/inc/d/c.cfg"
	said=$("$TLSSHIM" check -p "$TMP/inc/p.cfg" 2>&1)
	assertEquals "$said" 0 $?
	chmod 777 "$TMP/inc/d"
	refused "$TMP/inc/p.cfg" "$TMP/inc/p.cfg" 3 'writable by everybody'
	rm -r "$TMP/inc/d"
	refused "$TMP/inc/p.cfg" "$TMP/inc/p.cfg" 3 'No such file'
}

test_files_a_rule_names_are_judged_at_its_line() {
	broken_rule no-cafile 'cannot be read: No such file' \
	    'client { cafile = "nowhere.pem"; }'
	rm -f "$CASES/fifo.pem" && mkfifo "$CASES/fifo.pem"
	broken_rule fifo-cafile 'is a FIFO' 'client { cafile = "fifo.pem"; }'
}

. shunit2
