/** Folders of models, what of them is in the memory, and how one takes the place of another. */
@org.jspecify.annotations.NullMarked
package io.resfuse.server.repository;
