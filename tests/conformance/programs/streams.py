"""streams.py serve PORT | ask PORT: asyncio, 200 connections at once, echo"""
import asyncio, os, sys
what, port = sys.argv[1], int(sys.argv[2])

async def echo(r, w):
    while data := await r.read(65536):
        w.write(data)
        await w.drain()
    w.write_eof()
    w.close()

async def ask(n):
    r, w = await asyncio.open_connection('127.0.0.1', port)
    data = os.urandom(1 + n * 4099 % 700000)
    async def send():
        for at in range(0, len(data), 30011):
            w.write(data[at:at + 30011])
            await w.drain()
        w.write_eof()
    sender = asyncio.create_task(send())
    assert await r.read(-1) == data, n
    await sender
    w.close()

async def main():
    if what == 'serve':
        async with await asyncio.start_server(echo, '127.0.0.1', port) as s:
            await s.serve_forever()
    await asyncio.gather(*[ask(n) for n in range(200)])

asyncio.run(main())
