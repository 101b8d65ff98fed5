# SPDX-License-Identifier: MIT
# In the guest and on Linux: git's everyday life, the dates fixed so that every object has the same name on both.
mkdir -p /tmp/git && cd /tmp/git || exit 1
export HOME=/tmp/git GIT_PAGER=cat GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000' LC_ALL=C
git config --global user.email a@example.org
git config --global user.name A
git config --global init.defaultBranch main
git config --global protocol.file.allow always

echo == init and commit
git init -q first && cd first || exit 1
for i in 1 2 3 4 5; do
	seq $((i * 1000)) >"file $i"
	mkdir -p "d$i/e" && ln -s "../file $i" "d$i/link" && printf '#!/bin/sh\necho %s\n' $i >"d$i/e/run" && chmod +x "d$i/e/run"
	git add -A && git commit -q -m "commit $i"
done
git log --format='%H %s'
git status --short
echo changed >>'file 1' && git diff --stat && git status --short
git stash -q && git stash list && git stash pop -q && git checkout -q -- 'file 1'
git mv 'file 2' moved && git rm -q 'file 3' && git commit -q -m moves && git show --stat --format=%s

echo == fsck, gc and repack
git fsck --full --strict 2>&1
git gc -q 2>&1
git count-objects -v | grep -v size
git repack -adfq && git prune && git fsck --full 2>&1 && git verify-pack .git/objects/pack/*.idx && echo verified

echo == branches
git checkout -q -b side HEAD~3 && echo side >side && git add side && git commit -q -m side
git rebase -q main && git log --format=%s -3
git checkout -q main && git merge -q --no-ff -m merge side && git log --graph --format='%h %s' -4
git checkout -q -b clash HEAD~1 && echo 1 >side && git add side && git commit -q -m clash
git merge main >/dev/null || { git status --short; git merge --abort; }
git checkout -q main && git bisect start -q HEAD HEAD~4 2>/dev/null >&2; git bisect run false 2>&1 | tail -n 1; git bisect reset 2>/dev/null
git grep -c 999 | head -n 3
git tag -a v1 -m 'a tag' && git describe

echo == clones
cd .. && git clone -q first second && git clone -q file:///tmp/git/first third 2>&1 && git clone -q --bare --no-local first bare.git
for d in second third bare.git; do
	git -C $d fsck --full 2>&1 && git -C $d rev-parse HEAD
done
cd second && echo more >more && git add more && git commit -q -m more && git push -q ../bare.git main 2>&1 && git -C ../bare.git log --format=%s -1
cd ../third && git pull -q --rebase ../bare.git main && git log --format=%s -1
git submodule -q add file:///tmp/git/bare.git sub 2>&1 && git commit -q -m sub && git submodule status | cut -c1-50
git worktree add -q ../tree HEAD~1 && git worktree list | wc -l && git archive HEAD | tar t | head -n 3
cd ../bare.git && git bundle create -q ../all.bundle --all && git bundle verify -q ../all.bundle &&
	git clone -q -b main ../all.bundle ../fourth && git -C ../fourth rev-parse HEAD
