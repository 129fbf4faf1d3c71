/**
 * A library such as cuDNN as a backend: what it must do, and how that becomes steps of programs.
 * Internal: not part of the published API.
 */
@NullMarked
package io.resfuse.engine.cuda.internal.library;

import org.jspecify.annotations.NullMarked;
