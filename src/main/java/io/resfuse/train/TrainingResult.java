package io.resfuse.train;

import io.resfuse.engine.Parameters;
import org.jspecify.annotations.Nullable;

/**
 * What a training gave.
 *
 * @param parameters those to be used: the average if there is one, else the weights; of the best
 *     evaluation if the training may stop early, else of the last step
 * @param evaluation the last, null if there was none in this process
 * @param step optimizer steps that were made
 * @param epochs that were finished
 * @param seconds of training, evaluations and earlier processes included
 * @param unreadable pictures that could not be read, each counted as often as it was asked for
 * @param stopped whether {@link Trainer#stop} ended it; it can be resumed then
 */
public record TrainingResult(
    Parameters parameters,
    @Nullable Evaluation evaluation,
    long step,
    int epochs,
    double seconds,
    long unreadable,
    boolean stopped) {}
