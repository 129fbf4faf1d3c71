package io.resfuse.cli;

import io.resfuse.model.ModelSummary;
import io.resfuse.model.NetworkConfig;
import io.resfuse.train.report.ComparisonReport;
import io.resfuse.train.report.ComparisonReport.Member;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code resfuse study compare}. */
@Command(
    name = "compare",
    description =
        "Trains networks with one recipe on the same pictures, and draws their errors over the"
            + " epochs and over the time, with the parameters and FLOPs of each.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Writes study.html, study.json, and a folder per network as 'resfuse train' does. The same"
          + " command with --resume goes on where it was interrupted.",
      "",
      "Example:",
      "  resfuse study compare --networks resnet20,vgg16_bn_cifar \\",
      "      --recipe recipes/compare-fashion-mnist.yaml --to runs/compare",
    })
final class CompareCommand implements Callable<Integer> {
  @Option(
      names = "--networks",
      required = true,
      split = ",",
      paramLabel = "NETWORK",
      description = "The networks, two or more (required): resnet20,vgg16_bn_cifar.")
  private List<String> networks;

  @Mixin private StudyOptions study;

  @Override
  public Integer call() {
    List<String> names = networks.stream().map(name -> NetworkConfig.of(name).name()).toList();
    if (names.size() < 2 || new LinkedHashSet<>(names).size() < names.size()) {
      throw new IllegalArgumentException(
          "--networks " + String.join(",", networks) + ": two or more are wanted, each once");
    }
    return study.run(names, CompareCommand::report);
  }

  private static StudyOptions.Pages report(String data, List<StudyOptions.Trained> trained) {
    List<Member> members = new ArrayList<>();
    for (StudyOptions.Trained one : trained) {
      ModelSummary summary =
          ModelSummary.of(
              one.setup().network(),
              one.setup().preprocessing().cropHeight(),
              one.setup().preprocessing().cropWidth());
      members.add(
          new Member(summary.network(), summary.parameters(), summary.flops(), one.history()));
    }
    ComparisonReport report = new ComparisonReport(trained.get(0).setup().recipe(), data, members);
    return new StudyOptions.Pages(report.html(), report.json());
  }
}
