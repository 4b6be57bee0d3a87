"""beds.py - folder, certificates, policies and processes of one benchmark

Ends: `plain`, `openssl` and `gnutls` are the program's own; `shim` is plain
under tlsshim; `aead` and `look` are records without a handshake
(transport/aead.h).  Else TLS 1.3, AES-128-GCM, X25519, a certificate for
"localhost" that the client verifies.
"""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

SUITE = 'TLS_AES_128_GCM_SHA256'

OPENSSL_CNF = f"""
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = all
[all]
Ciphersuites = {SUITE}
Groups = X25519:P-256
MinProtocol = TLSv1.3
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
authorityKeyIdentifier = keyid
"""

POLICY = """
version = 1;
unmatched = "plain";
on_unprotected = "allow";
defaults = {{
    minimum_version = "TLSv1.3";
    groups = ( "X25519" );
    priority = "NONE:+AES-128-GCM:+ECDHE-ECDSA:+ECDHE-RSA:+AEAD";
{defaults}}};
client = ( {{
    address = "127.0.0.0/8";
    server_hostname = "localhost";
    cafile = "{kind}-ca.pem";
{client}}} );
server = ( {{
    address = "127.0.0.0/8";
    certfile = "{kind}.pem";
    keyfile = "{kind}.key";
}} );
"""

NEWKEY = {'ec': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
          'rsa': ['-newkey', 'rsa:2048']}


class Failed(Exception):
    pass


def stat_of(pid):
    with open(f'/proc/{pid}/stat') as f:
        return f.read().rpartition(')')[2].split()


def cpu_of(pids):
    """Seconds of processes, of their children and of those they have reaped"""
    total = 0
    for pid in pids:
        try:
            fields = stat_of(pid)
            total += (int(fields[13]) + int(fields[14])) / 100
            for task in os.listdir(f'/proc/{pid}/task'):
                with open(f'/proc/{pid}/task/{task}/schedstat') as f:
                    total += int(f.read().split()[0]) / 1e9
                with open(f'/proc/{pid}/task/{task}/children') as f:
                    total += cpu_of(f.read().split())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def tree(pid):
    """pid and all below it"""
    found = [pid]
    try:
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/children') as f:
                for child in f.read().split():
                    found += tree(int(child))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def memory_of(pids, fields=('Pss_Anon', 'Pss_Shmem')):
    """KB"""
    total = 0
    for pid in pids:
        for each in tree(pid):
            try:
                with open(f'/proc/{each}/smaps_rollup') as f:
                    total += sum(int(line.split()[1]) for line in f
                                 if line.partition(':')[0] in fields)
            except (FileNotFoundError, ProcessLookupError):
                pass  # a child of a proxy's that ends meanwhile has none
    return total


class Bed:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix='tlsshim-bench.')
        os.chmod(self.dir, 0o755)
        self.bin = os.path.join(os.environ['B'], 'tests', 'bench')
        self.preload = os.path.join(os.environ['B'], 'tlsshim.so')
        self.running = []
        self.last_port = 0
        self.write('openssl.cnf', OPENSSL_CNF)
        for kind in NEWKEY:
            self.make_certificates(kind)
            self.policy(kind)
        for name in ('LD_PRELOAD', 'TLSSHIM_POLICY', 'SSLKEYLOGFILE'):
            os.environ.pop(name, None)
        os.environ['LC_ALL'] = 'C'
        os.environ['OPENSSL_CONF'] = self.path('openssl.cnf')
        return self

    def __exit__(self, *_):
        self.stop(self.running)
        shutil.rmtree(self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as f:
            f.write(text)
        return self.path(name)

    def make_certificates(self, kind):
        request = ['openssl', 'req', '-config', self.path('openssl.cnf'),
                   '-x509', '-nodes', '-days', '30', *NEWKEY[kind]]

        def run(*args):
            subprocess.run([*request, *args], check=True,
                           stderr=subprocess.DEVNULL)
        ca, key = self.path(f'{kind}-ca.pem'), self.path(f'{kind}-ca.key')
        cert = self.path(f'{kind}.pem')
        run('-subj', f'/CN=bench {kind} CA', '-extensions', 'ca',
            '-out', ca, '-keyout', key)
        run('-subj', '/CN=localhost', '-extensions', 'leaf', '-CA', ca,
            '-CAkey', key, '-out', cert, '-keyout', self.path(f'{kind}.key'))
        with open(cert) as a, open(self.path(f'{kind}.key')) as b:
            self.write(f'{kind}-both.pem', a.read() + b.read())
        os.chmod(self.path(f'{kind}-both.pem'), 0o600)

    def policy(self, kind, name=None, defaults='', client=''):
        return self.write(f'{name or kind}.cfg', POLICY.format(
            kind=kind, defaults=defaults, client=client))

    def env(self, shim, policy='ec'):
        env = dict(os.environ)
        if shim:
            env['LD_PRELOAD'] = self.preload
            env['TLSSHIM_POLICY'] = self.path(policy + '.cfg')
        return env

    def port(self):
        """A port that is free now, for programs that cannot say theirs"""
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            return s.getsockname()[1]

    def start(self, argv, env=None, stdin=subprocess.DEVNULL, cpu=None):
        if cpu is not None:
            argv = ['taskset', '-c', str(cpu), *argv]
        with open(self.path('log'), 'a') as log:
            p = subprocess.Popen(
                argv, env=env, stdin=stdin, stdout=subprocess.PIPE,
                stderr=log, text=True, start_new_session=True)
        self.running.append(p)
        return p

    def stop(self, processes):
        """Ends them and what they have started, which is in their session"""
        for p in list(processes):
            try:
                os.killpg(p.pid, signal.SIGTERM)
                p.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
            except ProcessLookupError:
                p.wait()
            p.stdout.close()
            self.running.remove(p)

    def log_tail(self):
        with open(self.path('log'), errors='replace') as f:
            return ' '.join(f.read()[-300:].split())

    def wait_port(self, port, process):
        for _ in range(500):
            if process.poll() is not None:
                break
            with socket.socket() as s:
                if s.connect_ex(('127.0.0.1', port)) == 0:
                    return
            time.sleep(0.01)
        raise Failed(f'{process.args[0]} does not listen: {self.log_tail()}')

    def check_suite(self, port, kind='ec'):
        """What answers there is the TLS that all are to speak"""
        ctx = ssl.create_default_context(cafile=self.path(f'{kind}-ca.pem'))
        with socket.create_connection(('127.0.0.1', port), 5) as raw:
            with ctx.wrap_socket(raw, server_hostname='localhost') as s:
                if s.cipher()[0] != SUITE:
                    raise Failed('speaks ' + s.cipher()[0])

    def run(self, argv, env=None, cpu=None, seconds=60):
        """Its output, and its CPU seconds"""
        before = os.times()
        if cpu is not None:
            argv = ['taskset', '-c', str(cpu), *argv]
        try:
            p = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f'took more than {seconds} s')
        after = os.times()
        if p.returncode != 0:
            raise Failed(' '.join((p.stderr or self.log_tail())[-300:].split())
                         or f'status {p.returncode}')
        return p.stdout, (after.children_user + after.children_system -
                          before.children_user - before.children_system)
