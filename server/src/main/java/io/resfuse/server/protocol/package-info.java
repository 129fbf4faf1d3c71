/**
 * KServe's protocol without a transport: requests, answers, tensors, and why there is no answer.
 */
@org.jspecify.annotations.NullMarked
package io.resfuse.server.protocol;
