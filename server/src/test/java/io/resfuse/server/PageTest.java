package io.resfuse.server;

import static io.resfuse.server.TestServer.MODEL;
import static io.resfuse.server.TestServer.picture;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;

/** The server's page in headless Chromium, while requests come. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class PageTest {
  /** Selenium has typed commands for some versions of Chromium only, and warns; none is used. */
  private static final Logger DEVTOOLS = Logger.getLogger("org.openqa.selenium.devtools");

  @TempDir Path folder;

  private static Optional<File> find(String tool) {
    return Arrays.stream(System.getenv("PATH").split(File.pathSeparator, -1))
        .map(place -> new File(place, tool))
        .filter(File::canExecute)
        .findFirst();
  }

  private ChromeDriver open() {
    DEVTOOLS.setLevel(Level.SEVERE);
    LoggingPreferences logs = new LoggingPreferences();
    logs.enable(LogType.BROWSER, Level.ALL);
    logs.enable(LogType.PERFORMANCE, Level.ALL);
    ChromeOptions options = new ChromeOptions();
    options.setBinary(find("chromium").orElseThrow());
    options.setCapability("goog:loggingPrefs", logs);
    // Its sandbox does not run as root, as containers do; the page is our own.
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
        "--user-data-dir=" + folder);
    return new ChromeDriver(
        new ChromeDriverService.Builder()
            .usingDriverExecutable(find("chromedriver").orElseThrow())
            .build(),
        options);
  }

  private static void screen(ChromeDriver browser, int width, boolean dark) {
    Map<String, Object> screen = new HashMap<>();
    screen.put("width", width);
    screen.put("height", 800);
    screen.put("deviceScaleFactor", 1);
    screen.put("mobile", width < 500);
    browser.executeCdpCommand("Emulation.setDeviceMetricsOverride", screen);
    browser.executeCdpCommand(
        "Emulation.setEmulatedMedia",
        Map.of(
            "features",
            List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"))));
  }

  private static String field(ChromeDriver browser, String name) {
    return browser.findElements(By.cssSelector("[data-field=" + name + "]")).stream()
        .map(element -> element.getText())
        .findFirst()
        .orElse("");
  }

  @Test
  void showsQueuesAndLatencies() throws Exception {
    boolean there = find("chromium").isPresent() && find("chromedriver").isPresent();
    String why =
        "there is no chromium or chromedriver on the PATH (Debian: chromium, chromium-driver)";
    if (!there) {
      System.err.println("[WARNING] skipped: PageTest: " + why);
    }
    assumeTrue(there, why);
    try (TestServer server = TestServer.start()) {
      for (int i = 0; i < 5; i++) {
        server.classify(picture("bag"));
      }
      ChromeDriver browser = open();
      try {
        for (int width : new int[] {360, 1280}) {
          for (boolean dark : new boolean[] {false, true}) {
            screen(browser, width, dark);
            browser.get(server.uri("/").toString());
            while (!field(browser, "answered").equals("5")) {
              Thread.sleep(10);
            }
            assertThat(browser.findElement(By.tagName("h2")).getText())
                .isEqualTo(MODEL + ", version 1");
            assertThat(field(browser, "queue")).isEqualTo("0");
            assertThat(field(browser, "failed")).isEqualTo("0");
            assertThat(field(browser, "p50")).matches("[0-9.e+]+ ms");
            assertThat(field(browser, "p99")).matches("[0-9.e+]+ ms");
            assertThat(browser.findElement(By.id("state")).getText()).startsWith("Ready. ");
            assertThat(
                    browser.executeScript(
                        "return document.documentElement.scrollWidth"
                            + " - document.documentElement.clientWidth"))
                .isEqualTo(0L);
          }
        }
        // It follows without being loaded again.
        server.classify(picture("bag"));
        server.classify(new byte[] {1});
        while (!field(browser, "answered").equals("6") || !field(browser, "failed").equals("1")) {
          Thread.sleep(10);
        }
        for (LogEntry entry : browser.manage().logs().get(LogType.BROWSER)) {
          assertThat(entry.getMessage()).as("console").isEmpty();
        }
        for (LogEntry entry : browser.manage().logs().get(LogType.PERFORMANCE)) {
          JsonNode event = TestServer.MAPPER.readTree(entry.getMessage()).path("message");
          if (event.path("method").asText().equals("Network.requestWillBeSent")) {
            assertThat(event.at("/params/request/url").asText())
                .matches("(data:|chrome:|" + server.uri("/") + ").*");
          }
        }
      } finally {
        browser.quit();
      }
    }
  }
}
