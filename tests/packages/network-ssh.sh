# SPDX-License-Identifier: MIT
# Debian's openssh-server, set up by Debian's own scripts (--set-up): this machine's ssh, scp and sftp, which are the same package's in a chroot, log in
# through --publish by password and by key, run commands with and without a terminal, carry files both ways, forward ports.
# long
. tests/packages/serve.bash

packages procps,openssh-server,openssh-client,sshpass --set-up
in_guest 0 'dpkg -l | grep -v "^ii" | tail -n +6
	useradd -m -s /bin/bash someone && echo "someone:its password" | chpasswd
	mkdir -p /run/sshd && sshd -t && ls -1 /etc/ssh/*key' --write
[ "$(cat "$out")" = '/etc/ssh/ssh_host_ecdsa_key
/etc/ssh/ssh_host_ed25519_key
/etc/ssh/ssh_host_rsa_key' ] || fail "not all is set up"
on_linux 'mkdir -p /root/.ssh; chmod 700 /root/.ssh
	ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519; seq 400000 >/root/file; cat /root/.ssh/id_ed25519.pub' ||
	fail "no key: $(cat "$scratch/linux.err")"
key=$(cat "$scratch/linux.out")

port_choose 2
answers() {
	[[ $(timeout 10 bash -c "read -r line <>/dev/tcp/127.0.0.1/$port; echo \$line" 2>/dev/null) == SSH-2.0-OpenSSH* ]]
}
serve --timeout 400 --memory 512M --root "$scratch/image" --publish "$port:22" -- 'mkdir -p /run/sshd; exec /usr/sbin/sshd -D -e'
until_true 120 answers || fail "sshd does not answer"
options="-o StrictHostKeyChecking=accept-new -o ConnectTimeout=60 -o LogLevel=ERROR"

# says TEXT COMMAND: run by this machine's Linux in the chroot, its output has to be that.
says() {
	on_linux "$2"
	[ "$(tr -d '\r' <"$scratch/linux.out")" = "$1" ] || fail "$2 says $(cat "$scratch/linux.out" "$scratch/linux.err")"
}
ssh="ssh $options -p $port someone@127.0.0.1"
says 'someone
/home/someone
status 7' "sshpass -p 'its password' $ssh 'id -un; pwd; exit 7'; echo status \$?"
says 'status 5' "sshpass -p wrong $ssh id; echo status \$?"
says '' "sshpass -p 'its password' $ssh 'mkdir -m 700 .ssh; echo $key >.ssh/authorized_keys'"
says 'status 255' "ssh $options -o BatchMode=yes -p $port root@127.0.0.1 id 2>/dev/null; echo status \$?"
says 'by key
/bin/bash' "$ssh 'echo by key; echo \$SHELL'"
says "$(seq 300000 | cksum)" "seq 300000 | $ssh cksum"
says "$(seq 300000 | cksum)" "$ssh seq 300000 | cksum"
says '/dev/pts/0
24 80' "stty -F /dev/null 2>/dev/null; $ssh -tt 'tty; stty rows 24 cols 80; stty size'"
says "$(seq 400000 | cksum)" "scp -q $options -P $port /root/file someone@127.0.0.1:there && $ssh cksum '<there'"
says "$(seq 400000 | cksum)" "scp -q $options -P $port someone@127.0.0.1:there /root/back && cksum </root/back"
says 'there' "echo 'ls -1' >/tmp/batch; sftp -q $options -P $port -b /tmp/batch someone@127.0.0.1 | grep -v sftp"
says 'SSH-2.0-OpenSSH' "$ssh -N -L 127.0.0.1:$((port + 1)):127.0.0.1:22 &
	until bash -c 'read -r line </dev/tcp/127.0.0.1/$((port + 1)) && echo \${line%%_*}' 2>/dev/null; do sleep 0.3; done; kill \$!"
says "$(for i in 1 2 3 4; do seq 50000 | cksum; done)" "for i in 1 2 3 4; do seq 50000 | $ssh cksum & done; wait"
known_calls keyctl # pam_keyinit asks for a session keyring, and goes on without
served_stop
