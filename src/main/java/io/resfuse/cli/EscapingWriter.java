package io.resfuse.cli;

import io.resfuse.platform.Printable;
import java.io.FilterWriter;
import java.io.IOException;
import java.io.Writer;

/** Lines on their way to a terminal, in which nothing commands it. */
final class EscapingWriter extends FilterWriter {
  EscapingWriter(Writer target) {
    super(target);
  }

  @Override
  public void write(int c) throws IOException {
    write(String.valueOf((char) c), 0, 1);
  }

  @Override
  public void write(char[] chars, int offset, int length) throws IOException {
    out.write(Printable.lines(new String(chars, offset, length)));
  }

  @Override
  public void write(String text, int offset, int length) throws IOException {
    out.write(Printable.lines(text.substring(offset, offset + length)));
  }
}
