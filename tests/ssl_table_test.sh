#!/bin/bash
# ssl_table_test.sh - tlsshim-ssl(7) has every name of Python's ssl module, and
# every test, key, command and function that it names exists

. "${0%/*}/lib.sh"

TOP=$TESTS/..
PAGE=$TOP/tools/tlsshim-ssl.7.in

oneTimeSetUp() {
	"$TLSSHIM" keys --json >"$TMP/keys.json"
	"$TLSSHIM" --help >"$TMP/help"
	cat >"$TMP/page.py" <<-'END'
	"""The rows of the page: names, text, tests; the list of names."""
	import re, sys

	class Row:
	    def __init__(self, names):
	        self.names, self.text, self.tests = names, [], []

	def rows(path):
	    row, naming = None, ""
	    for line in open(path):
	        line = line.rstrip("\n")
	        if line.startswith("@ ") or naming:
	            naming += line.removeprefix("@ ") + " "
	            if not line.endswith(","):
	                row = Row([n.strip() for n in naming.split(",")])
	                naming = ""
	                yield row
	        elif line.startswith("= "):
	            for group in line[2:].split(";"):
	                file, *tests = group.split()
	                row.tests += [(file, t) for t in tests] or [(file, "")]
	        elif line.startswith("."):
	            row = None
	        elif row is not None:
	            row.text.append(line)

	def listed(path):
	    for line in open(path):
	        if line[0] not in "%#\n":
	            yield line.strip().removeprefix("~ ")

	def module(path):
	    for line in open(path):
	        if line[0] not in "%#~\n":
	            yield line.strip()
	END
}

# python CODE	with the page's rows in `page` and names in `names`
python() {
	python3 -c "import re, json, sys
sys.path.insert(0, '$TMP')
from page import *
page = list(rows('$PAGE'))
names = list(listed('$TESTS/ssl_names.txt'))
$1"
}

test_every_name_of_the_module_has_a_row_in_its_order() {
	assertEquals '' "$(python "
import difflib
have = [n for r in page for n in r.names]
print(*(l for l in difflib.unified_diff(names, have, 'the module', 'the page',
    lineterm='', n=0)), sep='\n', end='')")"
	assertTrue 'and there are many' "[ $(wc -l \
	    <"$TESTS/ssl_names.txt") -gt 250 ]"
}

test_the_sections_are_those_of_the_documentation() {
	assertEquals "$(sed -n 's/^# //p' "$TESTS/ssl_names.txt" |
	    tr a-z A-Z)" "$(sed -n 's/^\.S[HS] //p' "$PAGE" | tr a-z A-Z |
	    grep -vxE 'NAME|DESCRIPTION|SEE ALSO|FUNCTIONS, CONSTANTS, AND.*')"
}

# The module that is here is older or newer; what it has and 3.12 took away is
# said.
test_no_name_of_this_python_is_left_out() {
	assertEquals '' "$(python "
import enum, ssl
gone = {'RAND_pseudo_bytes', 'RAND_egd', 'match_hostname', 'wrap_socket'}
known = set(module('$TESTS/ssl_names.txt')) | gone
def missing(where, prefix):
    for n in dir(where):
        v = getattr(where, n, None)
        if n.startswith('_') or prefix + n in known:
            continue
        if type(v).__name__ in ('module', 'type') and not prefix and \
                getattr(v, '__module__', 'ssl') != 'ssl':
            continue
        if type(v).__name__ in ('module', 'function') and \
                getattr(v, '__module__', '') != 'ssl':
            continue
        yield prefix + n
left = list(missing(ssl, ''))
for c in (ssl.SSLContext, ssl.SSLObject, ssl.MemoryBIO, ssl.SSLSession,
          ssl.TLSVersion, ssl.Purpose):
    base = set(dir(c.__mro__[1])) | {'as_integer_ratio'}
    left += [n for n in missing(c, c.__name__ + '.')
             if n.rpartition('.')[2] not in dir(int) + ['name', 'value'] and
             n.rpartition('.')[2] not in ('nid', 'shortname', 'longname',
                 'oid', 'fromnid', 'fromname', 'count', 'index')]
import socket
left += [n for n in missing(ssl.SSLSocket, 'SSLSocket.')
         if n.rpartition('.')[2] not in dir(socket.socket)]
if sys.version_info < (3, 14):
    print(*left, end='')")"
}

test_every_row_says_something_and_names_a_test_or_a_reason() {
	assertEquals '' "$(python "
for r in page:
    if not r.text:
        print(r.names, 'says nothing')
    elif not r.tests and not r.text[0].startswith('! '):
        print(r.names, 'has no test')
    for file, test in r.tests:
        if not test:
            print(r.names, file, 'without a test of it')")"
}

# listing FILE	what it would run, as shunit2 would
listing() {
	case $1 in
	unit/*)
		sed -n 's/^\([a-z0-9_]*\)(.*)$/\1/p' "$TESTS/$1.c" |
		    grep -E 'test|check' ;;
	*)
		[ -e "$TESTS/$1.sh" ] || return
		# in no network of its own (lib.sh): nothing is run
		bash -c 'NETWORK_AT=$$
		    suite_addTest() { echo "$1"; }
		    . <(grep -v "^\. shunit2" "$0")
		    if declare -F suite >/dev/null; then
			    suite
		    else
			    compgen -A function test_
		    fi
		    rm -rf "$TMP"' "$TESTS/$1.sh" ;;
	esac
}

test_every_test_that_is_named_exists() {
	local file
	python "
for file, test in sorted({t for r in page for t in r.tests}):
    print(file, test)" >"$TMP/named"
	for file in $(cut -d' ' -f1 "$TMP/named" | sort -u); do
		listing "$file" | sed "s|^|$file |"
	done | sort -u >"$TMP/there"
	assertEquals '' "$(LC_ALL=C comm -23 <(sort -u "$TMP/named") \
	    "$TMP/there")"
	assertTrue 'and there are many' "[ $(wc -l <"$TMP/named") -gt 150 ]"
}

# Commands and their options by --help, keys and their words by `tlsshim keys`,
# functions by tlsshim.h, other words by the manual pages.
test_every_key_command_and_function_that_is_named_exists() {
	assertEquals '' "$(python "
import subprocess
keys = {k['name']: k for k in json.load(open('$TMP/keys.json'))}
words = {w for k in keys.values() for w in k.get('words', [])}
pages = open('$TOP/tools/tlsshim.1').read() + \
    open('$TOP/policy/tlsshim-policy.5.in').read()
bold = set(re.findall(r'[a-z_]+', ' '.join(re.findall(
    r'^\.B[RI]?[ ](.*)', pages, re.M))))
header = open('$TOP/shim/tlsshim.h').read()
helps = {}
def help_of(command):
    if command not in helps:
        r = subprocess.run(['$TLSSHIM', command, '--help'], text=True,
            capture_output=True)
        helps[command] = r.stdout if r.returncode == 0 else None
    return helps[command]
def wrong(row):
    text, command = ' '.join(row.text), None
    for word in re.findall('\`([^\`]*)\`', text):
        if word.startswith('tlsshim '):
            command, *options = word.split()[1:]
            if help_of(command) is None:
                yield word
        elif word.startswith('--'):
            options = [word]
        elif word.endswith('()'):
            if not re.search(r'\b' + word[:-2] + r'\(', header):
                yield word
            continue
        elif word in keys:
            continue
        elif word in words or word in bold:
            continue
        else:
            yield word
            continue
        for o in options:
            if command is None or o not in (help_of(command) or '').split():
                yield '%s of %s' % (o, command)
    for key, value in re.findall('\`([a-z_]+)\` = \"([^\"]*)\"', text):
        known = keys[key].get('words', [value]) if key in keys else []
        if value.removeprefix('no_') not in known and value not in known:
            yield '%s = %s' % (key, value)
n = 0
for r in page:
    for w in wrong(r):
        print(r.names[0], 'names', w)
    n += ' '.join(r.text).count('\`')
if all(k['supported'] for k in keys.values()):
    for r in page:
        if 'not in this version' in ' '.join(r.text).lower():
            print(r.names[0], 'is out of date: every key is supported')
if n < 200:
    print('the test has found', n, 'words only')")"
}

. shunit2
