package io.resfuse.cli;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.model.Initializer;
import io.resfuse.model.ResNet;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import javax.imageio.ImageIO;
import picocli.CommandLine.Command;

/**
 * {@code resfuse warm-up}, for the launcher: classifies a small picture with a small network, so
 * that the JVM loads the classes that it then keeps in an archive for quick starts.
 */
@Command(name = "warm-up", hidden = true, description = "Loads classes for the launcher's archive.")
final class WarmUpCommand implements Callable<Integer> {
  @Override
  public Integer call() throws IOException {
    Path folder = Files.createTempDirectory("resfuse-warm-up");
    Path picture = folder.resolve("picture.png");
    Path model = folder.resolve("model.safetensors");
    try {
      BufferedImage image = new BufferedImage(40, 30, BufferedImage.TYPE_INT_RGB);
      ImageIO.write(image, "png", picture.toFile());
      ResNetConfig config = ResNetConfig.of(ResNetVariant.cifar(8, true));
      NetworkSpec network = ResNet.build(config);
      List<String> labels = Collections.nCopies(config.classes(), "x");
      ModelFile.save(
          model,
          new ModelMetadata(config, "torchvision", labels, Map.of()),
          Initializer.seeded(1).initialize(network));
      return Main.run("classify", picture.toString(), "--weights", model.toString());
    } finally {
      Files.deleteIfExists(picture);
      Files.deleteIfExists(model);
      Files.deleteIfExists(folder);
    }
  }
}
