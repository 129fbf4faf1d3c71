package io.resfuse.server.rest;

import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes an answer as its reader takes it, so that a slow reader has a buffer but no thread. As an
 * executor it runs one task, which makes the answer, on the thread that then writes it: that spares
 * a change of threads for each request. Thread-safe.
 */
final class AnswerWriter implements WriteListener, Executor {
  private static final Logger log = LoggerFactory.getLogger(AnswerWriter.class);

  private static final int PIECE = 64 << 10;

  private final HttpServletResponse response;
  private final CompletableFuture<Void> done = new CompletableFuture<>();
  private boolean begun;
  private @Nullable ServletOutputStream stream;
  private @Nullable Runnable task;
  private @Nullable Answer answer;
  private int written = -1;

  /** The connection takes bytes, and there are none yet. */
  private boolean waiting;

  /**
   * For an answer.
   *
   * @param response whose asynchronous processing has begun
   */
  AnswerWriter(HttpServletResponse response) {
    this.response = response;
  }

  /** Done when the answer is with the connection, or when there is nobody any more to take it. */
  CompletableFuture<Void> done() {
    return done;
  }

  /** Runs a task where the answer will be written, or here if it cannot be written any more. */
  @Override
  public void execute(Runnable maker) {
    synchronized (this) {
      task = maker;
    }
    begin();
  }

  /** Writes the answer; the first one counts. */
  void write(Answer whole) {
    boolean goOn;
    synchronized (this) {
      if (answer != null) {
        return;
      }
      answer = whole;
      goOn = waiting;
    }
    begin();
    if (goOn) {
      onWritePossible();
    }
  }

  private void begin() {
    synchronized (this) {
      if (begun) {
        return;
      }
      begun = true;
    }
    try {
      ServletOutputStream output = response.getOutputStream();
      synchronized (this) {
        stream = output;
      }
      output.setWriteListener(this);
    } catch (IOException | IllegalStateException e) {
      onError(e);
    }
  }

  @Override
  public void onWritePossible() {
    runTask();
    try {
      writeWhatCanBe();
    } catch (IOException e) {
      onError(e);
    }
  }

  private void runTask() {
    Runnable now;
    synchronized (this) {
      now = task;
      task = null;
    }
    if (now != null) {
      now.run();
    }
  }

  private void writeWhatCanBe() throws IOException {
    boolean all = false;
    synchronized (this) {
      ServletOutputStream output = stream;
      Answer whole = answer;
      waiting = whole == null;
      if (whole == null || output == null || done.isDone()) {
        return;
      }
      byte[] bytes = whole.bytes();
      if (written < 0) {
        response.setStatus(whole.status());
        response.setContentType(whole.type());
        whole.headers().forEach(response::setHeader);
        response.setContentLength(bytes.length);
        written = 0;
      }
      while (!all && output.isReady()) {
        all = written == bytes.length;
        int count = Math.min(PIECE, bytes.length - written);
        if (count > 0) {
          output.write(bytes, written, count);
          written += count;
        }
      }
    }
    if (all) {
      done.complete(null);
    }
  }

  /** Whoever does not take the answer has gone: there is nobody to tell. */
  @Override
  public void onError(Throwable failure) {
    log.debug("an answer was not taken", failure);
    runTask();
    done.complete(null);
  }
}
