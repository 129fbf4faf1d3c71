/**
 * What benchmarks found, and how it is shown: records of workloads, results, costs and the machine,
 * written as JSON, CSV, text and an HTML page, and two runs held against each other. Measures
 * nothing itself.
 */
@NullMarked
package io.resfuse.bench.report;

import org.jspecify.annotations.NullMarked;
