/**
 * The engine {@code reference}: plain loops in double precision, the definition of what is right.
 * One class per operation, forward and backward; no blocking, no fusion, no sharing of memory. The
 * other engines are held against it, and it is held against finite differences and torchvision.
 */
@NullMarked
package io.resfuse.engine.reference;

import org.jspecify.annotations.NullMarked;
