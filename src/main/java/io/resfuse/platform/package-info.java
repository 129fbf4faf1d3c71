/**
 * What differs between operating systems: their names, the user's folders, how files are replaced,
 * and from where native libraries are loaded; and what is common to all who read files: that
 * threads are interrupted, and what a file is that nobody reads. Uses nothing else of ours.
 */
@NullMarked
package io.resfuse.platform;

import org.jspecify.annotations.NullMarked;
