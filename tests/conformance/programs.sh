#!/bin/bash
# programs.sh [wrapper command ...]   real programs under load, byte for byte, and idle afterwards: programs.txt
here=$(cd "$(dirname "$0")" && pwd)
awk -F'\t' -v e="$here" 'NF>3 {printf "%s\texit\t/tmp\tP=%s/programs; . %s/lib/smoke.env; . %s/lib/programs.env; %s\n",$1,e,e,e,$3}' "$here/programs.txt" |
  python3 "$here/lib/cmdrun.py" -t 40 -x "$here/exclude/programs.txt" - -- "$@"
