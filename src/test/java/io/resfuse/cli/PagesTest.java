package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The HTML pages that commands write, in a real browser: on a phone and a desk, by day and by
 * night, nothing is too wide, too small or too faint, the console is silent, the network unused.
 */
class PagesTest {
  @TempDir static Path folder;

  private static Browser browser;

  @BeforeAll
  static void openBrowser() throws Exception {
    Optional<String> whyNot = Browser.whyNot();
    whyNot.ifPresent(why -> System.err.println("[WARNING] skipped: PagesTest: " + why));
    assumeTrue(whyNot.isEmpty(), () -> whyNot.orElse(""));
    browser = Browser.open(folder.resolve("profile"));
    TrainCommandTest.drawPictures(folder.resolve("pictures"));
  }

  @AfterAll
  static void closeBrowser() {
    if (browser != null) {
      browser.close();
    }
  }

  private static void assertIsReadable(Path page) {
    List<String> problems = new ArrayList<>();
    for (int width : new int[] {Browser.PHONE, Browser.DESK}) {
      for (boolean dark : new boolean[] {false, true}) {
        for (String problem : browser.problems(page, width, dark)) {
          problems.add(width + (dark ? " dark: " : " light: ") + problem);
        }
      }
    }
    assertThat(problems).isEmpty();
  }

  private static Path run(int exitCode, String page, String... arguments) {
    Outcome outcome = Outcome.of(arguments);
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isEqualTo(exitCode);
    return folder.resolve(page);
  }

  @Test
  void theBrowserSeesWhatIsWrong() throws Exception {
    Path page = folder.resolve("wrong.html");
    Files.writeString(
        page,
        """
        <!DOCTYPE html><html><head><meta name="viewport" content="width=device-width"/></head>
        <body style="background: white"><p style="color: #999; width: 500px">faint and wide</p>
        <p style="font-size: 6px">small</p>
        <svg viewBox="0 0 10 10"><text y="9" fill="#fff">white</text></svg>
        <script>console.error('wrong')</script><img src="http://localhost:9/picture.png"/></body></html>
        """);
    assertThat(browser.problems(page, Browser.PHONE, true))
        .anySatisfy(problem -> assertThat(problem).contains("wide on a screen of 360"))
        .anySatisfy(
            problem -> assertThat(problem).contains("\"faint and wide\" has a contrast of 2.8"))
        .anySatisfy(problem -> assertThat(problem).contains("\"white\" has a contrast of 1.00"))
        .anySatisfy(problem -> assertThat(problem).contains("\"small\" has a height of 6"))
        .anySatisfy(problem -> assertThat(problem).contains("the page is not dark"))
        .anySatisfy(problem -> assertThat(problem).startsWith("console: ").contains("wrong"))
        .anySatisfy(problem -> assertThat(problem).startsWith("loaded: ").contains("localhost:9"));
  }

  @Test
  void verify() throws Exception {
    Path shapes = folder.resolve("shapes.yaml");
    // The second proves nothing and is listed as failed: its pixels hardly meet the image.
    Files.writeString(
        shapes,
        """
        - {in: 5, out: 9, kernel: 3, stride: 2, batch: 2, height: 7, width: 6, bn: true, relu: true}
        - {in: 8, kernel: 1, padding: 4, batch: 2, size: 4}
        """);
    assertIsReadable(
        run(
            1,
            "verify.html",
            "verify",
            "--engine",
            "reference",
            "--precision",
            "bf16",
            "--shapes",
            shapes.toString(),
            "--html",
            folder.resolve("verify.html").toString()));
  }

  @Test
  void training() {
    assertIsReadable(
        run(
            0,
            "run/report.html",
            "train",
            "--data",
            folder.resolve("pictures").toString(),
            "--to",
            folder.resolve("run").toString(),
            "--set",
            "network=resnet8",
            "--set",
            "preprocessing=cifar@8:8",
            "--set",
            "epochs=2",
            "--set",
            "batch=6",
            "--lr",
            "1e-9"));
  }

  @Test
  void degradation() {
    assertIsReadable(
        run(
            0,
            "study/study.html",
            "study",
            "degradation",
            "--depths",
            "8,14",
            "--data",
            folder.resolve("pictures").toString(),
            "--to",
            folder.resolve("study").toString(),
            "--set",
            "preprocessing=cifar@8:8",
            "--set",
            "epochs=1",
            "--set",
            "batch=6"));
  }

  @Test
  void comparison() {
    assertIsReadable(
        run(
            0,
            "compared/study.html",
            "study",
            "compare",
            "--networks",
            "resnet8,plain8",
            "--data",
            folder.resolve("pictures").toString(),
            "--to",
            folder.resolve("compared").toString(),
            "--set",
            "preprocessing=cifar@8:8",
            "--set",
            "epochs=2",
            "--set",
            "batch=6"));
  }

  @Test
  void bench() {
    Path page =
        run(
            0,
            "bench.html",
            "bench",
            "--network",
            "resnet8",
            "--engine",
            "onednn,reference",
            "--batch",
            "1,2",
            "--mode",
            "inference,training",
            "--rounds",
            "2",
            "--seconds",
            "0.01",
            "--layers",
            "--html",
            folder.resolve("bench.html").toString());
    assertThat(page)
        .content()
        .contains("Throughput by batch", "Rooflines", "Ratio of images", "Memory by batch")
        .contains("<circle", "Ratio per layer")
        .doesNotContain("Estimates");
    assertIsReadable(page);
  }
}
