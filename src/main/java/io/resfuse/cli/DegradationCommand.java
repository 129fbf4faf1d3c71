package io.resfuse.cli;

import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.train.report.DegradationReport;
import io.resfuse.train.report.DegradationReport.Member;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code resfuse study degradation}. */
@Command(
    name = "degradation",
    description =
        "Trains plain and residual networks of several depths with one recipe, and draws their"
            + " errors and the gradients of their layers (He et al. 2015, section 4.2, figure 6).",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Writes study.html, study.json, and a folder per network as 'resfuse train' does. The same"
          + " command with --resume goes on where it was interrupted.",
      "",
      "Example:",
      "  resfuse study degradation --recipe recipes/degradation-fashion-mnist.yaml --to runs/study",
    })
final class DegradationCommand implements Callable<Integer> {
  @Option(
      names = "--depths",
      split = ",",
      paramLabel = "N",
      description = "How many layers the networks have, 6 n + 2 each (default: 20,56).")
  private int[] depths = {20, 56};

  @Mixin private StudyOptions study;

  @Override
  public Integer call() {
    Arrays.sort(depths);
    List<String> networks = new ArrayList<>();
    for (boolean residual : new boolean[] {false, true}) {
      for (int depth : depths) {
        networks.add(ResNetVariant.cifar(depth, residual).name());
      }
    }
    return study.run(networks, DegradationCommand::report);
  }

  private static StudyOptions.Pages report(String data, List<StudyOptions.Trained> trained) {
    List<Member> members = new ArrayList<>();
    for (StudyOptions.Trained one : trained) {
      ResNetVariant variant = ((ResNetConfig) one.setup().config()).variant();
      int depth = 2 + 6 * variant.blocks().get(0);
      members.add(new Member(variant.name(), depth, variant.residual(), one.history()));
    }
    DegradationReport report =
        new DegradationReport(trained.get(0).setup().recipe(), data, members);
    return new StudyOptions.Pages(report.html(), report.json());
  }
}
