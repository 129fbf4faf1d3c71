package io.resfuse.engine.cuda.internal.tiles;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Region;
import java.util.List;

/** Decides which tile a product runs with. Thread-safe; it always gives the same answer. */
public interface TileChooser {
  /** What {@link TileChoice} reckons. */
  TileChooser ESTIMATES = Question::estimate;

  /**
   * Chooses.
   *
   * @throws EngineException if that needed the device, and the device failed
   */
  TileChoice choose(Question question);

  /**
   * A product of certain sizes.
   *
   * @param sizes all that its time depends on, in one line
   * @param estimate what is reckoned to be the fastest
   * @param candidates what may be tried, the estimate among them
   * @param trial how
   */
  record Question(String sizes, TileChoice estimate, List<TileChoice> candidates, Trial trial) {}

  /** Adds the launches of a product to a program, on buffers of the program's own. */
  interface Trial {
    void addTo(Program program, Region kept, TileChoice choice);
  }
}
