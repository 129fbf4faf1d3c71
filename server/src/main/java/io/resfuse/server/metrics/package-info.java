/** What the server counts and times, for Prometheus and for its own page. */
@org.jspecify.annotations.NullMarked
package io.resfuse.server.metrics;
