# SPDX-License-Identifier: MIT
#
# The worst kernel stack of each entry and the most pages that each system call reserves, from GCC's call graph (-fcallgraph-info=su,da).
# Arguments, in this order: the annotations (ci/reservations), the C sources and headers, the .ci files. See docs/memory-reservations.md.

function fail(text) {
	print "check-memory: " text
	failed++
}

# ---- annotations: WORD ARGUMENTS REASON ----
function annotation() {
	if (NF == 0 || $1 ~ /^#/) {
		return
	}
	word = $1
	where = FILENAME ":" FNR
	reason = ""
	first = word in reason_at ? reason_at[word] : 0
	for (i = first; i > 0 && i <= NF; i++) {
		reason = reason " " $i
	}
	if (first == 0 || (reason == "" && word != "indirect" && word != "stack")) {
		fail(where ": no reason, or an unknown word: " $0)
	}
	used[where] += 0
	if (word == "indirect") { # indirect FILE:EXPRESSION FUNCTION,...|TYPE.MEMBER
		rule[++rules] = $2
		rule_to[rules] = $3
		rule_at[rules] = where
	} else if (word == "recursion") {
		recursion[$2] = $3
		recursion_at[$2] = where
	} else if (word == "leaf") { # leaf FUNCTION STACK: no C source
		leaf[$2] = $3
	} else if (word == "loop") { # loop CALLER CALLEE TIMES
		loop_times[$2, $3] = $4
		loop_at[$2, $3] = where
	} else if (word == "cap") { # cap FUNCTION PAGES IO
		cap[$2] = $3
		cap_io[$2] = $4
		cap_at[$2] = where
	} else if (word == "cut") { # cut CALLER CALLEE
		cut[$2, $3] = 1
		cut_at[$2, $3] = where
	} else if (word == "nests") { # nests FUNCTION CALLEE STACK: an exception, with its frame
		nest[++nests] = $2
		nest_to[nests] = $3
		nest_extra[nests] = $4
	} else if (word == "interrupt") { # interrupt FUNCTION,...: what runs on top of anything
		interrupts = $2
	} else if (word == "transient") { # transient FUNCTION: what it takes is free again, or serves whoever is next, when it returns
		transient[$2] = 1
		transient_at[$2] = where
	} else if (word == "peak") { # peak FUNCTION PAGES IO: the same, and how much that is
		cap[$2] = cap_peak[$2] = $3
		cap_io[$2] = $4
		cap_at[$2] = where
	} else if (word == "renews") { # renews FUNCTION: at each level of its recursion
		renews[$2] = 1
		renews_at[$2] = where
	} else if (word == "masked") { # masked FUNCTION: runs with interrupts off
		masked[$2] = 1
	} else if (word == "thread") { # thread FUNCTION
		threads = threads " " $2
	} else if (word == "operation") { # operation FUNCTION RESERVE_CLASS
		operation[$2] = $3
	} else if (word == "stack") { # stack BYTES
		stack_size = $2
	}
}

# ---- sources: loops by line, and functions that operation structures name ----
function source_line(  text, i, at, n, name, value, rest) {
	text = $0
	gsub(/"([^"\\]|\\.)*"/, "\"\"", text)
	gsub(/'([^'\\]|\\.)*'/, "' '", text)
	sub(/\/\/.*/, "", text)
	while (match(text, /\/\*[^*]*\*+([^\/*][^*]*\*+)*\//)) {
		text = substr(text, 1, RSTART - 1) " " substr(text, RSTART + RLENGTH)
	}
	if (in_comment) {
		if (!(at = index(text, "*/"))) {
			return
		}
		text = substr(text, at + 2)
		in_comment = 0
	}
	if ((at = index(text, "/*"))) {
		text = substr(text, 1, at - 1)
		in_comment = 1
	}
	if (text ~ /^[ \t]*#/) {
		return
	}
	# a loop begins: everything from here to the closing brace of the same depth
	if (text ~ /(^|[^a-zA-Z_])(for|while|list_for_each|list_for_each_safe) *\(/ && text !~ /^[ \t]*\} while/) {
		pending_loop = 1
	}
	if (text ~ /(^|[^a-zA-Z_])do *\{/) {
		pending_loop = 1
	}
	if (depth_loop || pending_loop) {
		line_loop[source, FNR] = depth_loop ? loop_stack[depth_loop] : source ":" FNR
	}
	if (depth_loop && text ~ /reserve_renew\(\)/) {
		for (i = 1; i <= depth_loop; i++) {
			renewed[loop_stack[i]] = 1
		}
	}
	n = length(text)
	for (i = 1; i <= n; i++) {
		at = substr(text, i, 1)
		if (at == "{") {
			depth++
			if (pending_loop) {
				loop_stack[++depth_loop] = source ":" FNR
				loop_depth[depth_loop] = depth
				pending_loop = 0
				line_loop[source, FNR] = loop_stack[depth_loop]
			}
		} else if (at == "}") {
			if (depth_loop && loop_depth[depth_loop] == depth) {
				depth_loop--
			}
			depth--
		}
	}
	if (match(text, /struct [a-z0-9_]+ [a-z0-9_]+(\[[A-Z_0-9]*\])? = \{/) || match(text, /\(struct [a-z0-9_]+\)/)) {
		type = substr(text, RSTART, RLENGTH)
		sub(/^\(?struct /, "", type)
		sub(/[^a-z0-9_].*/, "", type)
	}
	rest = text
	while (match(rest, /\.[a-z0-9_]+ = &?[a-zA-Z_][a-zA-Z0-9_]*/)) {
		name = substr(rest, RSTART + 1, RLENGTH - 1)
		rest = substr(rest, RSTART + RLENGTH)
		value = name
		sub(/ = .*/, "", name)
		sub(/.* = &?/, "", value)
		if (type != "" && rest !~ /^ *[(.]|^->/) {
			member[type "." name] = member[type "." name] " " source ":" value
		}
	}
	line_text[source, FNR] = $0
}

# lwIP's files lie below the build directory, whatever that is called.
function plain(text) {
	sub(/^.*\/lwip\/src\//, "lwip/src/", text)
	return text
}

# ---- the call graph ----
function field(text, key,  at, rest) {
	at = index(text, key ": \"")
	rest = substr(text, at + length(key) + 3)
	return substr(rest, 1, index(rest, "\"") - 1)
}

function edge_add(from, to, at, extra) {
	edges[from]++
	edge_to[from, edges[from]] = to
	edge_at[from, edges[from]] = at
	edge_extra[from, edges[from]] = extra
}

function graph_line(  title, label, part) {
	if ($0 ~ /^node/) {
		title = plain(field($0, "title"))
		label = field($0, "label")
		if (label ~ /bytes \(/) {
			split(label, part, "\\\\n")
			part[2] = plain(part[2])
			frame[title] = part[3] + 8 # and the return address
			if (part[3] ~ /dynamic/ && part[3] !~ /bounded/) {
				fail(title ": its stack frame has no bound the compiler knows")
			}
			short = title
			sub(/.*:/, "", short)
			file = title ~ /:/ ? title : part[2]
			sub(/:.*/, "", file)
			home[title] = file
			defined[file, short] = title
			if (title !~ /:/) {
				global[short] = title
			} else {
				local_count[short]++
				local_title[short] = title
			}
		}
	} else if ($0 ~ /^edge/) {
		edge_add(plain(field($0, "sourcename")), plain(field($0, "targetname")), plain(field($0, "label")), 0)
	}
}

function base_name(title) {
	sub(/.*:/, "", title)
	sub(/\.(constprop|part|isra|cold)\..*/, "", title)
	return title
}

# A function by name, seen from a file.
function find(file, name,  title) {
	if ((file, name) in defined) {
		return defined[file, name]
	}
	if (name in global) {
		return global[name]
	}
	return local_count[name] == 1 ? local_title[name] : ""
}

# The same, where the name may say its file: FILE:NAME.
function find_at(file, name,  part) {
	if (name ~ /:/) {
		split(name, part, ":")
		return find("guest-kernel/" (part[1] ~ /\// ? "" : "process/") part[1] ".c", part[2])
	}
	return find(file, name)
}

# What is called at file:line:column: the expression in front of the parenthesis.
function expression(at,  part, text) {
	split(at, part, ":")
	text = substr(line_text[part[1], part[2]], 1)
	gsub(/\t/, " ", text) # columns count a tab as one here
	text = substr(text, part[3])
	if (!match(text, /[a-zA-Z_][][a-zA-Z0-9_.>-]*\(/)) {
		return "?"
	}
	text = substr(text, RSTART, RLENGTH - 1)
	gsub(/\[[^]]*\]/, "", text)
	return text
}

function ends_with(text, tail) {
	return length(text) >= length(tail) && substr(text, length(text) - length(tail) + 1) == tail
}

function targets(at,  expr, i, file, part, list, names, n, j, out, title) {
	if (at in target_cache) {
		return target_cache[at]
	}
	expr = expression(at)
	file = at
	sub(/:.*/, "", file)
	for (i = 1; i <= rules; i++) {
		split(rule[i], part, ":")
		if (index(file, part[1]) && ends_with(expr, part[2])) {
			used[rule_at[i]]++
			list = rule_to[i]
			out = ""
			if (list == "-") {
				return target_cache[at] = " "
			}
			n = split(list, names, ",")
			for (j = 1; j <= n; j++) {
				if (names[j] ~ /^[a-z_0-9]+\.[a-z_]+$/) {
					if (!(names[j] in member)) {
						fail(rule_at[i] ": nothing is assigned to " names[j])
					}
					out = out " " members(names[j])
				} else if (names[j] ~ /\*$/) {
					for (title in global) {
						if (index(title, substr(names[j], 1, length(names[j]) - 1)) == 1 && (global[title] in frame)) {
							out = out " " global[title]
						}
					}
				} else {
					title = find_at(file, names[j])
					if (title == "") {
						fail(rule_at[i] ": there is no function " names[j])
					}
					out = out " " title
				}
			}
			return target_cache[at] = out " "
		}
	}
	fail(at ": the indirect call of \"" expr "\" has no entry in ci/reservations")
	return target_cache[at] = " "
}

function members(key,  n, list, i, file, name, title, out) {
	n = split(member[key], list, " ")
	for (i = 1; i <= n; i++) {
		file = name = list[i]
		sub(/:.*/, "", file)
		sub(/.*:/, "", name)
		title = find(file, name)
		if (title != "" && index(out " ", " " title " ") == 0) {
			out = out " " title
		}
	}
	return out
}

# ---- worst stack, and pages ----
function visit(f,  i, to, list, n, j, b, deep, most, all, all_io, times, m, name, key, pick, pick_io, pick_to, most_open, peak,
	       peak_io, m_io) {
	if (f in stack) {
		return
	}
	name = base_name(f)
	if (!(f in frame)) {
		if (name in leaf) {
			stack[f] = open_stack[f] = leaf[name]
		} else {
			fail(f ": it has no source here and no \"leaf\" entry")
			stack[f] = 0
		}
		pages[f] = io[f] = keeps[f] = peaks[f] = 0
		return
	}
	active[f] = ++level
	path[level] = f
	most = most_open = all = all_io = peak = peak_io = 0
	for (i = 1; i <= edges[f]; i++) {
		n = 1
		list = edge_to[f, i]
		if (list == "__indirect_call") {
			list = targets(edge_at[f, i])
		}
		n = split(list, names_at, " ")
		pick = pick_io = 0
		for (j = 1; j <= n; j++) {
			split(list, names_at, " ")
			to = names_at[j]
			b = base_name(to)
			if ((name, b) in cut || ("*", b) in cut) {
				used[cut_at[(name, b) in cut ? name : "*", b]]++
				continue
			}
			if (to in active) {
				if (b in recursion) {
					used[recursion_at[b]]++
					looped[to] = 1
					cycle_note(to)
				} else if (!((f, to) in told)) {
					told[f, to] = 1
					fail(f " -> " to ": recursion, with no bound in ci/reservations")
				}
				continue
			}
			visit(to)
			split(list, names_at, " ")
			deep = stack[to] + edge_extra[f, i]
			if (deep > most) {
				most = deep
				next_of[f] = to
			}
			if (!(b in masked) && open_stack[to] + edge_extra[f, i] > most_open) {
				most_open = open_stack[to] + edge_extra[f, i]
			}
			m = keeps[to]
			m_io = keeps_io[to]
			if (b == "page_alloc" && edge_at[f, i] != "") {
				split(edge_at[f, i], place, ":")
				key = line_text[place[1], place[2]]
				m = key ~ /ALLOC_SPARE/ ? 0 : m
				m_io = key ~ /ALLOC_IO/ ? m : 0
			}
			if (m > pick || m_io > pick_io) {
				pick_to = to
			}
			pick = m > pick ? m : pick
			pick_io = m_io > pick_io ? m_io : pick_io
			peak = peaks[to] > peak ? peaks[to] : peak
			peak_io = peaks_io[to] > peak_io ? peaks_io[to] : peak_io
		}
		if (pick > 0 && edge_at[f, i] != "") {
			split(edge_at[f, i], place, ":")
			key = line_loop[place[1], place[2]]
			times = 1
			b = base_name(pick_to)
			if ((name, b) in loop_times) {
				times = loop_times[name, b]
				used[loop_at[name, b]]++
			} else if (key != "" && !(key in renewed) && !(name in cap)) {
				fail(edge_at[f, i] ": " name " calls " b " in a loop, which keeps " pick \
				     " pages each time: renew, or say how often in ci/reservations")
			}
			pick *= times
			pick_io *= times
		}
		if (why == name && (pick || pick_io)) {
			printf "%s: %s keeps %d, %d of the I/O zone\n", edge_at[f, i], base_name(pick_to), pick, pick_io
		}
		all += pick
		all_io += pick_io
	}
	if (why == name) {
		printf "%s: at most %d, %d at once besides\n", f, peak, peak_io
	}
	delete active[f]
	level--
	b = name
	stack[f] = frame[f] + most
	open_stack[f] = frame[f] + most_open
	if (f in looped) {
		open_stack[f] += (recursion[b] - 1) * cycle[f]
		stack[f] += (recursion[b] - 1) * cycle[f]
		all *= b in renews ? 1 : recursion[b]
		all_io *= b in renews ? 1 : recursion[b]
		if (b in renews) {
			used[renews_at[b]]++
		}
	}
	raw[f] = all + peak
	raw_io[f] = all_io + peak_io
	if (b in cap) {
		used[cap_at[b]]++
		all = cap[b]
		all_io = cap_io[b]
		peak = peak_io = 0
		if (b in cap_peak) {
			peak = all
			peak_io = all_io
			all = all_io = 0
		}
	}
	if (b in transient) {
		used[transient_at[b]]++
		peak += all
		peak_io += all_io
		all = all_io = 0
	}
	keeps[f] = all
	keeps_io[f] = all_io
	peaks[f] = peak
	peaks_io[f] = peak_io
	pages[f] = all + peak
	io[f] = all_io + peak_io
}

# The frames from `head`, which is active, to the function that calls it again.
function cycle_note(head,  i, sum) {
	for (i = active[head]; i <= level; i++) {
		sum += frame[path[i]]
	}
	cycle[head] = sum > cycle[head] ? sum : cycle[head]
}

BEGIN { # in which field the reason begins, for each word
	for (n = split("indirect 4 recursion 4 leaf 4 operation 4 cut 4 loop 5 cap 5 peak 5 nests 5", list_of, " "); n > 0; n -= 2) {
		reason_at[list_of[n - 1]] = list_of[n]
	}
	for (n = split("stack masked transient renews interrupt thread", list_of, " "); n > 0; n--) {
		reason_at[list_of[n]] = 3
	}
}
FILENAME != current {
	current = FILENAME
	source = plain(FILENAME)
	depth = depth_loop = pending_loop = in_comment = 0
	type = ""
}
FILENAME ~ /reservations/ { annotation(); next }
FILENAME ~ /\.ci$/ { graph_line(); next }
FILENAME ~ /reserve_table\.h$/ && /^#define RESERVE_OF_/ {
	name = $2
	sub(/RESERVE_OF_/, "", name)
	bound[name] = $3 + 0
	bound_io[name] = $4 + 0
	next
}
FILENAME ~ /reserve\.h$/ && /^#define RESERVE_[A-Z]* / {
	class[$2] = $3 + 0
	class_io[$2] = $4 + 0
}
FILENAME ~ /syscall_table\.h$/ { next }
{ source_line() }

function path_of(f,  text, most) {
	for (most = 0; f != "" && most < 60; most++) {
		text = text "\n    " frame[f] " " base_name(f)
		f = next_of[f]
	}
	return text
}

# A root: its whole stack, with the entry's frame and an interrupt on top.
function root(title, entry, what,  need) {
	visit(title)
	need = entry + open_stack[title] + interrupt_stack
	need = entry + stack[title] > need ? entry + stack[title] : need
	if (need > stack_size) {
		fail(what ": " need " bytes of stack, of " stack_size ":" path_of(title))
	}
	if (need > deepest) {
		deepest = need
		deepest_what = what
	}
	return need
}

END {
	if (!stack_size) {
		fail("no \"stack\" in the annotations")
	}
	for (k = 1; k <= nests; k++) {
		title = find_at("", nest[k])
		to = find("", nest_to[k])
		if (title == "" || to == "") {
			fail("nests " nest[k] " " nest_to[k] ": there is no such function")
		}
		edge_add(title, to, "", nest_extra[k])
	}
	n = split(interrupts, list_of, ",")
	worst = 0
	for (k = 1; k <= n; k++) {
		split(interrupts, list_of, ",")
		title = find("", list_of[k])
		if (title == "") {
			fail("interrupt: there is no function " list_of[k])
			continue
		}
		visit(title)
		split(interrupts, list_of, ",")
		if (pages[title] > 0) {
			fail("interrupt " list_of[k] ": may allocate " pages[title] " pages")
		}
		worst = stack[title] > worst ? stack[title] : worst
	}
	interrupt_stack = n ? 192 + frame[find("", "trap_handle")] + worst : 0
	for (name in bound) {
		title = find("", "sys_" name)
		if (title == "") {
			continue
		}
		calls++
		need = frame[find("", "syscall_enter")] + frame[find("", "syscall_dispatch")] + frame[find("", "reserving_" name)]
		need = root(title, 184 + need, name)
		if (pages[title] > bound[name] || io[title] > bound_io[name]) {
			fail(name ": may allocate " pages[title] " pages, " io[title] " of the I/O zone, and reserves " bound[name] ", " \
			     bound_io[name])
		}
		if (list) {
			printf "%-24s stack %5d pages %4d io %4d (reserved %d, %d)\n", name, need, pages[title], io[title], bound[name], bound_io[name]
		}
	}
	n = split(threads, list_of, " ")
	for (k = 1; k <= n; k++) {
		split(threads, list_of, " ")
		title = find("", list_of[k])
		if (title == "") {
			fail("thread: there is no function " list_of[k])
			continue
		}
		root(title, 200, list_of[k])
	}
	for (name in operation) {
		title = find("", name)
		kind = operation[name]
		if (title == "" || !(kind in class)) {
			fail("operation " name " " kind ": there is no such function or bound")
			continue
		}
		visit(title)
		if (list) {
			printf "%-24s pages %4d io %4d (reserved %d, %d)\n", name, raw[title], raw_io[title], class[kind], class_io[kind]
		}
		if (raw[title] > class[kind] || raw_io[title] > class_io[kind]) {
			fail(name ": may allocate " raw[title] " pages, " raw_io[title] " of the I/O zone, and reserves " class[kind] ", " \
			     class_io[kind])
		}
	}
	for (where in used) {
		if (!used[where]) {
			unused++
			if (strict) {
				print "check-memory: " where ": not needed any more"
			}
		}
	}
	if (!failed) {
		printf "%d system calls; the deepest stack is %d of %d bytes (%s)", calls, deepest, stack_size, deepest_what
		printf ", %d of it for an interrupt on top\n", interrupt_stack
	}
	exit failed > 0
}
