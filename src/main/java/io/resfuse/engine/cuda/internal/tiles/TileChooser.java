package io.resfuse.engine.cuda.internal.tiles;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.kernels.Tile;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Region;
import java.util.List;

/** Decides which tile a product runs with. Thread-safe; it always gives the same answer. */
public interface TileChooser {
  /** What {@link TileChoice} reckons. */
  TileChooser ESTIMATES = Question::estimate;

  /** The same for all, whatever their sizes. */
  static TileChooser always(Tile tile, Tile weightTile, int slices) {
    return question -> new TileChoice(question.isOfWeights() ? weightTile : tile, slices);
  }

  /**
   * The same without cutting sums. An element's sum then runs in the order of its terms with every
   * tile, so that its bits depend on none of the sizes that other elements have.
   */
  static TileChooser uncut(TileChooser chooser) {
    return question -> chooser.choose(question.uncut());
  }

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
  record Question(String sizes, TileChoice estimate, List<TileChoice> candidates, Trial trial) {
    /** The same for sums in one piece. */
    private Question uncut() {
      List<TileChoice> whole =
          candidates.stream().filter(candidate -> candidate.slices() == 1).toList();
      return new Question(sizes + " uncut", new TileChoice(estimate.tile(), 1), whole, trial);
    }

    /** Whether it is a gradient of weights, which has tiles that no other product has. */
    private boolean isOfWeights() {
      return candidates.stream().anyMatch(candidate -> !Tile.ALL.contains(candidate.tile()));
    }
  }

  /** Adds the launches of a product to a program, on buffers of the program's own. */
  interface Trial {
    void addTo(Program program, Region kept, TileChoice choice);
  }
}
