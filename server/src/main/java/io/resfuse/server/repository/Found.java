package io.resfuse.server.repository;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A version of a model that a scan has found.
 *
 * @param name of the model
 * @param version of it
 * @param weights the file or folder; null for a model of the library's
 * @param home the model's folder, where its configuration is; null for none
 * @param fingerprint changes whenever a file does
 */
record Found(
    String name, long version, @Nullable Path weights, @Nullable Path home, String fingerprint) {}
