package io.resfuse.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.data.DataException;
import io.resfuse.data.dataset.PictureFiles;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;

/** Turns a command's arguments into pictures: files, folders and standard input. */
final class PictureInputs {
  private static final String STANDARD_INPUT = "-";

  private final ImageDecoder decoder = new ImageDecoder();

  /**
   * A picture to be read.
   *
   * @param name what it is called in results: its path as text, or - for standard input
   * @param file null for standard input, and where there is a problem
   * @param below its path below the folder that was named, or the file's name
   * @param problem why there is no picture; null if there may be one
   */
  record Input(String name, @Nullable Path file, Path below, @Nullable DataException problem) {
    static Input of(Path file, Path below) {
      return new Input(FileNames.text(file), file, below, null);
    }

    static Input unusable(String name, DataException problem) {
      return new Input(name, null, Path.of("-"), problem);
    }

    /**
     * What files made from it are called: its place below the folder, without the ending. Bytes, as
     * {@link FileNames#raw} has them.
     */
    private String stem() {
      String raw = FileNames.raw(below);
      int dot = raw.lastIndexOf('.');
      return dot > raw.lastIndexOf('/') + 1 ? raw.substring(0, dot) : raw;
    }
  }

  /**
   * All pictures, and what is named but cannot be looked at.
   *
   * @param arguments files, folders (all pictures in them, as {@link PictureFiles} finds them) or -
   *     for standard input
   */
  List<Input> expand(List<String> arguments) {
    List<Input> inputs = new ArrayList<>();
    for (String argument : arguments) {
      if (argument.equals(STANDARD_INPUT)) {
        inputs.add(new Input(argument, null, Path.of("stdin"), null));
        continue;
      }
      Path path;
      try {
        path = FileNames.path(argument);
      } catch (IllegalArgumentException e) {
        inputs.add(Input.unusable(argument, new DataException(e.getMessage(), e)));
        continue;
      }
      if (Files.isDirectory(path)) {
        addFolder(path, inputs);
      } else {
        Path name = path.getFileName();
        inputs.add(Input.of(path, name == null ? path : name));
      }
    }
    return inputs;
  }

  private static void addFolder(Path folder, List<Input> inputs) {
    int before = inputs.size();
    List<Path> found =
        PictureFiles.in(
            folder, problem -> inputs.add(Input.unusable(FileNames.text(folder), problem)));
    if (found.isEmpty() && inputs.size() == before) {
      inputs.add(
          Input.unusable(
              FileNames.text(folder),
              new DataException(
                  FileNames.shown(folder)
                      + ": no pictures in this folder ("
                      + String.join(", ", PictureFiles.ENDINGS)
                      + "); name files to have them read whatever their endings")));
    }
    for (Path file : found) {
      inputs.add(Input.of(file, folder.relativize(file)));
    }
  }

  /**
   * What files made from each input are called, no two alike: its path below the folder without the
   * ending, or where others have that, too, with the ending.
   *
   * @return for each input, for {@link #target}
   * @throws DataException if two have the same name; nothing has been written then
   */
  static List<String> outputNames(List<Input> inputs) {
    Map<String, Integer> stems = new HashMap<>();
    inputs.forEach(input -> stems.merge(input.stem(), 1, Integer::sum));
    Map<String, Input> taken = new HashMap<>();
    List<String> names = new ArrayList<>();
    for (Input input : inputs) {
      String name = stems.get(input.stem()) == 1 ? input.stem() : FileNames.raw(input.below());
      Input other = input.problem() == null ? taken.putIfAbsent(name, input) : null;
      if (other != null) {
        throw new DataException(
            "what is made of %s and %s would have the same name, %s; name the folder that both are in"
                    .formatted(
                        Printable.of(other.name()),
                        Printable.of(input.name()),
                        FileNames.shown(FileNames.ofRaw(name)))
                + ", or run twice, to two folders");
      }
      names.add(name);
    }
    return names;
  }

  /** The file in a folder for what is made of an input. */
  static Path target(Path folder, String name, String ending) {
    return folder.resolve(FileNames.ofRaw(name + ending));
  }

  /** That a result cannot be written, as where its name would be too long. */
  static DataException unwritten(Path target, FileSystemException cause) {
    String reason = cause.getReason() == null ? cause.toString() : cause.getReason();
    return new DataException(FileNames.shown(target) + ": cannot be written: " + reason, cause);
  }

  /** Says which picture is passed over, and why. */
  static void reportUnreadable(CommandSpec command, DataException failure) {
    PrintWriter err = command.commandLine().getErr();
    err.println("resfuse: " + Printable.message(failure.getMessage()));
    err.flush();
  }

  /** Prints the same among results in JSON. */
  static void printUnreadable(CommandSpec command, String name, DataException failure)
      throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode node =
        mapper.createObjectNode().put("file", name).put("error", failure.getMessage());
    command.commandLine().getOut().println(mapper.writeValueAsString(node));
  }

  /**
   * Reads as much of a picture as is needed.
   *
   * @throws DataException if it cannot be read
   */
  Image read(Input input, Reduction needed) {
    DataException problem = input.problem();
    if (problem != null) {
      throw problem;
    }
    Path file = input.file();
    return file == null
        ? decoder.read(System.in, "standard input", needed)
        : decoder.read(file, new PixelScratch(), needed);
  }
}
