package io.resfuse.cli;

import io.resfuse.data.DataException;
import io.resfuse.data.dataset.PictureFiles;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.ImageException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;

/** Turns a command's arguments into pictures: files, folders and standard input. */
final class PictureInputs {
  private static final String STANDARD_INPUT = "-";

  private final ImageDecoder decoder = new ImageDecoder();

  /**
   * A picture to be read.
   *
   * @param name its file, or - for standard input
   * @param below its path below the folder that was named, or the file's name
   */
  record Input(String name, String below) {
    /** What files made from it are called: its place below the folder, without the ending. */
    String stem() {
      int dot = below.lastIndexOf('.');
      return dot > below.lastIndexOf('/') + 1 ? below.substring(0, dot) : below;
    }
  }

  /**
   * All pictures.
   *
   * @param arguments files, folders (all pictures in them, as {@link PictureFiles} finds them) or -
   *     for standard input
   */
  List<Input> expand(List<String> arguments) {
    List<Input> inputs = new ArrayList<>();
    for (String argument : arguments) {
      Path path = Path.of(argument);
      if (argument.equals(STANDARD_INPUT)) {
        inputs.add(new Input(argument, "stdin"));
      } else if (!Files.isDirectory(path)) {
        inputs.add(new Input(argument, path.getFileName().toString()));
      } else {
        List<Path> found = PictureFiles.in(path);
        if (found.isEmpty()) {
          throw new IllegalArgumentException(
              argument
                  + ": no pictures in this folder ("
                  + String.join(", ", PictureFiles.ENDINGS)
                  + "); name files to have them read whatever their endings");
        }
        for (Path file : found) {
          inputs.add(
              new Input(file.toString(), path.relativize(file).toString().replace('\\', '/')));
        }
      }
    }
    return inputs;
  }

  /**
   * What files made from each input are called, no two alike: its {@link Input#stem}, or where
   * others have that, too, its name with the ending.
   *
   * @throws DataException if two have the same name; nothing has been written then
   */
  static List<String> outputNames(List<Input> inputs) {
    Map<String, Integer> stems = new HashMap<>();
    inputs.forEach(input -> stems.merge(input.stem(), 1, Integer::sum));
    Map<String, Input> taken = new HashMap<>();
    List<String> names = new ArrayList<>();
    for (Input input : inputs) {
      String name = stems.get(input.stem()) == 1 ? input.stem() : input.below();
      Input other = taken.putIfAbsent(name, input);
      if (other != null) {
        throw new DataException(
            "what is made of %s and %s would have the same name, %s; name the folder that both are in"
                    .formatted(other.name(), input.name(), name)
                + ", or run twice, to two folders");
      }
      names.add(name);
    }
    return names;
  }

  /** Says which picture is passed over, and why. */
  static void reportUnreadable(CommandSpec command, ImageException failure) {
    PrintWriter err = command.commandLine().getErr();
    err.println("resfuse: " + failure.getMessage());
    err.flush();
  }

  Image read(String name) {
    return name.equals(STANDARD_INPUT)
        ? decoder.read(System.in, "standard input")
        : decoder.read(Path.of(name));
  }
}
