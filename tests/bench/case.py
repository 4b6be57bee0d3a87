"""case.py - one measurement: stands side by side, in interleaved rounds

A stand is one way to do the same work.  run(stand) gives {metric: number}; the
first metric of a case is what it is about, `cpu` is CPU time per unit of work.
"""
import os
import subprocess
import sys

from beds import Failed
import proxies

# Which ends each of the usual stands has: server, client.
ENDS = {
    'plain': ('plain', 'plain'),
    'native': ('openssl', 'openssl'),
    'gnutls': ('gnutls', 'gnutls'),
    'client': ('openssl', 'shim'),
    'server': ('shim', 'openssl'),
    'both': ('shim', 'shim'),
}
# Beside them: records by GnuTLS's AEAD and nothing else (transport/aead.h).
RECORDS = {'aead': ('aead', 'aead'), 'look': ('look', 'look')}
# A round's order: what is compared most closely is measured side by side.
NEAR = ['client', 'server', 'native', 'gnutls', 'both', 'plain', 'floor',
        'look', 'aead']
FRONTS = {f'{p} front': ('plain', 'openssl') for p in proxies.PROXIES}
PAIRS = {f'{p} pair': ('plain', 'plain') for p in proxies.PROXIES
         if p != 'hitch'}


class Case:
    """Subclasses set these, and begin, run and end"""
    group = name = ''
    metrics = {}        # metric: (unit, 'more' or 'less' is better)
    cpu_unit = ''
    chart = 'ratio'     # to plain; or 'value'
    unseen = ()         # stands too high for the chart
    base = 'plain'
    seconds = 1         # of one run of one stand
    most_rounds = 99
    turns = 1           # how often a round has each stand
    over = None         # (metric, base): differences are shown too

    def __init__(self, bed, stands):
        self.bed, self.stands = bed, list(stands)
        self.values = {s: {} for s in self.stands}
        self.errors = {}

    def estimate(self, rounds):
        return (self.seconds + 0.15) * len(self.stands) * min(
            rounds, self.most_rounds) * self.turns + 0.2 * len(self.stands)

    def begin(self):
        """Starts what all rounds share"""

    def run(self, stand):
        raise NotImplementedError

    def end(self):
        self.bed.stop(self.bed.running)

    def measure(self, rounds):
        near = sorted(self.stands, key=lambda s: NEAR.index(s)
                      if s in NEAR else len(NEAR))
        try:
            self.attempt(None, self.begin)
            for i in range(min(rounds, self.most_rounds) * self.turns):
                for stand in near if i % 2 == 0 else near[::-1]:
                    if stand not in self.errors:
                        self.attempt(stand, lambda: self.run(stand))
                        print('.', end='', file=sys.stderr, flush=True)
        finally:
            self.end()
            print('\r', end='', file=sys.stderr)

    def attempt(self, stand, what):
        try:
            got = what() or {}
        except (Failed, OSError, subprocess.SubprocessError, KeyError,
                ValueError) as e:
            for each in [stand] if stand else self.stands:
                self.errors[each] = str(e) or repr(e)
            return
        for metric, value in got.items():
            self.values[stand].setdefault(metric, []).append(value)


class EndsCase(Case):
    """Stands of ENDS, RECORDS, FRONTS and PAIRS; serve(kind): port, process"""
    kind = 'ec'     # of certificate
    cpu = None      # all on this one
    policy = None

    def pin(self, alone):
        """What a name says of that; it is then a matter of CPU time alone"""
        if not alone:
            return ''
        self.cpu = max(os.sched_getaffinity(0))
        return ', one CPU'

    def begin(self):
        self.served, self.ways = {}, {}
        for stand in self.stands:
            try:
                self.ways[stand] = self.make_way(stand)
            except (Failed, OSError) as e:
                self.errors[stand] = str(e)

    def serve_once(self, kind):
        if kind not in self.served:
            port, process = self.serve(kind)
            if kind not in ('plain', 'aead', 'look'):
                self.check(kind, port)
            self.served[kind] = port, process.pid
        return self.served[kind]

    def check(self, kind, port):
        self.bed.check_suite(port, self.kind)

    def make_way(self, stand):
        """(port to connect to, pids at work beside the client, client)"""
        name, _, where = stand.partition(' ')
        ends = ENDS | RECORDS | FRONTS | PAIRS
        server, client = ends[stand]
        port, pid = self.serve_once(server)
        pids = [pid]
        for side in {'front': ['front'], 'pair': ['front', 'back']}.get(
                where, []):
            key = f'{name} {side}'
            if key not in self.served:
                port, process = proxies.start(
                    self.bed, name, side, port, self.kind, self.cpu)
                self.served[key] = port, process.pid
            port, pid = self.served[key]
            pids.append(pid)
        return port, pids, client

    def run(self, stand):
        port, pids, client = self.ways[stand]
        return self.visit(port, pids, client)

    def env(self, kind):
        return self.bed.env(kind == 'shim', self.policy or self.kind)
