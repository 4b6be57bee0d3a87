"""memcache.py PORT: eight threads set and get, every byte checked"""
import hashlib, random, socket, sys, threading
bad = []

def load(n):
    r = random.Random(n)
    s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    f = s.makefile('rb')
    for i in range(300):
        value = hashlib.sha256(b'%d %d' % (n, i)).digest() * r.randrange(1, 3000)
        key = b'k%d.%d' % (n, i % 7)
        s.sendall(b'set %s 0 0 %d\r\n%s\r\n' % (key, len(value), value))
        if f.readline() != b'STORED\r\n': bad.append((n, i, 'set')); return
        s.sendall(b'get %s\r\n' % key)
        if f.readline() != b'VALUE %s 0 %d\r\n' % (key, len(value)) or f.read(len(value) + 7) != value + b'\r\nEND\r\n':
            bad.append((n, i, 'get')); return

threads = [threading.Thread(target=load, args=(n,)) for n in range(8)]
for t in threads: t.start()
for t in threads: t.join()
sys.exit(str(bad) if bad else 0)
