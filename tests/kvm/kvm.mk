# SPDX-License-Identifier: MIT
# make test-kvm: our machines on KVM, which runs in Debian's kernel on QEMU's TCG. Takes minutes and fetches that kernel; not part of `make test`.
.PHONY: test-kvm
test-kvm: setup
	+@$(PARALLEL) all
	@BUILD=$(BUILD) tests/kvm/run
