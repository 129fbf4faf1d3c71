/** The command line: one thin picocli class per subcommand. May use every other package. */
@NullMarked
package io.resfuse.cli;

import org.jspecify.annotations.NullMarked;
