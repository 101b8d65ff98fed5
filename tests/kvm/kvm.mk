# SPDX-License-Identifier: MIT
# make test-kvm: our machines on KVM, which runs in Debian's kernel on QEMU's TCG. Takes minutes and fetches that kernel; not part of `make test`.
.PHONY: test-kvm test-kvm-intel
test-kvm: setup
	+@$(PARALLEL) all
	@BUILD=$(BUILD) tests/kvm/run amd
# The same on Bochs, whose processors have VT-x.
test-kvm-intel: setup
	+@$(PARALLEL) all
	@BUILD=$(BUILD) tests/kvm/run intel
