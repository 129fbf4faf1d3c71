package io.resfuse.cli;

import io.resfuse.data.DataException;
import io.resfuse.engine.EngineException;
import io.resfuse.train.TrainingException;
import io.resfuse.weights.WeightsException;
import java.io.PrintWriter;
import java.util.Properties;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The {@code resfuse} command. */
@Command(
    name = "resfuse",
    description = "Runs ResNets forward and backward: on NVIDIA GPUs and on CPUs.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:everything asked for was done",
      "1:something failed; the first line on standard error says what, and what to do",
      "2:wrong use"
    },
    subcommands = {
      ClassifyCommand.class,
      FeaturesCommand.class,
      GradientsCommand.class,
      TrainCommand.class,
      EvaluateCommand.class,
      StudyCommand.class,
      SummaryCommand.class,
      WeightsCommand.class,
      DevicesCommand.class,
      KernelsCommand.class,
      VerifyCommand.class,
      BenchCommand.class,
      WarmUpCommand.class,
      GenerateCompletion.class,
    })
public final class Main implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = "--debug",
      scope = CommandLine.ScopeType.INHERIT,
      description = "Print the stack trace of a failure.")
  private boolean debug;

  private Main() {}

  /**
   * Runs a command and ends the process with its exit code.
   *
   * @param arguments of the command line
   */
  public static void main(String[] arguments) {
    quietLogs();
    System.exit(run(arguments));
  }

  /** Log lines as the command line wants them, unless the user has set otherwise. */
  private static void quietLogs() {
    String prefix = "org.slf4j.simpleLogger.";
    Properties properties = System.getProperties();
    properties.putIfAbsent(prefix + "showThreadName", "false");
    properties.putIfAbsent(prefix + "showLogName", "false");
    properties.putIfAbsent(prefix + "log.io.jhdf", "warn");
  }

  /**
   * Runs a command.
   *
   * @param arguments of the command line
   * @return the exit code
   */
  public static int run(String... arguments) {
    Main main = new Main();
    return new CommandLine(main)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setUsageHelpAutoWidth(true)
        .setExecutionExceptionHandler((failure, command, parsed) -> main.report(failure, command))
        .execute(arguments);
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "A command is needed.");
  }

  private int report(Exception failure, CommandLine command) {
    PrintWriter err = command.getErr();
    String message = failure.getMessage() == null ? failure.toString() : failure.getMessage();
    boolean expected =
        failure instanceof EngineException
            || failure instanceof WeightsException
            || failure instanceof DataException
            || failure instanceof TrainingException
            || failure instanceof IllegalArgumentException
            || failure instanceof java.io.IOException
            || failure instanceof java.io.UncheckedIOException;
    err.println("resfuse: " + (expected ? message : failure.toString()));
    if (debug || !expected) {
      failure.printStackTrace(err);
    }
    err.flush();
    return 1;
  }
}
