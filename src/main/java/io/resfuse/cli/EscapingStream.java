package io.resfuse.cli;

import io.resfuse.platform.Printable;
import java.io.PrintStream;

/**
 * Standard error while a command runs: what libraries and logs print there has names and messages
 * of others in it, which must not command the terminal.
 */
final class EscapingStream extends PrintStream {
  private final PrintStream terminal;

  EscapingStream(PrintStream terminal) {
    super(terminal, true);
    this.terminal = terminal;
  }

  /** Where the command line's own control sequences go. */
  static PrintStream terminalOf(PrintStream stream) {
    return stream instanceof EscapingStream escaping ? escaping.terminal : stream;
  }

  @Override
  public void print(String text) {
    terminal.print(Printable.lines(String.valueOf(text)));
  }

  @Override
  public void print(Object object) {
    print(String.valueOf(object));
  }

  @Override
  public void print(char[] text) {
    print(String.valueOf(text));
  }

  @Override
  public void print(char c) {
    print(String.valueOf(c));
  }

  @Override
  public void println(String text) {
    terminal.println(Printable.lines(String.valueOf(text)));
  }

  @Override
  public void println(Object object) {
    println(String.valueOf(object));
  }

  @Override
  public void println(char[] text) {
    println(String.valueOf(text));
  }
}
