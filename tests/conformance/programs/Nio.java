// Nio.java: one selector is server and 50 clients; each client gets back what it sent
import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.util.*;

class Nio {
    static final int CLIENTS = 50, SIZE = 200000;

    static class Client {
        ByteBuffer out, in = ByteBuffer.allocate(SIZE);
        Client(int n) {
            byte[] b = new byte[SIZE];
            new Random(n).nextBytes(b);
            out = ByteBuffer.wrap(b);
        }
    }

    public static void main(String[] a) throws Exception {
        Selector s = Selector.open();
        ServerSocketChannel l = ServerSocketChannel.open();
        l.bind(new InetSocketAddress("127.0.0.1", 0)).configureBlocking(false);
        l.register(s, SelectionKey.OP_ACCEPT);
        for (int n = 0; n < CLIENTS; n++) {
            SocketChannel c = SocketChannel.open();
            c.configureBlocking(false);
            c.connect(l.getLocalAddress());
            c.register(s, SelectionKey.OP_CONNECT, new Client(n));
        }
        int left = CLIENTS;
        while (left > 0) {
            if (s.select(10000) == 0)
                throw new Exception("nothing for 10 s, " + left + " left");
            Iterator<SelectionKey> i = s.selectedKeys().iterator();
            while (i.hasNext()) {
                SelectionKey k = i.next();
                i.remove();
                if (k.isAcceptable()) {
                    SocketChannel c = l.accept();
                    if (c == null)
                        continue;
                    c.configureBlocking(false);
                    c.register(s, SelectionKey.OP_READ, ByteBuffer.allocate(30000));
                } else if (k.attachment() instanceof Client) {
                    if (client(k, (Client) k.attachment()))
                        left--;
                } else {
                    echo(k, (ByteBuffer) k.attachment());
                }
            }
        }
        System.exit(0);
    }

    static boolean client(SelectionKey k, Client c) throws Exception {
        SocketChannel ch = (SocketChannel) k.channel();
        if (k.isConnectable()) {
            ch.finishConnect();
            k.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
            return false;
        }
        if (k.isWritable()) {
            ch.write(c.out);
            if (!c.out.hasRemaining())
                k.interestOps(SelectionKey.OP_READ);
        }
        if (k.isReadable() && ch.read(c.in) < 0)
            throw new Exception("end after " + c.in.position());
        if (c.in.hasRemaining())
            return false;
        if (!Arrays.equals(c.in.array(), c.out.array()))
            throw new Exception("bytes differ");
        ch.close();
        return true;
    }

    static void echo(SelectionKey k, ByteBuffer b) throws Exception {
        SocketChannel ch = (SocketChannel) k.channel();
        if (k.isReadable() && ch.read(b) < 0) {
            ch.close();
            return;
        }
        b.flip();
        ch.write(b);
        b.compact();
        k.interestOps((b.hasRemaining() ? SelectionKey.OP_READ : 0) | (b.position() > 0 ? SelectionKey.OP_WRITE : 0));
    }
}
