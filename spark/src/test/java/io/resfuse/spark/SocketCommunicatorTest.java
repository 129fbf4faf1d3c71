package io.resfuse.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Workers are threads of this process. */
class SocketCommunicatorTest {
  private static final Duration LONG = Duration.ofMinutes(2);
  private static final byte[] SECRET = Handshake.newSecret();

  private final List<ServerSocketChannel> listeners = new ArrayList<>();
  private final List<InetSocketAddress> addresses = new ArrayList<>();
  private final List<SocketCommunicator> connected = new ArrayList<>();

  @AfterEach
  void hangUp() throws IOException {
    for (SocketCommunicator each : connected) {
      each.close();
    }
    for (ServerSocketChannel listener : listeners) {
      listener.close();
    }
  }

  private void listen(int count) throws IOException {
    for (int i = 0; i < count; i++) {
      ServerSocketChannel listener =
          ServerSocketChannel.open()
              .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      listeners.add(listener);
      addresses.add((InetSocketAddress) listener.getLocalAddress());
    }
  }

  private CompletableFuture<SocketCommunicator> connect(
      int rank, Handshake handshake, Duration timeout) {
    return CompletableFuture.supplyAsync(
        () -> {
          SocketCommunicator one =
              SocketCommunicator.connect(
                  rank, addresses, listeners.get(rank), handshake, timeout, () -> false);
          synchronized (connected) {
            connected.add(one);
          }
          return one;
        },
        task -> new Thread(task, "worker-" + rank).start());
  }

  private List<SocketCommunicator> connectAll(int count) throws IOException {
    listen(count);
    List<CompletableFuture<SocketCommunicator>> all = new ArrayList<>();
    for (int rank = 0; rank < count; rank++) {
      all.add(connect(rank, new Handshake(SECRET, 0), LONG));
    }
    return all.stream().map(CompletableFuture::join).toList();
  }

  private static byte[] message(int from, int to, int round, int length) {
    byte[] bytes = new byte[length];
    new Random(100 * from + 10 * to + round).nextBytes(bytes);
    return bytes;
  }

  /** Messages larger than what sockets buffer, small and empty ones. */
  @Test
  void everyoneGetsWhatTheOthersSend() throws IOException {
    int count = 4;
    int[] lengths = {8_000_000, 1, 0, 100_000};
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (SocketCommunicator one : connectAll(count)) {
      all.add(
          CompletableFuture.runAsync(
              () -> {
                for (int round = 0; round < lengths.length; round++) {
                  int me = one.rank();
                  ByteBuffer[] sent = new ByteBuffer[count];
                  ByteBuffer[] received = new ByteBuffer[count];
                  for (int p = 0; p < count; p++) {
                    sent[p] = ByteBuffer.wrap(message(me, p, round, lengths[round] * (me + 1)));
                    received[p] = ByteBuffer.allocate(lengths[round] * (p + 1));
                  }
                  one.exchange(sent, received);
                  for (int p = 0; p < count; p++) {
                    if (p != me) {
                      assertThat(sent[p].hasRemaining()).isFalse();
                      assertThat(received[p].hasRemaining()).isFalse();
                      assertThat(
                              Arrays.equals(
                                  received[p].array(),
                                  message(p, me, round, received[p].capacity())))
                          .isTrue();
                    }
                  }
                }
              },
              task -> new Thread(task).start()));
    }
    all.forEach(CompletableFuture::join);
    long sum = Arrays.stream(lengths).sum();
    for (SocketCommunicator one : connected) {
      // A header of 16 bytes each.
      assertThat(one.bytesSent())
          .isEqualTo((count - 1) * (sum * (one.rank() + 1) + 16L * lengths.length));
    }
  }

  @Test
  void nobodyListensOnceAllAreConnected() throws IOException {
    connectAll(2);
    for (InetSocketAddress address : addresses) {
      assertThatThrownBy(() -> new Socket(address.getAddress(), address.getPort()).close())
          .isInstanceOf(ConnectException.class);
    }
  }

  /** Strangers who say nothing right are hung up on, and change nothing. */
  @Test
  void strangersAreHungUpOn() throws IOException {
    listen(2);
    CompletableFuture<SocketCommunicator> first = connect(0, new Handshake(SECRET, 3), LONG);
    try (Socket stranger = new Socket(addresses.get(0).getAddress(), addresses.get(0).getPort())) {
      stranger.getOutputStream().write(new byte[200]);
      try {
        assertThat(stranger.getInputStream().read()).isEqualTo(-1);
      } catch (IOException e) {
        // Reset, since not all was read.
      }
    }
    // Another secret, another attempt.
    for (Handshake wrong :
        List.of(new Handshake(Handshake.newSecret(), 3), new Handshake(SECRET, 2))) {
      try (Socket stranger =
          new Socket(addresses.get(0).getAddress(), addresses.get(0).getPort())) {
        assertThatThrownBy(() -> wrong.call(stranger, 1, 0, 60_000))
            .isInstanceOf(IOException.class);
      }
    }
    CompletableFuture<SocketCommunicator> second = connect(1, new Handshake(SECRET, 3), LONG);
    assertThat(first.join().size()).isEqualTo(2);
    assertThat(second.join().rank()).isEqualTo(1);
  }

  /** One who listens without knowing the secret gets no proof of it either. */
  @Test
  void impostersAreFoundOut() throws IOException {
    listen(2);
    CompletableFuture<Void> imposter =
        CompletableFuture.runAsync(
            () -> {
              try (Socket caller = listeners.get(0).socket().accept()) {
                caller.getInputStream().readNBytes(48);
                caller.getOutputStream().write(new byte[64]);
                assertThat(caller.getInputStream().readNBytes(32)).isEmpty();
              } catch (IOException e) {
                // Reset.
              }
            },
            task -> new Thread(task).start());
    assertThatThrownBy(() -> connect(1, new Handshake(SECRET, 0), LONG).join())
        .hasCauseInstanceOf(EngineException.class)
        .message()
        .contains("worker 1 cannot reach worker 0", "no worker of this training")
        .doesNotContain("\n");
    imposter.join();
  }

  @Test
  void missingWorkersAreToldAfterTheTimeout() throws IOException {
    listen(2);
    assertThatThrownBy(() -> connect(0, new Handshake(SECRET, 0), Duration.ofSeconds(1)).join())
        .isInstanceOf(CompletionException.class)
        .hasMessageContaining("1 of 2 workers have not connected within 1 s");
  }

  private static void exchange(SocketCommunicator one, int sends, int wants) {
    ByteBuffer[] sent = {ByteBuffer.allocate(sends), ByteBuffer.allocate(sends)};
    ByteBuffer[] received = {ByteBuffer.allocate(wants), ByteBuffer.allocate(wants)};
    one.exchange(sent, received);
  }

  private SocketCommunicator rank(int rank) {
    return connected.stream().filter(one -> one.rank() == rank).findFirst().orElseThrow();
  }

  @Test
  void wrongLengthsAreRefused() throws IOException {
    connectAll(2);
    CompletableFuture<Void> other =
        CompletableFuture.runAsync(
            () -> exchange(rank(1), 1 << 20, 8), task -> new Thread(task).start());
    assertThatThrownBy(() -> exchange(rank(0), 8, 8))
        .isInstanceOf(EngineException.class)
        .message()
        .contains("worker 1", "sent message 1 of 1048576 bytes where message 1 of 8 was due")
        .doesNotContain("\n");
    rank(0).close();
    other.handle((none, failure) -> failure).join(); // it fails, unless all was sent already
  }

  @Test
  void lostWorkersAreTold() throws IOException {
    connectAll(2);
    rank(1).close();
    assertThatThrownBy(() -> exchange(rank(0), 8, 8))
        .isInstanceOf(EngineException.class)
        .message()
        .contains("worker 1", "is gone", "goes on from its last checkpoint")
        .doesNotContain("\n");
  }

  @Test
  void silentWorkersAreToldAfterTheTimeout() throws IOException {
    connectAll(2);
    rank(0).setTimeout(Duration.ofSeconds(1));
    assertThatThrownBy(() -> exchange(rank(0), 8, 8))
        .isInstanceOf(EngineException.class)
        .message()
        .contains("worker 1", "has not answered for 1 s", "longer timeout")
        .doesNotContain("\n");
  }

  @Test
  void interruptedWorkersEnd() throws IOException {
    connectAll(2);
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> exchange(rank(0), 8, 8)).isInstanceOf(EngineException.class);
    assertThat(Thread.interrupted()).isTrue();
  }
}
