# SPDX-License-Identifier: MIT
# The back end of a link dies in each way there is, again and again, on its front end's processor and on another one: the front end
# gets every answer right, is asked to rebuild once for each death, and the hypervisor names the cause.
. tests/boot/assert.bash

manifest() { # how it dies, processors
	cat >"$scratch/manifest" <<END
domain guest
	main
	image $BUILD/probe.elf
	memory 16M
	cpus $2
	priority 10
	cmdline front suicide
domain back
	image $BUILD/probe.elf
	memory 2M
	cpus 0
	priority 100
	cmdline back $1
	restart 100 in 60s
	$([ $1 != spin ] || echo heartbeat 1s)
link block guest back
END
}

for cpu in 0 1; do
	for way in touch:crash triple:crash panic:crash spin:heartbeat; do
		manifest "${way%:*}" $cpu
		boot 0 --stats "$scratch/stats" --manifest "$scratch/manifest" -- probe
		[ "$(grep -c "\"cause\": \"${way#*:}\"" "$scratch/stats")" = 5 ] || fail "${way%:*}: not five recoveries"
	done
done

# One that may be restarted twice within a minute is parked at its third death, and its front end waits without an error.
manifest touch 0
sed -i 's/100 in 60s/2 in 60s/' "$scratch/manifest"
for limit in $((slow > 1 ? 60 : 8)) 60 300; do # the shorter is enough but on a busy host
	"$vmctl" run --verbose --timeout $limit --manifest "$scratch/manifest" -- probe >"$out" 2>"$err" && fail "it went on without its back end"
	grep -q 'domain back is parked: it was restarted too often' "$err" && exit 0
done
fail "it was not parked"
