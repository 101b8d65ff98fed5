# SPDX-License-Identifier: MIT
# limit: 1080
# Memory is filled from many processes at once: hogs, forks without end, programs, files on disk and in memory, dirty pages, pipes, sockets,
# descriptors, names, trees, threads, large pages. No call returns an error that it should not, only hogs are killed, and the log
# names them and says why; afterwards the shell answers, the memory is free again and the disk is clean. The disk's domain is killed
# every second meanwhile, where there is one. $FILL_SECONDS: how long; `make test-memory` takes minutes.
# not on bochs: it is about memory, and takes long there
. tests/boot/assert.bash

seconds=${FILL_SECONDS:-12}
runs="1:isolated 2:isolated"
[ $seconds -le 12 ] || runs="1:isolated 2:isolated 4:isolated 2:monolithic"
for run in $runs; do
	cpus=${run%:*} kills=()
	for second in $(seq $((seconds < 60 ? seconds : 60))); do
		[[ $run = *:monolithic ]] || kills+=(--kill "$disk@$second")
	done
	rm -rf "$scratch/root"
	make_root
	mkdir "$scratch/root/fill"
	cp "$BUILD/tests/guest/memory_fill" "$scratch/root/"
	kept_root "$scratch/root"
	boot 0 --mode ${run#*:} --memory 64M --cpus $cpus "${kills[@]}" --timeout $((seconds + 400)) "${kept[@]}" -- "
free() { sed -n 's/MemFree: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo; }
cat /memory_fill >/dev/null; before=\$(free); /memory_fill $seconds /fill 2>/tmp/told; echo status \$?; ls /fill; grep -v rounds /tmp/told; rm /tmp/told
for i in \$(seq 60); do sync; sleep 1; echo 1 >/proc/sys/vm/drop_caches; [ \$(free) -gt \$((before - 2048)) ] && echo free again && break; done
dmesg | grep '^out of memory: killed memory_fill.[0-9]*., which holds [0-9]* MiB of [0-9]*; ' |
	grep -q 'pages .* are wanted, .* no cache is left' && echo told"
	sed -i '/^out of memory: killed memory_fill/d' "$out"
	output 'rounds many, without one: none, hogs killed some, errors 0
status 0
free again
told'
	clean "$scratch/image"
done
