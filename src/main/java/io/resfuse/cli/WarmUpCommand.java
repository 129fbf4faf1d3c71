package io.resfuse.cli;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.model.Initializer;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.platform.UserFolders;
import io.resfuse.platform.WorkFolder;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/**
 * {@code resfuse warm-up}, for the launcher: classifies a small picture with a small network, so
 * that the JVM loads the classes that it then keeps in an archive for quick starts.
 */
@Command(name = "warm-up", hidden = true, description = "Loads classes for the launcher's archive.")
final class WarmUpCommand implements Callable<Integer> {
  /** A black PNG of 40x30: nothing here needs Java's own pictures, which some runtimes lack. */
  private static final String PICTURE =
      "iVBORw0KGgoAAAANSUhEUgAAACgAAAAeCAIAAADRv8uKAAAAGklEQVR42u3BMQEAAADCoPVP7W8GoAAA"
          + "AOANDi4AAbR3yWEAAAAASUVORK5CYII=";

  @Override
  public Integer call() throws IOException {
    try (WorkFolder folder = WorkFolder.in(UserFolders.temporary(), "resfuse-warm-up")) {
      Path picture = folder.path().resolve("picture.png");
      Path model = folder.path().resolve("model.safetensors");
      Files.write(picture, Base64.getDecoder().decode(PICTURE));
      ResNetConfig config = ResNetConfig.of(ResNetVariant.cifar(8, true));
      NetworkSpec network = config.build();
      List<String> labels = Collections.nCopies(config.classes(), "x");
      ModelFile.save(
          model,
          new ModelMetadata(config, "torchvision", labels, Map.of()),
          Initializer.seeded(1).initialize(network));
      return Main.run("classify", picture.toString(), "--weights", model.toString());
    }
  }
}
