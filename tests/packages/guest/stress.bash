# SPDX-License-Identifier: MIT
# stress.bash SECONDS: stress-ng's stressors one after the other, each so long and twice as many as there are processors, checking its own results.
cd /var/tmp || exit 1
bad=0
for stressor in cpu vm pipe fork futex mmap hdd; do
	stress-ng --verify --no-rand-seed -t "$1" --"$stressor" $((2 * $(nproc))) --vm-bytes 64M --mmap-bytes 32M --hdd-bytes 32M >log 2>&1
	status=$?
	# That it may not give up single capabilities (EPERM) it tells as a failure and goes on.
	if [ $status -ne 0 ] || grep -v 'capset on pid' log | grep -q 'fail:' || ! grep -q 'successful run' log; then
		bad=1
		cat log
	fi
	echo "$stressor: status $status"
done
exit $bad
