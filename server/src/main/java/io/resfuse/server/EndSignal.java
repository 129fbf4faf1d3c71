package io.resfuse.server;

import java.lang.reflect.Proxy;
import java.util.concurrent.CountDownLatch;

/**
 * Waits until the process is told to end: by SIGTERM, as containers are, or by Ctrl-C. The JVM does
 * not end by itself then, so that nothing the server needs is taken away under it, and the exit
 * code is the server's; told a second time, it ends at once.
 *
 * <p>{@code sun.misc.Signal} is of the module {@code jdk.unsupported}, which the JDK keeps for as
 * long as there is nothing in its place. It is called by reflection since javac warns of it in a
 * way that cannot be silenced.
 */
final class EndSignal {
  private static final int TOLD_TWICE = 130;

  private final CountDownLatch told = new CountDownLatch(1);

  private EndSignal() {}

  /** Listens from now on. */
  static EndSignal install() {
    EndSignal end = new EndSignal();
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object tell =
          Proxy.newProxyInstance(
              EndSignal.class.getClassLoader(),
              new Class<?>[] {handler},
              (proxy, method, arguments) -> {
                end.tell();
                return null;
              });
      for (String name : new String[] {"TERM", "INT"}) {
        Object of = signal.getConstructor(String.class).newInstance(name);
        signal.getMethod("handle", signal, handler).invoke(null, of, tell);
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("this JVM cannot listen to signals: " + e, e);
    }
    return end;
  }

  private void tell() {
    if (told.getCount() == 0) {
      Runtime.getRuntime().halt(TOLD_TWICE);
    }
    told.countDown();
  }

  void await() throws InterruptedException {
    told.await();
  }
}
