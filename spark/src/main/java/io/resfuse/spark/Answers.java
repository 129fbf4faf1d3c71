package io.resfuse.spark;

import io.resfuse.Prediction;
import io.resfuse.batch.RequestOptions;
import io.resfuse.data.image.ImageException;
import io.resfuse.tensor.HostTensor;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/**
 * The rows of a task with what the model says of them, in their order. Some pictures ahead of the
 * row that is asked for are in the queue already, so that batches are full. Not thread-safe.
 */
final class Answers implements Iterator<Row> {
  private final Iterator<Row> rows;
  private final PictureColumn pictures;
  private final ExecutorModel model;
  private final String output;
  private final int top;
  private final int ahead;
  private final Queue<Pending> pending = new ArrayDeque<>();

  /** A row whose picture is in the queue. */
  private record Pending(Row row, CompletableFuture<Map<String, HostTensor>> answer) {}

  /**
   * Over a task's rows.
   *
   * @param top how many classes are wanted; 0 for the output's floats
   * @param ahead how many pictures are in the queue
   */
  Answers(
      Iterator<Row> rows,
      PictureColumn pictures,
      ExecutorModel model,
      String output,
      int top,
      int ahead) {
    this.rows = rows;
    this.pictures = pictures;
    this.model = model;
    this.output = output;
    this.top = top;
    this.ahead = ahead;
  }

  @Override
  public boolean hasNext() {
    return !pending.isEmpty() || rows.hasNext();
  }

  @Override
  public Row next() {
    while (pending.size() < ahead && rows.hasNext()) {
      Row row = rows.next();
      pending.add(new Pending(row, submit(row)));
    }
    Pending first = pending.poll();
    if (first == null) {
      throw new NoSuchElementException();
    }
    try {
      return with(first.row, answer(first.answer.join()), null);
    } catch (CompletionException e) {
      return with(first.row, null, reason(e));
    }
  }

  private CompletableFuture<Map<String, HostTensor>> submit(Row row) {
    try {
      return model.batcher().submit(pictures.read(row), RequestOptions.DEFAULT);
    } catch (IOException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  /** Why a picture has no answer; all that is not its own fault fails the task. */
  private static String reason(CompletionException failure) {
    Throwable cause = failure.getCause();
    if (cause instanceof ImageException || cause instanceof IOException) {
      String message = cause.getMessage();
      return message == null ? cause.toString() : message;
    }
    throw failure;
  }

  private Object answer(Map<String, HostTensor> outputs) {
    HostTensor tensor = outputs.get(output);
    if (top == 0) {
      return tensor.toArray();
    }
    List<Prediction> predictions = model.model().predictions(tensor, top);
    return predictions.stream()
        .map(p -> RowFactory.create(p.index(), p.label(), p.probability()))
        .toArray();
  }

  private static Row with(Row row, Object answer, String reason) {
    Object[] values = new Object[row.size() + 2];
    for (int i = 0; i < row.size(); i++) {
      values[i] = row.get(i);
    }
    values[row.size()] = answer;
    values[row.size() + 1] = reason;
    return RowFactory.create(values);
  }

  /** Takes the pictures that are not answered out of the queue. */
  void cancel() {
    pending.forEach(each -> each.answer.cancel(false));
    pending.clear();
  }
}
