/** The server: its options, its life, and the command that starts it. */
@org.jspecify.annotations.NullMarked
package io.resfuse.server;
