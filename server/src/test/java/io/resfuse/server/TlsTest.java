package io.resfuse.server;

import static io.resfuse.server.TestServer.MODEL;
import static io.resfuse.server.TestServer.OPTIONS;
import static io.resfuse.server.TestServer.infer;
import static io.resfuse.server.TestServer.picture;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.resfuse.server.grpc.proto.GRPCInferenceServiceGrpc;
import io.resfuse.server.grpc.proto.ServerLiveRequest;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Connections that are encrypted, with certificates made by the JDK's keytool. */
class TlsTest {
  private static final String PASSWORD = "changeit";

  @TempDir static Path folder;

  private static TlsFiles elliptic;
  private static TlsFiles rsa;

  @BeforeAll
  static void makeCertificates() throws Exception {
    elliptic = certificate("elliptic", "EC");
    rsa = certificate("rsa", "RSA");
  }

  private static TlsFiles certificate(String name, String algorithm) throws Exception {
    Path store = folder.resolve(name + ".p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                name,
                "-keyalg",
                algorithm,
                "-dname",
                "CN=localhost",
                "-ext",
                "san=ip:127.0.0.1",
                "-validity",
                "3650",
                "-storetype",
                "PKCS12",
                "-keystore",
                store.toString(),
                "-storepass",
                PASSWORD)
            .redirectErrorStream(true)
            .start();
    String output = new String(keytool.getInputStream().readAllBytes(), US_ASCII);
    assertThat(keytool.waitFor()).as(output).isZero();
    KeyStore keys = keys(store);
    Path certificate = folder.resolve(name + ".crt");
    Path key = folder.resolve(name + ".key");
    Files.writeString(certificate, pem("CERTIFICATE", keys.getCertificate(name).getEncoded()));
    Files.writeString(
        key, pem("PRIVATE KEY", keys.getKey(name, PASSWORD.toCharArray()).getEncoded()));
    return new TlsFiles(certificate, key);
  }

  private static KeyStore keys(Path store) throws Exception {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream stream = Files.newInputStream(store)) {
      keys.load(stream, PASSWORD.toCharArray());
    }
    return keys;
  }

  private static String pem(String what, byte[] contents) {
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n"
        .formatted(
            what,
            Base64.getMimeEncoder(64, "\n".getBytes(US_ASCII)).encodeToString(contents),
            what);
  }

  private static ServerOptions with(TlsFiles tls) {
    return new ServerOptions(
        OPTIONS.host(),
        0,
        0,
        tls,
        OPTIONS.maxBody(),
        OPTIONS.maxConcurrent(),
        OPTIONS.maxConnections(),
        OPTIONS.bodyMemory(),
        OPTIONS.readTimeout(),
        OPTIONS.poll(),
        OPTIONS.control(),
        OPTIONS.drainDelay(),
        OPTIONS.drainTimeout());
  }

  private static HttpClient client(String trusted) throws Exception {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    keys.load(null, null);
    keys.setCertificateEntry(
        trusted, keys(folder.resolve(trusted + ".p12")).getCertificate(trusted));
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(keys);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return HttpClient.newBuilder().sslContext(context).build();
  }

  private static HttpRequest request(String scheme, TestServer server) {
    return HttpRequest.newBuilder(
            URI.create("%s://127.0.0.1:%d%s".formatted(scheme, server.port(), infer(MODEL))))
        .header("Inference-Header-Content-Length", "0")
        .POST(HttpRequest.BodyPublishers.ofByteArray(picture("bag")))
        .build();
  }

  private static boolean isLive(TestServer server, io.grpc.ChannelCredentials credentials) {
    ManagedChannel channel =
        Grpc.newChannelBuilder("127.0.0.1:" + server.server().grpcPort(), credentials).build();
    try {
      return GRPCInferenceServiceGrpc.newBlockingStub(channel)
          .serverLive(ServerLiveRequest.getDefaultInstance())
          .getLive();
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void bothProtocolsAreEncrypted() throws Exception {
    for (String name : List.of("elliptic", "rsa")) {
      TlsFiles tls = name.equals("rsa") ? rsa : elliptic;
      try (TestServer server = TestServer.start(List.of(MODEL), with(tls), TestServer.BATCHING)) {
        HttpResponse<byte[]> answer =
            client(name).send(request("https", server), HttpResponse.BodyHandlers.ofByteArray());
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(TestServer.json(answer).path("model_name").asText()).isEqualTo(MODEL);
        assertThat(
                isLive(
                    server,
                    TlsChannelCredentials.newBuilder()
                        .trustManager(tls.certificate().toFile())
                        .build()))
            .isTrue();
        // Neither whoever does not know the certificate, nor whoever does not encrypt.
        HttpClient other = client(name.equals("rsa") ? "elliptic" : "rsa");
        assertThatThrownBy(
                () -> other.send(request("https", server), HttpResponse.BodyHandlers.ofByteArray()))
            .isInstanceOf(javax.net.ssl.SSLException.class);
        assertThatThrownBy(
                () -> other.send(request("http", server), HttpResponse.BodyHandlers.ofByteArray()))
            .isInstanceOf(java.io.IOException.class);
        assertThatThrownBy(() -> isLive(server, InsecureChannelCredentials.create()))
            .isInstanceOf(StatusRuntimeException.class);
      }
    }
  }

  @Test
  void whatIsWrongWithFilesIsSaidInOneLine() throws Exception {
    assertThatThrownBy(() -> new TlsFiles(rsa.certificate(), elliptic.key()).keyStore())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the key in %s is not that of the certificate %s; give the key that it was made with"
                .formatted(elliptic.key(), rsa.certificate()));
    TlsFiles second = certificate("second", "RSA");
    assertThatThrownBy(() -> new TlsFiles(rsa.certificate(), second.key()).keyStore())
        .hasMessageContaining("is not that of the certificate");
    assertThatThrownBy(() -> new TlsFiles(rsa.certificate(), rsa.certificate()).keyStore())
        .hasMessage(
            "%1$s has no private key in PKCS #8 without a password; 'openssl pkcs8 -topk8 -nocrypt -in %1$s' writes one"
                .formatted(rsa.certificate()));
    assertThatThrownBy(() -> new TlsFiles(rsa.key(), rsa.key()).keyStore())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(rsa.key() + " ");
    Path missing = folder.resolve("missing");
    assertThatThrownBy(() -> new TlsFiles(missing, rsa.key()).keyStore())
        .hasMessageStartingWith(missing + " cannot be read: ");
    assertThat(ServeCommand.run("--model", MODEL, "--tls-cert", rsa.certificate().toString()))
        .isEqualTo(2);
  }
}
