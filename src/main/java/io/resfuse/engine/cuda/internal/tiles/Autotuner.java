package io.resfuse.engine.cuda.internal.tiles;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.DeviceStopwatch;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Region;
import io.resfuse.engine.cuda.internal.program.Timeline;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Times the candidates for a product when it is first asked for, and remembers the fastest in a
 * {@link TuningCache}. Thread-safe by one lock.
 */
public final class Autotuner implements TileChooser {
  private static final Logger log = LoggerFactory.getLogger(Autotuner.class);

  /** How much faster than the estimate another candidate must be: less is noise. */
  private static final double LEAST_GAIN = 0.03;

  private final TuningCache cache;
  private final Stopwatch stopwatch;

  /** Measures. */
  public interface Stopwatch {
    /** The time that a trial takes, in any unit. */
    double time(Trial trial, TileChoice choice);

    /** Times trials on a device. */
    static Stopwatch on(DeviceStopwatch device) {
      return (trial, choice) -> {
        Program program = new Program(new Timeline());
        Region kept = new Region(Buffer.Kind.PLAN);
        trial.addTo(program, kept, choice);
        return device.milliseconds(program, kept);
      };
    }
  }

  public Autotuner(TuningCache cache, Stopwatch stopwatch) {
    this.cache = cache;
    this.stopwatch = stopwatch;
  }

  @Override
  public synchronized TileChoice choose(Question question) {
    TileChoice known = cache.get(question.sizes());
    if (known != null && question.candidates().contains(known)) {
      return known;
    }
    try {
      return cache.put(question.sizes(), question.candidates(), fastest(question));
    } catch (EngineException e) {
      // Memory is short, for example; if the device is broken, the plan will say so.
      log.warn("tiles are estimated, not timed: {}", e.getMessage());
      return question.estimate();
    }
  }

  private TileChoice fastest(Question question) {
    TileChoice best = question.estimate();
    double least = stopwatch.time(question.trial(), best) * (1 - LEAST_GAIN);
    for (TileChoice candidate : question.candidates()) {
      if (!candidate.equals(question.estimate())) {
        double time = stopwatch.time(question.trial(), candidate);
        if (time < least) {
          least = time;
          best = candidate;
        }
      }
    }
    log.debug("{}: {}", question.sizes(), best);
    return best;
  }
}
