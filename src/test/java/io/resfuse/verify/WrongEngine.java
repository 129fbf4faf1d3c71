package io.resfuse.verify;

import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.TrainingPlan;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.function.Consumer;

/** An engine that makes one mistake and is right otherwise. */
public final class WrongEngine {
  /** What goes wrong. */
  public interface Mistake {
    /** The network that is run in place of the one asked for. */
    default NetworkSpec network(NetworkSpec asked) {
      return asked;
    }

    /** The parameters that are loaded in place of those given. */
    default Parameters parameters(NetworkSpec network, Parameters given) {
      return given;
    }

    /** Spoils what an inference plan's run has written. */
    default void afterRun(InferencePlan plan) {}

    /** Spoils the arguments of a method of a training plan. */
    default void before(String method, Object[] arguments) {}

    /** Spoils what a method of a training plan has written. */
    default void after(String method, TrainingPlan plan, Object[] arguments) {}

    /** Spoils what an inference plan's run has written. */
    static Mistake afterRun(Consumer<InferencePlan> spoil) {
      return new Mistake() {
        @Override
        public void afterRun(InferencePlan plan) {
          spoil.accept(plan);
        }
      };
    }

    /** Spoils the arguments of one method of a training plan. */
    static Mistake before(String spoilt, Consumer<Object[]> spoil) {
      return new Mistake() {
        @Override
        public void before(String method, Object[] arguments) {
          if (method.equals(spoilt)) {
            spoil.accept(arguments);
          }
        }
      };
    }

    /** Spoils what one method of a training plan has written. */
    static Mistake after(String spoilt, Consumer<TrainingPlan> spoil) {
      return new Mistake() {
        @Override
        public void after(String method, TrainingPlan plan, Object[] arguments) {
          if (method.equals(spoilt)) {
            spoil.accept(plan);
          }
        }
      };
    }
  }

  private interface After {
    Object change(String method, Object[] arguments, Object result);
  }

  private WrongEngine() {}

  public static Engine of(Engine right, Mistake mistake) {
    return proxy(
        Engine.class,
        right,
        (method, arguments) -> {
          if (arguments.length > 0 && arguments[0] instanceof NetworkSpec network) {
            arguments[0] = mistake.network(network);
            if (method.equals("load")) {
              arguments[1] = mistake.parameters(network, (Parameters) arguments[1]);
            }
          }
        },
        (method, arguments, result) -> {
          if (result instanceof LoadedNetwork loaded) {
            return loaded(loaded, mistake);
          }
          return result instanceof TrainingPlan plan ? training(plan, mistake) : result;
        });
  }

  private static LoadedNetwork loaded(LoadedNetwork right, Mistake mistake) {
    return proxy(
        LoadedNetwork.class,
        right,
        (method, arguments) -> {},
        (method, arguments, result) ->
            result instanceof InferencePlan plan ? inference(plan, mistake) : result);
  }

  private static InferencePlan inference(InferencePlan right, Mistake mistake) {
    return proxy(
        InferencePlan.class,
        right,
        (method, arguments) -> {},
        (method, arguments, result) -> {
          if (method.equals("run")) {
            mistake.afterRun(right);
          }
          return result;
        });
  }

  private static TrainingPlan training(TrainingPlan right, Mistake mistake) {
    return proxy(
        TrainingPlan.class,
        right,
        mistake::before,
        (method, arguments, result) -> {
          mistake.after(method, right, arguments);
          return result;
        });
  }

  private interface Before {
    void change(String method, Object[] arguments);
  }

  private static <T> T proxy(Class<T> type, T right, Before before, After after) {
    Object made =
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, given) -> {
              Object[] arguments = given == null ? new Object[0] : given;
              before.change(method.getName(), arguments);
              try {
                return after.change(method.getName(), arguments, method.invoke(right, arguments));
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
    return type.cast(made);
  }
}
