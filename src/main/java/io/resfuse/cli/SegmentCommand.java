package io.resfuse.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.Model;
import io.resfuse.cli.PictureInputs.Input;
import io.resfuse.cli.SegmentPicture.Part;
import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.PngEncoder;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.engine.Engine;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import io.resfuse.platform.WholeFile;
import io.resfuse.weights.ModelFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code resfuse segment}. */
@Command(
    name = "segment",
    description =
        "Says which class each pixel of pictures has, and how much of a picture is of which class.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "A picture runs whole: its short side is resized to what the network was trained on, or 520 where the"
          + " file does not say that, as torchvision's networks; the logits are resized to the picture's own size"
          + " (bilinear), and the largest decides. Masks are as large as their pictures: palette index = class, in"
          + " PASCAL VOC's colours; training and 'resfuse evaluate' read them.",
      "",
      "Pictures that cannot be read are named on standard error and skipped; the exit code is then 1.",
      "--json prints one object per picture and line.",
      "",
      "Examples:",
      "  resfuse segment street.jpg --weights runs/mine/model.safetensors --output masks --draw drawn",
      "  resfuse segment pictures --weights fcn_resnet50_coco.pth --labels voc --json",
    })
final class SegmentCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      arity = "1..*",
      paramLabel = "PICTURE",
      description = "A file, a folder, or - for a picture on standard input.")
  private List<String> arguments;

  @Mixin private ModelChoice modelChoice = ModelChoice.withoutDefault();

  @Mixin private LabelsOption labels;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FOLDER",
      description = "Write the mask of each picture, as FOLDER/NAME.png.")
  private @Nullable Path output;

  @Option(
      names = "--draw",
      paramLabel = "FOLDER",
      description =
          "Draw each picture with its classes in colours over it, as FOLDER/NAME.segments.png.")
  private @Nullable Path drawings;

  @Option(
      names = "--overwrite",
      description = "Replace masks and drawings that are there; else they are an error.")
  private boolean overwrite;

  @Option(
      names = "--size",
      paramLabel = "PIXELS",
      description = "Resize the short side of pictures to this for the network.")
  private @Nullable Integer size;

  @Option(
      names = "--preprocessing",
      paramLabel = "NAME",
      description =
          "How pictures are prepared: torchvision, cifar, ... (default: as the model wants it).")
  private @Nullable String preprocessing;

  @Option(names = "--json", description = "Print JSON, one line for each picture.")
  private boolean json;

  @Mixin private EngineChoice engineChoice;

  private final ObjectMapper mapper = new ObjectMapper();
  private boolean failed;

  @Override
  public Integer call() throws IOException {
    PictureInputs inputs = new PictureInputs();
    List<Input> all = inputs.expand(arguments);
    boolean writes = output != null || drawings != null;
    List<String> names = writes ? PictureInputs.outputNames(all) : List.of();
    requireFree(all, names);
    try (Opened opened = Opened.of(this::open, engineChoice);
        Model model = load(opened.engine(), opened.file());
        Progress progress = new Progress("segment")) {
      for (int i = 0; i < all.size(); i++) {
        try {
          segment(model, inputs, all.get(i), writes ? names.get(i) : "");
        } catch (DataException e) {
          reportUnreadable(all.get(i).name(), e);
        }
        progress.picturesBesideResults(i + 1, all.size());
      }
    }
    return failed ? 1 : 0;
  }

  private ModelFile open() {
    ModelFile file = modelChoice.open();
    file.requireMaps();
    return labels.apply(file);
  }

  private Model load(Engine engine, ModelFile file) {
    Preprocessing how = Preprocessing.of(preprocessing == null ? file.preset() : preprocessing);
    return Model.load(
        engine,
        file,
        engineChoice.precision(engine, Engine.Mode.INFERENCE),
        size == null ? how : how.withSize(size, size),
        1);
  }

  private @Nullable Path mask(String name) {
    return output == null ? null : PictureInputs.target(output, name, ".png");
  }

  private @Nullable Path drawing(String name) {
    return drawings == null ? null : PictureInputs.target(drawings, name, ".segments.png");
  }

  /** Before any work: nothing is replaced unasked, and no picture by what is made of it. */
  private void requireFree(List<Input> all, List<String> names) throws IOException {
    Set<Path> sources = new HashSet<>();
    for (Input input : all) {
      Path file = input.file();
      if (file != null && Files.exists(file)) {
        sources.add(file.toRealPath());
      }
    }
    Set<Path> targets = new HashSet<>();
    for (String name : names) {
      for (@Nullable Path target : new Path[] {mask(name), drawing(name)}) {
        if (target != null) {
          requireFree(target, sources);
          if (!targets.add(target.toAbsolutePath().normalize())) {
            throw new IllegalArgumentException(
                FileNames.shown(target)
                    + ": would be written twice; give --output and --draw different folders");
          }
        }
      }
    }
  }

  private void requireFree(Path target, Set<Path> sources) throws IOException {
    if (!Files.exists(target)) {
      return;
    }
    if (sources.contains(target.toRealPath())) {
      throw new IllegalArgumentException(
          FileNames.shown(target) + ": is read by this very command; write to another folder");
    }
    if (!overwrite) {
      throw new IllegalArgumentException(
          FileNames.shown(target)
              + ": is there already; name another folder, or give --overwrite to replace it");
    }
  }

  private void segment(Model model, PictureInputs inputs, Input input, String name)
      throws IOException {
    Image image = inputs.read(input, model.preprocessing().wholePictures());
    Image map;
    try {
      map = model.segment(image);
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new DataException(
          "%s: a picture of %s cannot run: %s".formatted(input.name(), image, e.getMessage()), e);
    }
    List<Part> parts = parts(model, map);
    Path mask = write(mask(name), () -> PngEncoder.mask(map));
    Path drawing = write(drawing(name), () -> SegmentPicture.png(image, map, parts));
    print(input.name(), image, parts, mask, drawing);
  }

  /** The classes that are there, the largest first. */
  private static List<Part> parts(Model model, Image map) {
    long[] counts = new long[256];
    for (byte number : map.pixels()) {
      counts[number & 0xff]++;
    }
    List<Part> parts = new ArrayList<>();
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        String label = i == 255 ? "no class" : model.label(i);
        parts.add(new Part(i, label, counts[i], (double) counts[i] / map.pixels().length));
      }
    }
    parts.sort(Comparator.comparingLong(Part::pixels).reversed());
    return parts;
  }

  /** The bytes of a file. */
  private interface Contents {
    byte[] get() throws IOException;
  }

  /** Writes a file; null if none is wanted. */
  private static @Nullable Path write(@Nullable Path target, Contents contents) throws IOException {
    if (target == null) {
      return null;
    }
    byte[] bytes = contents.get();
    try {
      Files.createDirectories(target.toAbsolutePath().getParent());
      WholeFile.write(target, bytes);
    } catch (FileSystemException e) {
      throw PictureInputs.unwritten(target, e);
    }
    return target;
  }

  private void reportUnreadable(String name, DataException failure) throws IOException {
    failed = true;
    PictureInputs.reportUnreadable(spec, failure);
    if (json) {
      PictureInputs.printUnreadable(spec, name, failure);
    }
  }

  private void print(
      String name, Image image, List<Part> parts, @Nullable Path mask, @Nullable Path drawing)
      throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      ObjectNode node = mapper.createObjectNode().put("file", name);
      node.put("width", image.width()).put("height", image.height());
      ArrayNode array = node.putArray("classes");
      for (Part part : parts) {
        array
            .addObject()
            .put("index", part.index())
            .put("label", part.label())
            .put("pixels", part.pixels())
            .put("share", part.share());
      }
      if (mask != null) {
        node.put("mask", FileNames.text(mask));
      }
      if (drawing != null) {
        node.put("drawing", FileNames.text(drawing));
      }
      out.println(mapper.writeValueAsString(node));
    } else {
      out.println("%s  %d x %d".formatted(Printable.of(name), image.width(), image.height()));
      for (Part part : parts) {
        out.println(
            String.format(
                Locale.ROOT, "  %6.2f%%  %s", 100 * part.share(), Printable.of(part.label())));
      }
      for (@Nullable Path written : new Path[] {mask, drawing}) {
        if (written != null) {
          out.println("  " + FileNames.shown(written));
        }
      }
    }
    out.flush();
  }
}
