package io.resfuse.platform;

import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * A process that holds something in a folder until it is killed: {@code lock FILE}, {@code file
 * FILE} half written, or {@code work FOLDER}. {@code try FILE} says whether a lock can be had.
 */
final class FolderUser {
  private FolderUser() {}

  public static void main(String[] arguments) throws Exception {
    Path path = Path.of(arguments[1]);
    switch (arguments[0]) {
      case "lock" -> {
        FolderLock lock = FolderLock.acquire(path);
        hold(lock);
      }
      case "try" -> {
        FolderLock lock = FolderLock.tryAcquire(path);
        System.out.println(lock == null ? "taken" : "free");
      }
      case "file" ->
          WholeFile.write(
              path,
              channel -> {
                channel.write(ByteBuffer.wrap(new byte[100]));
                hold(channel);
              });
      case "work" -> hold(WorkFolder.in(path, "work-"));
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static void hold(Object any) {
    System.out.println("held");
    while (true) {
      try {
        Thread.sleep(1000);
      } catch (InterruptedException e) {
        throw new IllegalStateException(any.toString(), e);
      }
    }
  }
}
