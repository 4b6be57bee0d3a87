"""cases.py - everything that make bench measures"""
import os
import re
import subprocess

from beds import Failed, cpu_of, memory_of
from case import Case, ENDS, EndsCase, FRONTS, PAIRS
from loads import (Bulk, First, Floor, Growth, Idle, Meet, Once, Ping, Talk,
                   Trust, numbers)


class Redis(EndsCase):
    group, cpu_unit = 'redis', 'CPU us/operation'
    metrics = {'rate': ('operations/s', 'more')}

    def __init__(self, bed, stands, pipeline, quick, alone=False):
        super().__init__(bed, stands)
        self.label = f'P={pipeline}' + self.pin(alone)
        self.name = f'redis-benchmark -c 50, {self.label}'
        self.pipeline = pipeline
        self.count = 3000 if quick else 30000 if pipeline == 1 else 300000
        self.seconds = 0.2 if quick else 0.9

    def serve(self, end):
        port = self.bed.port()
        argv = ['redis-server', '--save', '', '--bind', '127.0.0.1', '--port',
                str(port), '--logfile', self.bed.path('log'), '--dir',
                self.bed.dir]
        if end == 'openssl':
            argv[6] = '0'
            argv += ['--tls-port', str(port), '--tls-auth-clients', 'no',
                     '--tls-protocols', 'TLSv1.3', '--tls-ciphersuites',
                     'TLS_AES_128_GCM_SHA256', '--tls-cert-file',
                     self.bed.path('ec.pem'), '--tls-key-file',
                     self.bed.path('ec.key'), '--tls-ca-cert-file',
                     self.bed.path('ec-ca.pem')]
        p = self.bed.start(argv, self.env(end), cpu=self.cpu)
        self.bed.wait_port(port, p)
        return port, p

    def visit(self, port, pids, end):
        argv = ['redis-benchmark', '-p', str(port), '-c', '50', '-P',
                str(self.pipeline), '-n', str(self.count), '-t', 'set',
                '--csv']
        if end == 'openssl':
            argv += ['--tls', '--cacert', self.bed.path('ec-ca.pem'), '--sni',
                     'localhost']
        before = cpu_of(pids)
        out, cpu = self.bed.run(argv, self.env(end), self.cpu)
        cpu += cpu_of(pids) - before
        got = re.search(r'^"SET","([\d.]+)"', out, re.M)
        if 'rror' in out or not got:
            raise Failed(out[-200:])
        return {'rate': float(got[1]), 'cpu': cpu / self.count * 1e6}


NGINX = """
daemon off;
pid {d}/nginx-{port}.pid;
error_log stderr error;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on; tcp_nopush on;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path {d}; proxy_temp_path {d}; fastcgi_temp_path {d};
    uwsgi_temp_path {d}; scgi_temp_path {d};
    server {{
        listen 127.0.0.1:{port}{tls};
        root {d}/www;
    }}
}}
"""
NGINX_TLS = """ ssl;
        ssl_certificate {d}/ec.pem;
        ssl_certificate_key {d}/ec.key;
        ssl_protocols TLSv1.3;
        ssl_ecdh_curve X25519"""


class Nginx(EndsCase):
    """wrk's own TLS verifies nothing, which 50 handshakes do not show"""
    group, cpu_unit = 'nginx', 'CPU us/request'
    metrics = {'rate': ('requests/s', 'more')}

    def __init__(self, bed, stands, size, seconds, alone=False):
        super().__init__(bed, stands)
        self.label = ('1 KB' if size == 1024 else '1 MB') + self.pin(alone)
        self.name = f'nginx and wrk, 50 keep-alive connections, {self.label}'
        self.size, self.seconds = size, seconds
        os.makedirs(bed.path('www'), exist_ok=True)
        bed.write(f'www/{size}', 'n' * size)

    def serve(self, end):
        port, d = self.bed.port(), self.bed.dir
        tls = NGINX_TLS.format(d=d) if end == 'openssl' else ''
        conf = self.bed.write(f'nginx-{port}.conf', NGINX.format(
            d=d, port=port, tls=tls))
        p = self.bed.start(['nginx', '-c', conf], self.env(end), cpu=self.cpu)
        self.bed.wait_port(port, p)
        return port, p

    def visit(self, port, pids, end):
        scheme = 'https' if end == 'openssl' else 'http'
        before = cpu_of(pids)
        out, cpu = self.bed.run(
            ['wrk', '-t1', '-c50', f'-d{self.seconds}s',
             f'{scheme}://127.0.0.1:{port}/{self.size}'], self.env(end),
            self.cpu)
        cpu += cpu_of(pids) - before
        got = re.search(r'(\d+) requests in .*, ([\d.]+)([KMG]?)B read', out)
        rate = re.search(r'Requests/sec:\s+([\d.]+)', out)
        if not got or not rate or 'Socket errors' in out or 'Non-2xx' in out:
            raise Failed(' '.join(out.split())[-200:])
        count = int(got[1])
        read = float(got[2]) * 1024 ** ' KMG'.index(got[3] or ' ')
        if read < count * self.size * 0.99:
            raise Failed(f'{count} requests, but {read} bytes')
        return {'rate': float(rate[1]), 'cpu': cpu / count * 1e6}


class Forking(EndsCase):
    """A server with a process for each connection, by forking.c"""
    group, name, label = 'forking', 'a server that forks', 'forks'
    metrics = {'rate': ('connections/s', 'more')}
    cpu_unit, chart, base = 'CPU ms/connection', 'value', 'gnutls'
    count, seconds = 100, 0.2

    def __init__(self, bed):
        super().__init__(bed, ['gnutls', 'server'])

    def serve(self, end):
        argv = [os.path.join(self.bed.bin, 'forking'), 'plain']
        if end == 'gnutls':
            argv[1:] = ['gnutls', self.bed.path('ec.pem'),
                        self.bed.path('ec.key')]
        p = self.bed.start(argv, self.env(end))
        return int(p.stdout.readline().split()[1]), p

    def check(self, end, port):
        """forking.c has the policy's default suites"""

    def visit(self, port, pids, end):
        before = cpu_of(pids)
        out, cpu = self.bed.run([os.path.join(self.bed.bin, 'forking'),
                                 'visit', str(port), str(self.count), '2'])
        cpu += cpu_of(pids) - before
        return {'rate': float(out), 'cpu': cpu / self.count * 1e3}


class Start(Case):
    group, name, label = 'start', 'start of true', 'true'
    metrics = {'time': ('us', 'less')}
    cpu_unit, chart, base = 'CPU us', 'value', 'none'
    over = 'cpu', 'empty'
    seconds = 0.2

    def __init__(self, bed, quick):
        super().__init__(bed, ['none', 'empty', 'tlsshim', 'GnuTLS'])
        self.count = 20 if quick else 150
        self.libraries = {'none': '', 'tlsshim': bed.preload, 'empty':
                          os.path.join(bed.bin, 'empty.so'),
                          'GnuTLS': 'libgnutls.so.30'}
        self.got = {}

    def run(self, stand):
        """One run has them all in turn"""
        if not self.got:
            out, _ = self.bed.run(
                [os.path.join(self.bed.bin, 'startup'), str(self.count),
                 *(f'{k}={v}' for k, v in self.libraries.items()), '--',
                 '/bin/true'])
            self.got = {line.split()[0]: line.split()[1:]
                        for line in out.splitlines()}
        wall, cpu = map(float, self.got.pop(stand))
        return {'time': wall, 'cpu': cpu}


class Dirty(Case):
    group, name, label = 'start', 'memory of a program that waits', 'cat'
    metrics = {'memory': ('KB dirty', 'less')}
    chart, base, most_rounds, seconds = 'value', 'none', 1, 0.1

    def __init__(self, bed):
        super().__init__(bed, ['none', 'tlsshim'])

    def run(self, stand):
        env = dict(os.environ)
        if stand != 'none':
            env['LD_PRELOAD'] = self.bed.preload
        p = self.bed.start(['cat'], env, stdin=subprocess.PIPE)
        p.stdin.write('x\n')
        p.stdin.flush()
        p.stdout.readline()
        memory = memory_of([p.pid], ['Private_Dirty'])
        p.stdin.close()
        return {'memory': memory}


class Pass(Case):
    group, chart, seconds, most_rounds, turns = 'pass', 'value', 0.1, 7, 3
    over = 'time', 'plain'
    metrics = {'time': ('ns a call', 'less')}

    def __init__(self, bed, what, quick):
        super().__init__(bed, ['plain', 'preload', 'engine'])
        self.what = self.label = what
        self.name = f'a call that is passed on, {what}'
        self.count = 20000 if quick else 400000

    def run(self, stand):
        argv = [os.path.join(self.bed.bin, 'passthrough'), str(self.count),
                self.what]
        if stand == 'engine':
            argv.append('listen')
        out, _ = self.bed.run(argv, self.bed.env(stand != 'plain'),
                              max(os.sched_getaffinity(0)))
        return {'time': numbers(out)[self.what]}


def make(bed, full, quick):
    short = 0.1 if quick else 0.4
    six = list(ENDS)
    five = [s for s in six if s != 'gnutls']
    rivals = [*FRONTS, *PAIRS] if full else []
    servers = ['plain', 'native', 'gnutls', 'server']
    cases = [Bulk(bed, six + rivals, b, c, short)
             for c in (1, 8, 64, 512) for b in (65536, 16384)]
    cases += [Floor(bed, short)]
    cases += [Ping(bed, six + records + rivals, threads, short / 2)
              for threads, records in ((False, ['aead']),
                                       (True, ['aead', 'look']))]
    cases += [Talk(bed, six + rivals, c, short) for c in (8, 64, 512)]
    cases += [Talk(bed, ['plain', 'native', 'gnutls', 'both'], 512, short,
                   polled=True)]
    cases += [Growth(bed, e, b, short) for b in (64, 65536)
              for e in ('plain', 'native', 'both')]
    cases += [Redis(bed, five + rivals, p, quick) for p in (1, 16)]
    cases += [Redis(bed, five, 1, quick, alone=True)]
    cases += [Nginx(bed, five + rivals, s, 1) for s in (1024, 1048576)]
    cases += [Nginx(bed, five, 1024, 1, alone=True)]
    cases += [Meet(bed, six + (rivals if not r else []), k, r, short)
              for k in ('ec', 'rsa') for r in (False, True)]
    cases += [Meet(bed, six, 'ec', r, short, alone=True)
              for r in (False, True)]
    cases += [Once(bed, six), First(bed, ['plain', 'native', 'gnutls', 'client'])]
    cases += [Trust(bed)]
    cases += [Idle(bed, servers + (list(FRONTS) if full else []), quick)]
    cases += [Start(bed, quick), Dirty(bed), Forking(bed)]
    cases += [Pass(bed, w, quick) for w in (
        'zero-read', 'zero-write', 'poll-1', 'poll-8', 'epoll')]
    return cases

