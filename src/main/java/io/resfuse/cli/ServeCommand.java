package io.resfuse.cli;

import io.resfuse.data.DataException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/**
 * {@code resfuse serve}, where it does not run: the server is a module of its own, with libraries
 * of its own, and the launcher starts it.
 */
@Command(name = "serve", description = "Serves models over REST and gRPC, in KServe's protocol.")
final class ServeCommand implements Callable<Integer> {
  /** Taken, so that the line below is what is said of all of them. */
  @Unmatched
  @SuppressWarnings("UnusedVariable")
  private List<String> options;

  @Override
  public Integer call() {
    throw new DataException(
        "the server is no part of this jar; start it by ./resfuse serve, or build it (mvn -f"
            + " server/pom.xml package) and start server/target/resfuse-server/serve");
  }
}
