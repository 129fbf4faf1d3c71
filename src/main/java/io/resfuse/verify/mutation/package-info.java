/**
 * Mutants: kernels with one instruction changed, which the cases of {@code resfuse verify} must
 * catch. A mutant that none catches shows what the cases do not look at.
 */
@NullMarked
package io.resfuse.verify.mutation;

import org.jspecify.annotations.NullMarked;
