// http.js serve PORT | ask PORT: bodies of all sizes both ways on kept connections
const http = require('http'), crypto = require('crypto');
const [what, port] = process.argv.slice(2);
if (what === 'serve') {
  http.createServer((q, r) => q.pipe(r)).listen(port, '127.0.0.1');
} else {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  let left = 400;
  const sum = (b) => crypto.createHash('sha256').update(b).digest('hex');
  for (let i = 0; i < 400; i++) {
    const body = crypto.randomBytes(1 + (i * i * 37) % 300000);
    const q = http.request({ port, host: '127.0.0.1', method: 'POST', agent }, (r) => {
      const got = [];
      r.on('data', (d) => got.push(d));
      r.on('end', () => {
        if (sum(Buffer.concat(got)) !== sum(body)) { console.log('bytes differ', i); process.exit(1); }
        if (--left === 0) process.exit(0);
      });
    });
    q.on('error', (e) => { console.log(i, e); process.exit(1); });
    q.end(body);
  }
}
