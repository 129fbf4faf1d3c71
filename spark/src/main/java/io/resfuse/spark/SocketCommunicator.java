package io.resfuse.spark;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.EngineException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * Workers that are connected with each other by a socket per pair. What is received goes straight
 * into the buffer that waits for it, whose length must be that of the message: a peer can make this
 * process allocate nothing. Exchanging allocates nothing here. One owner: not thread-safe.
 */
final class SocketCommunicator implements Communicator, AutoCloseable {
  private static final int HEADER = 2 * Long.BYTES;

  /** How long {@link Selector#select} waits before it is looked whether the task is to end. */
  private static final long LOOK_MILLIS = 500;

  private final int rank;
  private final Peer[] peers;
  private final Selector selector;
  private final BooleanSupplier stopped;
  private Duration timeout;
  private long exchanges;
  private long bytes;

  /** Another worker. */
  private static final class Peer {
    final String name;
    final SocketChannel channel;
    final SelectionKey key;
    final ByteBuffer sentHeader = ByteBuffer.allocateDirect(HEADER);
    final ByteBuffer receivedHeader = ByteBuffer.allocateDirect(HEADER);
    final ByteBuffer[] sent = {sentHeader, null};
    ByteBuffer received;
    int length;

    Peer(String name, SocketChannel channel, Selector selector) throws IOException {
      this.name = name;
      this.channel = channel;
      channel.configureBlocking(false);
      this.key = channel.register(selector, 0);
    }

    void begin(long exchange, ByteBuffer toSend, ByteBuffer toReceive) {
      sentHeader.clear();
      sentHeader.putLong(0, exchange).putLong(Long.BYTES, toSend.remaining());
      sent[1] = toSend;
      receivedHeader.clear();
      received = toReceive;
      length = toReceive.remaining();
    }

    boolean mustSend() {
      return sentHeader.hasRemaining() || sent[1].hasRemaining();
    }

    boolean mustReceive() {
      return receivedHeader.hasRemaining() || received.hasRemaining();
    }

    /** Sends and receives what is possible now; gives the number of bytes. */
    long pump(long exchange) throws IOException {
      long moved = mustSend() ? channel.write(sent) : 0;
      if (receivedHeader.hasRemaining()) {
        moved += read(receivedHeader);
        if (!receivedHeader.hasRemaining()) {
          check(exchange);
        }
      }
      if (!receivedHeader.hasRemaining() && received.hasRemaining()) {
        moved += read(received);
      }
      return moved;
    }

    private int read(ByteBuffer target) throws IOException {
      int count = channel.read(target);
      if (count < 0) {
        throw new IOException("the connection was closed");
      }
      return count;
    }

    private void check(long exchange) {
      long itsExchange = receivedHeader.getLong(0);
      long itsLength = receivedHeader.getLong(Long.BYTES);
      if (itsExchange != exchange || itsLength != length) {
        throw new EngineException(
            "%s sent message %d of %d bytes where message %d of %d was due; all workers must run the same version of the same training"
                .formatted(name, itsExchange, itsLength, exchange, length));
      }
    }
  }

  private SocketCommunicator(
      int rank,
      List<InetSocketAddress> addresses,
      SocketChannel[] channels,
      Duration timeout,
      BooleanSupplier stopped)
      throws IOException {
    this.rank = rank;
    this.timeout = timeout;
    this.stopped = stopped;
    this.selector = Selector.open();
    this.peers = new Peer[channels.length];
    boolean done = false;
    try {
      for (int p = 0; p < channels.length; p++) {
        if (p != rank) {
          channels[p].setOption(StandardSocketOptions.TCP_NODELAY, true);
          peers[p] = new Peer(name(p, addresses.get(p)), channels[p], selector);
        }
      }
      done = true;
    } finally {
      if (!done) {
        selector.close();
      }
    }
  }

  private static String name(int rank, InetSocketAddress address) {
    return "worker " + rank + " (" + address.getHostString() + ":" + address.getPort() + ")";
  }

  /**
   * Connects the workers of a training: each with those before it, and those behind it with it.
   *
   * @param rank of this one
   * @param addresses on which workers listen, by rank
   * @param listener of this one, closed before this returns
   * @param handshake by which they know each other
   * @param timeout for connecting, and later without any byte sent or received
   * @param stopped whether the task is to end, asked every now and then
   * @throws EngineException if one cannot be reached in time
   */
  static SocketCommunicator connect(
      int rank,
      List<InetSocketAddress> addresses,
      ServerSocketChannel listener,
      Handshake handshake,
      Duration timeout,
      BooleanSupplier stopped) {
    SocketChannel[] channels = new SocketChannel[addresses.size()];
    long end = System.nanoTime() + timeout.toNanos();
    boolean done = false;
    try (listener) {
      for (int p = 0; p < rank; p++) {
        channels[p] = call(rank, p, addresses.get(p), handshake, end);
      }
      accept(rank, channels, listener, handshake, end, timeout);
      SocketCommunicator connected =
          new SocketCommunicator(rank, addresses, channels, timeout, stopped);
      done = true;
      return connected;
    } catch (IOException e) {
      throw new EngineException(
          "worker " + rank + " cannot wait for the others: " + e.getMessage(), e);
    } finally {
      if (!done) {
        for (SocketChannel channel : channels) {
          close(channel);
        }
      }
    }
  }

  private static SocketChannel call(
      int rank, int peer, InetSocketAddress address, Handshake handshake, long end) {
    SocketChannel channel = null;
    try {
      channel = SocketChannel.open();
      channel.socket().connect(address, millis(end));
      handshake.call(channel.socket(), rank, peer, millis(end));
      return channel;
    } catch (IOException e) {
      close(channel);
      throw new EngineException(
          "worker %d cannot reach %s: %s; executors must be able to connect to each other"
              .formatted(rank, name(peer, address), e.getMessage()),
          e);
    }
  }

  /** Strangers, who do not know the secret, are hung up on. */
  private static void accept(
      int rank,
      SocketChannel[] channels,
      ServerSocketChannel listener,
      Handshake handshake,
      long end,
      Duration timeout)
      throws IOException {
    int missing = channels.length - 1 - rank;
    while (missing > 0) {
      Socket socket;
      try {
        listener.socket().setSoTimeout(millis(end));
        socket = listener.socket().accept();
      } catch (SocketTimeoutException e) {
        throw new EngineException(
            "%d of %d workers have not connected within %d s; executors must be able to connect to each other"
                .formatted(missing, channels.length, timeout.toSeconds()),
            e);
      }
      int peer = -1;
      try {
        peer = handshake.answer(socket, rank, channels.length, millis(end));
      } catch (IOException e) {
        peer = -1;
      }
      if (peer <= rank || channels[peer] != null) {
        socket.close();
      } else {
        channels[peer] = socket.getChannel();
        missing--;
      }
    }
  }

  private static int millis(long end) {
    return (int) Math.max(1, Math.min(Integer.MAX_VALUE, (end - System.nanoTime()) / 1_000_000));
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int size() {
    return peers.length;
  }

  /** How long it waits from now on without any byte sent or received. */
  void setTimeout(Duration value) {
    timeout = value;
  }

  /** What it has sent so far. */
  long bytesSent() {
    return bytes;
  }

  @Override
  public void exchange(ByteBuffer[] sent, ByteBuffer[] received) {
    exchanges++;
    for (int p = 0; p < peers.length; p++) {
      if (p != rank) {
        bytes += HEADER + sent[p].remaining();
        peers[p].begin(exchanges, sent[p], received[p]);
      }
    }
    long last = System.nanoTime();
    while (true) {
      long moved = 0;
      Peer waiting = null;
      for (int p = 0; p < peers.length; p++) {
        if (p != rank) {
          moved += pump(peers[p]);
          if (peers[p].key.interestOps() != 0) {
            waiting = peers[p];
          }
        }
      }
      if (waiting == null) {
        return;
      }
      if (moved > 0) {
        last = System.nanoTime();
      } else {
        await(waiting, last);
      }
    }
  }

  private long pump(Peer peer) {
    try {
      long moved = peer.pump(exchanges);
      peer.key.interestOps(
          (peer.mustSend() ? SelectionKey.OP_WRITE : 0)
              | (peer.mustReceive() ? SelectionKey.OP_READ : 0));
      return moved;
    } catch (IOException e) {
      throw new EngineException(
          "%s is gone (%s); the training goes on from its last checkpoint when the stage is tried again"
              .formatted(peer.name, e.getMessage()),
          e);
    }
  }

  private void await(Peer waiting, long last) {
    if (stopped.getAsBoolean() || Thread.currentThread().isInterrupted()) {
      throw new EngineException("the task was told to end");
    }
    if (System.nanoTime() - last > timeout.toNanos()) {
      throw new EngineException(
          "%s has not answered for %d s; look for the reason in its executor's log, or set a longer timeout"
              .formatted(waiting.name, timeout.toSeconds()));
    }
    try {
      selector.select(LOOK_MILLIS);
      selector.selectedKeys().clear();
    } catch (IOException e) {
      throw new EngineException("waiting for " + waiting.name + " failed: " + e.getMessage(), e);
    }
  }

  /** Hangs up on all. Idempotent. */
  @Override
  public void close() {
    for (Peer peer : peers) {
      if (peer != null) {
        close(peer.channel);
      }
    }
    try {
      selector.close();
    } catch (IOException e) {
      throw new EngineException("connections cannot be closed: " + e.getMessage(), e);
    }
  }

  private static void close(SocketChannel channel) {
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        // It is of no use any more.
      }
    }
  }
}
