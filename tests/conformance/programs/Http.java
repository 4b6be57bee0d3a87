// Http.java: HttpURLConnection against com.sun.net.httpserver, bodies checked
import com.sun.net.httpserver.HttpServer;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;

class Http {
    public static void main(String[] a) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 50);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/", x -> {
            byte[] b = x.getRequestBody().readAllBytes();
            x.sendResponseHeaders(200, b.length);
            x.getResponseBody().write(b);
            x.close();
        });
        server.start();
        URL url = new URL("http://127.0.0.1:" + server.getAddress().getPort() + "/");
        ExecutorService many = Executors.newFixedThreadPool(8);
        List<Future<Boolean>> done = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            byte[] body = new byte[1 + i * 997 % 200000];
            new Random(i).nextBytes(body);
            done.add(many.submit(() -> {
                HttpURLConnection c = (HttpURLConnection) url.openConnection();
                c.setDoOutput(true);
                c.getOutputStream().write(body);
                return Arrays.equals(c.getInputStream().readAllBytes(), body);
            }));
        }
        for (Future<Boolean> f : done)
            if (!f.get())
                throw new Exception("bytes differ");
        System.exit(0);
    }
}
