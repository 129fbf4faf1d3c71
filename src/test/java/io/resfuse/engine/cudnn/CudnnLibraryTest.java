package io.resfuse.engine.cudnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider.Availability;
import io.resfuse.engine.cuda.BackendHost;
import io.resfuse.engine.cudnn.internal.dnn.Dnn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said where cuDNN cannot be had. Nothing native is loaded. */
class CudnnLibraryTest {
  @TempDir private Path folder;

  @Test
  void namesThePathsThatWereTried() {
    Path other = folder.resolve("there");
    assertThatThrownBy(() -> new CudnnLibrary(List.of(folder, other)).find())
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "cuDNN is not here: no libcudnn.so.9 in %s, %s, nor in nvidia/cudnn/lib of Python's packages;"
                + " install cuDNN 9, or name its folder by -Dresfuse.cudnn.folder=FOLDER",
            folder, other);
  }

  @Test
  void namesTheWrongMajorVersion() throws IOException {
    Path old = Files.createFile(folder.resolve("libcudnn.so.8"));
    Files.createFile(folder.resolve("libcudnn_ops.so.7"));
    CudnnLibrary library = new CudnnLibrary(List.of(folder.resolve("missing"), folder));
    assertThatThrownBy(library::find)
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("engine cudnn needs cuDNN 9, found only " + old + "; install");
    assertThat(library.probe(EngineOptions.defaults()).available()).isFalse();
  }

  @Test
  void takesTheFirstFolderThatHasIt() throws IOException {
    Path first = Files.createDirectory(folder.resolve("first"));
    Path second = Files.createDirectory(folder.resolve("second"));
    Files.createFile(second.resolve("libcudnn.so.9"));
    CudnnLibrary library = new CudnnLibrary(List.of(first, second));
    assertThat(library.find()).isEqualTo(second.resolve("libcudnn.so.9"));
    Path better = Files.createFile(first.resolve("libcudnn.so.9"));
    assertThat(library.find()).isEqualTo(better);
  }

  /** An empty file cannot be loaded, so a probe that says why there is no GPU has not tried to. */
  @Test
  void saysWhyThereIsNoGpuWithoutLoadingAnything() throws IOException {
    Files.createFile(folder.resolve("libcudnn.so.9"));
    EngineOptions options = new EngineOptions(0, "no such device");
    Availability gpu = BackendHost.probe(options);
    assertThat(new CudnnLibrary(List.of(folder)).probe(options))
        .isEqualTo(new Availability(false, "cuDNN 9 is in " + folder + ", but " + gpu.detail()));
  }

  @Test
  void doesNotTakeSoftcudaForAGpu() throws IOException {
    Files.createFile(folder.resolve("libcudnn.so.9"));
    Availability softcuda =
        new CudnnLibrary(List.of(folder)).probe(new EngineOptions(0, "softcuda"));
    assertThat(softcuda.available()).isFalse();
    assertThat(softcuda.detail()).contains("softcuda runs PTX only");
  }

  @Test
  void saysWhatCannotBeLoaded() throws IOException {
    assumeFalse(Dnn.isLoaded(), "another test has loaded cuDNN");
    Path empty = Files.createFile(folder.resolve("libcudnn.so.9"));
    CudnnLibrary library = new CudnnLibrary(List.of(folder));
    assertThatThrownBy(library::load)
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("cuDNN cannot be loaded from " + empty + ": ")
        .hasMessageNotContaining("\n");
  }

  @Test
  void looksWherePropertyThenEnvironmentThenSystemSay() {
    Map<String, String> environment =
        Map.of("CUDNN_PATH", "/own", "LD_LIBRARY_PATH", "/a::/b:/own/lib");
    assertThat(CudnnLibrary.folders("/mine", environment, folder))
        .containsExactly(Path.of("/mine"));
    List<Path> system =
        Stream.of("usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/local/cuda/lib64", "usr/local/lib")
            .map(folder::resolve)
            .toList();
    List<Path> all =
        new ArrayList<>(
            List.of(Path.of("/own/lib"), Path.of("/own/lib64"), Path.of("/a"), Path.of("/b")));
    all.addAll(system);
    assertThat(CudnnLibrary.folders("", environment, folder)).isEqualTo(all);
    assertThat(CudnnLibrary.folders("", Map.of(), folder)).isEqualTo(system);
  }

  private Path pip(String prefix) throws IOException {
    return Files.createDirectories(folder.resolve(prefix).resolve("nvidia/cudnn/lib"));
  }

  /** An active environment before the system, the user's packages and the system's after it. */
  @Test
  void looksWherePipPutsIt() throws IOException {
    Path oldPython = pip("usr/local/lib/python3.9/dist-packages");
    Path newPython = pip("usr/local/lib/python3.12/site-packages");
    Path debian = pip("usr/lib/python3/dist-packages");
    Path redHat = pip("usr/lib64/python3.11/site-packages");
    Path conda = pip("opt/conda/lib/python3.11/site-packages");
    Path user = pip("home/me/.local/lib/python3.11/site-packages");
    Path active = pip("venv/lib/python3.11/site-packages");
    Files.createDirectories(folder.resolve("usr/local/lib/python3.13/site-packages"));
    pip("usr/local/lib/python2.7/site-packages");
    Map<String, String> environment =
        Map.of(
            "HOME", folder.resolve("home/me").toString(),
            "VIRTUAL_ENV", folder.resolve("venv").toString());
    assertThat(CudnnLibrary.folders("", environment, folder))
        .startsWith(active, folder.resolve("venv/lib"))
        .endsWith(user, newPython, oldPython, debian, redHat, conda)
        .hasSize(12);
    Files.createFile(oldPython.resolve("libcudnn.so.9"));
    assertThat(new CudnnLibrary(CudnnLibrary.folders("", Map.of(), folder)).find())
        .isEqualTo(oldPython.resolve("libcudnn.so.9"));
  }

  /** NVRTC and cuBLAS are packages of their own; cuBLAS's light half before the other. */
  @Test
  void knowsTheCompanionsOfPipsCudnn() throws IOException {
    Path packages = folder.resolve("site-packages");
    Path cudnn = pip("site-packages").resolve("libcudnn.so.9");
    List<Path> companions = new ArrayList<>();
    for (String file :
        List.of(
            "cuda_nvrtc/lib/libnvrtc.so.12",
            "cublas/lib/libcublasLt.so.12",
            "cublas/lib/libcublas.so.12")) {
      Path companion = packages.resolve("nvidia").resolve(file);
      Files.createDirectories(companion.getParent());
      companions.add(Files.createFile(companion));
    }
    Files.createFile(packages.resolve("nvidia/cublas/lib/libnvblas.so.12"));
    assertThat(CudnnLibrary.companions(cudnn)).isEqualTo(companions);
    Path thirteen = Files.createDirectories(packages.resolve("nvidia/cu13/lib"));
    Path nvrtc = Files.createFile(thirteen.resolve("libnvrtc.so.13"));
    assertThat(CudnnLibrary.companions(cudnn)).hasSize(4).contains(nvrtc);
    assertThat(CudnnLibrary.companions(folder.resolve("lib/libcudnn.so.9"))).isEmpty();
  }
}
