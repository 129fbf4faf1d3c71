/**
 * The door for those who embed ResFuse: {@link io.resfuse.Model} classifies pictures and extracts
 * features. Puts the packages below together; only the command line may use it.
 */
@NullMarked
package io.resfuse;

import org.jspecify.annotations.NullMarked;
