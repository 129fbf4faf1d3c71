/** KServe's protocol over REST. */
@org.jspecify.annotations.NullMarked
package io.resfuse.server.rest;
