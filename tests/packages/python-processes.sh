# SPDX-License-Identifier: MIT
# Python's own tests of processes that share memory, locks, queues, pipes and sockets: multiprocessing, its children made by fork().
# limit: 1500
# long
. tests/packages/packages.bash

packages $language_packages,libpython3.11-testsuite
in_guest 0 'cd /var/tmp && python3 -m test --timeout 1200 test_multiprocessing_fork 2>&1' --cpus 2 --memory 768M --timeout 1300
