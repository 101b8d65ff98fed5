# SPDX-License-Identifier: MIT
# Python's own tests of what a kernel does: those of tests/packages/guest/python-left-out need what is not there, as that file says.
# limit: 2700
# long
. tests/packages/packages.bash

packages $language_packages,libpython3.11-testsuite
in_guest 0 'cd /var/tmp && python3 -m test --timeout 600 --ignorefile /test/python-left-out test_os test_subprocess test_threading test_signal \
	test_select test_poll test_selectors test_mmap test_fcntl test_posix test_pty test_openpty test_ioctl test_resource test_tempfile test_file \
	test_io test_time test_thread test_threadsignals test_fork1 test_wait3 test_wait4 test_popen test_stat test_grp test_pwd test_queue test_largefile \
	test_fileio test_glob test_shutil test_pathlib test_mailbox test_tarfile test_dbm test_posixpath test_cmd_line test_readline 2>&1' \
	--cpus 2 --memory 768M --timeout 2400
