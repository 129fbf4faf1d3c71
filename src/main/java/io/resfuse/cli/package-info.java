/** The command line: a picocli class per subcommand, what they share, and what they print. */
@NullMarked
package io.resfuse.cli;

import org.jspecify.annotations.NullMarked;
