package io.resfuse.report;

import java.util.List;

/** Tables that scroll where they are wider than the page. Stateless. */
public final class Table {
  private Table() {}

  /**
   * A table.
   *
   * @param heads of the columns
   * @param rows as wide as the heads, plain text
   * @return XML
   */
  public static String html(List<String> heads, List<List<String>> rows) {
    StringBuilder text = new StringBuilder("<div class=\"wide\"><table>\n");
    row(text, heads, "th");
    rows.forEach(row -> row(text, row, "td"));
    return text.append("</table></div>\n").toString();
  }

  private static void row(StringBuilder text, List<String> cells, String tag) {
    text.append("<tr>");
    for (String cell : cells) {
      text.append('<').append(tag).append('>').append(Html.escaped(cell));
      text.append("</").append(tag).append('>');
    }
    text.append("</tr>\n");
  }
}
