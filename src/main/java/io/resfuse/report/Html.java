package io.resfuse.report;

import io.resfuse.platform.Printable;
import java.util.List;
import java.util.Map;

/** Pieces of pages: well-formed XML, readable on a phone and in the dark. Stateless. */
public final class Html {
  /** How many colours the lines of a plot have. */
  public static final int COLOURS = 6;

  private static final List<String> LIGHT =
      List.of("#0072b2", "#d55e00", "#009e73", "#a8528a", "#b07d00", "#3d4f5c");
  private static final List<String> DARK =
      List.of("#56b4e9", "#ff8c42", "#3ddba6", "#e8a0c8", "#f5c04a", "#b8c4cc");

  private static final String STYLE =
      """
      :root { color-scheme: light dark; --ink: #1b2024; --pale: #5b666e; --line: #dfe4e8;
        --back: #ffffff; --card: #f6f8f9; --hit: 0, 114, 178; --miss: 213, 94, 0;%s }
      @media (prefers-color-scheme: dark) { :root { --ink: #e8ecef; --pale: #9aa6ae; --line: #343c42;
        --back: #14181b; --card: #1d2327; --hit: 86, 180, 233; --miss: 255, 140, 66;%s } }
      * { box-sizing: border-box; }
      body { margin: 0 auto; max-width: 1000px; padding: 16px; background: var(--back);
        color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
      h1 { font-size: 1.5rem; line-height: 1.25; margin: 8px 0; }
      h2 { font-size: 1.15rem; margin: 32px 0 8px; }
      p { margin: 8px 0; }
      .pale { color: var(--pale); }
      .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 8px; }
      .tiles div { background: var(--card); border-radius: 8px; padding: 10px 12px; }
      .tiles b { display: block; font-size: 1.3rem; line-height: 1.3; }
      .plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%%, 360px), 1fr));
        gap: 16px; }
      figure { margin: 0; min-width: 0; }
      figcaption { font-weight: 600; font-size: 0.95rem; }
      svg { width: 100%%; height: auto; display: block; }
      svg text { font-size: 11px; fill: var(--pale); }
      svg .grid { stroke: var(--line); } svg .axis { stroke: var(--pale); }
      svg polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
      svg circle { fill-opacity: 0.75; }
      svg .faint { stroke-width: 1; opacity: 0.45; }
      .legend { font-size: 0.85rem; margin: 4px 0; } .legend span { margin-right: 12px;
        display: inline-block; }
      .legend i { display: inline-block; width: 18px; height: 3px; vertical-align: middle;
        margin-right: 5px; } .legend .faint { opacity: 0.45; }
      .bars { font-size: 0.85rem; line-height: 1.3; }
      .bars div { margin: 6px 0; }
      .bars i { display: block; height: 6px; border-radius: 3px; margin: 1px 0; min-width: 2px; }
      .wide { overflow-x: auto; }
      table { border-collapse: collapse; font-size: 0.85rem; }
      th, td { padding: 4px 7px; text-align: right; white-space: nowrap; }
      th { font-weight: 600; color: var(--pale); }
      tr > th:first-child, tr > td:first-child { text-align: left; }
      .pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr));
        gap: 12px; font-size: 0.78rem; line-height: 1.35; }
      .pictures img { width: 100%%; aspect-ratio: 1; object-fit: contain; background: var(--card);
        border-radius: 6px; image-rendering: pixelated; display: block; margin-bottom: 4px; }
      .pictures b { font-weight: 600; }
      pre { background: var(--card); border-radius: 8px; padding: 12px; overflow-x: auto;
        font-size: 0.8rem; }
      """;

  private Html() {}

  /**
   * Text for pages.
   *
   * @param text any
   * @return the same with XML's special characters escaped, and those shown that command a terminal
   *     or turn the direction of reading
   */
  public static String escaped(String text) {
    return Printable.lines(text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }

  /**
   * A whole page.
   *
   * @param title plain text
   * @param body XML
   * @return the file's text
   */
  public static String page(String title, String body) {
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>"
        + escaped(title)
        + "</title>\n<style>\n"
        + STYLE.formatted(variables(LIGHT), variables(DARK))
        + lines()
        + "</style>\n</head>\n<body>\n"
        + body
        + "</body>\n</html>\n";
  }

  private static String variables(List<String> colours) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < COLOURS; i++) {
      text.append(" --c").append(i).append(": ").append(colours.get(i)).append(';');
    }
    return text.toString();
  }

  private static String lines() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < COLOURS; i++) {
      text.append(
          "svg .s%1$d { stroke: var(--c%1$d); } svg .m%1$d { fill: var(--c%1$d); } .b%1$d { background: var(--c%1$d); }%n"
              .formatted(i));
    }
    return text.toString();
  }

  /**
   * Big numbers with what they are.
   *
   * @param numbers plain text by plain text
   * @return XML
   */
  public static String tiles(Map<String, String> numbers) {
    StringBuilder text = new StringBuilder("<div class=\"tiles\">\n");
    numbers.forEach(
        (name, value) ->
            text.append("<div><b>")
                .append(escaped(value))
                .append("</b>")
                .append(escaped(name))
                .append("</div>\n"));
    return text.append("</div>\n").toString();
  }

  /**
   * A heading below the page's title.
   *
   * @param text plain
   * @return XML
   */
  public static String heading(String text) {
    return "<h2>" + escaped(text) + "</h2>\n";
  }

  /**
   * A paragraph.
   *
   * @param text plain
   * @return XML
   */
  public static String paragraph(String text) {
    return "<p>" + escaped(text) + "</p>\n";
  }

  /**
   * Figures side by side where there is room.
   *
   * @param figures XML
   * @return XML
   */
  public static String plots(String... figures) {
    return "<div class=\"plots\">\n" + String.join("", figures) + "</div>\n";
  }
}
