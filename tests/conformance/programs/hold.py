"""hold.py PORT REQUEST END PID...: sixteen idle connections cost no CPU

Asks on each, reads to END, then watches the CPU time of itself and each PID
for two seconds, and asks again.  Exits 1 above 30 ms (two ticks and a bit).
"""
import os, socket, sys, time
port, request, end = int(sys.argv[1]), *(a.encode().decode('unicode_escape').encode() for a in sys.argv[2:4])
pids = ['self'] + sys.argv[4:]

def ask(s):
    s.sendall(request)
    got = b''
    while end not in got:
        more = s.recv(65536)
        assert more, 'closed early'
        got += more

def ticks():
    n = 0
    for p in pids:
        fields = open(f'/proc/{p}/stat').read().rpartition(')')[2].split()
        n += int(fields[11]) + int(fields[12])
    return n

held = [socket.create_connection(('127.0.0.1', port)) for n in range(16)]
for s in held: ask(s)
time.sleep(0.2)
before = ticks(); time.sleep(2); used = ticks() - before
for s in held: ask(s)
print('ticks in 2 s:', used)
sys.exit(used > 3)
