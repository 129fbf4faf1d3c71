package io.resfuse.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;

/** Chromium without a screen, which says what is wrong with a page. Not thread-safe. */
final class Browser implements AutoCloseable {
  /** As phones have them. */
  static final int PHONE = 360;

  static final int DESK = 1280;

  /**
   * What is too wide, too small, or too faint. Contrast as in WCAG 2.2, success criterion 1.4.3;
   * what lies behind a text is the backgrounds of the elements around it.
   */
  private static final String LOOK =
      """
      const problems = [];
      const root = document.documentElement;
      if (root.scrollWidth > root.clientWidth) {
        const scrolls = e => e !== root && (getComputedStyle(e).overflowX !== 'visible' || scrolls(e.parentElement));
        const wide = [...document.body.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth && e.clientWidth && !scrolls(e));
        problems.push('the page is ' + root.scrollWidth + ' wide on a screen of ' + root.clientWidth + ', for '
          + wide.map(e => e.tagName + ' ' + e.textContent.trim().slice(0, 40)).join('; '));
      }
      const parse = colour => {
        const numbers = colour.match(/[\\d.]+/g).map(Number);
        return numbers.length < 4 ? [...numbers, 1] : numbers;
      };
      const over = (top, bottom, alpha) => top.slice(0, 3).map((c, i) => c * alpha + bottom[i] * (1 - alpha));
      const luminance = colour => {
        const [r, g, b] = colour.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const dark = matchMedia('(prefers-color-scheme: dark)').matches;
      const behind = element => {
        const below = element.parentElement ? behind(element.parentElement) : dark ? [18, 18, 18] : [255, 255, 255];
        const own = parse(getComputedStyle(element).backgroundColor);
        return over(own, below, own[3]);
      };
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      let seen = 0;
      while (texts.nextNode()) {
        const text = texts.currentNode.textContent.trim();
        const element = texts.currentNode.parentElement;
        if (!text || element.closest('script, style, title, desc')) continue;
        const range = document.createRange();
        range.selectNodeContents(texts.currentNode);
        if (range.getClientRects().length === 0) continue;
        seen++;
        const style = getComputedStyle(element), svg = element.ownerSVGElement;
        const scale = svg ? element.getScreenCTM().a : 1;
        const size = parseFloat(style.fontSize) * scale;
        if (size < 8) problems.push('"' + text + '" has a height of ' + size + ' pixels');
        const back = behind(element);
        let alpha = 1;
        for (let e = element; e; e = e.parentElement) alpha *= Number(getComputedStyle(e).opacity);
        const own = parse(svg ? style.fill : style.color);
        const [low, high] = [luminance(over(own, back, own[3] * alpha)), luminance(back)].sort((a, b) => a - b);
        const contrast = (high + 0.05) / (low + 0.05);
        if (contrast < 4.5) problems.push('"' + text + '" has a contrast of ' + contrast.toFixed(2) + ' to what is behind it');
      }
      if (seen === 0) problems.push('no text is seen');
      if (dark !== arguments[0]) problems.push('the page is not asked for in the ' + (arguments[0] ? 'dark' : 'light'));
      if (arguments[0] !== (luminance(behind(document.body)) < 0.2)) problems.push('the page is not ' + (arguments[0] ? 'dark' : 'light'));
      return problems;
      """;

  /** Selenium has typed commands for some versions of Chromium only, and warns; none is used. */
  private static final Logger DEVTOOLS = Logger.getLogger("org.openqa.selenium.devtools");

  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final ChromeDriver driver;

  private Browser(ChromeDriver driver) {
    this.driver = driver;
  }

  /** Why there is none, or empty. */
  static Optional<String> whyNot() {
    return Stream.of("chromium", "chromedriver")
        .filter(tool -> find(tool).isEmpty())
        .map(tool -> "there is no " + tool + " on the PATH (Debian: chromium, chromium-driver)")
        .findFirst();
  }

  private static Optional<File> find(String tool) {
    return Arrays.stream(System.getenv("PATH").split(File.pathSeparator, -1))
        .map(folder -> new File(folder, tool))
        .filter(File::canExecute)
        .findFirst();
  }

  /** Starts it, with a profile of its own and no background traffic. */
  static Browser open(Path profile) {
    DEVTOOLS.setLevel(Level.SEVERE);
    LoggingPreferences logs = new LoggingPreferences();
    logs.enable(LogType.BROWSER, Level.ALL);
    logs.enable(LogType.PERFORMANCE, Level.ALL);
    ChromeOptions options = new ChromeOptions();
    options.setBinary(find("chromium").orElseThrow());
    options.setCapability("goog:loggingPrefs", logs);
    // Its sandbox does not run as root, as containers do; the pages are our own.
    options.addArguments(
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--hide-scrollbars",
        "--user-data-dir=" + profile);
    ChromeDriverService service =
        new ChromeDriverService.Builder()
            .usingDriverExecutable(find("chromedriver").orElseThrow())
            .build();
    return new Browser(new ChromeDriver(service, options));
  }

  /** Shows a page, and says what is wrong with it there. */
  List<String> problems(Path page, int width, boolean dark) {
    Map<String, Object> screen = new HashMap<>();
    screen.put("width", width);
    screen.put("height", 800);
    screen.put("deviceScaleFactor", 1);
    screen.put("mobile", width == PHONE);
    driver.executeCdpCommand("Emulation.setDeviceMetricsOverride", screen);
    driver.executeCdpCommand(
        "Emulation.setEmulatedMedia",
        Map.of(
            "features",
            List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"))));
    driver.manage().logs().get(LogType.PERFORMANCE);
    driver.get(page.toUri().toString());
    List<String> problems = new ArrayList<>();
    for (Object problem : (List<?>) driver.executeScript(LOOK, dark)) {
      problems.add(String.valueOf(problem));
    }
    for (LogEntry entry : driver.manage().logs().get(LogType.BROWSER)) {
      problems.add("console: " + entry.getMessage());
    }
    for (LogEntry entry : driver.manage().logs().get(LogType.PERFORMANCE)) {
      JsonNode event = parse(entry.getMessage()).path("message");
      String url = event.at("/params/request/url").asText();
      if (event.path("method").asText().equals("Network.requestWillBeSent")
          && !url.startsWith("file:")
          && !url.startsWith("data:")) {
        problems.add("loaded: " + url);
      }
    }
    return problems;
  }

  private static JsonNode parse(String json) {
    try {
      return MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("no JSON: " + json, e);
    }
  }

  @Override
  public void close() {
    driver.quit();
  }
}
