/**
 * What differs between operating systems: their names, the user's folders, how files are replaced,
 * what caches the processor has, from where native libraries are loaded, and what NVIDIA's
 * profilers are told; and what is common to all who read and write files: locks, work folders,
 * threads that are interrupted, what a file is called and what it is by its first bytes; what one
 * thread throws for another; and how text of others may be shown. Uses nothing else of ours.
 */
@NullMarked
package io.resfuse.platform;

import org.jspecify.annotations.NullMarked;
