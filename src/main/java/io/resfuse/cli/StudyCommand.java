package io.resfuse.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code resfuse study}. */
@Command(
    name = "study",
    description = "Trains networks side by side, to see what makes the difference.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "STUDY",
    subcommands = {CompareCommand.class, DegradationCommand.class})
final class StudyCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "A study is needed: compare or degradation.");
  }
}
