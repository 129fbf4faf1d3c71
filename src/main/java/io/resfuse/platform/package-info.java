/**
 * What differs between operating systems: their names, the user's folders, how files are replaced,
 * and from where native libraries are loaded. Uses nothing else of ours.
 */
@NullMarked
package io.resfuse.platform;

import org.jspecify.annotations.NullMarked;
