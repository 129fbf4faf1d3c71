/**
 * What REST and gRPC have in common: requests, answers, and what becomes of the one for the other.
 */
@org.jspecify.annotations.NullMarked
package io.resfuse.server.inference;
