package io.resfuse.spark;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * How two workers of a training make sure of each other: both know a secret, and prove it by an
 * HMAC-SHA-256 (RFC 2104) over what both have drawn at random for this connection, so that nothing
 * that was overheard is of use. All messages have fixed lengths. Immutable.
 */
final class Handshake {
  private static final long MAGIC = 0x5265_7346_7573_6531L; // "ResFuse1"
  private static final int NONCE = 32;
  private static final int PROOF = 32;
  private static final int MOST_MILLIS = 30_000;
  private static final SecureRandom RANDOM = new SecureRandom();

  private final byte[] secret;
  private final int attempt;

  /**
   * For one attempt at a training.
   *
   * @param secret that its workers know
   * @param attempt number, so that nobody takes a worker of an earlier one for his own
   */
  Handshake(byte[] secret, int attempt) {
    this.secret = secret.clone();
    this.attempt = attempt;
  }

  /**
   * A secret that nobody knows yet.
   *
   * @return 32 random bytes
   */
  static byte[] newSecret() {
    byte[] secret = new byte[PROOF];
    RANDOM.nextBytes(secret);
    return secret;
  }

  /**
   * A secret of two, neither of which suffices.
   *
   * @param one any bytes
   * @param other any bytes
   */
  static byte[] joined(byte[] one, byte[] other) {
    return hmac(one, other);
  }

  /**
   * Begins, as the one who has connected.
   *
   * @throws IOException if the other one is not the worker that it should be, or too slow
   */
  void call(Socket socket, int rank, int peer, int millis) throws IOException {
    socket.setSoTimeout(Math.min(millis, MOST_MILLIS));
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] own = new byte[NONCE];
    RANDOM.nextBytes(own);
    out.write(
        ByteBuffer.allocate(Long.BYTES + 2 * Integer.BYTES + NONCE)
            .putLong(MAGIC)
            .putInt(attempt)
            .putInt(rank)
            .put(own)
            .array());
    byte[] its = in.readNBytes(NONCE);
    byte[] proof = in.readNBytes(PROOF);
    if (!MessageDigest.isEqual(proof, proof("answers", rank, peer, own, its))) {
      throw new IOException("it is no worker of this training");
    }
    out.write(proof("calls", rank, peer, own, its));
    if (in.read() != 1) {
      throw new IOException("it has hung up");
    }
    socket.setSoTimeout(0);
  }

  /**
   * Answers, as the one who is connected to.
   *
   * @return the number of the worker that calls
   * @throws IOException if it is no worker of this attempt, or too slow
   */
  int answer(Socket socket, int rank, int count, int millis) throws IOException {
    socket.setSoTimeout(Math.min(millis, MOST_MILLIS));
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    DataInputStream in = new DataInputStream(socket.getInputStream());
    ByteBuffer hello = ByteBuffer.wrap(in.readNBytes(Long.BYTES + 2 * Integer.BYTES + NONCE));
    if (hello.remaining() < Long.BYTES + 2 * Integer.BYTES + NONCE
        || hello.getLong() != MAGIC
        || hello.getInt() != attempt) {
      throw new IOException("it is no worker of this attempt");
    }
    int caller = hello.getInt();
    if (caller < 0 || caller >= count) {
      throw new IOException("there is no worker " + caller);
    }
    byte[] its = new byte[NONCE];
    hello.get(its);
    byte[] own = new byte[NONCE];
    RANDOM.nextBytes(own);
    byte[] proof = proof("answers", caller, rank, its, own);
    out.write(ByteBuffer.allocate(NONCE + PROOF).put(own).put(proof).array());
    byte[] expected = proof("calls", caller, rank, its, own);
    if (!MessageDigest.isEqual(in.readNBytes(PROOF), expected)) {
      throw new IOException("it is no worker of this training");
    }
    out.write(1);
    socket.setSoTimeout(0);
    return caller;
  }

  private byte[] proof(String who, int caller, int called, byte[] callers, byte[] calleds) {
    byte[] role = who.getBytes(StandardCharsets.US_ASCII);
    return hmac(
        secret,
        ByteBuffer.allocate(role.length + 3 * Integer.BYTES + 2 * NONCE)
            .put(role)
            .putInt(attempt)
            .putInt(caller)
            .putInt(called)
            .put(callers)
            .put(calleds)
            .array());
  }

  private static byte[] hmac(byte[] key, byte[] message) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key, "HmacSHA256"));
      return mac.doFinal(message);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }
}
