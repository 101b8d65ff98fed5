# SPDX-License-Identifier: MIT
# Accounts by Debian's own programs, over PAM: useradd, passwd, chpasswd, and su with and without a password, a wrong one, and a locked account.
# long
. tests/packages/packages.bash

make_root
mkdir -p "$scratch/root/test"
cat >"$scratch/root/test/accounts.sh" <<'END'
su -s /bin/sh nobody -c "id -un; umask"; echo "to nobody: $?"
printf 'secret123Q\nsecret123Q\n' | passwd root 2>&1 | grep -o "updated successfully"
useradd -m -s /bin/sh anna && printf 'anna:wonderLand7\n' | chpasswd; echo "new: $?"
su - anna -c 'id -un; pwd; echo $HOME'
su anna -c 'echo wrong | su -c id; echo "wrong: $?"; echo secret123Q | su -c "id -un"; echo "right: $?"' 2>&1
su anna -c 'printf "wonderLand7\nOtherLand88\nOtherLand88\n" | passwd' 2>&1 | grep -o "updated successfully"
passwd -l anna >/dev/null && su nobody -s /bin/sh -c 'echo OtherLand88 | su anna -c id' 2>&1; echo "locked: $?"
passwd -S anna | cut -d' ' -f1,2
END
packages bash,coreutils,grep,passwd,login,util-linux
in_guest 0 'sh /test/accounts.sh'
output 'nobody
0022
to nobody: 0
updated successfully
new: 0
anna
/home/anna
/home/anna
Password: su: Authentication failure
wrong: 1
Password: root
right: 0
updated successfully
Password: su: Authentication failure
locked: 1
anna L'
known_calls keyctl # a session's keyring, by pam_keyinit: it goes on without
