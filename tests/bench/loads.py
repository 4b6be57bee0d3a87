"""loads.py - the measurements whose ends are serve.c and load.c"""
import os
import re
import statistics
import subprocess

from beds import Failed, memory_of
from case import ENDS, EndsCase


def numbers(text):
    """`KEY VALUE` lines"""
    return {k: float(v) for k, v in re.findall(r'^(\S+) (\S+)$', text, re.M)}


class Load(EndsCase):
    """Both ends are load.c"""
    role, server_options, client_options = '', [], []
    setup = 0   # seconds of a run before it measures

    def estimate(self, rounds):
        return super().estimate(rounds) + self.setup * len(
            self.stands) * rounds * self.turns

    def program(self, name, end):
        end = 'plain' if end == 'shim' else end
        return os.path.join(self.bed.bin, f'{name}-{end}')

    def load(self, role, end, port, options):
        return [self.program('load', end), *options, role,
                self.bed.path(f'{self.kind}-ca.pem'), str(port)]

    def serve(self, end):
        p = self.bed.start(
            [self.program('serve', end), *self.server_options,
             self.bed.path(f'{self.kind}.pem'),
             self.bed.path(f'{self.kind}.key')],
            self.env(end), cpu=self.cpu)
        line = p.stdout.readline().split()
        if line[:1] != ['port']:
            raise Failed('no server: ' + self.bed.log_tail())
        return int(line[1]), p

    def visit(self, port, pids, end):
        options = ['-s', str(self.seconds), '-w', ','.join(map(str, pids)),
                   *self.client_options]
        out, _ = self.bed.run(self.load(self.role, end, port, options),
                              self.env(end), self.cpu)
        out = numbers(out)
        out['work'] = out['client_cpu'] + out['server_cpu']
        return self.figures(out)


class Bulk(Load):
    group, role, cpu_unit = 'bulk', 'bulk', 'CPU-s/GB'
    metrics = {'rate': ('MB/s', 'more')}

    def __init__(self, bed, stands, block, conns, seconds):
        super().__init__(bed, stands)
        self.name = f'bulk, {block >> 10} KB writes, {conns} connection' + (
            's' if conns > 1 else '')
        self.label = f'{block >> 10}K x {conns}'
        self.seconds = seconds
        self.client_options = ['-b', str(block), '-c', str(conns)]
        self.server_options = ['-e'] if conns > 1 else []
        self.setup = 0.001 * conns

    def figures(self, out):
        return {'rate': out['bytes'] / out['seconds'] / 1e6,
                'cpu': out['work'] / out['bytes'] * 1e9}


class Floor(Bulk):
    """floor: plain TCP and AES-128-GCM at each end, and nothing else

    Its rate is what the busier end has time for.
    """
    metrics = {'cost': ('CPU-s/GB', 'less'), 'rate': ('MB/s', 'more')}
    group, cpu_unit, chart, base, turns = 'floor', '', 'value', 'floor', 3

    def __init__(self, bed, seconds):
        super().__init__(bed, ['both', 'floor', 'gnutls'], 1 << 16, 1, seconds)
        self.name = 'bulk, 64 KB writes, and plain TCP with AES-128-GCM'

    def make_way(self, stand):
        return super().make_way('plain' if stand == 'floor' else stand)

    def run(self, stand):
        got = super().run(stand)
        sender, receiver = got.pop('sender'), got.pop('receiver')
        if stand == 'floor':
            out, _ = self.bed.run([os.path.join(self.bed.bin, 'seal'),
                                   str(self.seconds)])
            cipher = numbers(out)
            got['cost'] += cipher['seal'] + cipher['open']
            got['rate'] = 1e3 / max(sender + cipher['seal'],
                                    receiver + cipher['open'])
        return got

    def figures(self, out):
        return {'cost': out['work'] / out['bytes'] * 1e9,
                'rate': out['bytes'] / out['seconds'] / 1e6,
                'sender': out['client_cpu'] / out['bytes'] * 1e9,
                'receiver': out['server_cpu'] / out['bytes'] * 1e9}


class Ping(Load):
    group, role, cpu_unit = 'pingpong', 'ping', 'CPU us/round'
    metrics = {'p50': ('us', 'less'), 'p99': ('us', 'less')}
    turns = 3   # the machine's speed changes from one second to the next

    def __init__(self, bed, stands, threads, seconds):
        super().__init__(bed, stands)
        self.label = 'threads' if threads else 'single thread'
        self.name = f'1-byte ping-pong on one CPU, {self.label}'
        self.server_options = self.client_options = ['-t'] if threads else []
        self.seconds = seconds
        self.cpu = max(os.sched_getaffinity(0))

    def figures(self, out):
        return {'p50': out['p50'], 'p99': out['p99'],
                'cpu': out['work'] / out['rounds'] * 1e6}


class Talk(Load):
    group, role, cpu_unit = 'messages', 'talk', 'CPU us/message'
    metrics = {'rate': ('messages/s', 'more')}

    def __init__(self, bed, stands, conns, seconds, polled=False):
        super().__init__(bed, stands)
        self.label = f'{conns} connections' + (', poll' if polled else '')
        self.name = f'64-byte messages there and back, {self.label}'
        self.server_options = ['-p' if polled else '-e']
        self.client_options = ['-b', '64', '-c', str(conns)]
        self.seconds = seconds
        self.setup = 0.001 * conns

    def figures(self, out):
        return {'rate': out['messages'] / out['seconds'],
                'cpu': out['work'] / out['messages'] * 1e6}


class Growth(Load):
    """The CPU of a message, or of 64 KB, with many connections over few"""
    group, chart, base = 'growth', 'value', '8'
    server_options = ['-e']

    def __init__(self, bed, end, block, seconds):
        super().__init__(bed, ['8', '512'])
        talks = block < 1024
        self.role, self.count = ('talk', 'messages') if talks else (
            'bulk', 'bytes')
        self.per = 1 if talks else block
        unit = 'message' if talks else f'{block >> 10} KB'
        self.metrics = {self.count: (f'CPU us/{unit}', 'less')}
        self.label = f'{self.count}, {end}'
        self.name = f'growth from 8 connections to 512, {self.label}'
        self.ends, self.block, self.seconds = end, block, seconds
        self.setup = 0.26

    def make_way(self, stand):
        """A server of its own: what many have left is not few's to pay"""
        self.served = {}
        return super().make_way(self.ends)

    def run(self, stand):
        self.client_options = ['-b', str(self.block), '-c', stand]
        return super().run(stand)

    def figures(self, out):
        return {self.count: out['work'] / out[self.count] * self.per * 1e6}


class Meet(Load):
    group, role, cpu_unit = 'connections', 'meet', 'CPU ms/connection'
    metrics = {'rate': ('connections/s', 'more')}
    chart, unseen = 'value', ('plain',)

    def __init__(self, bed, stands, kind, resumed, seconds, alone=False):
        super().__init__(bed, stands)
        how = ('resumed' if resumed else 'full') + self.pin(alone)
        self.name = f'new connections, {kind.upper()}, {how}'
        self.label = f'{kind.upper()} {how}'
        self.kind, self.resumed, self.seconds = kind, resumed, seconds
        if resumed:
            self.server_options = self.client_options = ['-n', '1']
            self.policy = f'{kind}-resumed'
            bed.policy(kind, self.policy,
                       '    session = { num_tickets = 1; };\n')

    def figures(self, out):
        if self.resumed and out['full'] > 2 and self.tells:
            raise Failed(f'{out["full"]:.0f} were not resumed')
        return {'rate': out['connections'] / out['seconds'],
                'cpu': out['work'] / out['connections'] * 1e3}

    def run(self, stand):
        # a plain server cannot say what happened below it
        self.tells = ENDS.get(stand, ('',))[0] in ('openssl', 'gnutls')
        return super().run(stand)


class Once(Load):
    """A client that lives for one connection, by startup.c"""
    group, role = 'short', 'once'
    name, label = 'a short-lived client, 200 times', 'a client'
    metrics = {'time': ('ms', 'less')}
    cpu_unit, chart = 'CPU ms of the client', 'value'
    count = 29

    seconds = 0.15

    def visit(self, port, pids, end):
        pre = {'plain': ''}
        if end == 'shim':
            pre = {'shim': self.bed.preload}
        out, _ = self.bed.run(
            [os.path.join(self.bed.bin, 'startup'), str(self.count),
             *(f'{k}={v}' for k, v in pre.items()), '--',
             *self.load('once', end, port, [])],
            self.env('shim') | {'LD_PRELOAD': ''})
        _, wall, cpu = out.split()
        return {'time': float(wall) / 1e3, 'cpu': float(cpu) / 1e3}


class First(Load):
    """What the first connection of a process takes over its next"""
    group, role = 'short', 'first'
    name, label = 'the first connection, over the next', 'first'
    metrics = {'more': ('ms', 'less')}
    chart, seconds, count = 'value', 0.2, 15

    def visit(self, port, pids, end):
        argv = self.load(self.role, end, port, [])
        runs = [numbers(self.bed.run(argv, self.env(end))[0])
                for _ in range(self.count)]
        return {'more': statistics.median(
            r['first'] - r['next'] for r in runs) / 1e3}


class Trust(Once):
    """The first connection of a process that trusts a whole bundle"""
    group, name, label = 'trust', 'first connection of a process', 'client'
    metrics = {'cpu_ms': ('CPU ms of the client', 'less')}
    cpu_unit, base, over = '', 'one CA', ('cpu_ms', 'one CA')
    bundle = '/etc/ssl/certs/ca-certificates.crt'

    def __init__(self, bed):
        super().__init__(bed, ['one CA', 'system trust'])
        bed.policy('ec', 'ec-system', client='    system_trust = true;\n')

    def make_way(self, stand):
        if stand == 'system trust' and not os.path.exists(self.bundle):
            raise Failed(self.bundle + ' is missing')
        return (*self.serve_once('openssl'), stand)

    def run(self, stand):
        self.policy = 'ec' if stand == 'one CA' else 'ec-system'
        port, pid, _ = self.ways[stand]
        return {'cpu_ms': self.visit(port, [pid], 'shim')['cpu']}


class Idle(Load):
    group, name, label = 'idle', '2,000 idle connections', '2,000'
    metrics = {'memory': ('KB/connection', 'less')}
    server_options, chart, most_rounds = ['-e'], 'value', 2
    seconds, count = 3, 2000

    def __init__(self, bed, stands, quick):
        super().__init__(bed, stands)
        if quick:
            self.count, self.seconds = 200, 0.3

    def run(self, stand):
        """Each time with new servers, whose memory is not yet grown"""
        self.end()
        self.served = {}
        port, pids, end = self.make_way(stand)
        before = memory_of(pids)
        held = self.bed.start(
            self.load('hold', end, port, ['-c', str(self.count)]),
            self.env(end), stdin=subprocess.PIPE)
        line = held.stdout.readline()
        if line.split() != ['held', str(self.count)]:
            raise Failed('held: ' + (line or self.bed.log_tail()))
        memory = memory_of(pids) - before
        held.stdin.close()
        return {'memory': memory / self.count}

    def begin(self):
        self.served = {}
