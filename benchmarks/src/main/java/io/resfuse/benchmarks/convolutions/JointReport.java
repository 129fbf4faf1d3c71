package io.resfuse.benchmarks.convolutions;

import java.util.List;

/**
 * One model for the runs of several machines, and how good it is on each of them.
 *
 * @param runs each of the same kernels, all of the same weight per measurement
 * @param model that follows from all of them
 */
record JointReport(List<ConvolutionsReport> runs, CostModel model) {
  /**
   * Fits a model to all runs together.
   *
   * @throws IllegalArgumentException if they are of different kernels
   */
  static JointReport of(List<ConvolutionsReport> runs) {
    List<String> kernels = runs.stream().map(ConvolutionsReport::kernels).distinct().toList();
    if (kernels.size() > 1) {
      throw new IllegalArgumentException(
          "the runs are of "
              + String.join(" and ", kernels)
              + ": give those of one instruction set");
    }
    return new JointReport(
        runs, CostModel.of(runs.stream().flatMap(run -> run.measured().stream()).toList()));
  }

  /** For people. */
  String text() {
    StringBuilder text = new StringBuilder();
    for (ConvolutionsReport run : runs) {
      text.append(run.machine()).append(", ").append(run.kernels()).append("\nits own model\n");
      run.picks().forEach(text::append);
      text.append("the model of all runs\n");
      ConvolutionsReport.picks(run.measured(), model).forEach(text::append);
      text.append('\n');
    }
    return text.append(model.properties(runs.get(0).kernels())).toString();
  }
}
