/** Labelled pictures: folders, lists, packed files and the formats of known data sets. */
@NullMarked
package io.resfuse.data.dataset;

import org.jspecify.annotations.NullMarked;
