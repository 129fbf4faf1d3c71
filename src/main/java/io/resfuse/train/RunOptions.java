package io.resfuse.train;

/**
 * How a training runs; nothing here changes what comes out of it.
 *
 * @param resume whether to go on from the newest whole checkpoint
 * @param checkpointSteps optimizer steps between checkpoints, besides those at the ends of epochs;
 *     0 for none
 * @param keep how many checkpoints are kept, besides the best
 * @param lookSteps optimizer steps between two looks at a step ({@link TrainingListener.Step})
 * @param mistakes how many of the worst mistakes an evaluation keeps
 */
public record RunOptions(
    boolean resume, int checkpointSteps, int keep, int lookSteps, int mistakes) {
  /**
   * Checks the ranges.
   *
   * @param resume as in the record
   * @param checkpointSteps as in the record
   * @param keep as in the record
   * @param lookSteps as in the record
   * @param mistakes as in the record
   */
  public RunOptions {
    if (checkpointSteps < 0 || keep < 1 || lookSteps < 1 || mistakes < 0) {
      throw new IllegalArgumentException(
          "checkpoint steps %d, kept checkpoints %d (at least 1), look steps %d (at least 1),"
                  .formatted(checkpointSteps, keep, lookSteps)
              + " mistakes "
              + mistakes);
    }
  }

  /**
   * From the beginning, a checkpoint per epoch of which three are kept, a look every 20 steps.
   *
   * @return the defaults
   */
  public static RunOptions defaults() {
    return new RunOptions(false, 0, 3, 20, 36);
  }
}
