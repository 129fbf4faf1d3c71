package io.resfuse.report;

import java.util.ArrayList;
import java.util.List;

/** Horizontal bars from zero, with their names above them. Not thread-safe. */
public final class Bars {
  private final List<Bar> bars = new ArrayList<>();

  private record Bar(String name, String value, double length, int colour) {}

  /**
   * Adds a bar.
   *
   * @param name plain text
   * @param value how its length is written
   * @param length 0 or more; longest is the whole width
   * @param colour from 0 on
   */
  public void add(String name, String value, double length, int colour) {
    bars.add(new Bar(name, value, length, colour));
  }

  /**
   * The bars.
   *
   * @param title above them
   * @return XML; empty without bars
   */
  public String html(String title) {
    double longest =
        bars.stream().mapToDouble(Bar::length).filter(Double::isFinite).max().orElse(0);
    if (bars.isEmpty() || longest == 0) {
      return "";
    }
    StringBuilder text = new StringBuilder("<figure class=\"bars\"><figcaption>");
    text.append(Html.escaped(title)).append("</figcaption>\n");
    for (Bar bar : bars) {
      double percent = Double.isFinite(bar.length()) ? 100 * bar.length() / longest : 0;
      text.append("<div>").append(Html.escaped(bar.name())).append(": <b>");
      text.append(Html.escaped(bar.value())).append("</b><i class=\"b");
      text.append(bar.colour() % Html.COLOURS).append("\" style=\"width: ");
      text.append(Math.round(percent)).append("%\"></i></div>\n");
    }
    return text.append("</figure>\n").toString();
  }
}
