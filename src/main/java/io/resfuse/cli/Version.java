package io.resfuse.cli;

import io.resfuse.platform.Platform;
import picocli.CommandLine.IVersionProvider;

/** What {@code --version} prints. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    String version = Main.class.getPackage().getImplementationVersion();
    return new String[] {
      "resfuse " + (version == null ? "(from classes)" : version),
      "Java " + Runtime.version() + ", " + Platform.inWords()
    };
  }
}
