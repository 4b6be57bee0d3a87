// TlsEnd.java - one end of a TLS connection, by Java's SSLSocket
//
//	TlsEnd server KEYSTORE TRUSTSTORE none|optional|required VERSION
//	TlsEnd client KEYSTORE|- TRUSTSTORE NAME PORT VERSION
//
// The stores are PKCS#12 with the password "secret".  The server prints `port
// N` and answers what it reads; the client sends a line and prints the answer.

import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

class TlsEnd {
	static final char[] PASSWORD = "secret".toCharArray();

	static KeyStore store(String name) throws Exception {
		KeyStore s = KeyStore.getInstance("PKCS12");
		try (InputStream in = new FileInputStream(name)) {
			s.load(in, PASSWORD);
		}
		return s;
	}

	static SSLContext context(String keys, String trust) throws Exception {
		KeyManagerFactory k = KeyManagerFactory.getInstance(
		    KeyManagerFactory.getDefaultAlgorithm());
		k.init(keys.equals("-") ? null : store(keys), PASSWORD);
		TrustManagerFactory t = TrustManagerFactory.getInstance(
		    TrustManagerFactory.getDefaultAlgorithm());
		t.init(store(trust));
		SSLContext c = SSLContext.getInstance("TLS");
		c.init(k.getKeyManagers(), t.getTrustManagers(), null);
		return c;
	}

	static void serve(SSLServerSocket listener) throws Exception {
		for (;;) {
			try (SSLSocket s = (SSLSocket) listener.accept()) {
				if (s.getInputStream().read(new byte[100]) > 0)
					s.getOutputStream().write(
					    "hello from java\n".getBytes());
			} catch (java.io.IOException e) {
				System.out.println("error " + e);
			}
		}
	}

	static void server(String[] a) throws Exception {
		SSLServerSocket l = (SSLServerSocket) context(a[1], a[2])
		    .getServerSocketFactory()
		    .createServerSocket(0, 5, InetAddress.getByName("127.0.0.1"));
		l.setEnabledProtocols(new String[] {"TLSv" + a[4]});
		l.setWantClientAuth(a[3].equals("optional"));
		if (a[3].equals("required"))
			l.setNeedClientAuth(true);
		System.out.println("port " + l.getLocalPort());
		serve(l);
	}

	static void client(String[] a) throws Exception {
		int port = Integer.parseInt(a[4]);
		Socket raw = new Socket("127.0.0.1", port);
		SSLSocket s = (SSLSocket) context(a[1], a[2]).getSocketFactory()
		    .createSocket(raw, a[3], port, true);
		SSLParameters p = s.getSSLParameters();
		p.setEndpointIdentificationAlgorithm("HTTPS");
		p.setProtocols(new String[] {"TLSv" + a[5]});
		s.setSSLParameters(p);
		s.getOutputStream().write("marker-of-client\n".getBytes());
		byte[] b = new byte[100];
		int n = s.getInputStream().read(b);
		System.out.print(s.getSession().getProtocol() + " " +
		    new String(b, 0, Math.max(n, 0)));
		s.close();
	}

	public static void main(String[] a) throws Exception {
		if (a[0].equals("server"))
			server(a);
		else
			client(a);
	}
}
