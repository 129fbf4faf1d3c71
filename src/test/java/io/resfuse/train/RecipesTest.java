package io.resfuse.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.train.recipe.RecipeReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The recipes of the repository can be read. */
class RecipesTest {
  @Test
  void allCanBeRead() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("recipes"))) {
      List<Path> recipes = files.toList();
      assertThat(recipes).hasSizeGreaterThan(4);
      for (Path recipe : recipes) {
        assertThat(RecipeReader.read(recipe, Map.of())).isNotNull();
      }
    }
  }
}
