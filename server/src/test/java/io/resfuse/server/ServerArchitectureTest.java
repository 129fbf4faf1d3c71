package io.resfuse.server;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The arrows between the server's packages, as docs/architecture.md has them. */
@AnalyzeClasses(
    packages = "io.resfuse.server",
    importOptions = ImportOption.DoNotIncludeTests.class)
class ServerArchitectureTest {
  private static final String ROOT = "io.resfuse.server";

  @ArchTest
  static final ArchRule protocol =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".protocol")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              ROOT,
              ROOT + ".metrics",
              ROOT + ".repository",
              ROOT + ".inference",
              ROOT + ".rest",
              ROOT + ".grpc..");

  @ArchTest
  static final ArchRule metrics =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".metrics")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              ROOT, ROOT + ".repository", ROOT + ".inference", ROOT + ".rest", ROOT + ".grpc..");

  @ArchTest
  static final ArchRule repository =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".repository")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(ROOT, ROOT + ".inference", ROOT + ".rest", ROOT + ".grpc..");

  @ArchTest
  static final ArchRule inference =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".inference")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(ROOT, ROOT + ".rest", ROOT + ".grpc..");

  @ArchTest
  static final ArchRule rest =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".rest")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(ROOT + ".grpc..", "io.grpc..");

  @ArchTest
  static final ArchRule grpc =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".grpc..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(ROOT + ".rest", "io.javalin..", "org.eclipse.jetty..");

  /** What transports have nothing to do with is nothing that they may bring in. */
  @ArchTest
  static final ArchRule transports =
      noClasses()
          .that()
          .resideInAnyPackage(
              ROOT + ".protocol", ROOT + ".metrics", ROOT + ".repository", ROOT + ".inference")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "io.grpc..", "io.javalin..", "org.eclipse.jetty..", "com.google.protobuf..");
}
