package io.resfuse.spark;

import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;

/**
 * The models of this executor: one for each settings that tasks ask for, whatever their number. One
 * that no task uses is kept for later ones until other settings are asked for on its device, or
 * {@link #closeIdle} is called. Thread-safe.
 */
public final class ExecutorModels {
  private static final Map<ModelSettings, Shared> MODELS = new HashMap<>();
  private static int made;

  private ExecutorModels() {}

  private static final class Shared {
    private final ExecutorModel model;
    private int users;

    Shared(ExecutorModel model) {
      this.model = model;
    }
  }

  /** Lends a model, which is made if there is none. Others wait meanwhile. */
  static synchronized ExecutorModel acquire(ModelSettings settings) {
    Shared shared = MODELS.get(settings);
    if (shared == null) {
      closeIdle(settings.device());
      shared = new Shared(new ExecutorModel(settings));
      MODELS.put(settings, shared);
      made++;
    }
    shared.users++;
    return shared.model;
  }

  /** Takes a model back. */
  static synchronized void release(ModelSettings settings) {
    MODELS.get(settings).users--;
  }

  private static void closeIdle(String device) {
    for (Iterator<Map.Entry<ModelSettings, Shared>> i = MODELS.entrySet().iterator();
        i.hasNext(); ) {
      Map.Entry<ModelSettings, Shared> entry = i.next();
      if (entry.getValue().users == 0 && entry.getKey().device().equals(device)) {
        i.remove();
        entry.getValue().model.close();
      }
    }
  }

  /** Frees the models that no task uses now. Later tasks make them again. */
  public static synchronized void closeIdle() {
    MODELS.keySet().stream()
        .map(ModelSettings::device)
        .distinct()
        .toList()
        .forEach(ExecutorModels::closeIdle);
  }

  /** How many models were made in this process. */
  static synchronized int made() {
    return made;
  }

  /** How many there are. */
  static synchronized int count() {
    return MODELS.size();
  }
}
