package io.resfuse.weights.format;

import io.resfuse.platform.UserFolders;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Recognises formats by their first bytes. */
final class FormatDetector {
  private FormatDetector() {}

  static TensorFile open(Path path) {
    if (Files.isDirectory(path)) {
      if (!TensorFlowJsReader.isModelFolder(path)) {
        throw WeightsException.of(
            path, "it is a folder without a model.json", "name a weight file");
      }
      return TensorFlowJsReader.readFolder(path, path);
    }
    MappedFile file = MappedFile.open(path);
    ByteBuffer head = file.slice(0, Math.min(file.size(), 64));
    if (head.remaining() == 0) {
      throw WeightsException.corrupt(path, "the file is empty");
    }
    if (head.remaining() > 8 && head.get(8) == '{') {
      return SafetensorsReader.read(file);
    }
    if (startsWith(head, 0x1f, 0x8b)) {
      Path temporary = UserFolders.temporary();
      return TensorFlowJsReader.readArchive(TarGz.unpack(path, temporary, unpacked -> {}));
    }
    if (startsWith(head, 'P', 'K', 3, 4)) {
      return TorchReader.readZip(file);
    }
    // torch.save's magic number 0x1950a86a20f9469cfc6c as a pickle of protocol 2.
    if (startsWith(head, 0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50)) {
      return TorchReader.readLegacy(file);
    }
    if (startsWith(head, 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n')) {
      return KerasHdf5Reader.read(file);
    }
    if (head.get(0) == '{' && path.endsWith(TensorFlowJsReader.MODEL)) {
      return TensorFlowJsReader.readFolder(path, path.toAbsolutePath().getParent());
    }
    throw unknown(path, head);
  }

  private static boolean startsWith(ByteBuffer head, int... bytes) {
    if (head.remaining() < bytes.length) {
      return false;
    }
    for (int i = 0; i < bytes.length; i++) {
      if ((head.get(i) & 0xff) != bytes[i]) {
        return false;
      }
    }
    return true;
  }

  private static WeightsException unknown(Path path, ByteBuffer head) {
    byte[] bytes = new byte[head.remaining()];
    head.get(0, bytes);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    String found;
    if (text.startsWith("version https://git-lfs")) {
      found = "a Git LFS pointer, not the file itself (run 'git lfs pull')";
    } else if (text.stripLeading().startsWith("<")) {
      found = "a web page or XML, not weights (did a download fail?)";
    } else if (startsWith(head, 0x80)) {
      found = "a pickle, but not one of torch.save";
    } else {
      StringBuilder hex = new StringBuilder("no known format (it begins with");
      for (int i = 0; i < Math.min(8, bytes.length); i++) {
        hex.append(String.format(" %02x", bytes[i]));
      }
      found = hex.append(')').toString();
    }
    return WeightsException.of(
        path,
        found,
        "give a safetensors, PyTorch .pth, Keras .h5 or TensorFlow.js file (model.json or .tgz)");
  }
}
