package io.resfuse;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Holds the arrows between packages that docs/architecture.md draws. */
@AnalyzeClasses(packages = "io.resfuse", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String SPI = "io.resfuse.engine.spi";

  @ArchTest
  static final ArchRule ARROWS =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .withOptionalLayers(true)
          .layer("report")
          .definedBy("io.resfuse.report")
          .layer("platform")
          .definedBy("io.resfuse.platform")
          .layer("tensor")
          .definedBy("io.resfuse.tensor")
          .layer("engine")
          .definedBy("io.resfuse.engine")
          .layer("spi")
          .definedBy(SPI)
          .layer("engines")
          .definedBy(resideInAPackage("io.resfuse.engine.*..").and(not(resideInAPackage(SPI))))
          .layer("model")
          .definedBy("io.resfuse.model")
          .layer("detect")
          .definedBy("io.resfuse.detect")
          .layer("data")
          .definedBy("io.resfuse.data..")
          .layer("weights.format")
          .definedBy("io.resfuse.weights.format")
          .layer("weights.onnx")
          .definedBy("io.resfuse.weights.onnx")
          .layer("weights")
          .definedBy("io.resfuse.weights")
          .layer("quantize")
          .definedBy("io.resfuse.quantize")
          .layer("verify")
          .definedBy("io.resfuse.verify..")
          .layer("bench.report")
          .definedBy("io.resfuse.bench.report")
          .layer("bench")
          .definedBy("io.resfuse.bench")
          .layer("train.recipe")
          .definedBy("io.resfuse.train.recipe")
          .layer("train.metric")
          .definedBy("io.resfuse.train.metric")
          .layer("train")
          .definedBy("io.resfuse.train")
          .layer("train.run")
          .definedBy("io.resfuse.train.run")
          .layer("train.report")
          .definedBy("io.resfuse.train.report")
          .layer("batch")
          .definedBy("io.resfuse.batch")
          .layer("facade")
          .definedBy("io.resfuse")
          .layer("cli")
          .definedBy("io.resfuse.cli..")
          .whereLayer("report")
          .mayOnlyAccessLayers("platform")
          .whereLayer("platform")
          .mayNotAccessAnyLayer()
          .whereLayer("tensor")
          .mayNotAccessAnyLayer()
          .whereLayer("engine")
          .mayOnlyAccessLayers("tensor")
          .whereLayer("spi")
          .mayOnlyAccessLayers("platform", "tensor", "engine")
          .whereLayer("spi")
          .mayOnlyBeAccessedByLayers("engines")
          .whereLayer("engines")
          .mayOnlyAccessLayers("platform", "tensor", "engine", "spi")
          .whereLayer("model")
          .mayOnlyAccessLayers("tensor", "engine")
          .whereLayer("detect")
          .mayNotAccessAnyLayer()
          .whereLayer("data")
          .mayOnlyAccessLayers("platform", "tensor", "detect")
          .whereLayer("weights.format")
          .mayOnlyAccessLayers("platform", "tensor")
          .whereLayer("weights.onnx")
          .mayOnlyAccessLayers("tensor", "engine", "model", "weights.format")
          .whereLayer("weights.onnx")
          .mayOnlyBeAccessedByLayers("weights")
          .whereLayer("weights")
          .mayOnlyAccessLayers(
              "platform", "tensor", "engine", "model", "weights.format", "weights.onnx")
          .whereLayer("quantize")
          .mayOnlyAccessLayers("tensor", "engine")
          .whereLayer("verify")
          .mayOnlyAccessLayers("tensor", "engine", "quantize", "model", "report")
          .whereLayer("bench.report")
          .mayOnlyAccessLayers("platform", "tensor", "engine", "model", "report")
          .whereLayer("bench")
          .mayOnlyAccessLayers("tensor", "engine", "model", "verify", "bench.report")
          .whereLayer("train.recipe")
          .mayOnlyAccessLayers("tensor", "engine", "data")
          .whereLayer("train.metric")
          .mayOnlyAccessLayers("detect")
          .whereLayer("train")
          .mayOnlyAccessLayers(
              "platform",
              "tensor",
              "engine",
              "model",
              "data",
              "weights",
              "weights.format",
              "train.recipe",
              "train.metric")
          .whereLayer("train.run")
          .mayOnlyAccessLayers(
              "platform",
              "tensor",
              "engine",
              "model",
              "data",
              "weights",
              "weights.format",
              "train.recipe",
              "train")
          .whereLayer("train.report")
          .mayOnlyAccessLayers("engine", "data", "train.recipe", "train", "train.run", "report")
          .whereLayer("batch")
          .mayOnlyAccessLayers("platform", "tensor", "engine", "data")
          .whereLayer("facade")
          .mayOnlyAccessLayers(
              "tensor", "engine", "model", "data", "weights", "weights.format", "batch")
          .whereLayer("cli")
          .mayNotBeAccessedByAnyLayer();

  @ArchTest
  static final ArchRule DATA_HAS_LAYERS =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("data")
          .definedBy("io.resfuse.data")
          .layer("image")
          .definedBy("io.resfuse.data.image")
          .layer("augment")
          .definedBy("io.resfuse.data.augment")
          .layer("dataset")
          .definedBy("io.resfuse.data.dataset")
          .layer("scene")
          .definedBy("io.resfuse.data.scene")
          .layer("loader")
          .definedBy("io.resfuse.data.loader")
          .whereLayer("data")
          .mayNotAccessAnyLayer()
          .whereLayer("image")
          .mayOnlyAccessLayers("data")
          .whereLayer("augment")
          .mayOnlyAccessLayers("data", "image")
          .whereLayer("dataset")
          .mayOnlyAccessLayers("data", "image")
          .whereLayer("scene")
          .mayOnlyAccessLayers("data", "image", "dataset")
          .whereLayer("loader")
          .mayOnlyAccessLayers("data", "image", "augment", "dataset");

  /**
   * The engines do not know of each other: what they share is in the SPI. cuDNN is run on the CUDA
   * engine's devices.
   */
  @ArchTest
  static final ArchRule ENGINES_ARE_STRANGERS =
      slices()
          .matching("io.resfuse.engine.(*)..")
          .should()
          .notDependOnEachOther()
          .ignoreDependency(
              resideInAPackage("io.resfuse.engine.cudnn.."),
              resideInAPackage("io.resfuse.engine.cuda.."))
          .ignoreDependency(
              resideInAPackage("io.resfuse.engine.*..").and(not(resideInAPackage(SPI))),
              resideInAPackage(SPI))
          .allowEmptyShould(true);

  /**
   * The rooms of the CUDA engine: each uses those before it only, so nothing runs in a circle. What
   * an operation launches knows nothing of who runs convolutions, and neither of plans.
   */
  @ArchTest
  static final ArchRule ROOMS_OF_CUDA =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("driver")
          .definedBy("io.resfuse.engine.cuda.internal.driver")
          .layer("kernels")
          .definedBy("io.resfuse.engine.cuda.internal.kernels")
          .layer("program")
          .definedBy("io.resfuse.engine.cuda.internal.program")
          .layer("layout")
          .definedBy("io.resfuse.engine.cuda.internal.layout")
          .layer("tiles")
          .definedBy("io.resfuse.engine.cuda.internal.tiles")
          .layer("emit")
          .definedBy("io.resfuse.engine.cuda.internal.emit")
          .layer("backend")
          .definedBy("io.resfuse.engine.cuda.internal.backend")
          .layer("library")
          .definedBy("io.resfuse.engine.cuda.internal.library")
          .layer("plans")
          .definedBy("io.resfuse.engine.cuda")
          .whereLayer("driver")
          .mayNotAccessAnyLayer()
          .whereLayer("kernels")
          .mayOnlyAccessLayers("driver")
          .whereLayer("program")
          .mayOnlyAccessLayers("driver")
          .whereLayer("layout")
          .mayOnlyAccessLayers("driver", "kernels", "program")
          .whereLayer("tiles")
          .mayOnlyAccessLayers("driver", "kernels", "program")
          .whereLayer("emit")
          .mayOnlyAccessLayers("driver", "kernels", "program", "layout", "tiles")
          .whereLayer("backend")
          .mayOnlyAccessLayers("driver", "kernels", "program", "layout", "emit")
          .whereLayer("library")
          .mayOnlyAccessLayers("driver", "kernels", "program", "layout", "emit", "backend")
          .whereLayer("plans")
          .mayNotBeAccessedByAnyLayer();

  /** The rooms are the engine's own, and cuDNN's, which is built on it. */
  @ArchTest
  static final ArchRule ROOMS_OF_CUDA_ARE_INTERNAL =
      noClasses()
          .that()
          .resideOutsideOfPackages("io.resfuse.engine.cuda..", "io.resfuse.engine.cudnn..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "io.resfuse.engine.cuda.internal.program",
              "io.resfuse.engine.cuda.internal.layout",
              "io.resfuse.engine.cuda.internal.tiles",
              "io.resfuse.engine.cuda.internal.emit",
              "io.resfuse.engine.cuda.internal.backend",
              "io.resfuse.engine.cuda.internal.library");

  /** What is read of the process's surroundings, {@code platform.Settings} lists. */
  @ArchTest
  static final ArchRule SURROUNDINGS_BEHIND_ONE_PACKAGE =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.resfuse.platform")
          .should()
          .callMethodWhere(
              target(owner(assignableTo(System.class)))
                  .and(target(nameMatching("getProperty|getenv"))))
          .orShould()
          .callMethod(Boolean.class, "getBoolean", String.class)
          .orShould()
          .callMethod(Integer.class, "getInteger", String.class)
          .orShould()
          .callMethod(Long.class, "getLong", String.class);

  /** Only one class knows the names of variables. */
  @ArchTest
  static final ArchRule ENVIRONMENT_BEHIND_ONE_CLASS =
      noClasses()
          .that()
          .doNotHaveFullyQualifiedName("io.resfuse.platform.Settings")
          .should()
          .callMethodWhere(
              target(owner(assignableTo(System.class))).and(target(nameMatching("getenv"))));

  /** Two packages touch JCuda: one talks to CUDA, one to cuDNN. */
  @ArchTest
  static final ArchRule JCUDA_BEHIND_TWO_PACKAGES =
      noClasses()
          .that()
          .resideOutsideOfPackages(
              "io.resfuse.engine.cuda.internal.driver", "io.resfuse.engine.cudnn.internal.dnn")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jcuda..");

  /** What is CUDA's in JCuda is not for those who talk to cuDNN. */
  @ArchTest
  static final ArchRule ONLY_CUDNN_FROM_DNN =
      noClasses()
          .that()
          .resideInAPackage("io.resfuse.engine.cudnn.internal.dnn")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jcuda.driver..");

  /** The driver's package knows nothing of cuDNN. */
  @ArchTest
  static final ArchRule JCUDNN_BEHIND_ONE_PACKAGE =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.resfuse.engine.cudnn.internal.dnn")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jcuda.jcudnn..");
}
