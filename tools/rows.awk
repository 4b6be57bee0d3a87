# rows.awk - tlsshim-ssl(7) from its table: see the head of tlsshim-ssl.7.in
# awk -f rows.awk tlsshim-ssl.7.in

# `word` is bold, and a hyphen in it is one that can be typed.
function bold(s,    n, part, i, out) {
	n = split(s, part, "`")
	for (i = 1; i <= n; i++) {
		if (i % 2 == 0) {
			gsub(/-/, "\\-", part[i])
			part[i] = "\\fB" part[i] "\\fP"
		}
		out = out part[i]
	}
	return out
}

# Long names may be broken behind each _.
function breakable(s) {
	gsub(/_/, "_\\:", s)
	return s
}

# Lines of a page's source are short, and none begins with what roff heeds.
function say(s,    n, word, i, line) {
	n = split(s, word, " ")
	for (i = 1; i <= n; i++) {
		if (line != "" && length(line " " word[i]) > 78) {
			print line
			line = ""
		}
		line = line == "" ? word[i] : line " " word[i]
	}
	print line
}

function tests(s,    n, group, i, j, k, word, out) {
	n = split(s, group, /; */)
	for (i = 1; i <= n; i++) {
		print ".br"
		k = split(group[i], word, / +/)
		out = "[" breakable(word[1]) ":"
		for (j = 2; j <= k; j++)
			out = out " " breakable(word[j]) (j < k ? "," : "]")
		say(out)
	}
}

/^@ / || naming {
	if (!naming)
		print ".TP 4"
	sub(/^@ /, "")
	naming = /,$/
	names = names " " bold("`" $0 "`")
	if (naming)
		next
	print substr(names, 2)
	names = ""
	next
}
/^! / {
	sub(/^! /, "None: ")
	say(bold($0))
	next
}
/^= / {
	tests(substr($0, 3))
	next
}
/^\./ {
	print
	next
}
{
	say(bold($0))
}
