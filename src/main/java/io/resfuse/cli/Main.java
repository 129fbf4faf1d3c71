package io.resfuse.cli;

import io.resfuse.data.DataException;
import io.resfuse.engine.EngineException;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import io.resfuse.platform.UserFolders;
import io.resfuse.quantize.QuantizationException;
import io.resfuse.train.TrainingException;
import io.resfuse.weights.format.WeightsException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

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
    })
public final class Main implements Runnable {
  /** By name, in the order of the help. */
  private static final Map<String, Class<?>> COMMANDS = commands();

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
    // What scripts read is the same everywhere; messages are English anyway.
    Locale.setDefault(Locale.ROOT);
    UserFolders.correctHome();
    quietLogs();
    System.exit(run(arguments));
  }

  /** Log lines as the command line wants them, unless the user has set otherwise. */
  private static void quietLogs() {
    String prefix = "org.slf4j.simpleLogger.";
    Properties properties = System.getProperties();
    // Said here, since a library may bring a simplelogger.properties that says otherwise.
    properties.putIfAbsent(prefix + "logFile", "System.err");
    properties.putIfAbsent(prefix + "showThreadName", "false");
    properties.putIfAbsent(prefix + "showLogName", "false");
    properties.putIfAbsent(prefix + "log.io.jhdf", "warn");
  }

  private static Map<String, Class<?>> commands() {
    Map<String, Class<?>> commands = new LinkedHashMap<>();
    commands.put("classify", ClassifyCommand.class);
    commands.put("segment", SegmentCommand.class);
    commands.put("features", FeaturesCommand.class);
    commands.put("gradients", GradientsCommand.class);
    commands.put("train", TrainCommand.class);
    commands.put("evaluate", EvaluateCommand.class);
    commands.put("pack", PackCommand.class);
    commands.put("scenes", ScenesCommand.class);
    commands.put("study", StudyCommand.class);
    commands.put("summary", SummaryCommand.class);
    commands.put("weights", WeightsCommand.class);
    commands.put("devices", DevicesCommand.class);
    commands.put("kernels", KernelsCommand.class);
    commands.put("verify", VerifyCommand.class);
    commands.put("bench", BenchCommand.class);
    commands.put("serve", ServeCommand.class);
    commands.put("warm-up", WarmUpCommand.class);
    commands.put("generate-completion", GenerateCompletion.class);
    return commands;
  }

  /**
   * The command line for some arguments. Where the first one names a command, it has that one only:
   * to look at the options of all of them takes longer than to classify a picture.
   */
  private static CommandLine commandLine(Main main, String... arguments) {
    CommandLine line = new CommandLine(main);
    String first = arguments.length == 0 ? "" : arguments[0];
    boolean one = COMMANDS.containsKey(first) && !first.equals("generate-completion");
    COMMANDS.forEach(
        (name, command) -> {
          if (!one || name.equals(first)) {
            line.addSubcommand(name, command);
          }
        });
    layOutHelp(line);
    return line;
  }

  /** Options stand in the order of their declaration, the usual ones first. */
  private static void layOutHelp(CommandLine line) {
    line.getCommandSpec().usageMessage().sortOptions(false).abbreviateSynopsis(true);
    line.getSubcommands().values().forEach(Main::layOutHelp);
  }

  /**
   * Runs a command.
   *
   * @param arguments of the command line
   * @return the exit code
   */
  public static int run(String... arguments) {
    Main main = new Main();
    PrintStream terminal = System.err;
    System.setErr(new EscapingStream(terminal));
    try {
      CommandLine line =
          commandLine(main, arguments)
              .setCaseInsensitiveEnumValuesAllowed(true)
              .setUsageHelpAutoWidth(true)
              .setColorScheme(Help.defaultColorScheme(Help.Ansi.OFF))
              .registerConverter(Path.class, Main::path)
              .setExecutionExceptionHandler(
                  (failure, command, parsed) -> main.report(failure, command));
      line.setParameterExceptionHandler((wrong, all) -> wrongUse(wrong));
      line.setOut(escaping(line.getOut())).setErr(escaping(line.getErr()));
      int exitCode;
      try {
        exitCode = line.execute(arguments);
      } catch (OutOfMemoryError | StackOverflowError | LinkageError e) {
        exitCode = main.report(e, line);
      }
      line.getOut().flush();
      return exitCode;
    } finally {
      System.setErr(terminal);
    }
  }

  /** Names, labels and messages of others must not command the terminal. */
  private static PrintWriter escaping(PrintWriter target) {
    return new PrintWriter(new EscapingWriter(target), true);
  }

  /** As picocli has it, but for what the message quotes. */
  private static int wrongUse(ParameterException wrong) {
    CommandLine command = wrong.getCommandLine();
    PrintWriter err = command.getErr();
    err.println(Printable.of(wrong.getMessage()));
    if (!UnmatchedArgumentException.printSuggestions(wrong, err)) {
      command.usage(err);
    }
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  private static Path path(String text) {
    try {
      return FileNames.path(text);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "A command is needed.");
  }

  private int report(Throwable thrown, CommandLine command) {
    PrintWriter err = command.getErr();
    // Commands that are methods have their errors wrapped.
    Throwable failure =
        thrown instanceof ExecutionException e && e.getCause() != null ? e.getCause() : thrown;
    err.println("resfuse: " + Printable.message(message(failure)));
    if (debug) {
      failure.printStackTrace(err);
    }
    err.flush();
    return 1;
  }

  private static String message(Throwable failure) {
    String message = failure.getMessage() == null ? failure.toString() : failure.getMessage();
    if (failure instanceof OutOfMemoryError && message.contains("native thread")) {
      return "a thread cannot be started (%s); raise this process's limits (ulimit -u, ulimit -v)"
          .formatted(message);
    }
    if (failure instanceof OutOfMemoryError) {
      return "memory is short (%s); use a smaller batch, size or network, or raise the heap: RESFUSE_JAVA_OPTS=-Xmx8g"
          .formatted(message);
    }
    if (failure instanceof ArithmeticException) {
      return "a number is too large (%s when it was computed with); use a smaller size or batch"
          .formatted(message);
    }
    boolean expected =
        failure instanceof EngineException
            || failure instanceof WeightsException
            || failure instanceof DataException
            || failure instanceof TrainingException
            || failure instanceof QuantizationException
            || failure instanceof IllegalArgumentException
            || failure instanceof java.io.UncheckedIOException;
    if (expected) {
      return message;
    }
    return failure instanceof java.io.IOException
        ? reason(failure)
        : failure + "; this should not happen, --debug shows where it did";
  }

  /** What the JDK says of a file is its name only, unless the kind of failure is said, too. */
  private static String reason(Throwable failure) {
    if (failure instanceof NoSuchFileException e) {
      return e.getFile() + ": no such file or folder";
    }
    if (failure instanceof AccessDeniedException e) {
      return e.getFile() + ": may not be read or written; change its permissions";
    }
    if (failure instanceof FileSystemException e && e.getReason() == null) {
      return e.toString();
    }
    return failure.getMessage() == null ? failure.toString() : failure.getMessage();
  }
}
