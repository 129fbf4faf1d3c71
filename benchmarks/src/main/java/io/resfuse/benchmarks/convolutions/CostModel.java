package io.resfuse.benchmarks.convolutions;

import java.util.List;

/**
 * The share of the direct way's time that the fast one takes, as {@code FastCosts} of the CPU
 * engine computes it from the same three numbers.
 *
 * @param products of a tile
 * @param weights of the transform of the weights
 * @param transforms of a tile's channels
 */
record CostModel(double products, double weights, double transforms) {
  /**
   * The one whose relative errors have the least sum of squares, of what ran on one thread: how
   * threads wait for each other, which differs from moment to moment, is not in it.
   */
  static CostModel of(List<Measured> all) {
    double[][] normal = new double[3][4];
    for (Measured one : all) {
      double[] terms = terms(one.shape());
      for (int i = 0; one.threads() == 1 && i < 3; i++) {
        for (int j = 0; j < 3; j++) {
          normal[i][j] += terms[i] * terms[j] / (one.share() * one.share());
        }
        normal[i][3] += terms[i] / one.share();
      }
    }
    double[] found = solve(normal);
    return new CostModel(found[0], found[1], found[2]);
  }

  private static double[] terms(Shape shape) {
    double tiles = shape.tiles() / shape.pixels();
    return new double[] {tiles, 1 / shape.pixels(), tiles * (1.0 / shape.in() + 1.0 / shape.out())};
  }

  /** Gauss's elimination; the matrix is positive definite. */
  private static double[] solve(double[][] rows) {
    int n = rows.length;
    for (int i = 0; i < n; i++) {
      for (int k = i + 1; k < n; k++) {
        double factor = rows[k][i] / rows[i][i];
        for (int j = i; j <= n; j++) {
          rows[k][j] -= factor * rows[i][j];
        }
      }
    }
    double[] found = new double[n];
    for (int i = n - 1; i >= 0; i--) {
      found[i] = rows[i][n];
      for (int j = i + 1; j < n; j++) {
        found[i] -= rows[i][j] * found[j];
      }
      found[i] /= rows[i][i];
    }
    return found;
  }

  double share(Shape shape) {
    double[] terms = terms(shape);
    return (products * terms[0]) + (weights * terms[1]) + (transforms * terms[2]);
  }

  /**
   * The lines of {@code convolutions.properties}.
   *
   * @param kernels {@code avx512} or {@code avx2}
   */
  String properties(String kernels) {
    return "%s.products=%.3f%n%s.weights=%.2f%n%s.transforms=%.1f%n"
        .formatted(kernels, products, kernels, weights, kernels, transforms);
  }

  boolean isFast(Shape shape) {
    return share(shape) < 1;
  }
}
