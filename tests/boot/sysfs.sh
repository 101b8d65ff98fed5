# SPDX-License-Identifier: MIT
# /sys: processors, the disk and links have the attributes that lscpu, lsblk and ip read, they agree with what /proc and ioctls say, and every
# file can be read and no other be changed.
# not on bochs: it is about the network of QEMU
. tests/boot/assert.bash

cat >"$scratch/script" <<'END'
cd /sys
cat devices/system/cpu/online devices/system/cpu/cpu2/topology/thread_siblings devices/system/cpu/cpu2/topology/package_cpus_list
ls -d devices/system/cpu/cpu* | wc -l
cat dev/block/254:0/dev class/block/vda/uevent
[ "$(cat block/vda/size)" = $(($(sed -n 's/.* \([0-9]*\) vda$/\1/p' /proc/partitions) * 2)) ] && echo the disk has its size
for link in block/vda class/block/vda class/net/lo devices/virtual/net/lo/subsystem; do readlink $link; done
cat class/net/lo/type class/net/lo/operstate class/net/eth0/type class/net/eth0/operstate
ip link show eth0 | grep -q "mtu $(cat class/net/eth0/mtu) .*" && ip link show eth0 | grep -q "ether $(cat class/net/eth0/address) " && echo the link is ip\'s
ping -c 2 127.0.0.1 >/dev/null
sed -n 's/^ *lo: *\([0-9]*\) *\([0-9]*\) .*/\1\n\2/p' /proc/net/dev >/tmp/dev
cat class/net/lo/statistics/rx_bytes class/net/lo/statistics/rx_packets | cmp - /tmp/dev && echo the counts are those of /proc
find . -type f | while read -r file; do cat $file >/dev/null || echo $file cannot be read; done
find . -type l | while read -r link; do [ -d $link ] || echo $link leads nowhere; done
echo 5 2>/dev/null >block/vda/ro || echo nothing changes
touch new 2>/dev/null || echo nothing is made
cat class/net/eth7/mtu devices/system/cpu/cpu3/topology/core_id block/vdb/dev 2>/dev/null || echo no others
mkdir /tmp/sys && mount -t sysfs sysfs /tmp/sys && ls -1 /tmp/sys && umount /tmp/sys
END
make_root
cp "$scratch/script" "$scratch/root/script"
boot 0 --cpus 3 --net user --root "$scratch/root" -- 'sh /script'
output "0-2
4
0-2
3
254:0
MAJOR=254
MINOR=0
DEVNAME=vda
DEVTYPE=disk
the disk has its size
../devices/virtual/block/vda
../../devices/virtual/block/vda
../../devices/virtual/net/lo
../../../../class/net
772
unknown
1
up
the link is ip's
the counts are those of /proc
nothing changes
nothing is made
no others
block
class
dev
devices"
