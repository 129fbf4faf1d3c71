package io.resfuse.benchmarks.loader;

import io.resfuse.bench.report.Summary;
import io.resfuse.data.augment.Augmentation;
import io.resfuse.data.augment.HorizontalFlip;
import io.resfuse.data.augment.RandomResizedCrop;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.DatasetPacker;
import io.resfuse.data.dataset.Datasets;
import io.resfuse.data.dataset.PackedDataset;
import io.resfuse.data.dataset.Split;
import io.resfuse.data.image.Decoding;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Resampling;
import io.resfuse.data.loader.Loader;
import io.resfuse.data.loader.LoaderEpoch;
import java.awt.image.BufferedImage;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/**
 * The loader with one thread against Pillow and torchvision with one, in turns: pictures per second
 * from JPEGs of 500 x 375 and of 2000 x 1500 pixels, and from a packed file, to 224 x 224. Where
 * ResFuse decodes scaled, so does Pillow, by its draft mode.
 */
public final class LoaderComparison {
  private static final String USAGE =
      "usage: benchmarks/run loader [--rounds N] [--seconds S] [--python COMMAND]";
  private static final List<String> EXAMPLES = List.of("china.jpg", "chelsea.png", "coffee.png");
  private static final int BATCH = 32;
  private static final int WARM_UP = 3;
  private static final int BATCHES = 1000;

  private record Work(String title, String peer, Loader loader, boolean pixels) {
    /** Runs for some seconds; gives pictures per second. */
    double run(double seconds) {
      long pictures = 0;
      try (LoaderEpoch batches = pixels ? loader.pixels(0, 0) : loader.epoch(0)) {
        batches.next(); // its buffers are new memory, which is not what is measured
        batches.next();
        batches.next();
        long start = System.nanoTime();
        while (System.nanoTime() - start < seconds * 1e9) {
          pictures += batches.next().count();
        }
        return pictures * 1e9 / (System.nanoTime() - start);
      }
    }
  }

  private LoaderComparison() {}

  /**
   * Runs it.
   *
   * @param arguments the project's folder, then options
   * @throws IOException if a file or the other process fails
   */
  public static void main(String[] arguments) throws IOException {
    int rounds = 5;
    double seconds = 1;
    String python = "/usr/bin/python3";
    for (int i = 1; i < arguments.length; i += 2) {
      String value = i + 1 < arguments.length ? arguments[i + 1] : "";
      switch (arguments[i]) {
        case "--rounds" -> rounds = Integer.parseInt(value);
        case "--seconds" -> seconds = Double.parseDouble(value);
        case "--python" -> python = value;
        default -> {
          System.err.println(USAGE);
          System.exit(2);
        }
      }
    }
    Path root = Path.of(arguments[0]);
    Path folder = Files.createTempDirectory("resfuse-loader");
    try {
      write(root.resolve("examples"), folder.resolve("pictures/train/all"), 500, 375);
      write(root.resolve("examples"), folder.resolve("large/train/all"), 2000, 1500);
      compare(root.resolve("benchmarks/loader.py"), folder, rounds, seconds, python);
    } finally {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  /** The examples as JPEGs: 500 x 375 is about the size of ImageNet's pictures. */
  private static void write(Path examples, Path folder, int width, int height) throws IOException {
    Files.createDirectories(folder);
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ImageWriteParam quality = writer.getDefaultWriteParam();
    quality.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
    quality.setCompressionQuality(0.9f);
    for (String name : EXAMPLES) {
      Image image =
          new ImageDecoder()
              .read(examples.resolve(name))
              .resized(width, height, Resampling.BICUBIC);
      BufferedImage copy = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
      for (int i = 0; i < width * height; i++) {
        int x = i % width;
        int y = i / width;
        int rgb = image.sample(x, y, 0) << 16 | image.sample(x, y, 1) << 8 | image.sample(x, y, 2);
        copy.setRGB(x, y, rgb);
      }
      Path file = folder.resolve(name.replaceAll("\\..*", ".jpg"));
      try (ImageOutputStream stream = ImageIO.createImageOutputStream(file.toFile())) {
        writer.setOutput(stream);
        writer.write(null, new IIOImage(copy, null, null), quality);
      }
    }
    writer.dispose();
  }

  private static void compare(Path script, Path folder, int rounds, double seconds, String python)
      throws IOException {
    Dataset pictures = Datasets.open(folder.resolve("pictures"), Split.TRAIN, new ImageDecoder());
    Dataset large = Datasets.open(folder.resolve("large"), Split.TRAIN, new ImageDecoder());
    Path file = folder.resolve("pictures.pack");
    new DatasetPacker(256, 1, (done, total) -> {}).pack(pictures, null, file);
    Dataset packed = PackedDataset.open(file, Split.TRAIN);
    List<Work> all =
        List.of(
            new Work(
                "JPEG, resized and cropped",
                "evaluation",
                evaluation(pictures, Decoding.EXACT),
                false),
            new Work(
                "JPEG, random crop and flip",
                "training",
                training(pictures, Decoding.EXACT),
                false),
            new Work(
                "packed, random crop and flip", "shrunk", training(packed, Decoding.EXACT), false),
            new Work(
                "packed, the same, as 8 bits", "shrunk", training(packed, Decoding.EXACT), true),
            new Work(
                "large, resized and cropped", "large", evaluation(large, Decoding.EXACT), false),
            new Work("large, the same, scaled", "draft", evaluation(large, Decoding.SCALED), false),
            new Work(
                "large, random crop and flip", "larges", training(large, Decoding.EXACT), false),
            new Work("large, the same, scaled", "drafts", training(large, Decoding.SCALED), false));
    double[][] ours = new double[all.size()][rounds];
    double[][] theirs = new double[all.size()][rounds];
    Process peer =
        new ProcessBuilder(python, script.toString(), folder.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedWriter questions = peer.outputWriter();
        BufferedReader answers = peer.inputReader()) {
      String versions = answers.readLine();
      if (versions == null) {
        throw new IOException(
            python
                + " has no Pillow or torchvision: apt-get install python3-pil python3-torchvision");
      }
      System.out.println(versions + "; pictures per second on one core, median of " + rounds);
      for (int round = -WARM_UP; round < rounds; round++) {
        for (int i = 0; i < all.size(); i++) {
          double own = all.get(i).run(seconds);
          questions.write(all.get(i).peer() + " " + seconds + "\n");
          questions.flush();
          double other = Double.parseDouble(answers.readLine());
          if (round >= 0) {
            ours[i][round] = own;
            theirs[i][round] = other;
          }
        }
      }
    } finally {
      peer.destroy();
    }
    System.out.printf("%-30s %10s %12s %8s%n", "", "ResFuse", "torchvision", "ratio");
    for (int i = 0; i < all.size(); i++) {
      double own = Summary.of(ours[i]).median();
      double other = Summary.of(theirs[i]).median();
      System.out.printf(
          Locale.ROOT, "%-30s %10.0f %12.0f %8.2f%n", all.get(i).title(), own, other, own / other);
    }
  }

  private static Loader evaluation(Dataset pictures, Decoding decoding) {
    return Loader.forEvaluation(repeated(pictures), Preprocessing.of("torchvision"), BATCH)
        .decoding(decoding)
        .build();
  }

  private static Loader training(Dataset pictures, Decoding decoding) {
    Augmentation[] augmentations = {new RandomResizedCrop(224), new HorizontalFlip(0.5)};
    return Loader.forTraining(repeated(pictures), Preprocessing.of("torchvision"), BATCH)
        .augmentations(augmentations)
        .decoding(decoding)
        .build();
  }

  private static Dataset repeated(Dataset pictures) {
    int[] indices = new int[BATCH * BATCHES];
    Arrays.setAll(indices, i -> i % pictures.size());
    return pictures.subset(indices);
  }
}
