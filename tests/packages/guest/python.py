# SPDX-License-Identifier: MIT
# In the guest and on Linux: what Python's library does with processes, threads, memory and waiting.
import asyncio, concurrent.futures, ctypes, fcntl, mmap, multiprocessing, multiprocessing.shared_memory, os, pty, queue, resource, select, selectors
import shutil, signal, socket, sqlite3, struct, subprocess, sys, tempfile, termios, threading, time


def part(name):
    print("==", name, flush=True)


def square(n):
    return n * n


def in_child(connection, lock, counter, shared):
    for _ in range(200):
        with lock:
            counter.value += 1
    block = multiprocessing.shared_memory.SharedMemory(name=shared)
    block.buf[0] += 1
    block.close()
    connection.send(("done", os.getpid() != os.getppid()))


def processes():
    part("multiprocessing")
    for method in "fork", "spawn", "forkserver":
        context = multiprocessing.get_context(method)
        lock, counter = context.Lock(), context.Value("i", 0, lock=False)
        block = multiprocessing.shared_memory.SharedMemory(create=True, size=4096)
        pairs = [context.Pipe() for _ in range(3)]
        children = [context.Process(target=in_child, args=(b, lock, counter, block.name)) for _, b in pairs]
        for child in children:
            child.start()
        answers = [a.recv() for a, _ in pairs]
        for child in children:
            child.join()
        print(method, answers, counter.value, block.buf[0] >= 1, [child.exitcode for child in children])
        block.close()
        block.unlink()
    with multiprocessing.Pool(3) as pool:
        print(pool.map(square, range(12)), sum(pool.imap_unordered(square, range(100), 7)))
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        print(list(executor.map(square, range(5))))
    with multiprocessing.Manager() as manager:
        d = manager.dict(a=1)
        child = multiprocessing.Process(target=d.update, args=({"b": 2},))
        child.start()
        child.join()
        print(dict(d))


def threads():
    part("threading")
    lock, total, barrier, items = threading.Lock(), [0], threading.Barrier(8), queue.Queue(5)

    def work(n):
        barrier.wait()
        for _ in range(500):
            with lock:
                total[0] += n
        items.put(n)

    group = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in group:
        thread.start()
    got = sorted(items.get() for _ in range(8))
    for thread in group:
        thread.join()
    print(total[0], got)
    condition, ready = threading.Condition(), []

    def waiter():
        with condition:
            condition.wait_for(lambda: ready, timeout=60)
            ready.append(len(ready))

    group = [threading.Thread(target=waiter) for _ in range(4)]
    for thread in group:
        thread.start()
    with condition:
        ready.append(-1)
        condition.notify_all()
    for thread in group:
        thread.join()
    print(ready, threading.Event().wait(0.01), threading.active_count())
    with concurrent.futures.ThreadPoolExecutor(16) as executor:
        print(sum(executor.map(square, range(500))))


def commands():
    part("subprocess")
    print(subprocess.run(["sh", "-c", "cat; echo e >&2; exit 3"], input=b"in", capture_output=True))
    print(subprocess.run("echo $X; pwd", shell=True, env={"X": "7"}, cwd="/usr", capture_output=True, text=True).stdout)
    first = subprocess.Popen(["seq", "20000"], stdout=subprocess.PIPE)
    second = subprocess.Popen(["tail", "-n", "1"], stdin=first.stdout, stdout=subprocess.PIPE)
    first.stdout.close()
    print(second.communicate()[0], first.wait())
    try:
        subprocess.run(["sleep", "60"], timeout=0.1)
    except subprocess.TimeoutExpired as e:
        print("timeout", e.cmd)
    try:
        subprocess.run(["/none"])
    except FileNotFoundError as e:
        print(e)
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    print(os.getsid(child.pid) == child.pid)
    os.killpg(child.pid, signal.SIGTERM)
    print(child.wait())
    many = [subprocess.Popen(["true"]) for _ in range(20)]
    print(sum(p.wait() for p in many))


def memory():
    part("mmap")
    with tempfile.TemporaryFile() as f:
        f.truncate(1 << 20)
        m = mmap.mmap(f.fileno(), 1 << 20)
        m[4096:4101] = b"hello"
        m.flush()
        f.seek(4096)
        print(f.read(5), m.find(b"hello"), m.size())
        f.write(b", file")
        f.flush()
        print(m[4096:4107])
        m.resize(1 << 21)
        m[-1:] = b"!"
        print(os.fstat(f.fileno()).st_size)
        m.madvise(mmap.MADV_DONTNEED)
        print(m[4096:4101], m[-1:])
        m.close()
    anonymous = mmap.mmap(-1, 8 << 20)
    if os.fork() == 0:
        anonymous[7 << 20] = 99
        os._exit(0)
    os.wait()
    print(anonymous[7 << 20])
    big = bytearray(64 << 20)
    big[::4096] = b"x" * (len(big) // 4096)
    print(big.count(b"x"))
    fd = os.memfd_create("memory")
    os.write(fd, b"memfd")
    print(os.pread(fd, 10, 0), os.readlink("/proc/self/fd/%d" % fd))
    print(ctypes.CDLL(None).abs(-5))


def waiting():
    part("select")
    a, b = socket.socketpair()
    r, w = os.pipe()
    print(select.select([a, r], [b], [], 0) == ([], [b], []))
    os.write(w, b"x")
    print(select.select([a, r], [], [], 5)[0] == [r])
    poll, epoll = select.poll(), select.epoll()
    for p in poll, epoll:
        p.register(a, select.POLLIN)
        p.register(r, select.POLLIN)
    b.send(b"y")
    print(len(poll.poll(0)), len(epoll.poll(0)), len(epoll.poll(0, 1)))
    b.close()
    print(poll.poll(0) == [(a.fileno(), select.POLLIN | select.POLLHUP), (r, select.POLLIN)] or poll.poll(0))
    os.eventfd(0)
    r, w = os.pipe()
    print(fcntl.fcntl(w, 1031, 4096), os.set_blocking(w, False), os.write(w, b"z" * 9999))
    server = socket.socket(socket.AF_UNIX)
    server.bind("\0python-%d" % os.getpid())
    server.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(server.getsockname())
    peer = server.accept()[0]
    socket.send_fds(client, [b"take"], [r])
    data, fds, _, _ = socket.recv_fds(peer, 10, 1)
    print(data, os.read(fds[0], 5), struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0] == os.getpid())


def signals():
    part("signal")
    seen = []
    for s in signal.SIGUSR1, signal.SIGALRM:
        signal.signal(s, lambda number, frame: seen.append(number))
    os.kill(os.getpid(), signal.SIGUSR1)
    for which in signal.ITIMER_REAL,:
        count = len(seen)
        signal.setitimer(which, 0.05)
        while len(seen) == count:
            pass
        print(signal.getitimer(which))
    print([signal.Signals(s).name for s in seen])
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    os.kill(os.getpid(), signal.SIGUSR2)
    print(signal.sigpending(), signal.sigtimedwait([signal.SIGUSR2], 1).si_signo, signal.sigtimedwait([signal.SIGUSR2], 0))
    child = subprocess.Popen(["sh", "-c", "kill -SEGV $$"])
    print(child.wait())
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 100
    print(limits, time.clock_gettime(time.pthread_getcpuclockid(threading.get_ident())) > 0)


async def counting(n):
    process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = await process.communicate(b"%d" % n)
    return int(out)


async def served(path):
    async def answer(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, path)

    async def ask(n):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"question %d\n" % n)
        line = await reader.readline()
        writer.close()
        return line

    lines = await asyncio.gather(*(ask(n) for n in range(20)))
    server.close()
    return lines[0], lines[19], len(set(lines))


async def everything():
    print(await asyncio.gather(*(counting(n) for n in range(6))))
    with tempfile.TemporaryDirectory() as d:
        print(await served(d + "/socket"))
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.05)
    except asyncio.TimeoutError:
        print("timeout")
    print(await asyncio.to_thread(square, 9))
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, done.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    print(await done.wait())


def others():
    part("files and terminals")
    pid, fd = pty.fork()
    if pid == 0:
        os.execlp("sh", "sh", "-c", "tty | cut -c1-9; stty size; read line; echo got $line")
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("4H", 33, 77, 0, 0))
    os.write(fd, b"typed\n")
    text = b""
    try:
        while chunk := os.read(fd, 100):
            text += chunk
    except OSError as e:
        print(e.errno)
    print(b"got typed\r\n" in text, b"/dev/pts/" in text, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    with tempfile.TemporaryDirectory() as d:
        for i in range(100):
            with open("%s/%d" % (d, i), "w") as f:
                f.write("x" * i)
        print(sum(e.stat().st_size for e in os.scandir(d)))
        shutil.copytree(d, d + "/copy")
        print(len(os.listdir(d + "/copy")))
        database = sqlite3.connect(d + "/db")
        database.execute("create table t(a)")
        database.executemany("insert into t values(?)", ((i,) for i in range(1000)))
        database.commit()
        print(database.execute("select sum(a) from t").fetchone())


if __name__ == "__main__":
    processes()
    threads()
    commands()
    memory()
    waiting()
    signals()
    part("asyncio")
    asyncio.run(everything())
    others()
