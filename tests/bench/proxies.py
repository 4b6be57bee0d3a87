"""proxies.py - what one would put in front of a program without TLS

front: takes TLS, connects in plain; back: takes plain, connects with TLS and
verifies.  Each as its manual has it, with the bed's suite and certificate.
"""
STUNNEL = """
foreground = yes
pid =
debug = 3
[it]
sslVersionMin = TLSv1.3
ciphersuites = TLS_AES_128_GCM_SHA256
curves = X25519
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{to}
"""
STUNNEL_FRONT = 'cert = {d}/{kind}.pem\nkey = {d}/{kind}.key\n'
STUNNEL_BACK = ('client = yes\nCAfile = {d}/{kind}-ca.pem\n'
                'verifyChain = yes\ncheckHost = localhost\nsni = localhost\n')

HAPROXY = """
global
    maxconn 5000
defaults
    mode tcp
    timeout connect 60s
    timeout client 600s
    timeout server 600s
listen it
"""
HAPROXY_FRONT = """
    bind 127.0.0.1:{port} ssl crt {d}/{kind}-both.pem ssl-min-ver TLSv1.3 \
ciphersuites TLS_AES_128_GCM_SHA256 curves X25519
    server s 127.0.0.1:{to}
"""
HAPROXY_BACK = """
    bind 127.0.0.1:{port}
    server s 127.0.0.1:{to} ssl ca-file {d}/{kind}-ca.pem verify required \
verifyhost localhost sni str(localhost) ssl-min-ver TLSv1.3 \
ciphersuites TLS_AES_128_GCM_SHA256
"""

NGINX = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid {d}/nginx-{port}.pid;
error_log stderr error;
worker_processes auto;
worker_rlimit_nofile 12000;
events {{ worker_connections 6000; }}
stream {{
    server {{
        proxy_pass 127.0.0.1:{to};
"""
NGINX_FRONT = """
        listen 127.0.0.1:{port} ssl backlog=1024;
        ssl_certificate {d}/{kind}.pem;
        ssl_certificate_key {d}/{kind}.key;
        ssl_protocols TLSv1.3;
        ssl_ecdh_curve X25519;
    }}
}}
"""
NGINX_BACK = """
        listen 127.0.0.1:{port} backlog=1024;
        proxy_ssl on;
        proxy_ssl_protocols TLSv1.3;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate {d}/{kind}-ca.pem;
        proxy_ssl_name localhost;
        proxy_ssl_server_name on;
    }}
}}
"""


def by_file(command, front, back, suffix):
    def make(bed, side, port, to, kind):
        text = (front if side == 'front' else back).format(
            d=bed.dir, port=port, to=to, kind=kind)
        return [*command, bed.write(f'proxy-{port}.{suffix}', text)]
    return make


def hitch(bed, side, port, to, kind):
    if side == 'back':
        return None
    return ['hitch', '--user=nobody', f'--frontend=[127.0.0.1]:{port}',
            f'--backend=[127.0.0.1]:{to}', '--tls-protos=TLSv1.3',
            '--workers=2', '--quiet', bed.path(f'{kind}-both.pem')]


def socat(bed, side, port, to, kind):
    if side == 'front':
        return ['socat', f'OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,'
                f'backlog=1024,nodelay,verify=0,cert={bed.path(kind)}.pem,'
                f'key={bed.path(kind)}.key', f'TCP:127.0.0.1:{to},nodelay']
    return ['socat', f'TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,'
            'backlog=1024,nodelay', f'OPENSSL:127.0.0.1:{to},nodelay,verify=1,'
            f'cafile={bed.path(kind)}-ca.pem,commonname=localhost']


PROXIES = {
    'stunnel': by_file(['stunnel'], STUNNEL + STUNNEL_FRONT,
                       STUNNEL + STUNNEL_BACK, 'conf'),
    'haproxy': by_file(['haproxy', '-db', '-q', '-f'], HAPROXY + HAPROXY_FRONT,
                       HAPROXY + HAPROXY_BACK, 'cfg'),
    'hitch': hitch,
    'nginx': by_file(['nginx', '-c'], NGINX + NGINX_FRONT, NGINX + NGINX_BACK,
                     'conf'),
    'socat': socat,
}


def start(bed, name, side, to, kind='ec', cpu=None):
    """(port, process) of a proxy of that name before port `to`"""
    port = bed.port()
    argv = PROXIES[name](bed, side, port, to, kind)
    process = bed.start(argv, cpu=cpu)
    bed.wait_port(port, process)
    if side == 'front':
        bed.check_suite(port, kind)
    return port, process
