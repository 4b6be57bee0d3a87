"""echo.py - sends back whatever comes, by asyncio; prints `port N`"""
import asyncio
import gc


async def echo(reader, writer):
    try:
        while data := await reader.read(32768):
            writer.write(data)
            await writer.drain()
        writer.close()
    except OSError:
        writer.transport.abort()


async def tidy():
    """What an error in a callback leaves, its socket too, is in a cycle."""
    while True:
        await asyncio.sleep(2)
        gc.collect()


def failed(loop, context):
    """Where accept() fails asyncio listens again a second later, and tries that
    once: a fault that meets this too would leave nobody who accepts."""
    loop.default_exception_handler(context)
    handle = context.get("handle")
    if "_start_serving" in repr(handle):
        loop.call_later(1, handle._run)


async def main():
    asyncio.get_running_loop().set_exception_handler(failed)
    tidying = asyncio.create_task(tidy())
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1024)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.gather(server.serve_forever(), tidying)


asyncio.get_event_loop_policy().new_event_loop().run_until_complete(main())
