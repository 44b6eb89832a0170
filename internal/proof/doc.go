// Package proof holds the tests that show what the product promises, on the shipped program and on whole pipelines: kills, faults,
// properties, concurrency, bit rot and limits. It has no code that the program uses.
//
// A proof is a test named TestProof..., here or in any other package. The environment sets its size: OMOFLOW_PROOF is empty for the
// fast slice inside `make test` (seconds), "pr" for `make proof` (all proofs together at most ten minutes on two cores) and "long"
// for `make proof-long SEEDS=n`, which sets OMOFLOW_PROOF_SEEDS. OMOFLOW_SEED=k replays the one case that a failure names. A proof
// prints exactly one line per promise on standard output and fails when the promise does not hold:
//
//	proof: R10 bit rot is detected: 212340 flips, 212340 found
package proof
