package io.resfuse.spark;

import java.util.Iterator;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.util.TaskCompletionListener;

/** What a task does with its rows. */
final class Predictor implements MapPartitionsFunction<Row, Row> {
  private final ModelSettings settings;
  private final PictureColumn pictures;
  private final int top;

  /**
   * For a model and a column.
   *
   * @param top how many classes are wanted; 0 for the output's floats
   */
  Predictor(ModelSettings settings, PictureColumn pictures, int top) {
    this.settings = settings;
    this.pictures = pictures;
    this.top = top;
  }

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    TaskContext task = TaskContext.get();
    ModelSettings here = settings.on(TaskDevice.of(task, settings.engine(), settings.device()));
    ExecutorModel model = ExecutorModels.acquire(here);
    Answers answers =
        new Answers(rows, pictures, model, here.output(), top, 2 * here.largestBatch());
    task.addTaskCompletionListener(
        (TaskCompletionListener)
            context -> {
              answers.cancel();
              ExecutorModels.release(here);
            });
    return answers;
  }
}
